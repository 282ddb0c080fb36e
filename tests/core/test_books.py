"""What requests cost, and what they would have cost with the verify model alone."""

from __future__ import annotations

import re
from pathlib import Path

from extproc.core.books import alone, plausible, spent, usage_of
from extproc.core.money import PICO
from extproc.core.policy import Price
from extproc.core.records import CallNote
from extproc.core.vocabulary import Outcome, Role, Usage


def call(role: Role, usage: Usage | None, cost_usd: float | None = 0.1) -> CallNote:
    return CallNote(role, "m", 200, "", 0.0, 0.1, 0.2, usage, cost_usd)


DRAFT = call(Role.DRAFT, Usage(1000, 100, cached_input=900, cache_write=50), 0.1)
VERIFY = call(Role.VERIFY, Usage(1200, 300, cached_input=600, cache_write=500), 0.2)


def test_a_price_to_the_sixth_decimal_is_exact():
    price = Price(0.000001, 27.500001, 0.1, 6.875)
    assert price.cost(Usage(3, 1)) == 3 + 27_500_001
    assert price.cost(Usage(10, 0, cached_input=4, cache_write=5)) == 1 + 4 * 100_000 + 5 * 6_875_000
    assert price.cost_usd(Usage(3, 1)) == 0.000027500004


def test_cached_tokens_beyond_the_input_are_no_negative_ones():
    assert Price(1.0, 1.0, 0.5, 1.0).cost(Usage(10, 0, cached_input=20)) == 20 * 500_000


def test_calls_add_up_exactly_and_are_unknown_together():
    assert spent([DRAFT, VERIFY]) == 3 * PICO // 10
    assert spent([DRAFT, call(Role.VERIFY, None, None)]) is None
    assert spent([]) is None


def test_the_answer_is_of_the_last_call_of_its_model():
    assert usage_of([DRAFT, VERIFY], Role.VERIFY) == VERIFY.usage
    assert usage_of([DRAFT], Role.VERIFY) is None
    assert usage_of([DRAFT], None) is None


def test_an_improvement_is_priced_by_the_clients_question_and_verifys_own_cache():
    assert alone(Outcome.ENHANCED, Usage(1200, 300, 600, 500), [DRAFT, VERIFY]) == Usage(1000, 300, 600, 400)


def test_an_accepted_draft_is_priced_by_its_own_length():
    assert alone(Outcome.ACCEPTED, Usage(1000, 100, 900, 50), [DRAFT, VERIFY]) == Usage(1000, 100, 600, 400)


def test_where_verify_was_not_asked_the_drafts_cache_stands_for_its_own():
    assert alone(Outcome.SKIPPED, Usage(1000, 100, 900, 50), [DRAFT]) == Usage(1000, 100, 900, 50)
    refused = call(Role.VERIFY, Usage(), 0.0)
    assert alone(Outcome.FALLBACK, Usage(1000, 100, 900, 50), [DRAFT, refused]) == Usage(1000, 100, 900, 50)


def test_a_rescue_is_verifys_own_answer_to_the_clients_question():
    usage = Usage(1010, 300, 600, 10)
    assert alone(Outcome.RESCUED, usage, [DRAFT, call(Role.VERIFY, usage)]) == usage


def test_what_envoy_carried_is_priced_as_it_was_told():
    usage = Usage(10, 20, 3, 4, 5)
    assert alone(Outcome.SKIPPED, usage, ()) is usage
    assert alone(Outcome.DIRECT, usage, ()) is usage


def test_what_cannot_be_a_usage_is_none():
    usage = Usage(10**9 - 1, 0, 5, 6, 7)
    assert plausible(usage) is usage
    assert plausible(None) is None
    for odd in (-1, 10**9, 2**70):
        for place in range(5):
            assert plausible(Usage(*[odd if place == number else 1 for number in range(5)])) is None


def test_the_example_in_the_documentation_is_right():
    text = (Path(__file__).parents[2] / "docs/money.md").read_text()
    prices = [
        Price(*[float(number) for number in found])
        for found in re.findall(r"\{input: ([0-9.]+), output: ([0-9.]+), cached_input: ([0-9.]+), cache_write: ([0-9.]+)\}", text)
    ]
    rows = re.findall(r"^\| (?:\*\*)?(draft|verify)[^|]* \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| ([0-9.]+) \|$", text, re.MULTILINE)
    usages = [Usage(int(read), int(out), int(cached), int(written)) for _, read, cached, written, out, _ in rows]
    (draft, verify), (first, second, only) = prices, usages
    calls = [call(Role.DRAFT, first, draft.cost_usd(first)), call(Role.VERIFY, second, verify.cost_usd(second))]
    assert [f"{calls[0].cost_usd:f}", f"{calls[1].cost_usd:f}"] == [rows[0][-1], rows[1][-1]]
    assert alone(Outcome.ENHANCED, second, calls) == only
    baseline, cost = verify.cost_usd(only), (spent(calls) or 0) / PICO
    assert f"{baseline:f}" == rows[2][-1]
    assert f"The cost is {cost:f}, the baseline {baseline:f}, saved −{cost - baseline:f}." in text
