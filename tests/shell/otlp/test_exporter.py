"""What reaches a collector, and what becomes of it where the collector is dead, slow, or refuses: real sockets, both ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import pytest

from extproc.config.otlp import export
from extproc.core.records import Trace
from extproc.shell.accesslog import record_of
from extproc.shell.otlp.exporter import Exporter
from tests.shell.otlp.made import ENVOY, PRICES, ROOT, SERVERS, TRACE, call, entry, note
from tests.shell.otlp.test_journey import marked
from tests.support.collector import Collector, read, tree
from tests.support.system import free_ports

ENTRY = entry(marked(), tag=f"{TRACE} {ENVOY} -", time_to_first_upstream_tx_byte=5.0, time_to_last_upstream_rx_byte=60.0)
FAST = {"OTEL_BSP_SCHEDULE_DELAY": "10"}


@dataclass
class Heard:
    """What the exporter says of itself."""

    lost: dict[tuple[str, str], int] = field(default_factory=dict)
    warnings: list[tuple[str, str]] = field(default_factory=list)

    def lose(self, signal: str, reason: str, count: int) -> None:
        self.lost[signal, reason] = self.lost.get((signal, reason), 0) + count

    def warn(self, event: str, message: str) -> None:
        self.warnings.append((event, message))


@asynccontextmanager
async def exporting(endpoint: str, heard: Heard, within_s: float = 5.0, **environ: str) -> AsyncIterator[Exporter]:
    made = Exporter(export(endpoint, {**FAST, **environ}), SERVERS, {"service.version": "1.2"}, heard.lose, heard.warn)
    made.start()
    try:
        yield made
    finally:
        await made.stop(within_s)


def see(exporter: Exporter, times: int = 1) -> None:
    exporter.saw([ENTRY] * times, [record_of(ENTRY, PRICES)] * times)


async def wait(condition: Callable[[], Any]) -> None:
    deadline = monotonic() + 20
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


@pytest.fixture(params=["gRPC", "HTTP"])
def way(request: pytest.FixtureRequest) -> str:
    way: str = request.param
    return way


def of(collector: Collector, way: str) -> str:
    return collector.by_grpc if way == "gRPC" else collector.by_http


def test_spans_and_numbers_arrive(way: str):
    heard = Heard()

    async def go(collector: Collector) -> None:
        async with exporting(
            of(collector, way), heard, OTEL_RESOURCE_ATTRIBUTES="team=red", OTEL_EXPORTER_OTLP_HEADERS="api-key=one"
        ) as exporter:
            see(exporter)
            await wait(collector.spans)

    with Collector() as collector:
        asyncio.run(go(collector))
        assert tree(collector.spans()) == (("cascade SKIPPED", (("cascade.classify", ()), ("chat small", ()))),)
        assert collector.resources()[0] == {"service.name": "cascade-extproc", "service.version": "1.2", "team": "red"}
        assert {head["api-key"] for head in collector.heads} == {"one"}
        duration = collector.newest_metrics()["gen_ai.client.operation.duration"]
        (point,) = duration.histogram.data_points
        assert (point.count, point.sum) == (1, 0.055)
        assert read(point.attributes)["gen_ai.request.model"] == "small"
    assert heard == Heard()


def test_compressed(way: str):
    heard = Heard()

    async def go(collector: Collector) -> None:
        async with exporting(of(collector, way), heard, OTEL_EXPORTER_OTLP_COMPRESSION="gzip") as exporter:
            see(exporter)

    with Collector() as collector:
        asyncio.run(go(collector))
        assert len(collector.spans()) == 3
    assert heard == Heard()


def test_many_are_sent_in_messages_of_a_bounded_size(way: str):
    async def go(collector: Collector) -> None:
        async with exporting(of(collector, way), Heard(), OTEL_BSP_MAX_EXPORT_BATCH_SIZE="30") as exporter:
            see(exporter, 100)

    with Collector() as collector:
        asyncio.run(go(collector))
        sizes = [sum(len(scope.spans) for scope in message.resource_spans[0].scope_spans) for message in collector.traces]
        assert sum(sizes) == 300
        assert max(sizes) == 30


def test_what_is_left_at_the_end_is_sent(way: str):
    async def go(collector: Collector) -> None:
        async with exporting(of(collector, way), Heard(), OTEL_BSP_SCHEDULE_DELAY="600000") as exporter:
            see(exporter, 7)
            assert collector.spans() == []

    with Collector() as collector:
        asyncio.run(go(collector))
        assert len(collector.spans()) == 21


@pytest.mark.parametrize("port", ["4317", "4318"])
def test_a_dead_collector_costs_its_spans_and_one_warning(port: str):
    heard = Heard()
    (dead,) = free_ports(1)
    protocol = "grpc" if port == "4317" else "http/protobuf"

    async def go() -> None:
        async with exporting(f"http://127.0.0.1:{dead}", heard, within_s=0.1, OTEL_EXPORTER_OTLP_PROTOCOL=protocol) as exporter:
            see(exporter, 2)
            await asyncio.sleep(0.2)
            began = monotonic()
        assert monotonic() - began < 5

    asyncio.run(go())
    assert heard.lost == {("traces", "shutdown"): 6, ("metrics", "shutdown"): 1}
    assert sorted(message.split(" ")[0] for _, message in heard.warnings) == ["metrics", "traces"]


def test_a_collector_that_is_gone_for_a_while_gets_what_waited(way: str):
    heard = Heard()

    async def go(collector: Collector) -> None:
        async with exporting(of(collector, way), heard, OTEL_METRICS_EXPORTER="none") as exporter:
            see(exporter)
            await wait(lambda: collector.heads)
            collector.status = 200

    with Collector(status=503) as collector:
        asyncio.run(go(collector))
        assert len(collector.heads) == 2
    assert heard == Heard()


def test_a_collector_that_refuses_for_good_is_told_of_once(way: str):
    heard = Heard()

    async def go(collector: Collector) -> None:
        async with exporting(of(collector, way), heard, OTEL_METRICS_EXPORTER="none") as exporter:
            for messages in (1, 2, 3):
                see(exporter)
                await wait(lambda messages=messages: len(collector.traces) >= messages)
            collector.refuse = 0
            see(exporter)
            await wait(lambda: len(collector.traces) >= 4)

    with Collector(refuse=2) as collector:
        asyncio.run(go(collector))
    assert heard.lost == {("traces", "refused"): 6}
    assert heard.warnings == [("telemetry_lost", "traces do not reach the collector (refused by the collector); requests are not affected")]


def test_an_answer_that_makes_no_sense_is_none():
    heard = Heard()

    async def go(collector: Collector) -> None:
        async with exporting(collector.by_http, heard) as exporter:
            see(exporter)

    with Collector(garbage=True) as collector:
        asyncio.run(go(collector))
        assert len(collector.spans()) == 3
    assert heard == Heard()


def test_a_wrong_path_is_not_tried_again():
    heard = Heard()

    async def go(collector: Collector) -> None:
        async with exporting(collector.by_http, heard, OTEL_METRICS_EXPORTER="none") as exporter:
            see(exporter)
            await wait(lambda: heard.warnings)

    with Collector(status=404) as collector:
        asyncio.run(go(collector))
        assert len(collector.heads) == 1
    assert heard.lost == {("traces", "undelivered"): 3}
    assert "status 404" in heard.warnings[0][1]


def test_a_slow_collector_makes_nobody_wait_and_what_waits_is_bounded(way: str):
    heard = Heard()

    async def go(collector: Collector) -> None:
        async with exporting(
            of(collector, way),
            heard,
            within_s=0.1,
            OTEL_BSP_MAX_QUEUE_SIZE="12",
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE="3",
            OTEL_METRICS_EXPORTER="none",
        ) as exporter:
            for _ in range(50):
                see(exporter)
                await asyncio.sleep(0.02)
            assert exporter.waiting <= 12

    with Collector(delay_s=1.0) as collector:
        asyncio.run(go(collector))
    told = sum(heard.lost.values())
    assert set(heard.lost) == {("traces", "queue_full"), ("traces", "shutdown")}
    assert 150 - 12 <= told <= 150


def test_a_timeout_is_one_of_ours(way: str):
    heard = Heard()

    async def go(collector: Collector) -> None:
        async with exporting(of(collector, way), heard, 20.0, OTEL_EXPORTER_OTLP_TIMEOUT="100", OTEL_METRICS_EXPORTER="none") as exporter:
            see(exporter)
            await wait(lambda: collector.heads)
            collector.delay_s = 0.0

    with Collector(delay_s=1.0) as collector:
        asyncio.run(go(collector))
    assert heard == Heard()


def test_the_calls_for_a_client_that_left_are_told_below_its_root():
    async def go(collector: Collector) -> None:
        async with exporting(collector.by_grpc, Heard()) as exporter:
            trace = Trace(ROOT, "", sampled=True, kept=True, began_s=monotonic() - 1.0)
            exporter.left(note(call(), call("verify", "cancelled", began_ms=60, ended_ms=900), trace=trace))

    with Collector() as collector:
        asyncio.run(go(collector))
        draft, verify = collector.spans()
        assert {draft.parent_id, verify.parent_id} == {ROOT}
        assert (draft.failed, verify.failed, verify.attributes["error.type"]) == (False, True, "cancelled")
        assert verify.end_ns - verify.start_ns == pytest.approx(840_000_000, abs=1000)
        points = collector.newest_metrics()["gen_ai.client.operation.duration"].histogram.data_points
        assert sorted(read(point.attributes).get("error.type", "") for point in points) == ["", "cancelled"]


def test_of_a_trace_that_is_not_kept_only_the_numbers_are_told():
    async def go(collector: Collector) -> None:
        async with exporting(collector.by_grpc, Heard()) as exporter:
            exporter.left(note(call(), trace=Trace(ENVOY, "", sampled=False, kept=False, began_s=monotonic())))

    with Collector() as collector:
        asyncio.run(go(collector))
        assert collector.traces == []
        assert "gen_ai.client.token.usage" in collector.newest_metrics()


def test_what_another_release_has_left_keeps_nobody_back():
    heard = Heard()

    async def go(collector: Collector) -> None:
        odd = entry(marked(), tag=f"{TRACE} not-sixteen-hex! -")
        async with exporting(collector.by_grpc, heard) as exporter:
            exporter.saw([odd, ENTRY], [record_of(one, PRICES) for one in (odd, ENTRY)])
            await wait(collector.spans)

    with Collector() as collector:
        asyncio.run(go(collector))
        assert len(collector.spans()) == 3
    assert heard.lost == {("traces", "unreadable"): 1}


@pytest.mark.parametrize("scheme", ["grpc", "http/protobuf"])
def test_a_certificate_that_is_not_there_costs_spans_alone(scheme: str):
    heard = Heard()
    (dead,) = free_ports(1)
    environ = {"OTEL_EXPORTER_OTLP_PROTOCOL": scheme, "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere.pem", "OTEL_METRICS_EXPORTER": "none"}

    async def go() -> None:
        async with exporting(f"https://127.0.0.1:{dead}", heard, 20.0, **environ) as exporter:
            see(exporter)

    asyncio.run(go())
    assert heard.lost == {("traces", "undelivered"): 3}
