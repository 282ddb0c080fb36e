"""Identifiers as providers make them, but derived from the request, so that equal requests get equal answers. Pure."""

from __future__ import annotations

import base64
import zlib
from hashlib import blake2b

_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def seed_of(body: bytes) -> int:
    """A number for a request. A checksum, since it has to be quick for a body of megabytes and hides nothing."""
    return zlib.crc32(body)


def letters(seed: int, use: str, length: int) -> str:
    """`length` (64 at most) letters and digits for one use of a seed."""
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in _digest(seed, use)[:length])


def hexadecimal(seed: int, use: str, length: int) -> str:
    """`length` (128 at most) hexadecimal digits for one use of a seed."""
    return _digest(seed, use).hex()[:length]


def opaque(seed: int, use: str) -> str:
    """Something that only a provider can read, such as a signature, in base 64."""
    return base64.b64encode(b"".join(_digest(seed, f"{use}{part}") for part in range(3))).decode()


def _digest(seed: int, use: str) -> bytes:
    return blake2b(f"{seed}/{use}".encode()).digest()
