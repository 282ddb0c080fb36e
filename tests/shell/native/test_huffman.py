"""The code of strings, held against the library's own reading of it."""

from __future__ import annotations

import pytest
from hpack.exceptions import HPACKDecodingError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st

from extproc.shell.native.http2.huffman import decoded

_ENCODER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
_TRACES = st.text("0123456789abcdef-", max_size=60).map(str.encode)


@given(st.binary(max_size=80) | _TRACES)
def test_what_is_coded_is_read(text: bytes):
    assert decoded(_ENCODER.encode(text)) == text


def _or_error(read, coded: bytes) -> bytes | None:
    try:
        return bytes(read(coded))
    except HPACKDecodingError:
        return None


@given(st.binary(max_size=40) | st.tuples(_TRACES.map(_ENCODER.encode), st.binary(max_size=3)).map(b"".join))
def test_anything_is_read_as_the_library_reads_it(coded: bytes):
    assert _or_error(decoded, coded) == _or_error(decode_huffman, coded)


def test_every_pair_of_bytes_is_read_as_the_library_reads_it():
    for number in range(1 << 16):
        coded = number.to_bytes(2, "big")
        assert _or_error(decoded, coded) == _or_error(decode_huffman, coded), coded


@pytest.mark.parametrize("coded", [b"\xff\xff\xff\xff", b"\xff", b"\x00\x00"])
def test_padding_is_short_and_of_ones(coded: bytes):
    with pytest.raises(HPACKDecodingError):
        decoded(coded)
