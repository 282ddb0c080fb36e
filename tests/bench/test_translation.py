"""The bench of translation: every pair is really drafted and judged, and what is promised is held against the dearest."""

from __future__ import annotations

import json
from itertools import product

import pytest

from bench.translation import Cost, ask, measure, request, stream, translation_json, translation_markdown
from extproc.core.vocabulary import Dialect

PAIRS = list(product(Dialect, Dialect))


def costs(asked: float, event: float) -> list[Cost]:
    """Every pair costs the same, but for one."""
    made = [Cost(client, model, 100.0, 200.0, 10.0) for client, model in PAIRS]
    return [Cost(one.client, one.model, asked, 200.0, event) if one.client is not one.model else one for one in made]


@pytest.mark.parametrize(("client", "model"), PAIRS)
def test_every_pair_is_drafted_and_judged(client: Dialect, model: Dialect) -> None:
    times = ask(client, model, request(client, 5_000), b"".join(stream(model, 5)))
    assert all(seconds >= 0 for seconds in times)
    assert len(times) == 2


def test_the_dearest_pair_decides_whether_a_promise_holds() -> None:
    report = translation_markdown(costs(asked=201.0, event=20.0))
    answers = [line.split("|")[-2].strip() for line in report.splitlines() if "≤ 2" in line]
    assert answers == ["no", "yes", "yes"]
    assert "2.01" in report
    assert len([line for line in report.splitlines() if line.startswith("| anthropic ")]) == len(Dialect)


def test_all_pairs_are_measured_and_told_as_data() -> None:
    told = json.loads(json.dumps(translation_json(measure(1))))
    assert [(one["client"], one["model"]) for one in told] == [(str(client), str(model)) for client, model in PAIRS]
    assert all(one["judged"] > one["asked"] > one["event"] > 0 for one in told)
