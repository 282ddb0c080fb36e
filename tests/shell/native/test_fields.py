"""Header blocks: what they say, what they may not say, and that remembering them changes nothing."""

from __future__ import annotations

import pytest
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from extproc.shell.native.http2 import fields, limits
from extproc.shell.native.http2.errors import Code, ConnectionFault, StreamFault
from extproc.shell.native.http2.fields import BlockReader
from tests.shell.native.wire import CALL, block

GET = [(":method", "GET"), (":scheme", "http"), (":path", "/x"), (":authority", "a")]
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)


def _reader() -> BlockReader:
    reader = BlockReader()
    reader.forget_table()
    return reader


def test_a_request_is_read():
    request, trace = _reader().request(1, block([*CALL, ("traceparent", "00-ab-cd-01"), ("content-length", "12")]))
    assert (request.method, request.path, request.length) == (b"POST", CALL[2][1].encode(), 12)
    assert trace == b"00-ab-cd-01"
    assert request.get(b"content-type") == b"application/grpc"
    assert request.get(b"nothing") is None


def test_the_same_block_is_decoded_once():
    reader = _reader()
    first = reader.request(1, block())
    assert reader.request(3, block())[0] is first[0]
    assert reader.request(5, block([*CALL, ("x", "1")]))[0] is not first[0]


def test_nothing_is_remembered_while_the_peer_may_keep_a_table():
    reader, encoder = BlockReader(), Encoder()
    read = [reader.request(1, encoder.encode([*GET, ("x-a", value)]))[0].get(b"x-a") for value in ("1", "1", "2", "1")]
    assert read == [b"1", b"1", b"2", b"1"]
    assert reader.request(1, encoder.encode(GET))[0] is not reader.request(1, encoder.encode(GET))[0]


@given(st.lists(st.lists(st.tuples(st.sampled_from(["x-a", "x-b", "te"]), VALUES | st.just("trailers")), max_size=4), max_size=20))
def test_remembering_changes_no_meaning(requests: list[list[tuple[str, str]]]):
    """A peer with a table, that gives it up with its acknowledgement, is understood throughout."""
    reader, encoder = BlockReader(), Encoder()
    for number, more in enumerate(requests):
        if number == len(requests) // 2:
            encoder.header_table_size = 0
            reader.forget_table()
        encoded = encoder.encode([*GET, *more])
        expected = [(name.encode(), value.encode()) for name, value in more]
        if any(name == "te" and value != "trailers" for name, value in more):
            with pytest.raises(StreamFault):
                reader.request(1, encoded)
        else:
            assert list(reader.request(1, encoded)[0].fields) == expected


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize("huffman", [True, False])
def test_a_block_that_differs_in_its_trace_alone_is_not_decoded_again(huffman: bool, monkeypatch: pytest.MonkeyPatch):
    reader = _reader()
    first, trace = reader.request(1, block([*CALL, ("traceparent", TRACE), ("x", "y")], huffman=huffman))
    assert trace == TRACE.encode()
    monkeypatch.setattr(reader, "_decoder", None)
    for other in (TRACE.replace("a", "b"), "1", "~" * 60):
        assert reader.request(3, block([*CALL, ("traceparent", other), ("x", "y")], huffman=huffman)) == (first, other.encode())


BLOCKS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from(["x", "tracestate", "traceparent"]), VALUES | st.just("traceparent")), max_size=3),
        VALUES | st.text("0123456789abcdef-", max_size=200) | st.just(TRACE),
        st.booleans(),
        st.sampled_from([b"", b"\x88", b"\x00\x01", b"\x0btraceparent", bytes.fromhex("00884d83216b1d85a93f"), b"\x37"]),
    ),
    min_size=1,
    max_size=8,
)


@given(BLOCKS)
def test_remembering_all_but_the_trace_changes_no_meaning(blocks: list[tuple[list[tuple[str, str]], str, bool, bytes]]):
    """Whatever else stands in the block, how often the field is told, how it is coded, and whatever follows it."""
    reader = _reader()
    for more, trace, huffman, tail in blocks:
        encoded = block([*GET, *more, ("traceparent", trace), *more], huffman=huffman) + tail
        assert _told(reader, encoded) == _told(_reader(), encoded)


def _told(reader: BlockReader, encoded: bytes) -> object:
    try:
        request, trace = reader.request(1, encoded)
    except (ConnectionFault, StreamFault) as fault:
        return fault.code
    return request.method, request.path, request.fields, request.length, trace


def test_a_trace_context_that_is_told_twice_says_nothing():
    assert _reader().request(1, block([*GET, ("traceparent", TRACE), ("traceparent", TRACE)]))[1] == b""


def test_memory_for_blocks_is_bounded():
    reader = _reader()
    for number in range(2000):
        reader.request(1, block([*GET, ("x-n", str(number))]))
        reader.request(1, block([*GET, ("traceparent", TRACE), ("x-n", str(number))]))
    assert len(reader._known) <= 512
    assert len(reader._shapes) <= 8


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        GET[1:],
        [GET[0], *GET[2:]],
        [*GET[:2], GET[3]],
        [*GET, (":path", "/y")],
        [(":method", ""), *GET[1:]],
        [*GET[:2], (":path", ""), GET[3]],
        [*GET, ("x", "y"), (":authority", "b")],
        [*GET, (":status", "200")],
        [*GET, (":protocol", "websocket")],
        [*GET, ("X-Upper", "y")],
        [*GET, ("x y", "z")],
        [*GET, ("", "z")],
        [*GET, ("x", "a\r\nb: c")],
        [*GET, ("x", "a\0")],
        [*GET, ("x", " a")],
        [*GET, ("x", "a\t")],
        [*GET, ("connection", "close")],
        [*GET, ("transfer-encoding", "chunked")],
        [*GET, ("upgrade", "h2c")],
        [*GET, ("te", "gzip")],
        [*GET, ("content-length", "-1")],
        [*GET, ("content-length", "1x")],
        [*GET, ("content-length", "")],
        [*GET, ("content-length", "9" * 30)],
        [*GET, ("content-length", "1"), ("content-length", "2")],
    ],
)
def test_a_malformed_request_is_a_fault_of_its_stream(wrong: list[tuple[str, str]]):
    with pytest.raises(StreamFault) as caught:
        _reader().request(7, block(wrong))
    assert (caught.value.stream_id, caught.value.code) == (7, Code.PROTOCOL_ERROR)


def test_connect_has_no_path():
    assert _reader().request(1, block([(":method", "CONNECT"), (":authority", "a:1")]))[0].path == b""


@pytest.mark.parametrize(
    ("encoded", "code"),
    [
        (b"\xbe", Code.COMPRESSION_ERROR),  # an entry of the table that is not there
        (b"\x80", Code.COMPRESSION_ERROR),  # entry 0
        (b"\x82\x20", Code.COMPRESSION_ERROR),  # a size update at the end
        (b"\x3f\x01\x82", Code.COMPRESSION_ERROR),  # a table larger than allowed
        (b"\x00\x05ab", Code.COMPRESSION_ERROR),  # cut
        (b"\x04\xff" + b"\xff" * 20, Code.COMPRESSION_ERROR),  # a length without end
        (b"\x00\x81\x00\x01a", Code.COMPRESSION_ERROR),  # a Huffman code that ends in the middle
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", Code.COMPRESSION_ERROR),
        (block([("x", "a" * limits.FIELD_BYTES)]), Code.ENHANCE_YOUR_CALM),
    ],
)
def test_a_block_that_cannot_be_read_is_a_fault_of_the_connection(encoded: bytes, code: Code):
    with pytest.raises(ConnectionFault) as caught:
        _reader().request(1, encoded)
    assert caught.value.code is code
    assert " at 0x" not in caught.value.reason, "the peer learns nothing of our memory"


@given(st.binary(max_size=200))
def test_garbage_is_a_fault_and_nothing_else(garbage: bytes):
    try:
        request, _ = _reader().request(1, garbage)
    except (ConnectionFault, StreamFault):
        return
    assert request.method


def test_our_own_blocks_are_read_by_others():
    from hpack import Decoder

    written = fields.block(200, [(b"content-type", b"application/grpc")])
    assert Decoder().decode(fields.first(written)) == [(":status", "200"), ("content-type", "application/grpc")]
    assert Decoder().decode(fields.block(415, [])) == [(":status", "415")]
    assert Decoder().decode(fields.block(None, [(b"grpc-status", b"0")])) == [("grpc-status", "0")]
