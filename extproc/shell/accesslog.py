"""Envoy's access log → records of finished requests.

The processor has left most exchanges long before they end. Envoy tells their end: status, times, sizes, the note that travelled
in dynamic metadata, and the token usage that its `ai_protocol_manager` read from the answer. So a record needs no state here,
and requests that passed while the processor was down are seen as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from time import perf_counter

import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct

from extproc.config.runtime import METADATA_NAMESPACE, SPAN_TAG
from extproc.core.books import alone, spent, usage_of
from extproc.core.money import usd
from extproc.core.policy import Price
from extproc.core.records import CallNote, Record
from extproc.core.vocabulary import PATHS, Outcome, Plan, Role, Usage
from extproc.pb.envoy.config.core.v3.base_pb2 import Metadata
from extproc.pb.envoy.data.accesslog.v3.accesslog_pb2 import AccessLogCommon, HTTPAccessLogEntry
from extproc.pb.envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from extproc.shell.usage import usage_in

CLIENT_LOG = "client"
"""Log name of the client listener; other logs (our own side calls) tell of calls, not of requests."""

_ROLES = {
    Outcome.SKIPPED: Role.DRAFT,
    Outcome.ACCEPTED: Role.DRAFT,
    Outcome.FALLBACK: Role.DRAFT,
    Outcome.DIRECT: Role.VERIFY,
    Outcome.ENHANCED: Role.VERIFY,
    Outcome.RESCUED: Role.VERIFY,
}
"""Who wrote the answer."""
_CALLS = msgspec.json.Decoder(tuple[CallNote, ...])

# Another release of ours may have written a word that we do not know.
_OUTCOMES: Mapping[str, Outcome] = {str(one): one for one in Outcome}
_PLANS: Mapping[str, Plan] = {str(one): one for one in Plan}

Prices = Mapping[Role, Price | None]


async def receive(
    messages: AsyncIterator[bytes],
    prices: Prices,
    emit: Callable[[list[Record]], None],
    took: Callable[[int, float], None] = lambda _, __: None,
    seen: Callable[[Iterable[HTTPAccessLogEntry], list[Record]], None] | None = None,
) -> None:
    """Read one stream of access-log messages to its end. DecodeError ends it.

    Args:
        messages: serialised `StreamAccessLogsMessage`s.
        prices: of the models.
        emit: takes the records of each message.
        took: is told how many records a message had, and how many seconds we were at work on them.
        seen: takes the records with the entries that they were made of.
    """
    log_name = ""
    async for data in messages:
        began = perf_counter()
        message = StreamAccessLogsMessage.FromString(data)
        log_name = message.identifier.log_name or log_name
        if log_name == CLIENT_LOG:
            records = [record_of(entry, prices) for entry in message.http_logs.log_entry]
            emit(records)
            if seen is not None:
                seen(message.http_logs.log_entry, records)
            took(len(records), perf_counter() - began)


def record_of(entry: HTTPAccessLogEntry, prices: Prices) -> Record:
    """Make the record of one client request. An entry without our note is a request that went by without us."""
    common, response = entry.common_properties, entry.response
    metadata, start, status = common.metadata, common.start_time, response.response_code.value
    path = _path(common.route_name, entry.request.path)
    note = metadata.filter_metadata.get(METADATA_NAMESPACE)
    noted, trace_id, rules, model, held, plan, dialect, turn, score, wanted, requested_model, policy, team = _told(note)
    outcome = _OUTCOMES.get(noted, Outcome.BYPASSED)
    calls = _calls(note.fields["calls"].string_value) if held and note is not None else ()
    role, usage = _answer(outcome, calls, metadata)
    cost, baseline = _money(outcome, role, usage, calls, status, prices)
    return Record(  # by position, which is as fast as it gets; the names stand in `core.records`
        start.seconds + start.nanos / 1e9,
        trace_id or envoys_span(common)[0],
        outcome,
        _PLANS.get(plan, Plan.BYPASS),
        dialect or str(PATHS.get(path, "")),
        path,
        turn,
        _score(score),
        tuple(rules.split(",")) if rules else ("processor_absent",) if not noted and path in PATHS else (),
        wanted,
        requested_model,
        model,
        role,
        status,
        _seconds(common, "time_to_last_downstream_tx_byte") or _seconds(common, "duration") or 0.0,
        _seconds(common, "time_to_first_downstream_tx_byte"),
        entry.request.request_body_bytes,
        response.response_body_bytes,
        usage,
        cost,
        baseline,
        _error(common),
        calls,
        policy=policy,
        team=team,
        lossy=_lossy(note) if calls and note is not None else (),  # translated are only requests whose models we call ourselves
    )


def _answer(outcome: Outcome, calls: Sequence[CallNote], metadata: Metadata) -> tuple[Role | None, Usage | None]:
    """Who wrote the answer, and its tokens."""
    role = _ROLES.get(outcome)
    if calls:
        return role, usage_of(calls, role)
    usage = usage_in(metadata)
    # Whoever went by without us went to the verify model.
    return (Role.VERIFY if outcome is Outcome.BYPASSED and usage is not None else role), usage


_EMPTY = ["", "", "", "", "", "", "", "", "", "", "", "default", ""]


def _told(note: Struct | None) -> list[str]:
    """Read the note that `shell.translate` wrote; another release of ours may have written less or more of it."""
    if note is None:
        return _EMPTY
    parts = note.fields["more"].string_value.split(" ")
    return parts if len(parts) == len(_EMPTY) else [*parts, *_EMPTY[len(parts) :]][: len(_EMPTY)]


def _score(told: str) -> float | None:
    try:
        return float(told) if told else None
    except ValueError:  # another release of ours may have put something else in this place
        return None


def _lossy(note: Struct) -> tuple[str, ...]:
    """Read what a translation lost."""
    names = note.fields["lossy"].string_value
    return tuple(names.split(",")) if names else ()


def _money(
    outcome: Outcome, role: Role | None, usage: Usage | None, calls: Sequence[CallNote], status: int, prices: Prices
) -> tuple[float | None, float | None]:
    """What a request cost in dollars, and what it would have cost without us (`core.books`); None where that is not known."""
    price, verify = prices.get(role) if role else None, prices.get(Role.VERIFY)
    if calls:
        cost = spent(calls)
    elif price is None:
        cost = None
    elif usage is not None:
        cost = price.cost(usage)
    else:
        cost = 0 if _unanswered(status) else None
    if verify is None:
        baseline = None
    elif role is not None and usage is not None:
        baseline = verify.cost(alone(outcome, usage, calls))
    else:
        baseline = 0 if calls or (role is not None and _unanswered(status)) else None
    return None if cost is None else usd(cost), None if baseline is None else usd(baseline)


def _unanswered(status: int) -> bool:
    """An error, or nothing at all when the client left: providers charge for answers."""
    return status >= 400 or not status


def _calls(told: str) -> tuple[CallNote, ...]:
    """Read the calls that we made ourselves; another release of ours may have written them in another way."""
    try:
        return _CALLS.decode(told)
    except msgspec.DecodeError:
        return ()


def _path(route_name: str, path: str) -> str:
    """The path as the client sent it: LLM routes are named by it (`/v1/messages draft`), for by now it may have been rewritten."""
    return route_name.partition(" ")[0] if route_name.startswith("/") else path.partition("?")[0]


def envoys_span(common: AccessLogCommon) -> tuple[str, str, str]:
    """Give trace and id of Envoy's own span of a request, and the `traceparent` that went on with it; empty where there is no such span."""
    trace_id, _, rest = common.custom_tags.get(SPAN_TAG, "").partition(" ")
    span_id, _, header = rest.partition(" ")
    return (trace_id, span_id, header) if len(trace_id) == 32 and len(span_id) == 16 else ("", "", "")


def _seconds(common: AccessLogCommon, name: str) -> float | None:
    if not common.HasField(name):
        return None
    duration: Duration = getattr(common, name)
    return duration.seconds + duration.nanos / 1e9


def _error(common: AccessLogCommon) -> str:
    """Name the first of Envoy's response flags, or nothing for a regular end."""
    if not common.HasField("response_flags"):
        return ""
    flags = common.response_flags.ListFields()
    return flags[0][0].name if flags else ""
