"""What is written down about a request: its note, which travels with it, and its record, which is made at its end."""

from __future__ import annotations

import msgspec

from extproc.core.vocabulary import Outcome, Plan, Role, Usage


class Trace(msgspec.Struct, frozen=True, gc=False):
    """Where the spans of a request belong (W3C Trace Context). Ids are hex, times those of the worker's monotonic clock."""

    span_id: str
    """Our root span, from which the spans below it are counted; where we make none, the span above."""
    parent_id: str
    """The span above our root; empty where ours is the first of the trace."""
    sampled: bool
    """What our calls tell those whom they reach."""
    kept: bool
    """Spans are made of this request."""
    began_s: float
    """Its arrival."""
    heard_s: float = 0.0
    """The arrival of its body; 0 where nobody looked at it."""
    stream: bool = False
    """The answer was asked for as a stream."""
    content: bool = False
    """The spans are to tell what was asked and answered."""


class Content(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a model was asked and what it said, as JSON (`steps.content`); it never gets into a record. Empty where it is not known."""

    system: str = ""
    input: str = ""
    output: str = ""


class CallNote(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One model call that we made for a request, whatever became of it. Times are seconds since the request's arrival."""

    role: str
    model: str
    status: int
    """HTTP status; 0 where there was none."""
    error: str
    """Why it failed, in a word: a failed check, a kind of failure, `cancelled`; empty for a call that served."""
    began_s: float
    first_s: float | None
    """First byte of its answer's body."""
    ended_s: float
    usage: Usage | None = None
    cost_usd: float | None = None
    dialect: str = ""
    """In which the model was asked."""
    finish: str = ""
    """Why its answer ends (`answers.Stop`); empty where that was not heard."""
    answer_model: str = ""
    """The model that its answer says it is of."""


class Note(msgspec.Struct, frozen=True, gc=False):
    """What is known of a request when it is forwarded, written down where Envoy carries it along (dynamic metadata).

    Envoy copies `outcome`, `model`, `rules` and `trace_id` into the response headers `x-cascade-…`, and all of it into its
    access log, from which any worker can complete the record of a request that it never saw.
    """

    outcome: Outcome
    plan: Plan
    dialect: str
    model: str
    """The model that writes the answer, as named to its provider; empty where it is not known."""
    rules: tuple[str, ...]
    trace_id: str
    requested_model: str = ""
    turn: str = ""
    score: float | None = None
    wanted: Plan | None = None
    calls: tuple[CallNote, ...] = ()
    """Our own model calls; empty where Envoy carried the request to its model."""
    policy: str = "default"
    """Name of the policy that the decision was made by."""
    team: str = ""
    """Whose daily allowance this is charged to; empty where there is none."""
    trace: Trace | None = None
    """None where nobody traces."""
    answered_s: float | None = None
    """When the first of the answer went to the client, where the answer is ours to send; a time as those of `trace`."""
    contents: tuple[Content, ...] = ()
    """Of the calls, in their order; only where the spans are to tell them."""
    lossy: tuple[str, ...] = ()
    """Fields of the request that a translation to another dialect dropped or approximated, as the client's dialect spells them."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One finished request, as every metric, log line and page shows it. No content, no secrets."""

    at: float
    """Start, seconds of the Unix clock."""
    trace_id: str
    outcome: Outcome
    plan: Plan
    dialect: str
    path: str
    """Request path without its query string."""
    turn: str
    score: float | None
    rules: tuple[str, ...]
    wanted: str
    requested_model: str
    model: str
    role: Role | None
    """The model that answered; None where that is not one of ours."""
    status: int
    """HTTP status that the client got; 0 where it left before."""
    duration_s: float
    first_byte_s: float | None
    """Time to the first byte to the client."""
    request_bytes: int
    response_bytes: int
    usage: Usage | None
    """Tokens of the answer; None where the provider did not say."""
    cost_usd: float | None
    """None: unknown (no price, or no usage), never zero."""
    baseline_usd: float | None
    """What the verify model alone would have cost (`core.books`)."""
    error: str = ""
    """Why Envoy gave up, in its own short words; empty for a regular end."""
    calls: tuple[CallNote, ...] = ()
    """The model calls one by one, where we made them ourselves."""
    lossy: tuple[str, ...] = ()
    """As in the note."""
    policy: str = "default"
    """Name of the policy that the decision was made by."""
    team: str = ""
    """As in the note."""


class Abandoned(msgspec.Struct, frozen=True, gc=False):
    """What was done for a client that left before it was answered; it belongs to a record that knows nothing of it."""

    at: float
    """When that was known, seconds of the Unix clock."""
    trace_id: str
    """As in the record."""
    rules: tuple[str, ...]
    calls: tuple[CallNote, ...]


class Comparison(msgspec.Struct, frozen=True, gc=False):
    """What the cascade would have made of one request that the verify model answered alone. No content, no secrets."""

    at: int
    """When the request was forwarded, seconds of the Unix clock."""
    trace_id: str
    """As in the record of the request itself."""
    dialect: str
    turn: str
    score: float | None
    rules: tuple[str, ...]
    """Those of the decision, and why things would have gone as they would have."""
    requested_model: str
    plan: Plan
    """The plan that would have been."""
    outcome: Outcome
    verdict: str
    """What the verify model said of the draft: `accepted`, `improved`, `failed`; empty where it was not asked."""
    checks: tuple[str, ...]
    """Checks that the draft failed; a plain draft of the plan `draft` would have gone out all the same."""
    similarity: float | None
    """Of the draft and the answer in its place: 1 where it was accepted; None without a verdict."""
    cost_usd: float | None
    """What this comparison cost. None: unknown, in this and all other amounts."""
    would_cost_usd: float | None
    """What the cascade would have cost; of a rescue the draft alone."""
    baseline_usd: float | None
    """What the verify model alone would have cost, by estimate; None where it would have answered anyway."""
    saved_usd: float | None
    """The difference; below zero where the cascade would have cost more."""
    calls: tuple[CallNote, ...] = ()
    policy: str = "default"
    """Name of the policy that the decision was made by."""
    team: str = ""
    """As in the note."""
