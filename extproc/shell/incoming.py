"""Envoy's `ProcessingRequest`s → the core's events.

The messages of a request that passes through are read by hand: what is large is copied once instead of twice, and headers stay
where they are until they are asked for. Envoy writes a message's fields in the order of their numbers, so what comes behind the one
that matters is settings, and is not looked at. All other messages are read by protobuf.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from extproc.core import events as seen
from extproc.pb.envoy.config.core.v3.base_pb2 import HeaderMap, HeaderValue
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest
from extproc.shell.fields import field, tag, within

REQUEST_HEADERS, REQUEST_BODY, RESPONSE_HEADERS = "request_headers", "request_body", "response_headers"

_Reader = Callable[[bytes, float], seen.Event | None]


def event_of(message: bytes, at_s: float) -> tuple[str, seen.Event | None]:
    """Read a message: its kind, and the event for the core; None where the core has no use for it. DecodeError where it is no message."""
    kind, read = _BY_HAND.get(message[:1], _OTHERWISE)
    if (event := read(message, at_s)) is not None:
        return kind, event
    request = ProcessingRequest.FromString(message)
    kind = request.WhichOneof("request") or ""
    build = _EVENTS.get(kind)
    return kind, build(request, at_s) if build else None


class WireHeaders(seen.Headers):
    """Headers that stay in their message until they are asked for: of a request that passes through, hardly any are."""

    __slots__ = ("_begin", "_end", "_message")

    def __init__(self, message: bytes, begin: int, end: int) -> None:
        """Take the `HeaderMap` that stands from `begin` to `end`."""
        self._message, self._begin, self._end = message, begin, end

    @property
    def pairs(self) -> list[tuple[str, bytes]]:
        """Give all of them."""
        return _pairs(HeaderMap.FromString(self._message[self._begin : self._end]))

    def get(self, name: str, default: str = "") -> str:
        """Give the first value of a header as text.

        A name with its tag and length before it stands nowhere but at its header: no value has a line feed in it, which is the tag,
        or begins with a control character, which is the length (RFC 9110, section 5.5; Envoy lets neither in).
        """
        named = _named(name)
        at = self._message.find(named, self._begin, self._end)
        if at < 0:
            return default
        begin, end = within(self._message, _VALUE, at + len(named))
        return self._message[begin:end].decode("latin-1") if begin and end <= self._end else super().get(name, default)


@lru_cache(maxsize=1_024)
def _named(name: str) -> bytes:
    """What a header's name is in a message."""
    return field(_NAME, name.encode())


def _pairs(told: HeaderMap) -> list[tuple[str, bytes]]:
    return [(header.key, header.raw_value or header.value.encode()) for header in told.headers]


def _whole_body(message: bytes, at_s: float) -> seen.Event | None:
    """Read a message that is nothing but a whole request body. None for any other."""
    begin, end = within(message, _REQUEST_BODY)
    if end != len(message):
        return None
    begin, end = within(message, _DATA, begin)
    return seen.RequestBody(at_s, message[begin:end]) if end and message[end:] == _LAST_BODY else None


def _with_headers(tagged: bytes, event: type[seen.RequestHeaders | seen.ResponseHeaders]) -> _Reader:
    def read(message: bytes, at_s: float) -> seen.Event | None:
        """Read a message that begins with headers. None for any other."""
        start, end = within(message, tagged)
        begin, last = within(message, _MAP, start)
        if not last or last > end or end > len(message) or (rest := message[last:end]) not in _BEHIND_HEADERS:
            return None
        return event(at_s, WireHeaders(message, begin, last), rest != b"")

    return read


_NAME, _VALUE = tag(HeaderValue, "key"), tag(HeaderValue, "raw_value")
_MAP, _DATA, _REQUEST_BODY = tag(HttpHeaders, "headers"), tag(HttpBody, "body"), tag(ProcessingRequest, REQUEST_BODY)
_LAST_BODY = HttpBody(end_of_stream=True).SerializeToString()
_BEHIND_HEADERS = (b"", HttpHeaders(end_of_stream=True).SerializeToString())
_REQUEST, _RESPONSE = tag(ProcessingRequest, REQUEST_HEADERS), tag(ProcessingRequest, RESPONSE_HEADERS)
_BY_HAND: dict[bytes, tuple[str, _Reader]] = {
    _REQUEST: (REQUEST_HEADERS, _with_headers(_REQUEST, seen.RequestHeaders)),
    _REQUEST_BODY: (REQUEST_BODY, _whole_body),
    _RESPONSE: (RESPONSE_HEADERS, _with_headers(_RESPONSE, seen.ResponseHeaders)),
}
_OTHERWISE: tuple[str, _Reader] = "", lambda _, __: None


def _plain(part: HttpHeaders, at_s: float) -> tuple[float, seen.Headers, bool]:
    return at_s, seen.Headers(_pairs(part.headers)), part.end_of_stream


_EVENTS: dict[str, Callable[[ProcessingRequest, float], seen.Event]] = {
    REQUEST_HEADERS: lambda request, at_s: seen.RequestHeaders(*_plain(request.request_headers, at_s)),
    REQUEST_BODY: lambda request, at_s: seen.RequestBody(at_s, request.request_body.body),
    RESPONSE_HEADERS: lambda request, at_s: seen.ResponseHeaders(*_plain(request.response_headers, at_s)),
    "response_body": lambda request, at_s: seen.ResponseBody(at_s, request.response_body.body, request.response_body.end_of_stream),
    "response_trailers": lambda _, at_s: seen.ResponseTrailers(at_s),
}
