"""The stream that feeds the page, read without a browser."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from extproc.core.records import Record
from extproc.core.vocabulary import Outcome
from extproc.shell.dashboard import events
from extproc.shell.decisions import Reader
from tests.dashboard.canned import made, traffic, write
from tests.dashboard.conftest import Serve
from tests.support.system import until


def one(seed: int) -> Record:
    return made(Outcome.SKIPPED, time.time() - 1, Random(seed))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ticks of 20 ms."""
    monkeypatch.setattr(events, "_TICK_S", 0.02)
    monkeypatch.setattr(events, "_ALIVE_S", 0.1)


@contextmanager
def listening(url: str, **query: Any) -> Iterator[Iterator[tuple[str, Any]]]:
    """Open a stream and give its events as they come: kind and data."""
    with httpx.stream("GET", f"{url}/api/events", params=query, timeout=20) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        yield parsed(response)


def parsed(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    lines = response.iter_lines()
    for line in lines:
        if line.startswith("event: "):
            yield line.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))


def next_of(stream: Iterator[tuple[str, Any]], kind: str) -> Any:
    """Wait for an event of a kind."""
    return next(data for found, data in stream if found == kind)


def traces(data: Any) -> list[str]:
    return [record["trace_id"] for record in data["decisions"]]


def test_a_page_hears_what_is_there_and_what_comes(serve: Serve):
    sidecar = serve()
    before = [one(1), one(2)]
    write(sidecar.log, before)
    with listening(sidecar.url) as stream:
        kind, snapshot = next(stream)
        assert kind == "snapshot"
        assert traces(snapshot) == [before[1].trace_id, before[0].trace_id], "newest first"
        assert snapshot["about"]["mode"] == "enforce"
        assert snapshot["about"]["models"]["draft"] == {"model": "deepseek-chat", "dialect": "anthropic", "priced": True}
        assert "{trace_id}" in snapshot["about"]["trace_url"]
        assert next_of(stream, "summary")["summary"]["all"]["requests"] == 2
        late = [one(3), one(4)]
        write(sidecar.log, late)
        assert traces(next_of(stream, "decisions")) == [late[1].trace_id, late[0].trace_id]
        assert next_of(stream, "summary")["summary"]["all"]["requests"] == 4


def test_the_figures_are_those_of_the_window(serve: Serve):
    sidecar = serve()
    now = time.time()
    write(sidecar.log, [made(Outcome.DIRECT, now - age, Random(age)) for age in (3000, 800, 700, 10)])
    for since_s, requests in ((900, 3), (3600, 4)):
        with listening(sidecar.url, since_s=since_s) as stream:
            told = next_of(stream, "summary")
            assert told["summary"]["all"]["requests"] == requests
            assert sum(bucket["requests"] for bucket in told["series"]) == requests
            assert told["bucket_s"] == events.BUCKETS_S[since_s]
            assert all(set(bucket["plans"]) == {"direct"} for bucket in told["firsts"])


def test_of_very_much_only_the_newest(serve: Serve):
    sidecar = serve()
    with listening(sidecar.url) as stream:
        assert next_of(stream, "snapshot")["decisions"] == []
        many = traffic(1300, 60, time.time())
        write(sidecar.log, many)
        heard: list[str] = []
        until(lambda: heard.extend(traces(next_of(stream, "decisions"))[::-1]) or many[-1].trace_id in heard)
        assert len(heard) <= 3 * 500
        assert heard == [record.trace_id for record in many if record.trace_id in set(heard)], "in order, none twice"


def test_a_new_file_begins_anew(serve: Serve):
    sidecar = serve()
    write(sidecar.log, [one(1), one(2)])
    with listening(sidecar.url) as stream:
        next_of(stream, "snapshot")
        for ending in ("", "-wal", "-shm"):
            sidecar.log.with_name(sidecar.log.name + ending).unlink(missing_ok=True)
        assert next_of(stream, "snapshot")["decisions"] == []
        fresh = one(3)
        write(sidecar.log, [fresh])
        assert traces(next_of(stream, "decisions")) == [fresh.trace_id]


def test_it_says_that_it_is_alive(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events, "_SHARE", 1e9)  # figures are too dear to be made again
    with listening(serve().url) as stream:
        assert next_of(stream, "alive") == {}


def test_another_window_and_another_site_are_refused(serve: Serve):
    url = f"{serve().url}/api/events"
    answer = httpx.get(url, params={"since_s": "1"})
    assert (answer.status_code, answer.json()) == (400, {"error": "since_s: expected one of 900, 3600, 86400, 604800, 2592000"})
    for site in ("cross-site", "same-site"):
        assert httpx.get(url, headers={"sec-fetch-site": site}).status_code == 403


def test_pages_are_bounded_and_leave_their_place(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(events, "_MOST_PAGES", 2)
    sidecar = serve()
    with listening(sidecar.url) as first, listening(sidecar.url) as second:
        next_of(first, "snapshot")
        next_of(second, "snapshot")
        answer = httpx.get(f"{sidecar.url}/api/events")
        assert (answer.status_code, answer.json()) == (503, {"error": "2 pages are open already"})
    until(lambda: not refused(sidecar.url))


def refused(url: str) -> bool:
    with httpx.stream("GET", f"{url}/api/events") as response:
        return response.status_code == 503


def test_nothing_is_read_while_nobody_looks(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    reads = []
    last_id = Reader.last_id
    monkeypatch.setattr(Reader, "last_id", lambda reader: reads.append(1) or last_id(reader))
    sidecar = serve()
    httpx.get(f"{sidecar.url}/dashboard")
    time.sleep(0.1)
    assert not reads
    with listening(sidecar.url) as stream:
        next_of(stream, "summary")
    until(lambda: still(reads))


def still(reads: list[int]) -> bool:
    before = len(reads)
    time.sleep(0.2)
    return len(reads) == before > 0


def test_dear_figures_are_made_seldom(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    """A read that takes a tenth of a second is followed by a second without one, however much is written."""
    began: list[float] = []
    summary = Reader.summary

    def slow(reader: Reader, since_s: float | None = None) -> Any:
        began.append(time.monotonic())
        time.sleep(0.1)
        return summary(reader, since_s)

    monkeypatch.setattr(Reader, "summary", slow)
    sidecar = serve()
    with listening(sidecar.url) as stream:
        next_of(stream, "summary")
        seeds = count()
        until(lambda: write(sidecar.log, [one(next(seeds))]) or len(began) >= 3)
    assert min(after - before for before, after in pairwise(began)) >= 1.0


def test_decisions_do_not_wait_for_figures(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    made_up = threading.Event()
    summary = Reader.summary
    monkeypatch.setattr(Reader, "summary", lambda reader, since_s=None: made_up.wait(20) and summary(reader, since_s))
    sidecar = serve()
    with listening(sidecar.url) as stream:
        assert next(stream)[0] == "snapshot"
        late = one(1)
        write(sidecar.log, [late])
        kind, data = next(stream)
        assert (kind, traces(data)) == ("decisions", [late.trace_id])
        made_up.set()
        assert next_of(stream, "summary")["summary"]["all"]["requests"] == 1


def test_a_log_that_cannot_be_read_keeps_the_figures(serve: Serve, monkeypatch: pytest.MonkeyPatch):
    sidecar = serve()
    write(sidecar.log, [one(1)])
    with listening(sidecar.url) as stream:
        told = next_of(stream, "summary")

        def broken(reader: Reader, since_s: float | None = None) -> Any:
            raise sqlite3.DatabaseError("disk I/O error")

        monkeypatch.setattr(Reader, "summary", broken)
        assert next_of(stream, "alive") == {}
    assert told["summary"]["all"]["requests"] == 1


def test_shutting_down_ends_the_streams(serve: Serve):
    sidecar = serve()
    with listening(sidecar.url) as stream:
        next_of(stream, "snapshot")
        sidecar.stop()
        assert [kind for kind, _ in stream if kind == "snapshot"] == []


def test_one_decision_by_its_number_or_its_trace(serve: Serve, tmp_path: Path):
    sidecar = serve()
    record = one(1)
    write(sidecar.log, [record])
    by_trace = httpx.get(f"{sidecar.url}/api/decisions/{record.trace_id}").json()
    assert by_trace["trace_id"] == record.trace_id
    assert httpx.get(f"{sidecar.url}/api/decisions/{by_trace['id']}").json() == by_trace
    for key in ("0" * 32, "999", "9" * 19, "9" * 32):
        missing = httpx.get(f"{sidecar.url}/api/decisions/{key}")
        assert (missing.status_code, missing.json()["error"]) == (404, "no such decision, or not kept any more"), key
    assert httpx.get(f"{sidecar.url}/api/decisions/'; DROP").status_code == 404
