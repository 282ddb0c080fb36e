"""Envoy's `ProcessingRequest`s → the core's events.

A whole request body is read by hand, so that what is large is copied once instead of twice. All other messages are read by protobuf;
to read headers by hand as well was tried, and is no faster under load.
"""

from __future__ import annotations

from collections.abc import Callable

from extproc.core import events as seen
from extproc.pb.envoy.config.core.v3.base_pb2 import HeaderMap
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest
from extproc.shell.fields import tag, within


def event_of(message: bytes, at_s: float) -> tuple[str, seen.Event | None]:
    """Read a message: its kind, and the event for the core; None where the core has no use for it. DecodeError where it is no message."""
    if (body := _whole_body(message)) is not None:
        return "request_body", seen.RequestBody(at_s, body)
    request = ProcessingRequest.FromString(message)
    kind = request.WhichOneof("request") or ""
    build = _EVENTS.get(kind)
    return kind, build(request, at_s, message) if build else None


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
        if self._message.find(name.encode()) < 0:
            return default  # names stand in a message as they are
        for header in self._map.headers:
            if header.key == name:
                return (header.raw_value or header.value.encode()).decode("latin-1")
        return default


def _whole_body(message: bytes) -> bytes | None:
    """Read a message that is nothing but a whole request body. None for any other."""
    begin, end = within(message, _REQUEST_BODY)
    if end != len(message):
        return None
    begin, end = within(message, _DATA, begin)
    return message[begin:end] if end and message[end:] == _WHOLE_STREAM else None


_REQUEST_BODY, _DATA = tag(ProcessingRequest, "request_body"), tag(HttpBody, "body")
_WHOLE_STREAM = HttpBody(end_of_stream=True).SerializeToString()


def _headers(part: HttpHeaders, at_s: float, message: bytes) -> tuple[float, WireHeaders, bool]:
    return at_s, WireHeaders(part.headers, message), part.end_of_stream


_EVENTS: dict[str, Callable[[ProcessingRequest, float, bytes], seen.Event]] = {
    "request_headers": lambda request, at_s, message: seen.RequestHeaders(*_headers(request.request_headers, at_s, message)),
    "request_body": lambda request, at_s, _: seen.RequestBody(at_s, request.request_body.body),
    "response_headers": lambda request, at_s, message: seen.ResponseHeaders(*_headers(request.response_headers, at_s, message)),
    "response_body": lambda request, at_s, _: seen.ResponseBody(at_s, request.response_body.body, request.response_body.end_of_stream),
    "response_trailers": lambda _, at_s, __: seen.ResponseTrailers(at_s),
}
