"""What teams spend, in a Redis or Valkey that several sidecars share. The only importer of redis.

One hash for each day, `cascade:spent:2026-11-26`, with one field for each team and process: `team|process` → `picodollars tokens`. It
expires by itself. Only HSET, HGETALL, HLEN and EXPIRE are used, so any server of the last ten years will do, a proxy before it, too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError

from extproc.shell.spending.store import Entry, Row, Standing, StoreError, standing

_PREFIX = "cascade:spent:"
_PATIENCE_S = 1.0
"""For one exchange, the connection included."""
_KEPT_S = 3 * 86_400
_MOST_FIELDS = 50_000
"""A hash with more than this is none of ours; to read it would take too long."""
_LONGEST = 200

Field = bytes | bytearray | memoryview | str | int | float


class RemoteStore:
    """One process's connection to the server."""

    def __init__(self, url: str, password: Callable[[], str] | None) -> None:
        """Connect to nothing yet.

        Args:
            url: `redis://` or `rediss://` (TLS, with the authorities of the system or of `SSL_CERT_FILE`), checked already.
            password: reads it anew for each connection; an error of its own where it cannot be had. None: there is none.
        """
        parts = urlsplit(url)
        user = unquote(parts.username) if parts.username else None
        self._where = f"{parts.hostname}:{parts.port or 6379}"
        self._redis = Redis(
            host=parts.hostname or "",
            port=parts.port or 6379,
            db=int(parts.path.strip("/") or 0),
            ssl=parts.scheme == "rediss",
            credential_provider=_Credentials(user, password) if password else None,
            username=None if password else user,
            max_connections=1,
            retry=Retry(NoBackoff(), 0),  # the next exchange is soon enough
            protocol=2,
        )

    async def exchange(self, writer: str, day: str, entries: Sequence[Entry]) -> Standing:
        """See `Store`."""
        whole = False
        try:
            async with asyncio.timeout(_PATIENCE_S):
                told = standing(writer, _rows(await self._exchange(writer, day, entries)))
            whole = True
        except TimeoutError as error:
            raise StoreError(f"{self._where}: no answer within {_PATIENCE_S:g} s") from error
        except Exception as error:  # a server that lies brings the library to raise anything
            raise StoreError(f"{self._where}: {_reason(error)}") from error
        finally:
            if not whole:  # the answer to this question must never be taken for that to a later one
                await self._hang_up()
        return told

    async def close(self) -> None:
        """Close the connection."""
        await self._hang_up()

    async def _exchange(self, writer: str, day: str, entries: Sequence[Entry]) -> Mapping[bytes | str, bytes | str]:
        async with self._redis.pipeline(transaction=False) as pipeline:
            for past in sorted({entry.day for entry in entries}):
                told: dict[Field, Field] = {
                    f"{one.team}|{writer}": f"{one.spent.pico_usd} {one.spent.tokens}" for one in entries if one.day == past
                }
                pipeline.hset(_PREFIX + past, mapping=told)
                pipeline.expire(_PREFIX + past, _KEPT_S)
            pipeline.hlen(_PREFIX + day)
            *_, fields = await pipeline.execute()
        if not isinstance(fields, int) or fields > _MOST_FIELDS:
            raise StoreError(f"{_PREFIX}{day} is too large to be ours")
        return await self._redis.hgetall(_PREFIX + day)

    async def _hang_up(self) -> None:
        """Close the connection, whatever state it is in."""
        with suppress(RedisError, OSError, TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self._redis.connection_pool.disconnect()


class _Credentials(CredentialProvider):
    def __init__(self, user: str | None, password: Callable[[], str]) -> None:
        self._user = user
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._password()
        return (self._user, password) if self._user else (password,)


def _rows(found: Mapping[bytes | str, bytes | str]) -> Iterator[Row]:
    """Read the fields of a day. StoreError where one is not as we write them."""
    for field, value in found.items():
        try:
            team, _, writer = _text(field).partition("|")
            amount, _, tokens = _text(value).partition(" ")
            if not (amount.isdecimal() and tokens.isdecimal() and len(value) <= 40):
                raise ValueError
            yield team, writer, int(amount), int(tokens)
        except (ValueError, AttributeError) as error:
            raise StoreError("it holds what is no count") from error


def _text(told: bytes | str) -> str:
    return told.decode("ascii") if isinstance(told, bytes) else told


def _reason(error: Exception) -> str:
    """Say in one line what is wrong. What a server says of an error is shown, and no more of it than fits."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
