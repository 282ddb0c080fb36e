"""The admin HTTP with a token: probes get in without, all others with it, by header or by a page that was opened with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from extproc.shell.admin import Admin
from extproc.shell.decisions import Reader
from extproc.shell.journal import Journal
from extproc.shell.meters import Meters
from tests.shell.test_admin import CONFIG, _ready
from tests.support.system import free_ports

TOKEN = "0123456789abcdef"
PATHS = ("/metrics", "/dashboard", "/dashboard/app.js", "/api/decisions", "/api/events", "/api/config", "/api/budgets", "/", "/nothing")
PROBES = ("/healthz", "/readyz")


class Held:
    """A token that can be replaced."""

    token = TOKEN


def serve(folder: Path, use: Callable[[httpx.AsyncClient, Held], Awaitable[None]], *, guarded: bool = True) -> None:
    async def run() -> None:
        (port,), held = free_ports(1), Held()
        meters = Meters("1", "hash")
        told = (Journal(meters, quiet=True), Reader(folder / "decisions.sqlite"), meters, _ready, CONFIG)
        admin = Admin(*told, token=(lambda: held.token) if guarded else None)
        await admin.start(f"127.0.0.1:{port}")
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                await use(client, held)
        finally:
            await admin.stop()

    asyncio.run(run())


def test_nobody_gets_in_without_and_probes_do(tmp_path: Path):
    async def use(client: httpx.AsyncClient, _: Held) -> None:
        for path in PATHS:
            answer = await client.get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
            assert "draft" not in answer.text
        assert [(await client.get(path)).status_code for path in PROBES] == [200, 200]
        assert (await client.post("/api/config")).status_code == 401

    serve(tmp_path, use)


@pytest.mark.parametrize(
    "wrong",
    ["", "Bearer", "Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN, "Bearer \xff\xfe"],
)
def test_a_wrong_token_is_none(tmp_path: Path, wrong: str):
    async def use(client: httpx.AsyncClient, _: Held) -> None:
        header = {"authorization": wrong.encode("latin-1")}
        assert (await client.get("/api/config", headers=header)).status_code == 401

    serve(tmp_path, use)


def test_the_right_one_opens_all_until_it_is_replaced(tmp_path: Path):
    async def use(client: httpx.AsyncClient, held: Held) -> None:
        header = {"authorization": f"bearer {TOKEN}"}
        assert (await client.get("/api/config", headers=header)).status_code == 200
        assert (await client.get("/nothing", headers=header)).status_code == 404
        for other in ("another token of ours", ""):
            held.token = other
            assert (await client.get("/api/config", headers=header)).status_code == 401
            assert (await client.get("/api/config", headers={"authorization": f"Bearer {other}".strip()})).status_code == (
                200 if other else 401
            )

    serve(tmp_path, use)


def test_a_page_is_opened_once(tmp_path: Path):
    async def use(client: httpx.AsyncClient, held: Held) -> None:
        assert (await client.get("/dashboard?token=wrong")).status_code == 401
        assert (await client.get(f"/api/config?token={TOKEN}")).status_code == 401, "only the page is opened so"
        opened = await client.get(f"/dashboard?token={TOKEN}")
        assert (opened.status_code, opened.headers["location"]) == (303, "dashboard")
        cookie = opened.headers["set-cookie"]
        assert TOKEN not in cookie
        assert {"HttpOnly", "SameSite=Lax"} <= set(cookie.split("; "))
        assert [(await client.get(path)).status_code for path in ("/dashboard", "/dashboard/app.js", "/api/config")] == [200] * 3
        async with client.stream("GET", "/api/events") as events:
            assert events.status_code == 200
            assert "event: snapshot" in [line async for line in _first(events)]
        held.token = "another token of ours"
        assert (await client.get("/api/config")).status_code == 401, "with the token its pages are closed"

    serve(tmp_path, use)


async def _first(events: httpx.Response) -> AsyncIterator[str]:
    async for line in events.aiter_lines():
        yield line
        return


@pytest.mark.parametrize("host", ["localhost", "localhost:9464", "127.0.0.1:9464", "[::1]:9464", "a.localhost", ""])
def test_on_loopback_it_answers_to_its_own_name(tmp_path: Path, host: str):
    async def use(client: httpx.AsyncClient, _: Held) -> None:
        assert (await client.get("/api/config", headers={"host": host})).status_code == 200

    serve(tmp_path, use, guarded=False)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9464", "localhost.evil.example", "10.0.0.1", "[::1", "127.0.0.1@evil"])
def test_a_name_that_was_made_to_lead_here_is_refused(tmp_path: Path, host: str):
    async def use(client: httpx.AsyncClient, _: Held) -> None:
        for path in ("/api/config", "/api/events", "/dashboard", "/readyz"):
            assert (await client.get(path, headers={"host": host})).status_code in {400, 403}

    serve(tmp_path, use, guarded=False)


def test_with_a_token_any_name_will_do(tmp_path: Path):
    async def use(client: httpx.AsyncClient, _: Held) -> None:
        headers = {"host": "sidecar.example", "authorization": f"Bearer {TOKEN}"}
        assert (await client.get("/api/config", headers=headers)).status_code == 200

    serve(tmp_path, use)
