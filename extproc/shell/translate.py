"""Envoy's ext_proc messages ⇄ the core's events and commands, for one exchange.

Knows what Envoy demands of an answer: which oneof it must stand in, the content-length of a changed body, modes and chunk forms
(Envoy `envoy/service/ext_proc/v3/external_processor.proto`). Constant answers are serialised once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from extproc.config.runtime import METADATA_NAMESPACE, TARGET_HEADER
from extproc.core import commands as do
from extproc.core import events as seen
from extproc.core.records import Note
from extproc.core.vocabulary import HELD
from extproc.pb.envoy.config.core.v3.base_pb2 import HeaderMap, HeaderValue, HeaderValueOption
from extproc.pb.envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2 import ProcessingMode
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import (
    CommonResponse,
    HeaderMutation,
    ProcessingRequest,
    ProcessingResponse,
)
from extproc.shell import marks

_CONTINUE: dict[str, bytes] = {}
for _kind in ("request_headers", "response_headers", "response_trailers"):
    _response = ProcessingResponse()
    getattr(_response, _kind).SetInParent()
    _CONTINUE[_kind] = _response.SerializeToString()

_LONGEST = 2_000
"""Characters of a list of names."""
_OVERWRITE = HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD
_APPEND = HeaderValueOption.APPEND_IF_EXISTS_OR_ADD


class Translator:
    """Translates for one exchange; remembers which message of Envoy waits for an answer."""

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked = ""

    def event(self, message: bytes, at_s: float) -> seen.Event | None:
        """Read a `ProcessingRequest`; None for what the core has no use for. DecodeError where it is no such message."""
        request = ProcessingRequest.FromString(message)
        kind = request.WhichOneof("request")
        if kind is None:
            return None
        if kind != "response_body":  # full-duplex chunks are not answered one by one
            self._asked = kind
        build = _EVENTS.get(kind)
        return build(getattr(request, kind), at_s, message) if build else None

    def reply(self, command: do.Command) -> bytes | None:
        """Write the `ProcessingResponse` for a command; None for commands that are none of Envoy's business."""
        match command:
            case do.Forward():
                return _forward(command, self._asked)
            case do.AwaitBody():
                return _CONTINUE["request_headers"]
            case do.EndWithTrailers():
                return _CONTINUE["response_trailers"]
        build = _REPLIES.get(type(command))
        return build(command) if build else None


class WireHeaders(seen.Headers):
    """Headers that stay in their message until they are asked for: of a request that passes through, hardly any are."""

    __slots__ = ("_map", "_message")

    def __init__(self, headers: HeaderMap, message: bytes) -> None:
        self._map = headers
        self._message = message

    @property
    def pairs(self) -> list[tuple[str, bytes]]:
        """Give all of them."""
        return [(header.key, header.raw_value or header.value.encode()) for header in self._map.headers]

    def get(self, name: str, default: str = "") -> str:
        """Give the first value of a header as text."""
        if name.encode() not in self._message:
            return default  # names stand in a message as they are
        for header in self._map.headers:
            if header.key == name:
                return (header.raw_value or header.value.encode()).decode("latin-1")
        return default


_EVENTS: dict[str, Callable[[Any, float, bytes], seen.Event]] = {
    "request_headers": lambda part, at_s, message: seen.RequestHeaders(at_s, WireHeaders(part.headers, message), part.end_of_stream),
    "request_body": lambda part, at_s, _: seen.RequestBody(at_s, part.body),
    "response_headers": lambda part, at_s, message: seen.ResponseHeaders(at_s, WireHeaders(part.headers, message), part.end_of_stream),
    "response_body": lambda part, at_s, _: seen.ResponseBody(at_s, part.body, part.end_of_stream),
    "response_trailers": lambda _, at_s, __: seen.ResponseTrailers(at_s),
}


def _forward(command: do.Forward, asked: str) -> bytes:
    response = ProcessingResponse()
    part = response.request_body if asked == "request_body" else response.request_headers
    common: CommonResponse = part.response
    common.SetInParent()
    target = HELD if command.held else command.role
    if target is not None:
        _set(common.header_mutation, TARGET_HEADER, target.encode())
        common.clear_route_cache = True
    if command.body is not None:
        # Envoy refuses a changed body in BUFFERED mode whose length differs from the header.
        _set(common.header_mutation, "content-length", b"%d" % len(command.body))
        common.body_mutation.body = command.body
    _write(command.note, response, begins=True)
    return response.SerializeToString()


def _pass_response(command: do.PassResponse) -> bytes:
    if command.note is None:
        return _CONTINUE["response_headers"]
    response = ProcessingResponse()
    _set_all(response.response_headers.response.header_mutation, _note_headers(command.note))
    _write(command.note, response)
    return response.SerializeToString()


def _hold(command: do.Hold) -> bytes:
    response = ProcessingResponse()
    response.override_message_timeout.FromMilliseconds(int(command.seconds * 1000))
    return response.SerializeToString()


def _start_response(command: do.StartResponse) -> bytes:
    response = ProcessingResponse()
    mutation = response.response_headers.response.header_mutation
    _set(mutation, ":status", b"%d" % command.status)
    _set_all(mutation, (*command.headers, *_note_headers(command.note, pending=command.pending)))
    kept = {option.header.key for option in mutation.set_headers}
    mutation.remove_headers.extend(name for name in command.remove if name not in kept)
    response.mode_override.response_body_mode = ProcessingMode.FULL_DUPLEX_STREAMED
    response.mode_override.response_trailer_mode = ProcessingMode.SEND
    _write(command.note, response)
    return response.SerializeToString()


def _send_body(command: do.SendBody) -> bytes:
    response = ProcessingResponse()
    streamed = response.response_body.response.body_mutation.streamed_response
    streamed.body = command.data
    streamed.end_of_stream = command.end
    if command.note is not None:
        _write(command.note, response)
    return response.SerializeToString()


def _reply(command: do.Reply) -> bytes:
    response = ProcessingResponse()
    immediate = response.immediate_response
    immediate.status.code = command.status  # type: ignore[assignment] # any HTTP status, also those that the enum does not name
    _set_all(immediate.headers, command.headers)
    immediate.body = command.body
    if command.note is not None:
        _set_all(immediate.headers, _note_headers(command.note))
        _write(command.note, response, begins=True)
    return response.SerializeToString()


_REPLIES: dict[type, Callable[[Any], bytes]] = {
    do.PassResponse: _pass_response,
    do.Hold: _hold,
    do.StartResponse: _start_response,
    do.SendBody: _send_body,
    do.Reply: _reply,
}


def _set(mutation: HeaderMutation, name: str, value: bytes) -> None:
    option = mutation.set_headers.add()
    option.header.key = name
    option.header.raw_value = value
    option.append_action = _OVERWRITE


def _set_all(mutation: HeaderMutation, headers: Iterable[tuple[str, bytes]]) -> None:
    """Set headers in order; one that comes again (set-cookie) is added to the first."""
    present: set[str] = set()
    for name, value in headers:
        action = _APPEND if name in present else _OVERWRITE
        mutation.set_headers.append(HeaderValueOption(header=HeaderValue(key=name, raw_value=value), append_action=action))
        present.add(name)


def _note_headers(note: Note, *, pending: bool = False) -> list[tuple[str, bytes]]:
    """The response headers of the contract, where Envoy cannot write them itself any more."""
    outcome, model = ("PENDING", "") if pending else (note.outcome, note.model)
    values = (("outcome", outcome), ("model", model), ("rules", ",".join(note.rules)), ("trace-id", note.trace_id))
    return [(f"x-cascade-{name}", value.encode("latin-1", "replace")) for name, value in values if value]


def _write(note: Note, response: ProcessingResponse, *, begins: bool = False) -> None:
    """Put the note into the dynamic metadata of the stream, all values as strings. `begins`: this is the first of the stream.

    What Envoy copies into headers has a field of its own; `extproc.shell.accesslog` reads `more`, because each field costs as much
    as a rule.
    """
    fields = response.dynamic_metadata.fields[METADATA_NAMESPACE].struct_value.fields
    if (trace := note.trace) is not None and trace.kept:
        if note.calls:
            fields["told"].string_value = marks.told(note, trace)
        elif begins:
            fields["trace"].string_value = marks.begun(trace)
    fields["outcome"].string_value = note.outcome
    fields["model"].string_value = note.model
    fields["rules"].string_value = rules = ",".join(note.rules)
    fields["trace_id"].string_value = note.trace_id
    if note.calls:
        fields["calls"].string_value = msgspec.json.encode(note.calls).decode()
        if note.lossy:
            fields["lossy"].string_value = ",".join(note.lossy)[:_LONGEST]
    # Whoever reads it pays for each field as well, so in this one stands all of it once more.
    score = "" if note.score is None else f"{note.score:.3f}"
    head = f"{note.outcome} {note.trace_id} {rules} {note.model} {len(note.calls) or ''} {note.plan} {note.dialect} {note.turn}"
    more = f"{head} {score} {note.wanted or ''} {note.requested_model}"
    fields["more"].string_value = more if note.policy == "default" else f"{more} {note.policy} {note.team}"
