"""The simulated provider as an HTTP server."""

from __future__ import annotations

import asyncio
import hmac
import signal
import ssl
from collections import deque
from collections.abc import Callable
from time import time
from types import TracebackType
from typing import Self

from aiohttp import web

from extproc.core.vocabulary import Dialect
from extproc.simulator import anthropic, dialects, faults, ids
from extproc.simulator.answer import Content, compose
from extproc.simulator.ask import Ask, RefusedError, refusal
from extproc.simulator.dialects import SPEAKERS, Task
from extproc.simulator.exchange import Exchange, hang, read_body, reset, send, unpacked
from extproc.simulator.profile import Profile
from extproc.simulator.sse import Frame, encode

_RECORDED = 200
_SHUTDOWN_S = 0.05
_BACKLOG = 1024
_LONGEST_HEADER = 64 * 1024
_JSON = "application/json"
_SSE = "text/event-stream; charset=utf-8"
_MESSAGES = {401: "invalid key", 429: "This request would exceed the rate limit.", 503: "Service unavailable", 529: "Overloaded"}

Tell = Callable[[str], None]
Script = Callable[[Dialect, Ask, bytes], Content | None]


class Simulator:
    """A provider on a port of its own, for as long as the `async with` block lasts.

    Args:
        profile: What it is like.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one, see `port`.
        record: Keep the newest 200 requests, bodies and answers included, in `requests`. A bench does without.
        tell: Called with one line for each finished request. It holds no content and no secret.
        tls: Serve HTTPS with this certificate; default: plain HTTP.
        script: Says what to answer to a request (its dialect, what is understood of it, its body); None: what the profile says.
            RefusedError refuses the request.

    Raises:
        OSError: On entering, where the address cannot be had.
    """

    def __init__(
        self,
        profile: Profile | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        record: bool = True,
        tell: Tell | None = None,
        tls: ssl.SSLContext | None = None,
        script: Script | None = None,
    ) -> None:
        self.profile = profile or Profile()
        self.requests: deque[Exchange] = deque(maxlen=_RECORDED)
        self.active = 0
        """Requests in work."""
        self.count = 0
        """Requests for an answer or a count of tokens so far."""
        self.port = port
        self._host = host
        self._record = record
        self._tell = tell
        self._tls = tls
        self._script = script
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """The provider's root, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http{'s' if self._tls else ''}://{host}:{self.port}"

    async def __aenter__(self) -> Self:
        # A client that leaves cancels the handler, so that nothing is left behind of an answer that hangs.
        server = web.Server(
            self._handle,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_field_size=_LONGEST_HEADER,
            max_line_size=_LONGEST_HEADER,
        )
        runner = self._runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self.port, backlog=_BACKLOG, ssl_context=self._tls).start()
        except OSError:
            await runner.cleanup()
            raise
        self.port = runner.addresses[0][1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        began = asyncio.get_running_loop().time()
        entry = Exchange(method=request.method, target=request.raw_path, headers=request.headers)
        if self._record:
            self.requests.append(entry)
        self.active += 1
        try:
            response = await self._respond(request, entry)
            entry.ending = "done" if entry.ending == "open" else entry.ending
        except ConnectionError:
            entry.ending = "left"
            response = web.Response()  # goes nowhere
        except asyncio.CancelledError:
            entry.ending = "left"
            raise
        finally:
            self.active -= 1
            if self._tell is not None:
                self._tell(self._line(entry, asyncio.get_running_loop().time() - began))
        return response

    def _line(self, entry: Exchange, seconds: float) -> str:
        words = [self.profile.name, entry.method, entry.target.partition("?")[0][:200], str(entry.status or "-")]
        if entry.model:
            words.append(f"model={entry.model[:80]!r}")
        return " ".join([*words, f"{len(entry.sent)} bytes", f"{seconds * 1000:.0f} ms", entry.ending])

    async def _respond(self, request: web.BaseRequest, entry: Exchange) -> web.StreamResponse:
        served = self.profile.dialects
        dialect = dialects.dialect_of(request.path, request.headers, served)
        try:
            entry.body = await read_body(request)
            match dialects.task_of(request.method, request.path, served):
                case Task.ALIVE:
                    return self._json(entry, dialect, encode({"provider": self.profile.name, "dialects": served}))
                case Task.MODELS:
                    self._authorise(request)
                    return self._json(entry, dialect, dialects.models(dialect, self.profile.models))
                case task:
                    self._authorise(request)
                    return await self._answer(request, entry, dialect, task)
        except RefusedError as refused:
            return self._json(entry, dialect, dialects.error(dialect, refused), refused)

    def _authorise(self, request: web.BaseRequest) -> None:
        wanted = self.profile.api_key
        if wanted is None:
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = request.headers.get("x-api-key") or (token.strip() if scheme.lower() == "bearer" else "")
        if not given:
            raise RefusedError(401, "No API key was given: send x-api-key, or authorization: Bearer.")
        if not hmac.compare_digest(given.encode(errors="replace"), wanted.encode()):
            raise RefusedError(401, "The API key is not valid.", code="invalid_api_key")

    async def _answer(self, request: web.BaseRequest, entry: Exchange, dialect: Dialect, task: Task) -> web.StreamResponse:
        self.count += 1
        profile = self._profile(request).at(self.count)
        if profile.headers_s:
            await asyncio.sleep(profile.headers_s)
        if profile.hang:
            await hang()
        if profile.reset:
            await reset(request, entry)
            return web.Response()
        if profile.fail_status is not None:
            message = _MESSAGES.get(profile.fail_status, "The simulated provider was told to fail.")
            raise RefusedError(profile.fail_status, message, retry_after_s=profile.retry_after_s)
        body = unpacked(entry.body, request.headers.get("content-encoding", "").lower())
        if task is Task.COUNT:
            return self._json(entry, dialect, anthropic.count(body))
        return await self._speak(request, entry, dialect, profile, body)

    async def _speak(
        self, request: web.BaseRequest, entry: Exchange, dialect: Dialect, profile: Profile, body: bytes
    ) -> web.StreamResponse:
        speaker = SPEAKERS[dialect]
        ask = speaker.read(body)
        entry.model = ask.model
        if (refused := refusal(ask, body, profile.refuse)) is not None:
            raise refused
        answer = compose(ask, profile, int(time()), self._script(dialect, ask, body) if self._script else None)
        headers = {**self._headers(dialect, ask.seed), "content-type": _SSE if ask.stream else _JSON}
        if ask.stream:
            headers["cache-control"] = "no-cache"
            script = faults.stream(
                speaker.events(ask, answer), profile, lambda number: speaker.error_event(ask, answer, number, _MESSAGES[529])
            )
        else:
            script = faults.body(Frame(speaker.document(ask, answer), answer.output_tokens), profile)
        return await send(request, script, profile, entry, headers)

    def _profile(self, request: web.BaseRequest) -> Profile:
        name = self.profile.steer_header
        steering = request.headers.get(name) if self.profile.steerable else None
        if steering is None:
            return self.profile
        try:
            return self.profile.steered(steering)
        except ValueError as error:
            raise RefusedError(400, f"{name}: {error}") from None

    def _json(self, entry: Exchange, dialect: Dialect, body: bytes, refused: RefusedError | None = None) -> web.Response:
        entry.status = refused.status if refused else 200
        entry.sent += body
        headers = {**self._headers(dialect, ids.seed_of(entry.body)), "content-type": _JSON}
        if refused and refused.retry_after_s is not None:
            headers["retry-after"] = str(refused.retry_after_s)
        return web.Response(status=entry.status, body=body, headers=headers)

    def _headers(self, dialect: Dialect, seed: int) -> dict[str, str]:
        name, prefix = ("request-id", "req_01") if dialect is Dialect.ANTHROPIC else ("x-request-id", "req_")
        return {"server": self.profile.name, name: prefix + ids.letters(seed, "request", 22)}


async def serve(
    profile: Profile, host: str, port: int, *, ready: Callable[[str], None], tell: Tell, tls: ssl.SSLContext | None = None
) -> None:
    """Run one provider until the process is told to stop by SIGINT or SIGTERM.

    Args:
        profile: What it is like.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        ready: Called with the provider's URL once it listens.
        tell: Called with one line for each finished request.
        tls: Serve HTTPS with this certificate.

    Raises:
        OSError: Where the address cannot be had.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with Simulator(profile, host=host, port=port, record=False, tell=tell, tls=tls) as simulator:
        ready(simulator.url)
        await stopped.wait()
