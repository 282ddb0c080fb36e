"""The events of a streamed answer, as far as they are read, and the response object that the first and the last of them carry.

Shapes as in https://platform.openai.com/docs/api-reference/responses-streaming. Nearly everything may be missing: servers that are
made for one client leave out what that client does not look at.
"""

from __future__ import annotations

from typing import Any, TypeVar, get_args

import msgspec

from extproc.core.errors import MalformedError
from extproc.core.wire.splice import readable

T = TypeVar("T")

_ODD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NULL = msgspec.Raw(b"null")


class Response(msgspec.Struct, frozen=True, gc=False):
    """The response object."""

    id: str | None = None
    model: str | None = None
    status: str | None = None
    output: msgspec.Raw = _NULL
    usage: Any = None
    error: Any = None
    incomplete_details: Any = None


class _Event(msgspec.Struct, frozen=True, gc=False, tag_field="type"):
    """Any event."""


class OfResponse(_Event, frozen=True, gc=False):
    """Carries the response object."""

    response: Response


class Created(OfResponse, frozen=True, gc=False, tag="response.created"):
    """The answer begins."""


class Queued(OfResponse, frozen=True, gc=False, tag="response.queued"):
    """The answer will begin."""


class InProgress(OfResponse, frozen=True, gc=False, tag="response.in_progress"):
    """The answer begins, once more."""


class Completed(OfResponse, frozen=True, gc=False, tag="response.completed"):
    """The answer is whole."""


class Incomplete(OfResponse, frozen=True, gc=False, tag="response.incomplete"):
    """The answer ends before its time."""


class Failed(OfResponse, frozen=True, gc=False, tag="response.failed"):
    """The answer ends with an error."""


class _OfItem(_Event, frozen=True, gc=False):
    item: dict[str, Any]
    output_index: int | None = None

    @property
    def item_id(self) -> str:
        """The item's own id; empty where it has none."""
        given = self.item.get("id")
        return given if isinstance(given, str) else ""


class ItemAdded(_OfItem, frozen=True, gc=False, tag="response.output_item.added"):
    """An item begins."""


class ItemDone(_OfItem, frozen=True, gc=False, tag="response.output_item.done"):
    """An item is whole. Some servers send nothing else of it."""


class Inside(_Event, frozen=True, gc=False):
    """Speaks of something inside of an item."""

    output_index: int | None = None
    item_id: str | None = None
    content_index: int | None = None
    summary_index: int | None = None


class PartAdded(Inside, frozen=True, gc=False, tag="response.content_part.added", kw_only=True):
    """A part of a message begins."""

    part: dict[str, Any]


class PartDone(Inside, frozen=True, gc=False, tag="response.content_part.done", kw_only=True):
    """A part of a message is whole."""

    part: dict[str, Any]


class _Delta(Inside, frozen=True, gc=False):
    delta: str | None = None


class TextDelta(_Delta, frozen=True, gc=False, tag="response.output_text.delta"):
    """A message's text goes on."""


class RefusalDelta(_Delta, frozen=True, gc=False, tag="response.refusal.delta"):
    """A message's refusal goes on."""


class ArgumentsDelta(_Delta, frozen=True, gc=False, tag="response.function_call_arguments.delta"):
    """A call's arguments go on."""


class InputDelta(_Delta, frozen=True, gc=False, tag="response.custom_tool_call_input.delta"):
    """A custom tool's input goes on."""


class SummaryDelta(_Delta, frozen=True, gc=False, tag="response.reasoning_summary_text.delta"):
    """The summary of a thought goes on."""


class ThoughtDelta(_Delta, frozen=True, gc=False, tag="response.reasoning_text.delta"):
    """A thought goes on that is told as it is."""


class TextDone(Inside, frozen=True, gc=False, tag="response.output_text.done"):
    """A message's whole text."""

    text: str | None = None


class RefusalDone(Inside, frozen=True, gc=False, tag="response.refusal.done"):
    """A message's whole refusal."""

    refusal: str | None = None


class ArgumentsDone(Inside, frozen=True, gc=False, tag="response.function_call_arguments.done"):
    """A call's whole arguments."""

    arguments: str | None = None


class InputDone(Inside, frozen=True, gc=False, tag="response.custom_tool_call_input.done"):
    """A custom tool's whole input."""

    input: str | None = None


class Failure(_Event, frozen=True, gc=False, tag="error"):
    """An error outside of any response; its values stand in the event, or in an object of their own."""

    message: Any = None
    code: Any = None
    error: Any = None


Event = (
    Created
    | Queued
    | InProgress
    | Completed
    | Incomplete
    | Failed
    | ItemAdded
    | ItemDone
    | PartAdded
    | PartDone
    | TextDelta
    | RefusalDelta
    | ArgumentsDelta
    | InputDelta
    | SummaryDelta
    | ThoughtDelta
    | TextDone
    | RefusalDone
    | ArgumentsDone
    | InputDone
    | Failure
)


class _Untyped(msgspec.Struct, frozen=True, gc=False):
    type: str = ""
    error: Any = None


_EVENTS: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_TYPES = frozenset([kind.__struct_config__.tag for kind in get_args(Event)])
_UNTYPED = msgspec.json.Decoder(_Untyped)
_RESPONSE = msgspec.json.Decoder(Response)
_OUTPUT = msgspec.json.Decoder(list[dict[str, Any]] | None)


def event_of(data: bytes) -> Event | None:
    """Read an event; None for one that is not known. MalformedError where it is no event, or a known one in another shape."""
    try:
        return _EVENTS.decode(data)
    except msgspec.ValidationError:
        return _other(data)
    except _ODD:
        pass
    # A provider may cut an emoji in half, too.
    try:
        return _EVENTS.decode(readable(data))
    except msgspec.ValidationError:
        return _other(readable(data))
    except _ODD:
        raise MalformedError("not_json") from None


def _other(data: bytes) -> Failure | None:
    """An event that is not known, or an error that is not called one, as some servers put it into a stream."""
    event = _decoded(data, _UNTYPED)
    if event.type in _TYPES:
        raise MalformedError("unexpected_json")
    return Failure(error=event.error) if not event.type and event.error else None


def response_of(body: bytes) -> Response:
    """Read a response object. MalformedError where it is none."""
    return _decoded(body, _RESPONSE)


def items_of(response: Response) -> list[dict[str, Any]] | None:
    """Read the items that a response object has; None where it does not say. MalformedError where they are no items."""
    items: list[dict[str, Any]] | None = _decoded(response.output, _OUTPUT)
    return items


def _decoded(data: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(data)
    except _ODD:
        pass
    try:
        return decoder.decode(readable(bytes(data)))
    except _ODD:
        raise MalformedError("not_json") from None
