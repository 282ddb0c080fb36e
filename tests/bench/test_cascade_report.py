"""The cascade's tables: what was added is told from the models' own times."""

from __future__ import annotations

import json

import pytest

from bench.cascade import Added, Cascade, Streaming, added_ms
from bench.cascade_report import cascade_json, cascade_markdown
from bench.cases import STREAMED, TIMED

_OWN, _SEEN = [40.0, 42.0, 41.0], [43.0, 45.0, 50.0]


def cascade() -> Cascade:
    added = [
        Added(
            case.outcome, stream, _OWN, _SEEN, _OWN, _SEEN, [0.5] if case.verify and stream else [], [0.1] if case.verify and stream else []
        )
        for case in TIMED
        for stream in (False, True)
    ]
    return Cascade(added, [Streaming(row, 40.0 + 40.0 * number, 100.0 * number, 2000) for number, row in enumerate(STREAMED)])


@pytest.mark.parametrize(
    ("models", "seen", "p50", "p99"),
    [([40.0], [43.0], 3.0, 3.0), (_OWN, _SEEN, 4.0, 9.0), ([1.0, 2.0], [2.0, 3.0], 1.0, 1.5)],
)
def test_added(models: list[float], seen: list[float], p50: float, p99: float):
    assert added_ms(models, seen) == (p50, p99)


def test_the_tables_name_every_outcome_and_every_stream():
    text = cascade_markdown(cascade())
    for case in TIMED:
        assert f"| {case.outcome} " in text
    assert text.count("| JSON ") == text.count("| SSE ") == len(TIMED)
    assert "| SKIPPED  | SSE    | 41.00      | 42.00      | 45.00       | 4.00      | 9.00      | 1.10     | 4.00 " in text
    assert "| through us | 0.50 | 0.50 |" in text
    rows = [line for line in text.splitlines() if line.startswith(tuple(f"| {row}" for row in STREAMED))]
    assert [row.split("|")[3].strip() for row in rows] == ["1.00", "2.00", "3.00", "4.00", "5.00"]


def test_json_holds_every_figure():
    told = json.loads(json.dumps(cascade_json(cascade()), allow_nan=False))
    assert len(told["added"]) == 2 * len(TIMED)
    assert told["added"][0]["models"] == _OWN
    assert told["streaming"][1]["processor_cpu_ms"] == 100.0
