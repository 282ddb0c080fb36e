"""Envoy's access log → records of finished requests.

The processor has left most exchanges long before they end. Envoy tells their end: status, times, sizes, the note that travelled
in dynamic metadata, and the token usage that its `ai_protocol_manager` read from the answer. So a record needs no state here,
and requests that passed while the processor was down are seen as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError

from extproc.config.runtime import METADATA_NAMESPACE, USAGE_NAMESPACE
from extproc.core.records import CallNote, Record
from extproc.core.vocabulary import PATHS, Outcome, Plan, Price, Role, Usage
from extproc.pb.envoy.config.core.v3.base_pb2 import Metadata
from extproc.pb.envoy.data.accesslog.v3.accesslog_pb2 import AccessLogCommon, HTTPAccessLogEntry
from extproc.pb.envoy.data.ai.v3.token_usage_pb2 import TokenUsage
from extproc.pb.envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage

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


async def receive(messages: AsyncIterator[bytes], prices: Prices, emit: Callable[[list[Record]], None]) -> None:
    """Read one stream of access-log messages to its end and emit the records of each. DecodeError ends it."""
    log_name = ""
    async for data in messages:
        message = StreamAccessLogsMessage.FromString(data)
        log_name = message.identifier.log_name or log_name
        if log_name == CLIENT_LOG:
            emit([record_of(entry, prices) for entry in message.http_logs.log_entry])


def record_of(entry: HTTPAccessLogEntry, prices: Prices) -> Record:
    """Make the record of one client request. An entry without our note is a request that went by without us."""
    common, request, response = entry.common_properties, entry.request, entry.response
    path = _path(common.route_name, request.path)
    note = _note(common.metadata)
    outcome = _OUTCOMES.get(note.get("outcome", ""), Outcome.BYPASSED)
    role = _ROLES.get(outcome)
    calls = _calls(note.get("calls"))
    usage = next((call.usage for call in reversed(calls) if call.role == role), None) if calls else _usage(common.metadata)
    price, verify_price = (prices.get(role), prices.get(Role.VERIFY)) if role else (None, None)
    rules = tuple(filter(None, note.get("rules", "").split(",")))
    return Record(
        at=common.start_time.seconds + common.start_time.nanos / 1e9,
        trace_id=note.get("trace_id", ""),
        outcome=outcome,
        plan=_PLANS.get(note.get("plan", ""), Plan.BYPASS),
        dialect=note.get("dialect") or str(PATHS.get(path, "")),
        path=path,
        turn=note.get("turn", ""),
        score=float(note["score"]) if "score" in note else None,
        rules=rules or (("processor_absent",) if path in PATHS and not note else ()),
        wanted=note.get("wanted", ""),
        requested_model=note.get("requested_model", ""),
        model=note.get("model", ""),
        role=role,
        status=response.response_code.value,
        duration_s=_seconds(common, "time_to_last_downstream_tx_byte") or _seconds(common, "duration") or 0.0,
        first_byte_s=_seconds(common, "time_to_first_downstream_tx_byte"),
        request_bytes=request.request_body_bytes,
        response_bytes=response.response_body_bytes,
        usage=usage,
        cost_usd=_sum_of(calls) if calls else price.cost_usd(usage) if price and usage else None,
        baseline_usd=verify_price.cost_usd(_alone(usage, calls)) if verify_price and usage else None,
        error=_error(common),
        calls=calls,
        lossy=tuple(filter(None, note.get("lossy", "").split(","))),
    )


def _calls(told: str | None) -> tuple[CallNote, ...]:
    """Read the calls that we made ourselves; another release of ours may have written them in another way."""
    try:
        return _CALLS.decode(told) if told else ()
    except msgspec.DecodeError:
        return ()


def _alone(usage: Usage, calls: Sequence[CallNote]) -> Usage:
    """What the verify model would have used had it answered alone: a judge's question is longer than the client's by the draft."""
    asked = next((call.usage for call in calls if call.role == Role.DRAFT and call.usage and call.usage.input), None)
    return Usage(asked.input, usage.output) if asked else usage


def _sum_of(calls: Sequence[CallNote]) -> float | None:
    """What all calls cost; unknown where no call's cost is known."""
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    return sum(costs) if costs else None


def _path(route_name: str, path: str) -> str:
    """The path as the client sent it: LLM routes are named by it (`/v1/messages draft`), for by now it may have been rewritten."""
    return route_name.partition(" ")[0] if route_name.startswith("/") else path.partition("?")[0]


_OWN = ("outcome", "model", "rules", "trace_id", "calls", "more")
_MORE = ("plan", "dialect", "turn", "score", "wanted", "requested_model")


def _note(metadata: Metadata) -> dict[str, str]:
    """Read the note that `shell.translate` wrote; the fields that are empty are left out."""
    if METADATA_NAMESPACE not in metadata.filter_metadata:
        return {}
    fields = metadata.filter_metadata[METADATA_NAMESPACE].fields
    # One by one: to go through a map of protobuf costs three times as much. What is not there reads as empty.
    note = {key: fields[key].string_value for key in _OWN}
    if note["calls"]:  # translated are only requests whose models we call ourselves
        note["lossy"] = fields["lossy"].string_value
    note.update(zip(_MORE, note["more"].split(" ", len(_MORE) - 1), strict=False))
    return {key: value for key, value in note.items() if value}


def _usage(metadata: Metadata) -> Usage | None:
    if USAGE_NAMESPACE not in metadata.typed_filter_metadata:
        return None
    try:
        told = TokenUsage.FromString(metadata.typed_filter_metadata[USAGE_NAMESPACE].value)
    except DecodeError:  # the message is alpha in Envoy: another release may mean another thing
        return None
    if not told.HasField("input_tokens") and not told.HasField("output_tokens"):
        return None
    return Usage(
        input=told.input_tokens.value,
        output=told.output_tokens.value,
        cached_input=told.input_token_details.cached_tokens.value,
        cache_write=told.input_token_details.cache_creation_tokens.value,
        reasoning=told.output_token_details.reasoning_tokens.value,
    )


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
