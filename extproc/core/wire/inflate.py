"""Inflates response bodies as they come, however they are cut, to a limit.

What `content-encoding` says (RFC 9110 §8.4.1): gzip, also under its old name, and deflate, which is meant to be zlib's format (RFC 1950)
but is the bare one (RFC 1951) where servers took the name by its word. Brotli and zstd need a library that this project does without:
providers are asked for uncompressed answers, and who answers otherwise nearly always uses gzip.
"""

from __future__ import annotations

import zlib
from typing import Final

from extproc.core.errors import MalformedError

_KNOWN = {"": "", "identity": "", "gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
_GZIP: Final = 16 + zlib.MAX_WBITS
_WRAPPED: Final = zlib.MAX_WBITS
_BARE: Final = -zlib.MAX_WBITS
_SLICE = 4096
"""Bytes that zlib is given at a time: behind each member of a gzip file it copies what is left of them."""


class Inflater:
    """One response body."""

    def __init__(self, encoding: str, limit: int) -> None:
        """Begin a body.

        Args:
            encoding: value of its `content-encoding` header; empty where there is none.
            limit: bytes of the inflated body at most.

        Raises:
            MalformedError: `unknown_encoding`.
        """
        name = encoding.strip().lower()
        if name not in _KNOWN:
            raise MalformedError("unknown_encoding")
        self._encoding = _KNOWN[name]
        self._left = limit
        self._stream: zlib._Decompress | None = None
        """What inflates the member that is open."""
        self._ended = False
        """A member has ended, and no other has begun."""

    def feed(self, data: bytes) -> bytes:
        """Give what the next bytes inflate to.

        Raises:
            MalformedError: `too_large`, or `broken_encoding`: they are not what the header says.
        """
        if not self._encoding:
            return self._counted(data)
        return b"".join([self._inflated(data[at : at + _SLICE]) for at in range(0, len(data), _SLICE)])

    def finish(self) -> bytes:
        """The body has ended; no byte was ever held back, so none comes. A body of no bytes at all is an empty one.

        Raises:
            MalformedError: `truncated`.
        """
        if self._stream is None:
            return b""
        raise MalformedError("truncated")

    def _inflated(self, data: bytes) -> bytes:
        parts = []
        while data:
            if self._stream is None:
                self._stream = self._begun(data[0])
            try:
                parts.append(self._counted(self._stream.decompress(data, self._left + 1)))
            except zlib.error:
                raise MalformedError("broken_encoding") from None
            data = self._stream.unused_data
            if self._stream.eof:
                self._stream, self._ended = None, True
        return b"".join(parts)

    def _begun(self, first: int) -> zlib._Decompress:
        """Begin a member. Only gzip has several."""
        if self._encoding == "gzip":
            return zlib.decompressobj(_GZIP)
        if self._ended:
            raise MalformedError("broken_encoding")
        # Zlib's format begins with its method, 8. A bare stream could only begin so with padding that no compressor writes.
        return zlib.decompressobj(_WRAPPED if first & 0x0F == 8 else _BARE)

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise MalformedError("too_large")
        return data
