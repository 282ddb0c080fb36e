"""The books of one request."""

from __future__ import annotations

import pytest

from extproc.core.paths.ledger import Ledger
from extproc.core.policy import Price
from extproc.core.records import CallNote
from extproc.core.vocabulary import Role, Usage

PRICES = {Role.DRAFT: Price(1.0, 2.0, 0.1, 1.0)}


def test_a_calls_times_count_from_the_requests_arrival():
    ledger = Ledger(100.0, PRICES)
    ledger.begin(Role.DRAFT, "small", 101.0)
    ledger.answered(Role.DRAFT, 200)
    ledger.came(Role.DRAFT, 102.0)
    ledger.came(Role.DRAFT, 103.0)
    assert ledger.is_open(Role.DRAFT)
    ledger.end(Role.DRAFT, 104.0, Usage(1_000_000, 500_000))
    assert not ledger.is_open(Role.DRAFT)
    assert ledger.notes() == (CallNote("draft", "small", 200, "", 1.0, 2.0, 4.0, Usage(1_000_000, 500_000), 2.0),)
    assert (ledger.calls, ledger.spent_usd) == (1, 2.0)


def test_a_call_that_nobody_answered_has_no_first_byte():
    ledger = Ledger(0.0, PRICES)
    ledger.begin(Role.DRAFT, "small", 1.0)
    ledger.end(Role.DRAFT, 2.0, None, "connect")
    assert ledger.notes() == (CallNote("draft", "small", 0, "connect", 1.0, None, 2.0),)


@pytest.mark.parametrize("first", ["blamed", "ended"])
def test_the_reason_that_is_known_already_stays(first: str):
    ledger = Ledger(0.0, PRICES)
    ledger.begin(Role.DRAFT, "small", 1.0)
    if first == "blamed":
        ledger.blame(Role.DRAFT, "known_tool")
        ledger.end(Role.DRAFT, 2.0, None, "reset")
    else:
        ledger.end(Role.DRAFT, 2.0, None)
        ledger.blame(Role.DRAFT, "known_tool")
    assert ledger.notes()[0].error == "known_tool"


def test_what_has_no_price_has_no_cost():
    ledger = Ledger(0.0, PRICES)
    for role in (Role.VERIFY, Role.DRAFT):
        ledger.begin(role, "m", 1.0)
        ledger.end(role, 2.0, Usage(1_000_000, 0))
    assert [(note.role, note.cost_usd) for note in ledger.notes()] == [("verify", None), ("draft", 1.0)]
    assert ledger.spent_usd == 1.0


def test_a_usage_that_cannot_be_true_is_not_known():
    ledger = Ledger(0.0, PRICES)
    ledger.begin(Role.DRAFT, "m", 1.0)
    ledger.end(Role.DRAFT, 2.0, Usage(2**64, 1))
    assert (ledger.notes()[0].usage, ledger.notes()[0].cost_usd, ledger.spent_usd) == (None, None, 0)
