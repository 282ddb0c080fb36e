"""One request at a simulated provider: what came, what went out, and how bytes are read and sent."""

from __future__ import annotations

import asyncio
import socket
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from aiohttp import HttpVersion11, web
from multidict import CIMultiDictProxy

from extproc.simulator.ask import RefusedError
from extproc.simulator.faults import Ending, Script
from extproc.simulator.profile import Profile
from extproc.simulator.sse import Frame

_MOST_BYTES = 64 * 1024 * 1024
"""Largest request body, also when unpacked; twice what Anthropic takes, so that it is never this end that refuses one first."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing the socket sends a TCP reset."""
_GZIP_OR_ZLIB = 47
_AT_ONCE_BYTES = 256 * 1024
"""What is written without a look at whether the client takes it."""


@dataclass(slots=True, eq=False, kw_only=True)
class Exchange:
    """A request as it came, and what was sent in answer. The bodies are kept only where the simulator records."""

    method: str
    target: str
    """Path and query, as they came."""
    headers: CIMultiDictProxy[str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    """The bytes of the request's body, still compressed where it is."""
    model: str = ""
    status: int = 0
    """Status of the answer; 0 while there is none."""
    sent: bytearray = field(default_factory=bytearray, repr=False)
    """The bytes of the answer's body so far."""
    ending: str = "open"
    """`open`, then `done`, `reset` (by the provider), `left` (by the client, or at the provider's end)."""


async def read_body(request: web.BaseRequest) -> bytes:
    """Read the body of a request. RefusedError where it is too large."""
    if request.headers.get("expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    parts: list[bytes] = []
    length = 0
    async for part in request.content.iter_any():
        length += len(part)
        if length > _MOST_BYTES:
            raise RefusedError(413, "Request exceeds the maximum size")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpacked(body: bytes, encoding: str) -> bytes:
    """Undo the content-encoding of a body. RefusedError where it is an unknown one, or the body is not what it says."""
    if encoding in {"", "identity"}:
        return body
    if encoding not in {"gzip", "deflate"}:
        raise RefusedError(415, "Unsupported content-encoding; expected gzip or deflate")
    try:
        inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        plain = inflater.decompress(body, _MOST_BYTES)
    except zlib.error:
        raise RefusedError(400, "The request body is not what its content-encoding says.") from None
    if inflater.unconsumed_tail:
        raise RefusedError(413, "Request exceeds the maximum size")
    return plain


async def send(request: web.BaseRequest, script: Script, profile: Profile, entry: Exchange, headers: dict[str, str]) -> web.StreamResponse:
    """Carry out the script of a successful answer, at the pace of the profile."""
    entry.status = 200
    timed = profile.first_token_s or profile.tokens_per_s or script.pause is not None
    if not timed and script.ending is Ending.DONE:
        script = replace(script, frames=list(_merged(script.frames)))
        if len(script.frames) <= 1:
            return _at_once(request, script, entry, headers)
    response = web.StreamResponse(headers=headers)
    response.content_length = script.length
    await response.prepare(request)
    began = asyncio.get_running_loop().time()
    began += await _pause(script, 0, profile)
    written = 0
    for number, frame in enumerate(script.frames, 1):
        written += frame.tokens
        if written:
            await _wait_until(began + profile.first_token_s + (written / profile.tokens_per_s if profile.tokens_per_s else 0.0))
        await response.write(frame.data)
        entry.sent += frame.data
        began += await _pause(script, number, profile)
    if script.ending is Ending.STALL:
        await hang()
    if script.ending is Ending.RESET:
        await reset(request, entry)
    return response


def _merged(frames: Sequence[Frame]) -> Iterator[Frame]:
    """Join frames that go out as fast as possible: small answers become one, long ones a few, each of which waits for the client."""
    joined: list[bytes] = []
    size = 0
    for frame in frames:
        joined.append(frame.data)
        size += len(frame.data)
        if size >= _AT_ONCE_BYTES:
            yield Frame(b"".join(joined))
            joined, size = [], 0
    if joined:
        yield Frame(b"".join(joined))


def _at_once(request: web.BaseRequest, script: Script, entry: Exchange, headers: dict[str, str]) -> web.Response:
    """Everything in one write, which is what a bench's upstream should cost."""
    body = b"".join(frame.data for frame in script.frames)
    entry.sent += body
    response = web.Response(body=body, headers=headers)
    if script.length is None and request.version >= HttpVersion11:
        response.enable_chunked_encoding()
    return response


async def _pause(script: Script, sent: int, profile: Profile) -> float:
    """Make the pause that comes after this many frames, if it is now; give its seconds."""
    if sent != script.pause:
        return 0.0
    await asyncio.sleep(profile.pause_s)
    return profile.pause_s


async def hang() -> None:
    """Wait until the client leaves or the provider ends: both cancel the handler of the request."""
    await asyncio.get_running_loop().create_future()


async def reset(request: web.BaseRequest, entry: Exchange) -> None:
    """Reset the connection, once all that was written has left."""
    entry.ending = "reset"
    transport = request.transport
    if transport is None:
        return
    transport.set_write_buffer_limits(high=0)
    await request.writer.drain()
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()


async def _wait_until(moment: float) -> None:
    wait = moment - asyncio.get_running_loop().time()
    if wait > 0:
        await asyncio.sleep(wait)
