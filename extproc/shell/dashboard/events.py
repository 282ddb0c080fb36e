"""What the live page is fed with: one stream of server-sent events per page (WHATWG HTML, section 9.2), made only while someone looks.

A page is sent a `snapshot`, then `decisions` as they come, `summary` when the figures have changed, and `alive` when nothing else was to
be said. Each stream reads the decision log for itself and at its own pace, so nothing is queued for a page that reads slowly.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic, time
from typing import Any

import msgspec
from aiohttp import web

from extproc.report.figures import ENCODER
from extproc.shell.decisions import Reader

BUCKETS_S = {900: 15, 3600: 60, 86_400: 1800, 604_800: 10_800, 2_592_000: 43_200}
"""Windows that a page may ask for → the width of a bar in its charts; seconds."""
_WIDER = 3
"""Medians need more requests than counts do."""
_MOST_PAGES = 16
_MOST_DECISIONS = 500
_TICK_S = 1.0
_ALIVE_S = 10.0
_WRITE_S = 20.0
"""A page that takes nothing for this long is let go."""
_SHARE = 10
"""Figures that took a second to make are made at most every ten seconds: a tenth of one core, whatever the log holds."""


class _Numbered(msgspec.Struct):
    id: int


@dataclass(slots=True)
class _Figures:
    """The figures of one window as they were made last; empty before."""

    text: bytes = b""
    last_id: int = -1
    made_at: float = 0.0
    took_s: float = 0.0
    making: asyncio.Task[None] | None = None


class Events:
    """`/api/events?since_s=3600`."""

    def __init__(self, reader: Reader, about: Callable[[], Mapping[str, Any]]) -> None:
        self._reader = reader
        self._about = about
        self._pages = 0
        self._figures = {since_s: _Figures() for since_s in BUCKETS_S}
        self._closing = asyncio.Event()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Feed one page until it leaves. 400 for another window, 403 for a page of another site, 503 for one page too many."""
        since_s = {str(known): known for known in BUCKETS_S}.get(request.query.get("since_s", "3600"))
        if since_s is None:
            return web.json_response({"error": f"since_s: expected one of {', '.join(map(str, BUCKETS_S))}"}, status=400)
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return web.json_response({"error": "not for pages of other sites"}, status=403)
        if self._pages >= _MOST_PAGES:
            return web.json_response({"error": f"{_MOST_PAGES} pages are open already"}, status=503)
        self._pages += 1
        try:
            return await self._feed(request, since_s)
        finally:
            self._pages -= 1

    async def close(self, _: web.Application) -> None:
        """End all streams; pages come back by themselves."""
        self._closing.set()
        making = [kept.making for kept in self._figures.values() if kept.making is not None]
        for task in making:
            task.cancel()
        await asyncio.gather(*making, return_exceptions=True)

    async def _feed(self, request: web.Request, since_s: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "cache-control": "no-store"})
        await response.prepare(request)
        seen, sent, said_at = -1, b"", monotonic()
        with suppress(ConnectionError, TimeoutError, sqlite3.Error):  # the page has left, or comes again by itself
            while not (self._closing.is_set() or request.transport is None or request.transport.is_closing()):
                seen, kind, told = await self._news(seen)
                if kind:
                    await _say(response, kind, told)
                    said_at = monotonic()
                figures = await self._figures_of(since_s, seen)
                if figures is not sent:
                    await _say(response, "summary", figures)
                    sent, said_at = figures, monotonic()
                if monotonic() - said_at >= _ALIVE_S:
                    await _say(response, "alive", b"{}")
                    said_at = monotonic()
                await self._pause()
        return response

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), _TICK_S)

    async def _news(self, seen: int) -> tuple[int, str, bytes]:
        """Give the newest id, and what is to be said of the decisions since `seen`: an event and its data, or nothing."""
        last = await asyncio.to_thread(self._reader.last_id)
        if last == seen:
            return seen, "", b""
        if last < seen or seen < 0:  # a new page, or a new file
            newest = await asyncio.to_thread(self._reader.newest, _MOST_DECISIONS)
            return _id_of(newest, last), "snapshot", ENCODER.encode({"about": self._about(), "decisions": newest})
        fresh = await asyncio.to_thread(self._fresh, seen)
        return _id_of(fresh, last), "decisions" if fresh else "", ENCODER.encode({"decisions": fresh})

    def _fresh(self, seen: int) -> list[msgspec.Raw]:
        """Give what came since `seen`, newest first; of very much only the newest."""
        rows = self._reader.after(seen, _MOST_DECISIONS)
        return rows[::-1] if len(rows) < _MOST_DECISIONS else self._reader.newest(_MOST_DECISIONS)

    async def _figures_of(self, since_s: int, last_id: int) -> bytes:
        """Give the figures of a window as they were made last, and have them made anew where it is time; waits a tick for them."""
        kept = self._figures[since_s]
        wait_s = max(_TICK_S if kept.last_id != last_id else _ALIVE_S, kept.took_s * _SHARE)
        if kept.making is None and (not kept.text or monotonic() - kept.made_at >= wait_s):
            kept.making = asyncio.create_task(self._make_anew(kept, since_s, last_id))
        if kept.making is not None:
            await asyncio.wait({kept.making}, timeout=_TICK_S)
        return kept.text

    async def _make_anew(self, kept: _Figures, since_s: int, last_id: int) -> None:
        began = monotonic()
        try:
            kept.text = await asyncio.to_thread(self._make, since_s)
            kept.last_id = last_id
        except sqlite3.Error:  # what was made last is still true of its time
            pass
        finally:
            kept.made_at = monotonic()
            kept.took_s = kept.made_at - began
            kept.making = None

    def _make(self, since_s: int) -> bytes:
        bucket_s = BUCKETS_S[since_s]
        firsts_bucket_s = bucket_s * _WIDER
        return ENCODER.encode(
            {
                "now": time(),
                "summary": self._reader.summary(since_s),
                "bucket_s": bucket_s,
                "series": self._reader.series(since_s, bucket_s),
                "firsts_bucket_s": firsts_bucket_s,
                "firsts": self._reader.first_bytes(since_s, firsts_bucket_s),
            }
        )


async def _say(response: web.StreamResponse, kind: str, data: bytes) -> None:
    """Send one event. TimeoutError where nobody takes it."""
    await asyncio.wait_for(response.write(b"event: %b\ndata: %b\n\n" % (kind.encode(), data)), _WRITE_S)


def _id_of(newest_first: list[msgspec.Raw], otherwise: int) -> int:
    return msgspec.json.decode(newest_first[0], type=_Numbered).id if newest_first else otherwise
