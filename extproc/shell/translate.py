"""Envoy's ext_proc messages ⇄ the core's events and commands, for one exchange.

Knows what Envoy demands of an answer: which oneof it must stand in, the content-length of a changed body, modes and chunk forms
(Envoy `envoy/service/ext_proc/v3/external_processor.proto`). Constant answers are serialised once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import msgspec

from extproc.config.runtime import METADATA_NAMESPACE, TARGET_HEADER
from extproc.core import commands as do
from extproc.core import events as seen
from extproc.core.records import Note
from extproc.core.vocabulary import HELD, Role
from extproc.pb.envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from extproc.pb.envoy.extensions.filters.http.ext_proc.v3.processing_mode_pb2 import ProcessingMode
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import (
    BodyMutation,
    BodyResponse,
    CommonResponse,
    HeaderMutation,
    ProcessingResponse,
)
from extproc.shell import marks
from extproc.shell.fields import field, head, struct, tag, text
from extproc.shell.incoming import event_of

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
        kind, event = event_of(message, at_s)
        if kind and kind != "response_body":  # full-duplex chunks are not answered one by one
            self._asked = kind
        return event

    def reply(self, command: do.Command) -> bytes | None:
        """Write the `ProcessingResponse` for a command; None for commands that are none of Envoy's business."""
        build = _REPLIES.get(type(command))
        return build(command, self._asked) if build else None


def _forward(command: do.Forward, asked: str) -> bytes:
    target = HELD if command.held else command.role
    common = _TO[target] if target is not None else b""
    body, size = command.body or b"", 0
    if command.body is not None:
        size = len(body)
        # Envoy refuses a changed body in BUFFERED mode whose length differs from the header.
        told = b"%d" % size
        whole = head(_WHOLE, size)
        common = b"".join((common, _CONTENT_LENGTH[len(told)], told, _OVERWRITING, head(_BODY, len(whole) + size), whole))
    response = head(_RESPONSE, len(common) + size)
    return b"".join((head(_ANSWERS[asked], len(response) + len(common) + size), response, common, body, _noted(command.note, begins=True)))


def _header(name: str, value: bytes) -> bytes:
    """A `CommonResponse` that sets a header."""
    return field(_HEADERS, field(_SET, field(_HEADER, field(_NAME, name.encode()) + field(_VALUE, value)) + _OVERWRITING))


_ANSWERS = {name: tag(ProcessingResponse, name) for name in ("request_headers", "request_body")}
_METADATA = tag(ProcessingResponse, "dynamic_metadata")
_RESPONSE = tag(BodyResponse, "response")  # of the same number in HeadersResponse
_HEADERS, _BODY, _WHOLE = tag(CommonResponse, "header_mutation"), tag(CommonResponse, "body_mutation"), tag(BodyMutation, "body")
_SET, _HEADER = tag(HeaderMutation, "set_headers"), tag(HeaderValueOption, "header")
_NAME, _VALUE = tag(HeaderValue, "key"), tag(HeaderValue, "raw_value")
_OVERWRITING = HeaderValueOption(append_action=_OVERWRITE).SerializeToString()
_REROUTED = CommonResponse(clear_route_cache=True).SerializeToString()
_TO = {str(target): _header(TARGET_HEADER, target.encode()) + _REROUTED for target in (HELD, *Role)}
"""What sends a request elsewhere, by the value of the target header."""
_CONTENT_LENGTH = [_header("content-length", b"0" * digits)[: -digits - len(_OVERWRITING)] for digits in range(1, 20)]
_CONTENT_LENGTH.insert(0, b"")
"""What stands before the new length, by the number of its digits; behind it stands `_OVERWRITING`."""


def _pass_response(command: do.PassResponse, _: str) -> bytes:
    if command.note is None:
        return _CONTINUE["response_headers"]
    response = ProcessingResponse()
    _set_all(response.response_headers.response.header_mutation, _note_headers(command.note))
    return response.SerializeToString() + _noted(command.note)


def _hold(command: do.Hold, _: str) -> bytes:
    response = ProcessingResponse()
    response.override_message_timeout.FromMilliseconds(int(command.seconds * 1000))
    return response.SerializeToString()


def _start_response(command: do.StartResponse, _: str) -> bytes:
    response = ProcessingResponse()
    mutation = response.response_headers.response.header_mutation
    _set(mutation, ":status", b"%d" % command.status)
    _set_all(mutation, (*command.headers, *_note_headers(command.note, pending=command.pending)))
    kept = {option.header.key for option in mutation.set_headers}
    mutation.remove_headers.extend(name for name in command.remove if name not in kept)
    response.mode_override.response_body_mode = ProcessingMode.FULL_DUPLEX_STREAMED
    response.mode_override.response_trailer_mode = ProcessingMode.SEND
    return response.SerializeToString() + _noted(command.note)


def _send_body(command: do.SendBody, _: str) -> bytes:
    response = ProcessingResponse()
    streamed = response.response_body.response.body_mutation.streamed_response
    streamed.body = command.data
    streamed.end_of_stream = command.end
    return response.SerializeToString() + (_noted(command.note) if command.note is not None else b"")


def _reply(command: do.Reply, _: str) -> bytes:
    response = ProcessingResponse()
    immediate = response.immediate_response
    immediate.status.code = command.status  # type: ignore[assignment] # any HTTP status, also those that the enum does not name
    _set_all(immediate.headers, command.headers)
    immediate.body = command.body
    if command.note is None:
        return response.SerializeToString()
    _set_all(immediate.headers, _note_headers(command.note))
    return response.SerializeToString() + _noted(command.note, begins=True)


_REPLIES: dict[type, Callable[[Any, str], bytes]] = {
    do.Forward: _forward,
    do.AwaitBody: lambda _, __: _CONTINUE["request_headers"],
    do.EndWithTrailers: lambda _, __: _CONTINUE["response_trailers"],
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


def _noted(note: Note, *, begins: bool = False) -> bytes:
    """Write the note as dynamic metadata of the stream, all values as texts. `begins`: this is the first of the stream.

    What Envoy copies into headers has a field of its own; `extproc.shell.accesslog` reads `more`, because each field costs as much
    as a rule.
    """
    rules, shown = _shown(note.outcome, note.model, note.rules)
    score = "" if note.score is None else f"{note.score:.3f}"
    calls = str(len(note.calls)) if note.calls else ""
    # Whoever reads it pays for each field as well, so in this one stands all of it once more.
    more = [note.outcome, note.trace_id, rules, note.model, calls, note.plan, note.dialect, note.turn, score, note.wanted or ""]
    more.append(note.requested_model)
    if note.policy != "default":
        more += (note.policy, note.team)
    told = [shown, text("trace_id", note.trace_id), text("more", " ".join(more))]
    if (trace := note.trace) is not None and trace.kept:
        if note.calls:
            told.append(text("told", marks.told(note, trace)))
        elif begins:
            told.append(text("trace", marks.begun(trace)))
        if note.contents:
            told.append(text("content", marks.contents(note)))
    if note.calls:
        told.append(text("calls", msgspec.json.encode(note.calls).decode()))
        if note.lossy:
            told.append(text("lossy", ",".join(note.lossy)[:_LONGEST]))
    return field(_METADATA, struct(METADATA_NAMESPACE, b"".join(told)))


@lru_cache(maxsize=1_024)  # many requests have these alike
def _shown(outcome: str, model: str, rules: tuple[str, ...]) -> tuple[str, bytes]:
    listed = ",".join(rules)
    return listed, text("outcome", outcome) + text("model", model) + text("rules", listed)
