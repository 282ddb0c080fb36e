"""The client of the demonstration: sends a sample, and looks at what comes back as any client could."""

from __future__ import annotations

import asyncio
import re
from time import perf_counter, time
from typing import Any

import httpx

from extproc.demo.samples import Sample
from extproc.demo.table import Row

_RECORD_S = 5.0
"""How long to wait for the record of a request; Envoy sends its access log every fraction of a second."""
_LAST_WORDS = re.compile(r"^: cascade outcome=(\S+) model=(\S+)", re.MULTILINE)
_KEYS = {"authorization": "Bearer demo-client-key", "x-api-key": "demo-client-key", "anthropic-version": "2023-06-01"}


async def send(sample: Sample, client: httpx.AsyncClient, admin: httpx.AsyncClient) -> Row:
    """Send one sample and wait for its record."""
    at, began = time(), perf_counter()
    response = await _request(sample, client)
    seconds = perf_counter() - began
    outcome, model = seen(response.headers, response.text)
    record = await _record(response.headers.get("x-cascade-trace-id", ""), sample.path, at, admin)
    return Row(sample, response.status_code, outcome, model, seconds, record)


def seen(headers: httpx.Headers, text: str) -> tuple[str, str]:
    """Give the outcome and the model that a response tells: by its headers, or by the comment behind a held stream."""
    outcome = headers.get("x-cascade-outcome", "")
    told = _LAST_WORDS.search(text) if outcome == "PENDING" else None
    return (told[1], told[2]) if told else (outcome, headers.get("x-cascade-model", ""))


async def _record(trace: str, path: str, at: float, admin: httpx.AsyncClient) -> dict[str, Any]:
    """Wait for the record of a request that was sent at `at`: by its trace, or, where nobody told it, as the one of its path since then."""
    deadline = perf_counter() + _RECORD_S
    while perf_counter() < deadline:
        newest: list[dict[str, Any]] = (await admin.get("/api/decisions", params={"limit": 20})).json()["decisions"]
        for one in newest:
            if one["path"] == path and (one["trace_id"] == trace if trace else one["at"] >= at):
                return one
        await asyncio.sleep(0.02)
    return {}


async def _request(sample: Sample, client: httpx.AsyncClient) -> httpx.Response:
    if sample.body is None:
        return await client.get(sample.path)
    headers = {**_KEYS, **sample.steer}
    if isinstance(sample.body, bytes):
        return await client.post(sample.path, content=sample.body, headers=headers)
    return await client.post(sample.path, json={**sample.body, "stream": sample.stream}, headers=headers)
