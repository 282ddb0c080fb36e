"""A report as text, CSV and a page."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from extproc.report.page import as_html
from extproc.report.plots import latency, money, outcome_mix
from extproc.report.tables import as_csv, outcomes
from extproc.report.text import as_text
from extproc.report.wording import exact, percent, rounded, seconds, span
from tests.report.made import HOSTILE, figures, report


@pytest.mark.parametrize(
    ("amount", "whole", "cut"),
    [
        ("0", "$0", "$0.000000"),
        ("1234.5", "$1234.5", "$1,234.500000"),
        ("-0.0000005", "-$0.0000005", "-$0.000000"),
        ("0.000000000001", "$0.000000000001", "$0.000000"),
        ("123456789.123456789012", "$123456789.123456789012", "$123,456,789.123457"),
    ],
)
def test_amounts_are_written_whole_or_cut(amount: str, whole: str, cut: str):
    assert (exact(Decimal(amount)), rounded(Decimal(amount))) == (whole, cut)


def test_how_numbers_read():
    assert (percent(0.6321), percent(None)) == ("63.2 %", "–")
    assert [seconds(value) for value in (None, 0.0123, 0.5, 1.25, 1234.0)] == ["–", "12.3 ms", "500 ms", "1.25 s", "1234 s"]
    assert [span(value) for value in (30.0, 90.0, 900.0, 86_400.0, 604_800.0)] == ["30 s", "90 s", "15 min", "1 d", "7 d"]


def test_the_text_tells_the_totals_to_the_last_digit():
    text = as_text(report(cost_unknown=3))
    assert "10 requests in the last 1 d: 2023-11-14 22:13:20 UTC to 2023-11-14 22:15:00 UTC" in text
    assert "6 of 10 requests for a model, DIRECT among them" in text
    for line in ("cost          $0.000000000001", "verify alone  $1.500000000001", "saved         $1.5", "unknown       3 requests"):
        assert line in text
    assert ["whole", "answer,", "without", "DIRECT", "250", "ms", "500", "ms", "1.25", "s", "30", "s"] in [
        line.split() for line in text.splitlines()
    ]
    assert text.index("SKIPPED") < text.index("\nDIRECT") < text.index(HOSTILE)
    assert "-$0.250000" in text


def test_nothing_is_told_as_nothing():
    nothing = report(requests=0)
    assert as_text(nothing) == "/var/lib/decisions.sqlite: no requests in the last 1 d\n"
    assert "No requests in this time." in as_html(nothing)
    assert len(as_csv(nothing).splitlines()) == 1


def test_csv_has_every_digit_and_no_formula():
    first, second = csv.DictReader(io.StringIO(as_csv(report())))
    assert (first["model"], second["model"]) == (HOSTILE, "'=cmd()")
    assert (first["cost_usd"], first["baseline_usd"], second["saved_usd"]) == ("0.000000000001", "1.500000000001", "-0.25")
    assert (first["latency_p50_s"], first["latency_p99_s"], first["first_byte_without_direct_p50_s"]) == ("0.25", "30.0", "")
    assert (first["requests"], first["draft_use_rate"]) == ("7", "0.6")


class Page(HTMLParser):
    """Reads a page: its tags with their attributes, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_needs_no_script_and_no_network_and_says_what_its_plots_show():
    page = Page(as_html(report()))
    names = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "iframe", "object"} & set(names)
    assert not [
        value for _, attrs in page.tags for name, value in attrs.items() if name in {"src", "href", "onload"} or "//" in (value or "")
    ]
    assert names.count("svg") == 3
    assert all(attrs["role"] == "img" and attrs["aria-label"] for tag, attrs in page.tags if tag == "svg")
    assert names.count("table") == 3
    assert page.texts.count(HOSTILE) == 1
    assert {"$0.00", "$0.000000000001"} <= set(page.texts)
    assert "light-dark(" in as_html(report())


def test_the_plots_are_well_formed_and_show_each_bar():
    made = report()
    mix = ElementTree.fromstring(outcome_mix(made))
    bars = list(mix.iter("rect"))
    assert [one.get("class") for one in bars] == ["mark SKIPPED", "mark DIRECT"] * 2
    heights = [float(one.get("height") or 0) for one in bars]
    assert heights[0] / heights[1] == pytest.approx(6 / 4, rel=0.01)
    spent = [float(one.get("height") or 0) for one in ElementTree.fromstring(money(made)).iter("rect")]
    assert spent[0] / spent[1] == pytest.approx(2 / 0.5, rel=0.01)
    spread = ElementTree.fromstring(latency([*outcomes(made), *made.groups]))
    assert [one.get("class") for one in spread.iter("g")] == ["SKIPPED", "DIRECT", "plain", "plain"]


def test_odd_values_make_no_odd_plots():
    from extproc.report.figures import Group, Quantiles

    assert latency([]) == ""
    assert latency([Group(name="x", figures=figures(latency_s=Quantiles()))]) == ""
    zero = latency([Group(name="x", figures=figures(latency_s=Quantiles(0.0, 0.0, 0.0, 5.0)))])
    assert ElementTree.fromstring(zero).get("viewBox")
    assert ElementTree.fromstring(outcome_mix(report(requests=0))).get("viewBox")
