"""HPACK's Huffman code (RFC 7541, section 5.2 and appendix B), read a byte at a time.

The `hpack` library reads it by half bytes, which is a quarter of what a call costs once its other fields are known. This is its
table, with two half bytes made one step. The steps are found out when they are needed, and there are at most 65,536.
"""

from __future__ import annotations

from typing import Final

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_table import HUFFMAN_COMPLETE, HUFFMAN_EMIT_SYMBOL, HUFFMAN_FAIL, HUFFMAN_TABLE


class _State(dict[int, tuple[bytes, "_State", bool]]):
    """Where the code stands between two bytes: next byte → the characters it completes, the next state, and whether it may end there."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __missing__(self, byte: int) -> tuple[bytes, _State, bool]:
        number, told, flags = self._number, b"", 0
        for half in (byte >> 4, byte & 0xF):
            number, flags, character = HUFFMAN_TABLE[16 * number + half]
            if flags & HUFFMAN_FAIL:
                raise HPACKDecodingError("no Huffman code")
            if flags & HUFFMAN_EMIT_SYMBOL:
                told += bytes((character,))
        step = self[byte] = told, _STATES[number], flags & HUFFMAN_COMPLETE != 0
        return step


_STATES: Final = [_State(number) for number in range(256)]


def decoded(coded: bytes) -> bytes:
    """Give what is coded. HPACKDecodingError where it is no such code, or ends in the middle of one."""
    told, state, ends = [], _STATES[0], True
    for byte in coded:
        characters, state, ends = state[byte]
        told.append(characters)
    if not ends:
        raise HPACKDecodingError("a Huffman code that is cut")
    return b"".join(told)
