"""The reading side: what the pages and the report ask, against arithmetic of the plain kind."""

from __future__ import annotations

import json
import math
import random
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest

from extproc.core.records import CallNote, Record
from extproc.core.vocabulary import Outcome, Usage
from extproc.report.figures import ENCODER
from extproc.shell.decisions import Reader
from tests.shell.decisions.made import record, writing

NOW = 1_700_000_000.0


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("extproc.shell.decisions.reading.time", lambda: NOW)
    return tmp_path / "decisions.sqlite"


def stored(path: Path, *records: Record) -> Reader:
    with writing(path) as writer:
        writer.put(*records)
    return Reader(path)


def test_a_decision_is_its_record_and_a_number(path: Path):
    made = record(calls=(CallNote("draft", "small", 200, "", 0.0, 0.1, 0.5, Usage(100, 10), 0.25),))
    (told,) = stored(path, made).newest(5)
    decoded = json.loads(bytes(told))
    assert decoded.pop("id") == 1
    assert decoded == json.loads(ENCODER.encode(made))


def test_what_came_since_is_told_in_order(path: Path):
    reader = stored(path, *[record(trace_id=name) for name in "abcd"])
    assert reader.last_id() == 4
    assert [json.loads(bytes(one))["trace_id"] for one in reader.after(2, 10)] == ["c", "d"]
    assert [json.loads(bytes(one))["id"] for one in reader.after(0, 2)] == [1, 2]
    assert reader.after(4, 10) == []


def test_one_decision_is_found_by_its_trace_and_by_its_number(path: Path):
    reader = stored(path, record(trace_id="a", status=500), record(trace_id="b"), record(trace_id="a", status=200))
    newest, numbered = reader.one("a"), reader.numbered(2)
    assert newest is not None
    assert numbered is not None
    assert (json.loads(bytes(newest))["status"], json.loads(bytes(numbered))["trace_id"]) == (200, "b")
    assert reader.one("c") is reader.numbered(9) is None


def some(count: int) -> list[Record]:
    """Records of all kinds; times are random, amounts odd to the last picodollar."""
    chance = random.Random(7)
    made = []
    for _ in range(count):
        outcome = chance.choice([*Outcome, Outcome.DIRECT])
        known = outcome is not Outcome.BYPASSED and chance.random() < 0.8
        made.append(
            record(
                at=NOW - chance.random() * 1000,
                outcome=outcome,
                duration_s=chance.random(),
                first_byte_s=chance.random() if chance.random() < 0.9 else None,
                cost_usd=chance.randrange(10**11) / 10**12 if known else None,
                baseline_usd=chance.randrange(10**11) / 10**12 if known and chance.random() < 0.9 else None,
                rules=tuple(chance.sample(["a", "b", "c"], 2)),
                team=chance.choice(["x", "y"]),
            )
        )
    return made


def exact(amount: float | None) -> Decimal:
    return Decimal(0) if amount is None else Decimal(repr(amount))


def rank(values: list[float], percent: int) -> float | None:
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1] if values else None


def test_the_figures_are_those_of_plain_arithmetic(path: Path):
    records = some(400)
    told = stored(path, *records).summary().all
    asked = [one for one in records if one.outcome is not Outcome.BYPASSED]
    both = [one for one in records if one.cost_usd is not None and one.baseline_usd is not None]
    assert (told.requests, told.model_requests) == (400, len(asked))
    assert told.draft_use_rate == sum(one.outcome in {"SKIPPED", "ACCEPTED", "FALLBACK"} for one in asked) / len(asked)
    assert told.cost_usd == sum(exact(one.cost_usd) for one in records)
    assert told.baseline_usd == sum(exact(one.baseline_usd) for one in records)
    assert told.saved_usd == sum(exact(one.baseline_usd) - exact(one.cost_usd) for one in both)
    assert told.cost_unknown == sum(one.cost_usd is None for one in asked)
    assert (told.input_tokens, told.output_tokens) == (40_000, 4_000)
    without = [one for one in asked if one.outcome is not Outcome.DIRECT]
    for percent in (50, 90, 95, 99):
        name = f"p{percent}"
        assert getattr(told.latency_s, name) == rank([one.duration_s for one in asked], percent)
        assert getattr(told.latency_without_direct_s, name) == rank([one.duration_s for one in without], percent)
        firsts = [one.first_byte_s for one in asked if one.first_byte_s is not None]
        assert getattr(told.first_byte_s, name) == rank(firsts, percent)


def test_the_parts_add_up_to_the_whole(path: Path):
    records = some(300)
    reader = stored(path, *records)
    whole = reader.summary()
    for parts in (list(whole.outcomes.values()), [one.figures for one in reader.groups("team")]):
        assert sum(one.requests for one in parts) == 300
        assert sum(one.cost_usd for one in parts) == whole.all.cost_usd
        assert sum(one.saved_usd for one in parts) == whole.all.saved_usd
    by_rule = {one.name: one.figures for one in reader.groups("rule")}
    assert by_rule["a"].requests == sum("a" in one.rules for one in records)
    assert sum(one.cost_usd for one in by_rule.values()) == 2 * whole.all.cost_usd


def test_sums_beyond_a_machine_word_are_exact(path: Path):
    records = [record(cost_usd=900.000000000001, baseline_usd=999.999999999999) for _ in range(20_000)]
    told = stored(path, *records[:10_000]).summary().all
    assert told.cost_usd == Decimal("9000000.00000001")
    assert told.saved_usd == Decimal("999999.99999998")
    with writing(path) as writer:
        writer.put(*records[10_000:])
    assert Reader(path).summary().all.cost_usd == Decimal("18000000.00000002")
    assert b'"cost_usd":18000000.00000002,' in ENCODER.encode(Reader(path).summary())


def test_only_the_time_asked_for(path: Path):
    reader = stored(path, record(at=NOW - 100), record(at=NOW - 10), record(at=NOW - 5))
    assert [reader.summary(since).all.requests for since in (None, 1000, 50, 7, 1)] == [3, 3, 2, 1, 0]
    assert (reader.summary(50).first_at, reader.summary(50).last_at) == (NOW - 10, NOW - 5)


def test_a_series_is_the_same_in_stretches(path: Path):
    records = some(500)
    reader = stored(path, *records)
    buckets = reader.series(2000, 60)
    assert [one.at for one in buckets] == sorted({one.at // 60 * 60 for one in records})
    for bucket in buckets:
        inside = [one for one in records if one.at // 60 * 60 == bucket.at]
        assert bucket.requests == len(inside)
        assert bucket.cost_usd == sum(exact(one.cost_usd) for one in inside)
        for outcome, told in bucket.outcomes.items():
            those = [one for one in inside if one.outcome == outcome]
            firsts = [one.first_byte_s for one in those if one.first_byte_s is not None]
            assert told.requests == len(those)
            assert (told.p50_s, told.p95_s) == tuple(rank([one.duration_s for one in those], percent) for percent in (50, 95))
            assert (told.first_p50_s, told.first_p95_s) == (rank(firsts, 50), rank(firsts, 95))
    assert sum(bucket.saved_usd for bucket in buckets) == reader.summary().all.saved_usd


@pytest.mark.parametrize("content", [None, b"", b"no database at all, but long enough to be one" * 100])
def test_what_cannot_be_read_is_empty(path: Path, content: bytes | None):
    if content is not None:
        path.write_bytes(content)
    reader = Reader(path)
    assert (reader.newest(5), reader.after(0, 5), reader.one("t"), reader.last_id()) == ([], [], None, 0)
    assert (reader.summary(60).all.requests, reader.summary().outcomes, reader.series(60, 1), reader.groups("model")) == (0, {}, [], [])
    with pytest.raises(sqlite3.Error):
        Reader(path, strict=True).summary()
