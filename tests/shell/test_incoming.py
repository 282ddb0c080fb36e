"""Envoy's messages become events; those that are read by hand are read as protobuf reads them."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from extproc.core import events as seen
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import ProcessingRequest
from extproc.shell.incoming import event_of

BODIES = st.binary(max_size=300) | st.integers(0, 70_000).map(bytes)
NAMES = st.sampled_from([":path", ":status", "te", "x-a", "content-type", "authorization", "x-" + "long" * 40])
VALUES = st.from_regex(rb"([!-~\x80-\xff]([\t -~\x80-\xff]{0,300}[!-~\x80-\xff])?)?", fullmatch=True)
"""What Envoy lets into a header (RFC 9110, section 5.5), names of other headers included."""
KINDS = st.sampled_from(["request_headers", "response_headers"])


def body(data: bytes, *, end: bool = True) -> bytes:
    made = ProcessingRequest()
    made.request_body.body = data
    made.request_body.end_of_stream = end
    return made.SerializeToString()


def headers(kind: str, pairs: list[tuple[str, bytes]], *, end: bool = False) -> ProcessingRequest:
    made = ProcessingRequest()
    part = getattr(made, kind)
    part.SetInParent()
    part.end_of_stream = end
    for key, value in pairs:
        part.headers.headers.add(key=key, raw_value=value)
    return made


def told(message: bytes) -> tuple[str, list[tuple[str, bytes]], bool]:
    kind, event = event_of(message, 1.5)
    assert isinstance(event, seen.RequestHeaders | seen.ResponseHeaders)
    assert event.at_s == 1.5
    assert isinstance(event, seen.RequestHeaders if kind == "request_headers" else seen.ResponseHeaders)
    return kind, event.headers.pairs, event.end


@given(BODIES, st.booleans(), st.binary(max_size=6))
def test_a_body_is_read_as_protobuf_reads_it(data: bytes, end: bool, more: bytes):
    """Alone in its message, which we read by hand, and with anything behind it, which may even hold another."""
    for message in (body(data, end=end) + more, body(b"", end=False) + more):
        try:
            read = ProcessingRequest.FromString(message)
        except DecodeError:
            with pytest.raises(DecodeError):
                event_of(message, 1.0)
            continue
        if read.WhichOneof("request") == "request_body":
            assert event_of(message, 1.0) == ("request_body", seen.RequestBody(1.0, read.request_body.body))


@given(BODIES, st.data())
def test_a_body_that_is_cut_is_a_decode_error(data: bytes, draw: st.DataObject):
    message = body(data)
    with pytest.raises(DecodeError):
        event_of(message[: draw.draw(st.integers(1, len(message) - 1))], 1.0)


@given(KINDS, st.lists(st.tuples(NAMES, VALUES), max_size=12), st.booleans())
def test_headers_are_read_as_protobuf_reads_them(kind: str, pairs: list[tuple[str, bytes]], end: bool):
    message = headers(kind, pairs, end=end).SerializeToString()
    assert told(message) == (kind, pairs, end)
    _, event = event_of(message, 1.0)
    plain = seen.Headers(pairs)
    for name in (":path", ":status", "te", "x-a", "content-type", "authorization", "x-" + "long" * 40, "x-none"):
        assert event.headers.get(name, "?") == plain.get(name, "?")


def test_a_name_within_a_value_is_no_header():
    pairs = [("x-a", b"authorization: none"), ("x-authorization", b"1"), ("authorization-x", b"2"), ("authorization", b"3")]
    _, event = event_of(headers("request_headers", pairs).SerializeToString(), 1.0)
    assert event.headers.get("authorization") == "3"


@given(KINDS, st.lists(st.tuples(NAMES, VALUES), max_size=4), st.booleans())
def test_what_envoy_writes_behind_the_headers_is_settings(kind: str, pairs: list[tuple[str, bytes]], end: bool):
    made = headers(kind, pairs, end=end)
    made.metadata_context.filter_metadata["cascade"].update({"more": "\n\x05:path\x1a\x01x"})
    made.attributes["envoy.filters.http.ext_proc"].update({":path": "/elsewhere"})
    made.protocol_config.SetInParent()
    assert told(made.SerializeToString()) == (kind, pairs, end)


@given(KINDS, st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=4), st.booleans(), st.data())
def test_headers_that_are_cut_are_a_decode_error(kind: str, pairs: list[tuple[str, bytes]], end: bool, draw: st.DataObject):
    message = headers(kind, pairs, end=end).SerializeToString()
    with pytest.raises(DecodeError):
        event_of(message[: draw.draw(st.integers(1, len(message) - 1))], 1.0)


def test_values_of_an_older_envoy_are_texts():
    made = ProcessingRequest()
    made.request_headers.headers.headers.add(key=":path", value="/ü")
    _, event = event_of(made.SerializeToString(), 1.0)
    assert event.headers.get(":path") == "/ü".encode().decode("latin-1")
    assert event.headers.pairs == [(":path", "/ü".encode())]
