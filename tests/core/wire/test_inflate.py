"""A compressed body inflates to the same bytes, or fails for the same reason, however it is cut."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.errors import MalformedError
from extproc.core.wire.inflate import Inflater

BODY = b'data: {"text":"' + bytes(range(256)) * 40 + b'"}\n\n'
CUTS = st.lists(st.integers(0, 300), max_size=8)


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS = {"gzip": gzip.compress, "x-gzip": gzip.compress, "deflate": zlib.compress, " Deflate ": bare, "": bytes, "identity": bytes}


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def inflated(encoding: str, parts: list[bytes], limit: int = 1 << 20) -> bytes:
    inflater = Inflater(encoding, limit)
    return b"".join([inflater.feed(part) for part in parts]) + inflater.finish()


@pytest.mark.parametrize("encoding", PACKERS)
@given(data=st.binary(max_size=400), cuts=CUTS)
def test_every_cut_gives_the_same_bytes(encoding: str, data: bytes, cuts: list[int]):
    assert inflated(encoding, pieces(PACKERS[encoding](data), cuts)) == data


@pytest.mark.parametrize("encoding", PACKERS)
def test_single_bytes(encoding: str):
    packed = PACKERS[encoding](BODY)
    assert inflated(encoding, [packed[at : at + 1] for at in range(len(packed))]) == BODY


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=5), CUTS)
def test_a_gzip_file_may_have_several_members(members: list[bytes], cuts: list[int]):
    packed = b"".join(map(gzip.compress, members))
    assert inflated("gzip", pieces(packed, cuts)) == b"".join(members)


def test_thousands_of_members():
    assert inflated("gzip", [gzip.compress(b"x") * 20_000]) == b"x" * 20_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", " Deflate "])
@given(data=st.data())
def test_what_ends_too_early_is_no_body(encoding: str, data: st.DataObject):
    packed = PACKERS[encoding](BODY)
    end = data.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(MalformedError, match="truncated"):
        inflated(encoding, pieces(packed[:end], data.draw(CUTS)))


@pytest.mark.parametrize("encoding", PACKERS)
def test_no_bytes_are_an_empty_body(encoding: str):
    assert inflated(encoding, []) == b""


@pytest.mark.parametrize("encoding", PACKERS)
@given(cuts=CUTS)
def test_the_limit_is_exact(encoding: str, cuts: list[int]):
    parts = pieces(PACKERS[encoding](BODY), cuts)
    assert inflated(encoding, parts, len(BODY)) == BODY
    with pytest.raises(MalformedError, match="too_large"):
        inflated(encoding, parts, len(BODY) - 1)


def test_a_bomb_stops_at_the_limit():
    bomb = gzip.compress(bytes(50_000_000))
    with pytest.raises(MalformedError, match="too_large"):
        Inflater("gzip", 1000).feed(bomb)


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", b"this is plain text"),
        ("gzip", gzip.compress(BODY)[:-8] + bytes(8)),
        ("gzip", gzip.compress(BODY) + b"rubbish"),
        ("deflate", zlib.compress(BODY) + b"rubbish"),
        ("deflate", bare(BODY) + zlib.compress(BODY)),
        ("deflate", b"\xff" * 20),
    ],
)
@given(cuts=CUTS)
def test_broken_bodies(encoding: str, packed: bytes, cuts: list[int]):
    with pytest.raises(MalformedError, match="broken_encoding"):
        inflated(encoding, pieces(packed, cuts))


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "x-deflate"])
def test_unknown_encodings(encoding: str):
    with pytest.raises(MalformedError, match="unknown_encoding"):
        Inflater(encoding, 1)
