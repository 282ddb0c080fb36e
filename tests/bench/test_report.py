"""Verdicts and tables."""

from __future__ import annotations

import json
from math import nan

import pytest

from bench.figures import ON_GRPCIO, ON_NATIVE, Count, Memory, Reading, Round, Variant
from bench.promises import Promise, promises
from bench.report import machine, markdown, table, to_json
from tests.bench.made import cells, result


@pytest.mark.parametrize(
    ("promise", "holds"),
    [
        (Promise("a", 1.5, 1.5), True),
        (Promise("a", 1.51, 1.5), False),
        (Promise("a", 3.0, 3, "="), True),
        (Promise("a", 0.0, 3, "="), False),  # nothing counted is not a saving
        (Promise("a", 1.2, 1.2, "≥"), True),
        (Promise("a", 1.19, 1.2, "≥"), False),
        (Promise("a", nan, 1.5), None),
    ],
)
def test_a_promise(promise: Promise, holds: bool | None) -> None:
    assert promise.holds is holds


def test_promises_of_a_whole_run() -> None:
    told = {one.what: one.holds for one in promises(result("0.2KB", "100KB", "1000KB"))}
    assert told == {
        "added p50, 0.2KB, ours, grpcio, SKIPPED, × grpc.aio floor": True,
        "added p50, 0.2KB, ours, grpcio, DIRECT, × grpc.aio floor": True,
        "added p50, 0.2KB, native floor, × Go floor": True,
        "added p50, 0.2KB, ours, native, SKIPPED, × Go floor": True,
        "added p50, 0.2KB, ours, native, DIRECT, × Go floor": True,
        "added p50, 100KB, ours, grpcio, SKIPPED, × grpc.aio floor": True,
        "added p50, 100KB, ours, grpcio, DIRECT, × grpc.aio floor": True,
        "added p50, 100KB, native floor, × Go floor": True,
        "added p50, 100KB, ours, native, SKIPPED, × Go floor": True,
        "added p50, 100KB, ours, native, DIRECT, × Go floor": True,
        "processor CPU, 0.2KB, ours, grpcio, SKIPPED, × grpc.aio floor": False,
        "processor CPU, 0.2KB, ours, grpcio, DIRECT, × grpc.aio floor": True,
        "processor CPU, 0.2KB, native floor, × Go floor": True,
        "processor CPU, 0.2KB, ours, native, SKIPPED, × Go floor": True,
        "processor CPU, 0.2KB, ours, native, DIRECT, × Go floor": True,
        **{f"req/s, {size}, {variant}, × Go floor": True for size in ("0.2KB", "100KB") for variant in (Variant.NATIVE, *ON_NATIVE)},
        "req/s, 0.2KB, telemetry on, × off": True,
        "p50 that telemetry adds, 0.2KB, ms": True,
        "p50 that telemetry adds, 0.2KB, × grpc.aio floor": True,
        "messages, SKIPPED, JSON": True,
        "messages, DIRECT, JSON": True,
        "messages, no LLM call": True,
        "accept, classify and plan, 1KB, conversation, µs": True,
        "accept, classify and plan, 1MB, conversation, µs": True,
        "resident memory, idle, MB": True,
        "requests that failed open": True,
    }


def test_no_promise_is_made_about_what_was_not_measured() -> None:
    told = [one.what for one in promises(result("100KB"))]
    assert not [what for what in told if "0.2KB" in what]
    assert [what for what in told if "100KB" in what]


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"counts": [Count("no LLM call", 0.0, 0.05, 0)]}, "messages, no LLM call"),
        ({"readings": [Reading("1MB", "one long text", 1.0, 1.0, 1.0, 1001.0)]}, "accept, classify and plan, 1MB, one long text, µs"),
        ({"memory": Memory(90.5, 95.0)}, "resident memory, idle, MB"),
        (
            {"cells": {**cells("0.2KB"), (Variant.NATIVE_DIRECT, "0.2KB", 16): [Round(1.9, 2.0, 500.0, 1.0, 90.0, 1, 0)] * 3}},
            "req/s, 0.2KB, ours, native, DIRECT, × Go floor",
        ),
        (
            {"cells": {**cells("0.2KB"), (Variant.UNTRACED, "0.2KB", 16): [Round(1.0, 2.0, 800.0, 1.0, 90.0, 1, 0)] * 3}},
            "req/s, 0.2KB, telemetry on, × off",
        ),
        (
            {"cells": {**cells("0.2KB"), (Variant.UNTRACED, "0.2KB", 1): [Round(1.3, 2.0, 800.0, 1.0, 90.0, 1, 0)] * 3}},
            "p50 that telemetry adds, 0.2KB, ms",
        ),
        (
            {"cells": {**cells("0.2KB"), (Variant.UNTRACED, "0.2KB", 1): [Round(0.9, 2.0, 800.0, 1.0, 90.0, 1, 0)] * 3}},
            "p50 that telemetry adds, 0.2KB, × grpc.aio floor",
        ),
        (
            {"cells": {**cells("0.2KB"), (Variant.FLOOR, "0.2KB", 1): [Round(2.0, 2.0, 1.0, 1.0, 200.0, 1, 1)] * 3}},
            "requests that failed open",
        ),
    ],
)
def test_what_does_not_hold_is_said(changed: dict[str, object], what: str) -> None:
    made = result("0.2KB", **changed)
    assert [one.holds for one in promises(made) if one.what == what] == [False]
    row = next(line for line in markdown(made).splitlines() if line.startswith(f"| {what} "))
    assert "**no**" in row


def test_the_report_names_what_was_measured() -> None:
    text = markdown(result("0.2KB", "100KB"))
    assert text.startswith("a machine\n")
    assert "Medians of 3 rounds" in text
    for variant in Variant:
        assert text.count(f"| {variant} ") == 4  # two sizes, two tables
    assert "1.50 (1.20–1.50)" in text
    assert "2.40    | 2.00" in text


def test_a_busy_machine_is_named_so() -> None:
    assert "busy" not in markdown(result("0.2KB"))
    assert "**A busy machine**: others took up to 62% of it" in markdown(result("0.2KB", others=0.62))


def test_json_holds_everything_and_is_valid() -> None:
    made = result("0.2KB", memory=Memory(80.0, 87.0))
    told = json.loads(json.dumps(to_json(made), allow_nan=False))
    assert len(told["cells"]) == 2 * len(Variant)
    assert told["cells"][0] == {
        "variant": "bare Envoy",
        "size": "0.2KB",
        "connections": 1,
        "rounds": [
            {
                "p50_ms": p50,
                "p99_ms": 2 * p50,
                "rps": 1000 / p50,
                "envoy_cpu_ms": 100,
                "processor_cpu_ms": 0,
                "count": 500,
                "failed_open": 0,
            }
            for p50 in (1.0, 2.0, 1.0)
        ],
    }
    assert told["memory_mb"] == {"idle": 80.0, "after": 87.0}
    assert {one["holds"] for one in told["promises"]} == {True, False}


def test_json_has_null_for_what_could_not_be_measured() -> None:
    nothing = [Round(1.0, 1.0, 1.0, 1.0, 0.0, 1, 0)] * 3
    made = result("0.2KB", cells={**cells("0.2KB"), (Variant.FLOOR, "0.2KB", 16): nothing})
    told = json.loads(json.dumps(to_json(made), allow_nan=False))
    unsure = [one for one in told["promises"] if one["holds"] is None]
    assert [one["measured"] for one in unsure] == [None] * len(ON_GRPCIO)
    assert "not measured" in markdown(made)


def test_a_run_without_the_go_floor_says_so_and_promises_nothing_about_it() -> None:
    made = {key: rounds for key, rounds in cells("0.2KB").items() if key[0] is not Variant.GO}
    told = result("0.2KB", cells=made, without_go="Go is not installed")
    text = markdown(told)
    assert "The Go floor is missing: Go is not installed." in text
    assert "| Go floor " not in text
    assert {one.holds for one in promises(told) if "Go floor" in one.what} == {None}
    assert to_json(told)["without_go"] == "Go is not installed"


def test_a_table_is_aligned() -> None:
    assert table(["a", "long head"], [["longer", "b"]]) == "| a      | long head |\n| ------ | --------- |\n| longer | b         |"


def test_the_machine_is_named() -> None:
    assert all(word in machine() for word in ("cores", "Linux", "Python 3.", "Envoy 1."))
