"""Side calls over a Unix socket: bytes as they are, errors by their kind, nothing left behind."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from extproc.core.commands import Call
from extproc.core.events import CallData, CallEnded, CallFailed, CallStarted, Event
from extproc.core.vocabulary import Role
from extproc.shell.caller import Caller

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n"


class Egress:
    """Stands in for Envoy: hands each request to `answer`, as often as the connection brings one."""

    def __init__(self, answer: Answer | bytes) -> None:
        self._answer = answer
        self.requests: list[bytes] = []
        self.connections = 0
        self.closed = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.requests.append(head + await reader.readexactly(length))
                if isinstance(self._answer, bytes):
                    writer.write(self._answer)
                else:
                    await self._answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed.set()
        finally:
            writer.close()


def call(**more: Any) -> Call:
    given: dict[str, Any] = {"path": "/v1/messages", "headers": [], "body": b"{}", "silence_s": 10.0, "wall_s": 10.0, **more}
    return Call(Role.DRAFT, **given)


def story(folder: Path, egress: Egress | None, *calls: Call) -> list[Event]:
    """Run calls one after the other; without an egress nobody listens."""

    async def run() -> list[Event]:
        events: list[Event] = []

        async def emit(event: Event) -> None:
            events.append(event)

        server = await asyncio.start_unix_server(egress, folder / "s") if egress else None
        caller = Caller(folder / "s")
        for one in calls:
            await caller.run(one, emit)
        await caller.close()
        if server and egress and egress.connections:
            server.close()
            await asyncio.wait_for(egress.closed.wait(), 10)
        return events

    return asyncio.run(run())


def failure(events: list[Event]) -> str:
    assert isinstance(events[-1], CallFailed)
    assert events[-1].role is Role.DRAFT
    return events[-1].kind


def test_a_call_from_its_status_to_its_end(tmp_path: Path):
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"6\r\nsecond\r\n0\r\n\r\n")

    events = story(tmp_path, Egress(answer), call())
    assert [type(event) for event in events] == [CallStarted, CallData, CallData, CallEnded]
    assert b"".join(event.data for event in events if isinstance(event, CallData)) == b"firstsecond"
    assert [event.at_s for event in events] == sorted(event.at_s for event in events)


def test_a_request_leaves_as_it_is(tmp_path: Path):
    egress = Egress(OK)
    headers = [("X-Title", "café".encode()), ("x-api-key", b"k"), ("a", b"1"), ("a", b"2")]
    story(tmp_path, egress, call(path='/v1/messages?beta=true&x=%22"a/b%2fc', headers=headers, body=b"{ }"))
    assert egress.requests == [
        b'POST /v1/messages?beta=true&x=%22"a/b%2fc HTTP/1.1\r\nHost: egress\r\n'
        b"X-Title: caf\xc3\xa9\r\nx-api-key: k\r\na: 1\r\na: 2\r\nx-cascade-target: draft\r\nContent-Length: 3\r\n\r\n{ }"
    ]


def test_a_response_comes_as_it_is(tmp_path: Path):
    body, long = gzip.compress(b"hello"), b"l" * 20_000
    head = b"content-encoding: gzip\r\nSet-Cookie: a=1\r\nset-cookie: b=\xe9\r\nlong: %s\r\ncontent-length: %d" % (long, len(body))
    started, *data, _ = story(tmp_path, Egress(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n%s" % (head, body)), call())
    assert isinstance(started, CallStarted)
    assert [pair for pair in started.headers.pairs if pair[0] == "set-cookie"] == [("set-cookie", b"a=1"), ("set-cookie", b"b=\xe9")]
    assert dict(started.headers.pairs)["long"] == long
    assert b"".join(event.data for event in data if isinstance(event, CallData)) == body


def test_an_errors_body_comes_too_and_no_redirect_is_followed(tmp_path: Path):
    egress = Egress(b"HTTP/1.1 307 Elsewhere\r\nlocation: http://egress/\r\ncontent-length: 5\r\n\r\nthere")
    started, data, *_ = story(tmp_path, egress, call())
    assert isinstance(started, CallStarted)
    assert isinstance(data, CallData)
    assert (started.status, data.data) == (307, b"there")
    assert len(egress.requests) == 1


def test_connections_are_used_again_and_cookies_are_not_kept(tmp_path: Path):
    egress = Egress(b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\ncontent-length: 0\r\n\r\n")
    story(tmp_path, egress, call(), call(), call())
    assert (egress.connections, len(egress.requests)) == (1, 3)
    assert not any(b"cookie" in request.lower() for request in egress.requests)


def test_a_large_body_goes_out_whole(tmp_path: Path):
    body = bytes(range(256)) * 12_000
    egress = Egress(OK)
    events = story(tmp_path, egress, call(body=body))
    assert egress.requests[0].endswith(b"\r\n\r\n" + body)
    assert isinstance(events[-1], CallEnded)


def test_nobody_listens(tmp_path: Path):
    assert failure(story(tmp_path, None, call())) == "connect"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", STREAM, OK[:-1], b"nonsense\r\n\r\n"])
def test_a_connection_that_breaks(tmp_path: Path, said: bytes):
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        raise ConnectionError

    assert failure(story(tmp_path, Egress(answer), call())) == "reset"


@pytest.mark.parametrize("said", [b"", STREAM])
@pytest.mark.parametrize(("limits", "kind"), [({"silence_s": 0.05}, "timeout"), ({"wall_s": 0.05}, "budget")])
def test_a_provider_that_falls_silent(tmp_path: Path, said: bytes, limits: dict[str, float], kind: str):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await reader.readexactly(1)

    events = story(tmp_path, Egress(answer), call(**limits))
    assert failure(events) == kind
    assert len(events) == (3 if said else 1)


def test_a_cancelled_call_closes_its_connection(tmp_path: Path):
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM)
        await reader.readexactly(1)

    async def run() -> bool:
        egress, begun = Egress(answer), asyncio.Event()

        async def emit(event: Event) -> None:
            if isinstance(event, CallData):
                begun.set()

        async with await asyncio.start_unix_server(egress, tmp_path / "s"):
            caller = Caller(tmp_path / "s")
            task = asyncio.create_task(caller.run(call(), emit))
            await begun.wait()
            task.cancel()
            await asyncio.wait_for(egress.closed.wait(), 10)
            await asyncio.gather(task, return_exceptions=True)
            await caller.close()
            return task.cancelled()

    assert asyncio.run(run())
