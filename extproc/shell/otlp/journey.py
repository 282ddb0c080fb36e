"""What is known of a finished request's way: from its access-log entry and its record to the calls that were made, in Unix time."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from extproc.config.runtime import METADATA_NAMESPACE
from extproc.core.records import CallNote, Content, Record
from extproc.core.steps.tracing import Sampling
from extproc.core.vocabulary import Role, Usage
from extproc.core.wire.traceparent import below, place
from extproc.pb.envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from extproc.shell.accesslog import envoys_span
from extproc.shell.marks import Begun, Told, read_begun, read_contents, read_told

_CHECK = "check_"
_NS = 1_000_000_000


class Journey(msgspec.Struct, frozen=True, gc=False):
    """One request from its arrival at Envoy to its end."""

    record: Record
    start_ns: int
    """Unix time, as all times here that end so."""
    end_ns: int
    trace_id: str = ""
    root_id: str = ""
    """Our root span; empty where the request is not traced."""
    parent_id: str = ""
    """The span above it; empty for none."""
    begun: Begun | None = None
    """None where we never saw it."""
    told: Told | None = None
    """None where the answer was not ours to send."""
    sent_ns: int = 0
    """When Envoy began to send it to an upstream; this and the next two are the start where it did not come to that."""
    first_ns: int = 0
    """First byte of what the upstream said."""
    last_ns: int = 0
    contents: tuple[Content, ...] = ()
    """Of the calls, in their order; only where they are to be told."""


class ModelCall(msgspec.Struct, frozen=True, gc=False):
    """One call of a model, whoever carried it."""

    number: int
    """Among the calls of its request, from 1."""
    role: str
    dialect: str
    model: str
    answer_model: str
    status: int
    error: str
    """Of the call itself, in a word; an answer that was not good enough is none."""
    rejected: str
    """The check that its answer failed."""
    finish: str
    stream: bool
    began_ns: int
    first_ns: int | None
    ended_ns: int
    usage: Usage | None
    cost_usd: float | None


def journey(entry: HTTPAccessLogEntry, record: Record, sampling: Sampling) -> Journey:
    """Tell the way of a request."""
    common = entry.common_properties
    start = common.start_time
    start_ns = start.seconds * _NS + start.nanos
    fields = common.metadata.filter_metadata[METADATA_NAMESPACE].fields  # what is not there reads as empty
    begun = read_begun(fields["trace"].string_value)
    if begun is not None:
        trace_id, root_id, parent_id = _seen(envoys_span(common), record, begun)
    else:
        trace_id, root_id, parent_id = _passed_by(envoys_span(common), sampling, noted=fields["more"].string_value != "")
    # All from its start, and zero for what did not happen.
    ended, sent, first, last = (
        common.time_to_last_downstream_tx_byte,
        common.time_to_first_upstream_tx_byte,
        common.time_to_first_upstream_rx_byte,
        common.time_to_last_upstream_rx_byte,
    )
    if not ended.seconds and not ended.nanos:
        ended = common.duration
    return Journey(
        record,
        start_ns,
        start_ns + ended.seconds * _NS + ended.nanos,
        trace_id,
        root_id,
        parent_id,
        begun,
        read_told(fields["told"].string_value) if record.calls else None,
        start_ns + sent.seconds * _NS + sent.nanos,
        start_ns + first.seconds * _NS + first.nanos,
        start_ns + last.seconds * _NS + last.nanos,
        read_contents(fields["content"].string_value) if begun is not None and begun.content else (),
    )


def _seen(envoys: tuple[str, str, str], record: Record, begun: Begun) -> tuple[str, str, str]:
    """Give trace, root span and the span above of a request that is traced.

    Envoy's tag wins over what we were told when the request came, which names a span that is never kept.
    """
    trace_id, span_id, _ = envoys
    return record.trace_id, begun.span_id, span_id if trace_id == record.trace_id else begun.parent_id


def _passed_by(envoys: tuple[str, str, str], sampling: Sampling, *, noted: bool) -> tuple[str, str, str]:
    """Give the same of a request that we did not begin to trace; nothing where it is not traced. `noted`: we have seen it."""
    trace_id, span_id, header = envoys
    if noted or not trace_id:
        return "", "", ""
    # It went by without us. What the router has sent on, or else what the client sent, tells whether it is kept.
    last = place(header)
    decided = last.sampled if last is not None and last.trace_id == trace_id else None
    return (trace_id, below(span_id, 1), span_id) if sampling.keeps(trace_id, decided) else ("", "", "")


def failed_checks(rules: Sequence[str]) -> tuple[str, ...]:
    """Name the checks that a draft failed, by the rules of its request."""
    return tuple([rule.removeprefix(_CHECK) for rule in rules if rule.startswith(_CHECK)])


def calls(way: Journey) -> list[ModelCall]:
    """Tell the calls that were made, in the order in which they began."""
    record, begun = way.record, way.begun
    stream = begun is not None and begun.stream
    if record.calls:
        arrived_ns, checks = begun.arrived_ns if begun else way.start_ns, failed_checks(record.rules)
        made = [made_call(number, note, checks, arrived_ns, stream=stream) for number, note in enumerate(record.calls, 1)]
        if way.sent_ns > way.start_ns:
            # The draft of a rescue was Envoy's to carry, so that knows when.
            made[0] = replace(made[0], began_ns=way.sent_ns, ended_ns=max(way.sent_ns, made[0].ended_ns))
        return made
    if record.role is None:
        return []
    error = record.error or (str(record.status) if record.status >= 400 else "")
    began_ns = way.sent_ns if way.sent_ns > way.start_ns else way.end_ns
    ended_ns = max(began_ns, way.last_ns if way.last_ns > way.start_ns else way.end_ns)
    return [
        ModelCall(
            1,
            record.role,
            record.dialect,
            record.model,
            "",
            record.status,
            error,
            "",
            "",
            stream,
            began_ns,
            way.first_ns if way.first_ns > way.start_ns else None,
            ended_ns,
            record.usage,
            record.cost_usd,
        )
    ]


def made_call(number: int, note: CallNote, checks: tuple[str, ...], arrived_ns: int, *, stream: bool) -> ModelCall:
    """Tell a call that we made ourselves; its times count from the request's arrival."""
    rejected = note.error if note.role == Role.DRAFT and note.error in checks else ""
    return ModelCall(
        number=number,
        role=note.role,
        dialect=note.dialect,
        model=note.model,
        answer_model=note.answer_model,
        status=note.status,
        error="" if rejected else note.error.removeprefix("status_"),
        rejected=rejected,
        began_ns=arrived_ns + int(note.began_s * _NS),
        first_ns=None if note.first_s is None else arrived_ns + int(note.first_s * _NS),
        ended_ns=arrived_ns + int(note.ended_s * _NS),
        usage=note.usage,
        cost_usd=note.cost_usd,
        finish=note.finish,
        stream=stream,
    )
