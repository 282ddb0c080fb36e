"""What one more call to the verify model may cost. Budgets are hard: a call that could break one is not made, or is given less room."""

from __future__ import annotations

import msgspec

from extproc.core.answers import Answer, Demands
from extproc.core.policy import Policy
from extproc.core.vocabulary import Role, Usage

_LEAST_TOKENS = 256
"""An answer with less room than this is not worth asking for."""
_BYTES_PER_TOKEN = 3
"""A low guess, so that the tokens of a text are rather over- than underestimated."""


class Room(msgspec.Struct, frozen=True, gc=False):
    """What the call may use."""

    seconds: float
    max_tokens: int | None
    """Another limit for its answer than the client's; None where the client's stands."""


def estimate(size: int, answer: Answer) -> Usage:
    """Guess the tokens of a call that broke off before it told them: its request's bytes, and what came of its answer."""
    return Usage(input=size // _BYTES_PER_TOKEN, output=sum([len(block.text) for block in answer.blocks]) // _BYTES_PER_TOKEN)


def tokens_in(size: int, known: Usage | None = None) -> int:
    """Give the tokens of a question of so many bytes, as far as no model has counted the same conversation."""
    return known.input if known and known.input else size // _BYTES_PER_TOKEN


def room(policy: Policy, demands: Demands, reads: int, *, calls: int, elapsed_s: float, spent_usd: float) -> Room | None:
    """Say what room there is for a call to the verify model.

    Args:
        policy: the limits and prices.
        demands: the client's own limits.
        reads: tokens that the verify model will read.
        calls: calls made so far.
        elapsed_s: seconds since the request's arrival.
        spent_usd: what the calls cost so far.

    Returns:
        None where a budget is used up.
    """
    seconds = policy.max_wall_s - elapsed_s
    if seconds <= 0 or calls >= policy.max_calls:
        return None
    price = policy.prices.get(Role.VERIFY)
    if price is None:
        return Room(seconds, None)
    left_usd = policy.max_cost_usd - spent_usd - reads * price.input / 1e6
    affordable = int(left_usd * 1e6 / price.output) if price.output else demands.max_tokens or policy.verify_max_tokens
    if affordable < _LEAST_TOKENS:
        return None
    # Where the client sets no limit none is put in, as long as the money is ample: not every model takes the key.
    if (policy.verify_max_tokens if demands.max_tokens is None else demands.max_tokens) <= affordable:
        return Room(seconds, None)
    if demands.thinking_tokens is not None and demands.thinking_tokens >= affordable:
        return None  # the dialect wants more room for the answer than for the thinking
    return Room(seconds, affordable)


def for_judging(given: Room, policy: Policy, demands: Demands) -> int | None:
    """Give the limit of the answer to a judge's question: no more than the policy's, unless the client's thinking needs more."""
    own = demands.max_tokens if given.max_tokens is None else given.max_tokens
    if own is not None and own <= policy.verify_max_tokens:
        return given.max_tokens
    if demands.thinking_tokens is not None and demands.thinking_tokens >= policy.verify_max_tokens:
        return given.max_tokens
    return policy.verify_max_tokens
