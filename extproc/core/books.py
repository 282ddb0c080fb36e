"""What a request cost, and what it would have cost with the verify model alone. Pure; picodollars (`core.money`).

The baseline of a request is the price of the verify model for the same input and the output as answered:

* input: the client's own question, as the call counted it that asked it. A judge's question is longer by the draft, so where there
  was one, the draft model's count stands for the verify model's.
* of the input, as much comes from the cache as the verify model itself read from its cache (where it was asked), or the answering
  model from its own: without this, long conversations would look dearer without us than they are.
* output: the answer that the client got, whoever wrote it.
* a request without an answer has the baseline 0: what was spent on it counts in full against us.
"""

from __future__ import annotations

from collections.abc import Sequence

from extproc.core.money import pico
from extproc.core.records import CallNote
from extproc.core.vocabulary import Outcome, Role, Usage

MOST_TOKENS = 1_000_000_000
"""No call has as many; what says so is no count, and would spoil every sum."""


def plausible(usage: Usage | None) -> Usage | None:
    """Give a usage as a provider has told it, or None where it cannot be true."""
    if usage is None:
        return None
    read, written, most = usage.input, usage.output, MOST_TOKENS
    whole = 0 <= read < most and 0 <= written < most and 0 <= usage.reasoning < most
    return usage if whole and 0 <= usage.cached_input < most and 0 <= usage.cache_write < most else None


def spent(calls: Sequence[CallNote]) -> int | None:
    """Give what calls cost together; None where there is none, or the cost of one is not known."""
    total = 0
    for call in calls:
        if call.cost_usd is None:
            return None
        total += pico(call.cost_usd)
    return total if calls else None


def usage_of(calls: Sequence[CallNote], role: Role | None) -> Usage | None:
    """Give the tokens of the call that wrote the answer."""
    return next((call.usage for call in reversed(calls) if call.role == role), None)


def alone(outcome: Outcome, answer: Usage, calls: Sequence[CallNote]) -> Usage:
    """Give what the verify model would have used had it answered alone.

    Args:
        outcome: of the request; it had an answer.
        answer: tokens of the call that wrote the answer.
        calls: our own calls; none where Envoy carried the request.
    """
    asked = next((call.usage for call in calls if call.role == Role.DRAFT), None)
    if asked is None or not asked.input or outcome is Outcome.RESCUED:
        return answer  # its call asked the client's own question
    verify = usage_of(calls, Role.VERIFY)
    cache = verify if verify is not None and verify.input else asked
    cached = min(cache.cached_input, asked.input)
    return Usage(asked.input, answer.output, cached, min(cache.cache_write, asked.input - cached))
