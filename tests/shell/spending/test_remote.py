"""The counts in a real Redis: shared, protected, frozen, killed, emptied, and in servers that lie."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from extproc.core.steps.policies import Spent
from extproc.shell.spending import remote
from extproc.shell.spending.remote import RemoteStore
from extproc.shell.spending.store import Entry, Standing, StoreError
from tests.envoy.test_tls import certified
from tests.support.redis import RedisServer

DAY = "2026-11-26"
KEY = f"cascade:spent:{DAY}"


def entry(team: str, pico: int, tokens: int = 0, day: str = DAY) -> Entry:
    return Entry(day, team, Spent(pico, tokens))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


async def once(url: str, *entries: Entry, writer: str = "one", password: str | None = None) -> Standing:
    store = RemoteStore(url, None if password is None else lambda: password)
    try:
        return await store.exchange(writer, DAY, entries)
    finally:
        await store.close()


@pytest.mark.redis
def test_each_puts_in_what_it_has_in_all(server: RedisServer):
    async def story() -> None:
        one, other = RemoteStore(server.url, None), RemoteStore(server.url, None)
        assert await one.exchange("one", DAY, [entry("red", 5, 1), entry("blue", 9)]) == Standing(
            {"red": Spent(5, 1), "blue": Spent(9)}, {}
        )
        assert await other.exchange("other", DAY, [entry("red", 7)]) == Standing({"red": Spent(7)}, {"red": Spent(5, 1), "blue": Spent(9)})
        for _ in range(2):  # again, as if the answer had been lost
            assert (await one.exchange("one", DAY, [entry("red", 6, 2), entry("red", 3, day="2026-11-25")])).others == {"red": Spent(7)}
        assert (await other.exchange("other", DAY, [])).others == {"red": Spent(6, 2), "blue": Spent(9)}
        await one.close()
        await other.close()

    asyncio.run(story())
    with server.client() as look:
        assert look.hgetall(KEY) == {"red|one": "6 2", "blue|one": "9 0", "red|other": "7 0"}
        assert look.hgetall("cascade:spent:2026-11-25") == {"red|one": "3 0"}
        assert 0 < look.ttl(KEY) <= 3 * 86_400
        assert len(look.keys()) == 2
        assert {one["db"] for one in look.client_list()} == {"2"}


@pytest.mark.redis
def test_a_password_is_read_anew_for_each_connection(tmp_path: Path):
    passwords = ["secret99"]
    with RedisServer(tmp_path, password="secret99") as server:

        async def story() -> None:
            store = RemoteStore(server.url, lambda: passwords[-1])
            assert (await store.exchange("one", DAY, [entry("red", 5)])).mine == {"red": Spent(5)}
            passwords.append("wrong77")
            assert (await store.exchange("one", DAY, [])).mine == {"red": Spent(5)}  # this connection is still good
            server.kill()
            server.start()
            for _ in range(2):  # the connection that is gone, and the new one
                with pytest.raises(StoreError) as caught:
                    await store.exchange("one", DAY, [])
            assert "WRONGPASS" in str(caught.value) or "invalid username-password" in str(caught.value)
            assert "wrong77" not in str(caught.value)
            passwords.append("secret99")
            assert (await store.exchange("one", DAY, [])).mine == {}
            await store.close()

        asyncio.run(story())
        with pytest.raises(StoreError, match="Authentication required"):
            asyncio.run(once(server.url))


@pytest.mark.redis
def test_a_user_of_its_own(tmp_path: Path):
    with RedisServer(
        tmp_path, "--user", "cascade", "on", ">pw", "~cascade:spent:*", "-@all", *"+hset +hgetall +hlen +expire +select".split()
    ) as server:
        told = asyncio.run(once(server.url.replace("//", "//cascade@"), entry("red", 5), password="pw"))
        assert told.mine == {"red": Spent(5)}


@pytest.mark.redis
def test_tls_by_the_authorities_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    authority, _ = certified(tmp_path, "localhost")
    files = ("--tls-cert-file", str(tmp_path / "host.pem"), "--tls-key-file", str(tmp_path / "host.key"), "--tls-auth-clients", "no")
    with RedisServer(tmp_path, *files, "--tls-ca-cert-file", str(authority), tls=True) as server:
        with pytest.raises(StoreError, match="certificate"):
            asyncio.run(once(server.url, entry("red", 5)))
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert asyncio.run(once(server.url, entry("red", 5))).mine == {"red": Spent(5)}
        with pytest.raises(StoreError, match="certificate"):  # its name is another
            asyncio.run(once(server.url.replace("localhost", "127.0.0.1")))
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


@pytest.mark.redis
def test_frozen_killed_and_emptied(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remote, "_PATIENCE_S", 0.2)

    async def story() -> None:
        store = RemoteStore(server.url, None)
        await store.exchange("one", DAY, [entry("red", 5)])
        server.freeze()
        with pytest.raises(StoreError, match=r"no answer within 0\.2 s"):
            await store.exchange("one", DAY, [entry("red", 6)])
        server.thaw()
        assert (await store.exchange("one", DAY, [entry("blue", 1)])).mine["blue"] == Spent(1)  # not the answer to an earlier question
        server.kill()
        with pytest.raises(StoreError):
            await store.exchange("one", DAY, [entry("red", 7)])
        server.start()
        assert (await store.exchange("one", DAY, [entry("red", 7)])).mine == {"red": Spent(7)}
        await store.close()

    asyncio.run(story())


@pytest.mark.redis
def test_what_is_no_count_is_not_believed(server: RedisServer):
    with server.client() as look:
        for value in ("", "x", "1", "-1 0", "1 2 3", "1e3 0", "٣ 0", "9" * 30 + " 0", f"{2**63} 0"):
            look.hset(KEY, "red|other", value)
            with pytest.raises(StoreError, match="no count"):
                asyncio.run(once(server.url, entry("red", 5)))
        look.delete(KEY)
        look.set(KEY, "another's")
        with pytest.raises(StoreError, match="WRONGTYPE"):
            asyncio.run(once(server.url, entry("red", 5)))


@pytest.mark.redis
def test_a_hash_that_cannot_be_ours_is_not_read(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remote, "_MOST_FIELDS", 2)
    with server.client() as look:
        look.hset(KEY, mapping={"a|x": "1 1", "b|x": "1 1", "c|x": "1 1"})
    with pytest.raises(StoreError, match="too large to be ours"):
        asyncio.run(once(server.url))


NO_REDIS = (
    b"",
    b"+OK\r\n" * 9,
    b"*-1\r\n" * 9,
    b"*1\r\n" * 5000,
    b"$99999999999\r\n",
    b":x\r\n",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"-ERR no\x00\x1b[31m " + b"x" * 9000 + b"\r\n",
    b"\x00\xff" * 5000,
)
NO_DAY = (
    b":7\r\n",
    b"*2\r\n*0\r\n*0\r\n",
    b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    b"*2\r\n$1\r\n\xff\r\n$3\r\n1 1\r\n",
    b"*2\r\n$-1\r\n$3\r\n1 1\r\n",
    b"-LOADING\r\n",
)
_COMMANDS = re.compile(rb"\r\n(CLIENT|HSET|EXPIRE|HLEN|HGETALL)\r\n")


@pytest.mark.parametrize(("of_hgetall", "of_all"), [(lie, None) for lie in NO_DAY] + [(b"", lie) for lie in NO_REDIS])
def test_a_server_that_lies_is_trouble_and_no_more(of_hgetall: bytes, of_all: bytes | None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(remote, "_PATIENCE_S", 0.2)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while heard := await reader.read(4096):
                told = [of_hgetall if name == b"HGETALL" else b":0\r\n" for name in _COMMANDS.findall(heard)]
                writer.write(b"".join(told) if of_all is None else of_all)
            writer.close()

    async def story() -> str:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            with pytest.raises(StoreError) as caught:
                await once(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", entry("red", 5))
        return str(caught.value)

    said = asyncio.run(story())
    assert said.isprintable()
    assert len(said) < 300


def test_nobody_there():
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9: "):
        asyncio.run(once("redis://127.0.0.1:9"))
