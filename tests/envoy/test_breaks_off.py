"""A processor that breaks off at each of its words: clients are passed on to verify, told in their dialect, or cut off themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import pytest

from extproc.core import commands as do
from extproc.core.records import Note
from extproc.core.vocabulary import Outcome, Plan
from extproc.shell.exchange import Stream
from extproc.shell.native.server import NativeServer
from extproc.shell.translate import Translator
from tests.envoy.conftest import body_of, models
from tests.support.background import Background
from tests.support.envoy import Envoy
from tests.support.plain import ANSWER, Plain

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses")
_NOTE = Note(Outcome.FAILED, Plan.CASCADE, "", "", ("hard",), "0" * 32)
_WORDS: tuple[do.Command, ...] = (
    do.AwaitBody(),
    do.Forward(_NOTE, held=True),
    do.StartResponse(200, [("content-type", b"text/event-stream")], (), _NOTE, pending=True),
    do.SendBody(b": a comment\n\n"),
)
"""What it says of a cascade, one after the other."""


class BreakingOff:
    """Says so many words of each exchange, and ends it in the same breath: with an error, or the whole connection."""

    def __init__(self, socket: Path) -> None:
        self.words = 0
        self.rudely = False
        self._socket = socket
        self._server = NativeServer(self._handle, 1 << 20)

    async def __aenter__(self) -> Self:
        await self._server.start(self._socket)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._server.stop(1.0)

    async def _handle(self, stream: Stream) -> None:
        translator = Translator()
        for word in _WORDS[: self.words]:
            translator.event(await stream.read() or b"", 0.0)
            await stream.write(translator.reply(word) or b"")
        for peer in list(self._server.peers) if self.rudely else ():
            peer.abort()
        raise asyncio.CancelledError  # which ends a call with an error that nobody reports


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Envoy, BreakingOff]]:
    with (
        Background(Plain()) as draft,
        Background(Plain()) as verify,
        Envoy(tmp_path_factory.mktemp("breaking"), models(draft.url, verify.url)) as envoy,
        Background(BreakingOff(envoy.runtime.worker(0))) as processor,
    ):
        yield envoy, processor


@pytest.fixture(params=[False, True], ids=["by its stream", "by the connection"])
def broken(running: tuple[Envoy, BreakingOff], request: pytest.FixtureRequest) -> tuple[Envoy, BreakingOff]:
    running[1].rudely = request.param
    return running


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("words", [0, 1])
def test_before_it_has_decided_the_request_goes_to_verify(broken: tuple[Envoy, BreakingOff], words: int, path: str):
    envoy, processor = broken
    processor.words = words
    response = httpx.post(f"{envoy.url}{path}", json=body_of(path, "Hello!"))
    assert (response.status_code, response.content) == (200, ANSWER)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("words", [2, 3])
def test_before_anything_has_reached_the_client_it_is_told_to_come_again(broken: tuple[Envoy, BreakingOff], words: int, path: str):
    envoy, processor = broken
    processor.words = words
    response = httpx.post(f"{envoy.url}{path}", json=body_of(path, "Hello!", stream=True))
    assert (response.status_code, response.headers["content-type"]) == (503, "application/json")
    message = "The gateway was interrupted; please try again."
    if path == "/v1/messages":
        assert response.json() == {"type": "error", "error": {"type": "api_error", "message": message}}
    else:
        assert response.json() == {"error": {"message": message, "type": "server_error", "param": None, "code": None}}


@pytest.mark.parametrize("path", PATHS)
def test_in_the_midst_of_the_answer_the_connection_breaks(broken: tuple[Envoy, BreakingOff], path: str):
    envoy, processor = broken
    processor.words = 4
    with httpx.stream("POST", f"{envoy.url}{path}", json=body_of(path, "Hello!", stream=True)) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            response.read()
