"""Header blocks (RFC 7541) → requests, held against RFC 9113, section 8; and the few blocks that we write ourselves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hpack import Decoder, HPACKError
from hpack.exceptions import OversizedHeaderListError
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman

from extproc.shell.native.http2 import limits
from extproc.shell.native.http2.errors import Code, ConnectionFault, StreamFault

Fields = Sequence[tuple[bytes, bytes]]

_PSEUDO: Final = frozenset((b":method", b":scheme", b":authority", b":path"))
_OF_A_CONNECTION: Final = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"))
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE: Final = re.compile(rb"(?![ \t])[^\x00\r\n]*(?<![ \t])")
_TRACE: Final = b"traceparent"
_KNOWN: Final = 512
"""Blocks whose meaning is remembered. Without tracing Envoy sends one and the same block for every stream of a route."""
_SHAPES: Final = 8
"""Blocks that are remembered but for their trace context. With tracing Envoy sends one for every route, and the sampled flag."""
_EMPTY_TABLE: Final = b"\x20"
"""Dynamic table size update to 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """The header section of a request without its trace context.

    Compared by identity, so that what is derived from it can be remembered by it.
    """

    method: bytes
    path: bytes
    fields: Fields
    """Everything but the pseudo-headers and `traceparent`."""
    length: int | None
    """Content-length, where it is told."""

    def get(self, name: bytes) -> bytes | None:
        """Give the first value of a field."""
        return next((value for one, value in self.fields if one == name), None)


class BlockReader:
    """Reads the header blocks of one connection, in order.

    We tell the peer to keep no dynamic table (SETTINGS_HEADER_TABLE_SIZE 0). From its acknowledgement on, a block refers to
    nothing but itself and the static table, and leaves nothing behind: the same bytes always mean the same fields, so they are
    decoded once. Before that, nothing is remembered.

    An Envoy that traces tells every stream a trace context of its own. A block that is, before and after the value of
    `traceparent`, like one that was decoded, means the same but for that value: a tenth of the time of decoding all of it.
    """

    __slots__ = ("_decoder", "_known", "_shapes", "_stateless")

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=limits.FIELD_BYTES)
        self._known: dict[bytes, Request] = {}
        self._shapes: list[tuple[bytes, bytes, Request]] = []
        """What stands before the value of the trace context, what behind it, and what they say."""
        self._stateless = False

    def forget_table(self) -> None:
        """Take note that the peer has acknowledged our settings. It should say so in its next block, too, but not all do."""
        self._decoder.max_allowed_table_size = self._decoder.header_table_size = 0
        self._stateless = True

    def request(self, stream_id: int, block: bytes) -> tuple[Request, bytes]:
        """Read the header section of a request; its trace context apart, empty for none.

        ConnectionFault where it cannot be decoded, StreamFault where it makes no sense.
        """
        if not self._stateless:
            return _request(stream_id, self.decode(block))
        known = self._known.get(block)
        if known is not None:
            return known, b""
        for before, behind, request in self._shapes:
            if block.startswith(before) and block.endswith(behind):
                trace = _string(block[len(before) : len(block) - len(behind)])
                if trace:
                    return request, trace
        request, trace = _request(stream_id, self.decode(block))
        self._remember(block, request, trace)
        return request, trace

    def _remember(self, block: bytes, request: Request, trace: bytes) -> None:
        if not trace:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[block] = request
            return
        ends = {at + len(name) for name in _NAMES for at in (block.find(name), block.rfind(name)) if at >= 0}
        if len(ends) == 1:  # the name can be told in two ways, so where one of them stands once, that is the field
            begin = ends.pop()
            end = begin + 1 + (block[begin] & 0x7F)
            if _string(block[begin:end]) == trace:
                self._shapes = [(block[:begin], block[end:], request), *self._shapes[: _SHAPES - 1]]

    def decode(self, block: bytes) -> Fields:
        """Decode any block; also one that nobody needs, because the next may build on it."""
        try:
            return [(bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True)]
        except OversizedHeaderListError as error:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "the header list is too long") from error
        except (HPACKError, IndexError) as error:
            raise ConnectionFault(Code.COMPRESSION_ERROR, "a header block that cannot be decoded") from error


def _string(told: bytes) -> bytes | None:
    """Read a string (RFC 7541, section 5.2) that is a field's value. None where it is not exactly that, or long: others find out why."""
    if not told or told[0] & 0x7F != len(told) - 1 or len(told) > _LONG:
        return None
    try:
        value = decode_huffman(told[1:]) if told[0] & 0x80 else told[1:]
    except HPACKError:
        return None
    return value if _VALUE.fullmatch(value) else None


_LONG: Final = 0x7F
"""A string of so many bytes tells its length in more than one."""
_CODED: Final[bytes] = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(_TRACE)
_NAMES: Final = (bytes([0x80 | len(_CODED)]) + _CODED, bytes([len(_TRACE)]) + _TRACE)
"""The name of the field with the trace context as a string, with Huffman's code and without."""


def _request(stream_id: int, fields: Fields) -> tuple[Request, bytes]:
    count = next((at for at, (name, _) in enumerate(fields) if not name.startswith(b":")), len(fields))
    pseudo, rest = dict(fields[:count]), fields[count:]
    required = (b":method",) if pseudo.get(b":method") == b"CONNECT" else (b":method", b":scheme", b":path")
    if len(pseudo) != count or not pseudo.keys() <= _PSEUDO or not all(pseudo.get(name) for name in required):
        raise StreamFault(stream_id, Code.PROTOCOL_ERROR, "pseudo-headers missing, unknown or twice")
    check(stream_id, rest)
    traces = [value for name, value in rest if name == _TRACE]
    others = tuple(field for field in rest if field[0] != _TRACE)
    # Told twice it says nothing (W3C Trace Context, section 3.2.1).
    return Request(pseudo[b":method"], pseudo.get(b":path", b""), others, _length(stream_id, rest)), b"".join(traces[: len(traces) == 1])


def check(stream_id: int, fields: Fields) -> None:
    """Hold fields, or a trailer section, against what HTTP/2 allows. StreamFault where they break it."""
    for name, value in fields:
        if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None or name in _OF_A_CONNECTION:
            raise StreamFault(stream_id, Code.PROTOCOL_ERROR, "a field that HTTP/2 does not allow")
        if name == b"te" and value != b"trailers":
            raise StreamFault(stream_id, Code.PROTOCOL_ERROR, "te may only be trailers")


def _length(stream_id: int, fields: Fields) -> int | None:
    told = {value for name, value in fields if name == b"content-length"}
    if not told:
        return None
    value = told.pop()
    if told or len(value) > 18 or not re.fullmatch(rb"[0-9]+", value):
        raise StreamFault(stream_id, Code.PROTOCOL_ERROR, "no content-length")
    return int(value)


def block(status: int | None, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write a header block: a status of three digits (None for trailers), then the fields as they are.

    Literals without indexing and without Huffman codes; names and values must be shorter than 127 bytes.
    """
    # 8 is the static table's first `:status`; its value follows as a literal.
    whole = b"" if status is None else b"\x88" if status == 200 else b"\x08\x03%d" % status
    return whole + b"".join(b"\x00%c%b%c%b" % (len(name), name, len(value), value) for name, value in fields)


def first(written: bytes) -> bytes:
    """Make a block the first of its connection: it says that we keep no table either, whatever the peer allows."""
    return _EMPTY_TABLE + written
