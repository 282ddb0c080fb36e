"""What each system is made of, and the floor behind it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from bench import floor
from bench.bodies import body
from bench.measure import cpu_s, resident_mb, taken_by_others
from bench.systems import FLOORS, Kind, configuration, stripped
from extproc.config.runtime import RuntimeDir
from extproc.envoyconf import bootstrap
from extproc.envoyconf.parts import EXT_PROC
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse


def _manager(kind: Kind) -> dict[str, Any]:
    made = stripped(bootstrap(configuration(8000), RuntimeDir(Path("/run/bench"))), kind)
    manager: dict[str, Any] = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    return manager


def _filters(kind: Kind) -> dict[str, Any]:
    return {one["name"]: one for one in _manager(kind)["http_filters"]}


def _routes(kind: Kind) -> list[dict[str, Any]]:
    routes: list[dict[str, Any]] = _manager(kind)["route_config"]["virtual_hosts"][0]["routes"]
    return routes


def test_bare_envoy_only_carries() -> None:
    assert list(_filters(Kind.BARE)) == ["envoy.filters.http.router"]
    assert {key for route in _routes(Kind.BARE) for key in route} == {"match", "route"}
    assert "access_log" not in _manager(Kind.BARE)


@pytest.mark.parametrize("kind", FLOORS)
def test_a_floor_has_our_ext_proc_filter_unchanged_and_nothing_else(kind: Kind) -> None:
    assert list(_filters(kind)) == [EXT_PROC, "envoy.filters.http.router"]
    assert _filters(kind)[EXT_PROC] == _filters(Kind.OURS)[EXT_PROC]
    asked = [route["match"] for route in _routes(Kind.OURS) if "route" in route and EXT_PROC in route.get("typed_per_filter_config", {})]
    assert asked
    assert [route["match"] for route in _routes(kind) if "typed_per_filter_config" in route] == asked
    assert "access_log" not in _manager(kind)


def test_ours_is_whole() -> None:
    runtime = RuntimeDir(Path("/run/bench"))
    assert stripped(bootstrap(configuration(8000), runtime), Kind.OURS) == bootstrap(configuration(8000), runtime)


class Context:
    """Stands in for the stream of a transport."""

    def __init__(self, *messages: ProcessingRequest) -> None:
        self._messages = [message.SerializeToString() for message in messages]
        self.written: list[ProcessingResponse] = []

    async def read(self) -> bytes | None:
        return self._messages.pop(0) if self._messages else None

    async def write(self, message: bytes) -> None:
        self.written.append(ProcessingResponse.FromString(message))


def test_the_floor_changes_the_model_and_the_route() -> None:
    content = body(1_000, direct=False)
    context: Any = Context(
        ProcessingRequest(request_headers=HttpHeaders()),
        ProcessingRequest(request_body=HttpBody(body=content, end_of_stream=True)),
        ProcessingRequest(response_headers=HttpHeaders()),
    )
    asyncio.run(floor.process(context))
    kinds = [response.WhichOneof("response") for response in context.written]
    assert kinds == ["request_headers", "request_body", "response_headers"]
    common = context.written[1].request_body.response
    changed = common.body_mutation.body
    assert changed == content.replace(b"claude-opus-4-8", b"draft-small")
    headers = {one.header.key: one.header.raw_value for one in common.header_mutation.set_headers}
    assert headers == {"x-cascade-target": b"draft", "content-length": b"%d" % len(changed)}
    assert common.clear_route_cache


def test_the_floor_ends_with_the_client() -> None:
    context: Any = Context(ProcessingRequest(request_headers=HttpHeaders()))
    asyncio.run(floor.process(context))
    assert len(context.written) == 1


def test_the_process_table_is_read() -> None:
    assert cpu_s(None) == 0.0
    before = cpu_s(os.getpid())
    assert before > 0
    assert cpu_s(os.getpid()) >= before
    assert resident_mb(os.getpid()) > 5
    assert 0 <= taken_by_others(0.05) <= 1


def test_envoy_traces_in_every_system_alike() -> None:
    config = configuration(8000, collector=4317)
    managers = []
    for kind in Kind:
        made = stripped(bootstrap(config, RuntimeDir(Path("/run/bench"))), kind)
        managers.append(made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"])
    assert managers[0]["tracing"]["random_sampling"] == {"value": 100}
    assert all(one["tracing"] == managers[0]["tracing"] for one in managers)
