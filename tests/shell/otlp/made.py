"""Finished requests, as Envoy's access log tells them, and what the exporter makes of them."""

from __future__ import annotations

from typing import Any

from extproc.config.runtime import METADATA_NAMESPACE, SPAN_TAG
from extproc.core.commands import Forward
from extproc.core.policy import Price
from extproc.core.records import CallNote, Note, Record, Trace
from extproc.core.steps.tracing import Sampling
from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.pb.envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import HttpBody, ProcessingRequest, ProcessingResponse
from extproc.shell.accesslog import record_of
from extproc.shell.marks import Begun, Told
from extproc.shell.otlp import encoding
from extproc.shell.otlp.genai import Server
from extproc.shell.otlp.journey import Journey, calls, journey
from extproc.shell.otlp.metrics import ClientMetrics
from extproc.shell.otlp.spans import spans
from extproc.shell.otlp.voices import Voices
from extproc.shell.translate import Translator
from tests.support.collector import Span, spans_in

TRACE, ROOT, CLIENT, ENVOY = "ab" * 16, "1" * 16, "2" * 16, "3" * 16
START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
SERVERS = {
    ("draft", "anthropic"): Server("deepseek", "draft.example", 443),
    ("draft", ""): Server("deepseek", "draft.example", 443),
    ("verify", ""): Server("openai", "verify.example", 8443),
}
PRICES = {Role.DRAFT: Price(1.0, 2.0, 1.0, 1.0), Role.VERIFY: Price(5.0, 25.0, 0.5, 6.0)}


def entry(
    fields: dict[str, str] | None = None, *, tag: str = "", status: int = 200, flags: str = "", **times_ms: float
) -> HTTPAccessLogEntry:
    """Give an access-log entry: the note's fields, the tag of Envoy's span, and times since its start."""
    made = HTTPAccessLogEntry()
    common = made.common_properties
    common.start_time.FromNanoseconds(START_NS)
    for name, value in ({"duration": 100.0} | times_ms).items():
        getattr(common, name).FromNanoseconds(int(value * MS))
    for name, text in (fields or {}).items():
        common.metadata.filter_metadata[METADATA_NAMESPACE].fields[name].string_value = text
    if tag:
        common.custom_tags[SPAN_TAG] = tag
    if flags:
        setattr(common.response_flags, flags, True)
    made.request.path = "/v1/messages"
    made.response.response_code.value = status
    return made


def noted(made: Note) -> dict[str, str]:
    """Give a note's fields as they travel."""
    translator = Translator()
    translator.event(ProcessingRequest(request_body=HttpBody(end_of_stream=True)).SerializeToString(), 0.0)
    message = translator.reply(Forward(made))
    assert message is not None
    fields = ProcessingResponse.FromString(message).dynamic_metadata.fields[METADATA_NAMESPACE].struct_value.fields
    return {name: value.string_value for name, value in fields.items()}


def record(**more: Any) -> Record:
    """Give a record: a draft that was not judged, unless told otherwise."""
    told: dict[str, Any] = {
        "at": START_NS / 1e9,
        "trace_id": TRACE,
        "outcome": Outcome.SKIPPED,
        "plan": Plan.DRAFT,
        "dialect": "anthropic",
        "path": "/v1/messages",
        "turn": "chat",
        "score": 0.25,
        "rules": ("greeting",),
        "wanted": "",
        "requested_model": "big",
        "model": "small",
        "role": Role.DRAFT,
        "status": 200,
        "duration_s": 0.1,
        "first_byte_s": 0.05,
        "request_bytes": 10,
        "response_bytes": 20,
        "usage": Usage(100, 10, 40, 0, 3),
        "cost_usd": 0.00012,
        "baseline_usd": 0.00075,
    }
    return Record(**told | more)


def begun(arrived_ms: float = 1, heard_ms: float = 2, decided_ms: float = 3, *, stream: bool = False) -> Begun:
    """Give what is marked at a request's beginning; times since its start at Envoy, and since its arrival here."""
    return Begun(ROOT, "", START_NS + int(arrived_ms * MS), int(heard_ms * MS), int(decided_ms * MS), stream)


def way(made: Record | None = None, begun: Begun | None = None, told: Told | None = None, **more: Any) -> Journey:
    """Give a journey of 100 ms."""
    times = dict.fromkeys(("sent_ns", "first_ns", "last_ns"), START_NS) | more
    return Journey(made or record(), START_NS, START_NS + 100 * MS, TRACE, ROOT, ENVOY, begun, told, **times)


def call(role: str = "draft", error: str = "", *, began_ms: float = 5, ended_ms: float = 50, **more: Any) -> CallNote:
    """Give a call that we made ourselves."""
    model = {"draft": "small", "verify": "big"}[role]
    told: dict[str, Any] = {"first_s": (began_ms + 1) / 1e3, "usage": Usage(100, 10), "cost_usd": 0.25, "dialect": "anthropic"} | more
    return CallNote(role, model, 200, error, began_ms / 1e3, ended_s=ended_ms / 1e3, **told)


def told(made: Journey) -> list[Span]:
    """Give a journey's spans as the protocol's own messages read them."""
    written = spans(made, calls(made), Voices(SERVERS, ClientMetrics(0)))
    return spans_in(encoding.request(encoding.resource({"service.name": "us"}), encoding.scope("it", ""), written))


def travelled(made: HTTPAccessLogEntry, sampling: Sampling | None = None) -> Journey:
    """Give the journey of an entry."""
    return journey(made, record_of(made, PRICES), sampling or Sampling())


def note(*notes: CallNote, trace: Trace | None = None, rules: tuple[str, ...] = ()) -> Note:
    """Give the note of a request whose client has left."""
    return Note(Outcome.FAILED, Plan.CASCADE, "anthropic", "", rules, TRACE, calls=notes, trace=trace)
