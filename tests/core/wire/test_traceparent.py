"""Places in traces: the header read and written, and spans counted from one another."""

from __future__ import annotations

import pytest

from extproc.core.wire.traceparent import Place, below, place, written

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("00", False), ("03", True), ("02", False), ("a1", True)])
def test_a_well_formed_header_names_a_place(flags: str, sampled: bool):
    assert place(f"00-{TRACE}-{SPAN}-{flags}") == Place(TRACE, SPAN, sampled)


def test_what_a_later_version_adds_is_passed_over():
    assert place(f"cc-{TRACE}-{SPAN}-01-what-comes") == Place(TRACE, SPAN, True)


@pytest.mark.parametrize(
    "text",
    ["", "00", GOOD.upper(), GOOD.replace(TRACE, "0" * 32), GOOD.replace(SPAN, "0" * 16), f"ff{GOOD[2:]}", f" {GOOD}", "x" * 10_000],
)
def test_anything_else_names_none(text: str):
    assert place(text) is None


@pytest.mark.parametrize("sampled", [False, True])
def test_what_is_written_is_read_again(sampled: bool):
    assert place(written(TRACE, SPAN, sampled=sampled).decode()) == Place(TRACE, SPAN, sampled)
    assert written(TRACE, SPAN, sampled=True).decode() == GOOD


def test_spans_are_counted_from_the_one_above_and_never_zero():
    assert below(SPAN, 1) == "00f067aa0ba902b8"
    assert below("f" * 16, 1) == "0" * 15 + "1"
    assert below("f" * 16, 3) == "0" * 15 + "2"
    assert len({below("f" * 15 + "e", number) for number in range(4)} - {"0" * 16}) == 4
