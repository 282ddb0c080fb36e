"""What one process counts, hears of others, and has still to tell."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.core.records import CallNote, Comparison, Note, Record
from extproc.core.steps.policies import Spent
from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.shell.spending.counts import REST, Counts
from extproc.shell.spending.store import Entry, Standing, added

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400


class Clock:
    now = NOON

    def __call__(self) -> float:
        return self.now


RECORD = Record(
    at=NOON,
    trace_id="t",
    outcome=Outcome.SKIPPED,
    plan=Plan.DRAFT,
    dialect="anthropic",
    path="/v1/messages",
    turn="chat",
    score=0.1,
    rules=(),
    wanted="",
    requested_model="m",
    model="d",
    role=Role.DRAFT,
    status=200,
    duration_s=0.1,
    first_byte_s=0.1,
    request_bytes=1,
    response_bytes=1,
    usage=Usage(100, 20),
    cost_usd=0.000123456789,
    baseline_usd=None,
)


def record(team: str = "red", **more: Any) -> Record:
    return msgspec.structs.replace(RECORD, team=team, **more)


def call(role: str, cost: float | None, usage: Usage | None, error: str = "") -> CallNote:
    return CallNote(role, "m", 200, error, 0.0, 0.1, 0.2, usage, cost)


CALLS = (
    call("draft", 0.001, Usage(10, 5), "check_finished"),
    call("verify", None, None, "cancelled"),
    call("verify", 0.01, Usage(30, 7, 20)),
)


def test_every_call_counts_whoever_answered():
    counts = Counts(Clock())
    counts.finished([record(), record(calls=CALLS), record("blue"), record(""), record(cost_usd=None, usage=None)])
    assert counts.spent("red", NOON) == Spent(123_456_789 + 11_000_000_000, 120 + 52)
    assert counts.spent("blue", NOON) == Spent(123_456_789, 120)
    assert counts.spent("green", NOON) == Spent()
    assert set(counts.today()) == {"red", "blue"}


def test_calls_for_clients_that_left_and_comparisons_count_too():
    counts = Counts(Clock())
    note = Note(Outcome.FAILED, Plan.CASCADE, "anthropic", "", (), "t", calls=CALLS, team="red")
    counts.wasted(note)
    counts.wasted(msgspec.structs.replace(note, team=""))
    compared = Comparison(
        0, "t", "anthropic", "chat", 0.5, (), "m", Plan.DRAFT, Outcome.SKIPPED, "", (), None, None, None, None, None, CALLS, team="red"
    )
    counts.compared(compared)
    counts.compared(msgspec.structs.replace(compared, team=""))
    assert counts.today() == {"red": Spent(22_000_000_000, 104)}


def exchanged(counts: Counts, others: dict[str, Spent], kept: dict[str, dict[str, Spent]]) -> list[Entry]:
    """Do what a store does that works."""
    day, entries = counts.day, counts.unsaid()
    for entry in entries:
        kept.setdefault(entry.day, {})[entry.team] = entry.spent
    counts.heard(day, entries, Standing(dict(kept.get(day, {})), others))
    return entries


def test_what_others_spend_is_added_and_what_is_told_is_told_once():
    counts, kept = Counts(Clock()), {}
    counts.finished([record()])
    assert [entry.team for entry in exchanged(counts, {"red": Spent(1000, 1), "blue": Spent(7, 7)}, kept)] == ["red"]
    assert counts.today() == {"red": Spent(123_457_789, 121), "blue": Spent(7, 7)}
    assert exchanged(counts, {"red": Spent(2000, 2)}, kept) == []
    assert counts.today() == {"red": Spent(123_458_789, 122)}


def test_what_comes_while_the_store_is_asked_is_told_the_next_time():
    counts = Counts(Clock())
    counts.finished([record()])
    day, entries = counts.day, counts.unsaid()
    counts.finished([record()])
    counts.heard(day, entries, Standing({"red": entries[0].spent}, {}))
    assert counts.today() == {"red": Spent(246_913_578, 240)}
    assert counts.unsaid() == [Entry(day, "red", Spent(246_913_578, 240))]


def test_a_store_that_has_lost_everything_is_told_again():
    counts, kept = Counts(Clock()), {}
    counts.finished([record()])
    exchanged(counts, {}, kept)
    kept.clear()
    exchanged(counts, {}, kept)
    assert [entry.team for entry in exchanged(counts, {}, kept)] == ["red"]
    assert kept["2026-11-26"]["red"] == counts.today()["red"]


def test_a_day_ends_at_midnight_utc():
    clock = Clock()
    counts, kept = Counts(clock), {}
    counts.finished([record()])
    clock.now += DAY_S / 2 - 0.001
    assert counts.spent("red", clock.now) != Spent()
    assert counts.spent("red", clock.now + 0.002) == Spent()
    clock.now += 0.002
    assert counts.today() == {}
    counts.finished([record("red", usage=Usage(1, 1))])
    assert counts.spent("red", clock.now) == Spent(123_456_789, 2)
    assert [(entry.day, entry.spent.tokens) for entry in exchanged(counts, {}, kept)] == [("2026-11-26", 120), ("2026-11-27", 2)]
    assert exchanged(counts, {}, kept) == []


def test_what_could_not_be_told_for_days_is_kept_for_a_while_and_then_goes():
    clock = Clock()
    counts = Counts(clock)
    for _ in range(6):
        counts.finished([record()])
        clock.now += DAY_S
    assert [entry.day for entry in counts.unsaid()] == ["2026-11-30", "2026-12-01"]


def test_teams_without_end_are_counted_together():
    counts = Counts(Clock(), most=3)
    counts.finished([record(f"team-{number}") for number in range(10)])
    assert set(counts.today()) == {"team-0", "team-1", "team-2", REST}
    assert counts.spent("team-9", NOON) == counts.spent("never seen", NOON) == Spent(7 * 123_456_789, 840)
    assert counts.spent("team-0", NOON) == Spent(123_456_789, 120)


class Story:
    """Three processes, and a store that forgets what the living have told it."""

    def __init__(self) -> None:
        self.workers = [Counts(Clock()) for _ in range(3)]
        self.names = ["0", "1", "2"]
        self.kept: dict[tuple[str, str], Spent] = {}
        self.spent = {"a": 0, "b": 0}

    def count(self, number: int, team: str) -> None:
        self.workers[number].finished([record(team, usage=Usage(1, 0), cost_usd=None)])
        self.spent[team] += 1

    def unheard(self, number: int, _: str = "") -> tuple[str, list[Entry]]:
        """The store takes it, and its answer is lost."""
        worker = self.workers[number]
        day, entries = worker.day, worker.unsaid()
        self.kept.update({(self.names[number], entry.team): entry.spent for entry in entries})
        return day, entries

    def exchange(self, number: int, _: str = "") -> None:
        day, entries = self.unheard(number)
        mine: dict[str, Spent] = {}
        others: dict[str, Spent] = {}
        for (whose, team), value in self.kept.items():
            into = mine if whose == self.names[number] else others
            into[team] = added(into.get(team, Spent()), value)
        self.workers[number].heard(day, entries, Standing(mine, others))

    def loss(self, _: int, __: str) -> None:
        self.kept = {key: value for key, value in self.kept.items() if key[0] not in self.names}

    def restart(self, number: int, _: str) -> None:
        for _ in range(2):  # as the keeper does where the store has forgotten something
            self.exchange(number)
        self.workers[number], self.names[number] = Counts(Clock()), f"{self.names[number]}+"


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(["count", "exchange", "unheard", "loss", "restart"]), st.integers(0, 2), st.sampled_from("ab"))))
def test_however_it_goes_nothing_is_lost_or_counted_twice(steps: list[tuple[str, int, str]]):
    story = Story()
    for step, number, team in steps:
        getattr(story, step)(number, team)
    for _ in range(3):
        for number in range(3):
            story.exchange(number)
    assert {team: sum(value.tokens for (_, one), value in story.kept.items() if one == team) for team in "ab"} == story.spent
    for worker in story.workers:
        assert {team: worker.spent(team, NOON).tokens for team in "ab"} == story.spent
