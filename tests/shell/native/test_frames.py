"""However the bytes come, the frames are the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.shell.native.http2 import frames as f
from extproc.shell.native.http2.errors import Code, ConnectionFault
from extproc.shell.native.http2.frames import PREFACE, FrameReader, frame
from tests.shell.native.wire import cut

SOME = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.integers(0, 255),
        st.integers(0, 0x7FFFFFFF),
        st.binary(max_size=60) | st.binary(min_size=5000, max_size=5000),
    ),
    max_size=8,
)


def _read(pieces: list[bytes]) -> list[tuple[int, int, int, bytes]]:
    """Frames, with the pieces of a DATA frame put together again."""
    reader, read = FrameReader(), []
    going_on = False
    for piece in pieces:
        for kind, flags, stream_id, payload in reader.feed(piece):
            if going_on:
                read[-1] = (kind, flags, stream_id, read[-1][3] + bytes(payload))
            else:
                read.append((kind, flags, stream_id, bytes(payload)))
            going_on = reader._data_left > 0
    return read


@given(SOME, st.lists(st.integers(min_value=0), max_size=12))
def test_every_cut_gives_the_same_frames(some: list[tuple[int, int, int, bytes]], places: list[int]):
    data = PREFACE + b"".join(frame(*one) for one in some)
    assert _read(cut(data, places)) == some
    assert _read([bytes([one]) for one in data]) == some


def test_a_large_data_frame_is_not_waited_for():
    reader = FrameReader()
    whole = PREFACE + frame(f.DATA, f.END_STREAM, 1, b"a" * 10_000)
    pieces = [list(reader.feed(part)) for part in cut(whole, [100, 5000])]
    assert [[(flags, len(payload)) for _, flags, _, payload in part] for part in pieces] == [[(0, 67)], [(0, 4900)], [(1, 5033)]]


@pytest.mark.parametrize("feed", [lambda data: [data], lambda data: [bytes([one]) for one in data]], ids=["whole", "bytes"])
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"GET / HTTP/1.1\r\n", Code.PROTOCOL_ERROR),
        (PREFACE[:-1] + b"X", Code.PROTOCOL_ERROR),
        (PREFACE + f.head(f.DATA, 0, 1, 16_385), Code.FRAME_SIZE_ERROR),
        (PREFACE + f.head(99, 0, 1, 0xFFFFFF), Code.FRAME_SIZE_ERROR),
        (PREFACE + frame(f.DATA, 0, 1, b"x" * 16_385), Code.FRAME_SIZE_ERROR),
    ],
    ids=["http/1", "typo", "large data", "large unknown", "large and whole"],
)
def test_what_is_no_http2(data: bytes, code: Code, feed):
    with pytest.raises(ConnectionFault) as caught:
        _read(feed(data))
    assert caught.value.code is code


@pytest.mark.parametrize(("payload", "content"), [(b"\x00abc", b"abc"), (b"\x02abcxx", b"abc"), (b"\x03abc", b""), (b"\x00", b"")])
def test_padding_is_taken_off(payload: bytes, content: bytes):
    assert f.unpadded(1, f.PADDED, payload) == content
    assert f.unpadded(1, 0, payload) == payload


@pytest.mark.parametrize(
    ("payload", "code"), [(b"", Code.FRAME_SIZE_ERROR), (b"\x01", Code.PROTOCOL_ERROR), (b"\x04abc", Code.PROTOCOL_ERROR)]
)
def test_padding_beyond_the_payload(payload: bytes, code: Code):
    with pytest.raises(ConnectionFault) as caught:
        f.unpadded(1, f.PADDED, payload)
    assert caught.value.code is code
