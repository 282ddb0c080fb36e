"""How bytes come: in pieces."""

from __future__ import annotations


def pieces(data: bytes, size: int) -> list[bytes]:
    """Cut into pieces of one size; 0 leaves them whole."""
    return [data[at : at + size] for at in range(0, len(data), size)] if size else [data]


def told(data: bytes) -> tuple[int, bytes]:
    """Take a number off the beginning, by which an input says what is to be done with the rest."""
    return (data[0], data[1:]) if data else (0, b"")
