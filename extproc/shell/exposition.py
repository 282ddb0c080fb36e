"""Tallies in Prometheus' and OpenMetrics' text formats. The only importer of prometheus_client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import inf
from typing import TypeVar

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from extproc.core.money import usd
from extproc.shell.tallies import Key, Series, State


@dataclass(frozen=True, slots=True)
class Told:
    """How one metric is told."""

    kind: str
    """`counter`, `amount`, `amount_gauge` (an amount that may fall), `histogram` or `gauge`."""
    text: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    """Of a histogram's buckets."""


def exposition(state: State, told: Mapping[str, Told], accept: str, *, process: bool) -> tuple[bytes, str]:
    """Write all metrics.

    Args:
        state: the numbers.
        told: the metrics that are told, by name; others in `state` are another release's.
        accept: the scraper's `Accept` header. Exemplars are told in OpenMetrics alone.
        process: add this process's own CPU time and memory.

    Returns:
        The text and its content type.
    """
    registry = CollectorRegistry()
    registry.register(_Tallies(state, told))
    if process:
        ProcessCollector(registry=registry)
    try:
        encode, content_type = choose_encoder(accept)
    except (ValueError, TypeError):  # a version that is none
        encode, content_type = choose_encoder("")
    return encode(registry), content_type


class _Tallies(Collector):
    def __init__(self, state: State, told: Mapping[str, Told]) -> None:
        self._state = state
        self._told = told

    def collect(self) -> Iterable[Metric]:
        for name, told in self._told.items():
            if told.kind == "histogram":
                yield self._histogram(name, told)
            else:
                # What may fall is a gauge to Prometheus, although the contract names it like a counter.
                family = (CounterMetricFamily if told.kind in {"counter", "amount"} else GaugeMetricFamily)(
                    name, told.text, labels=told.labels
                )
                for key, value in self._values(name, told):
                    family.add_metric(key, value)
                yield family

    def _values(self, name: str, told: Told) -> Iterable[tuple[Key, float]]:
        if told.kind.startswith("amount"):
            amounts = self._state.amounts.get(name, {})
            values: Mapping[Key, float] = {key: usd(amount) for key, amount in amounts.items()}
        else:
            values = (self._state.counts if told.kind == "counter" else self._state.gauges).get(name, {})
        if not told.labels:
            return [((), values.get((), 0.0))]
        return _known(values, told)

    def _histogram(self, name: str, told: Told) -> Metric:
        family = HistogramMetricFamily(name, told.text, labels=told.labels)
        for key, series in _known(self._state.histograms.get(name, {}), told):
            if len(series.counts) == len(told.bounds) + 1:
                family.add_metric(key, list(_buckets(series, told.bounds)), series.total)
        return family


_Value = TypeVar("_Value")


def _known(values: Mapping[Key, _Value], told: Told) -> Iterator[tuple[Key, _Value]]:
    """Leave out label sets of another release."""
    return ((key, value) for key, value in values.items() if len(key) == len(told.labels))


def _buckets(series: Series, bounds: tuple[float, ...]) -> Iterator[tuple[str, float] | tuple[str, float, Exemplar]]:
    """Give each bucket as Prometheus counts it: with all that is in the smaller ones."""
    below = 0
    for bound, count, one in zip((*bounds, inf), series.counts, series.exemplars, strict=True):
        below += count
        size = "+Inf" if bound == inf else repr(bound)
        yield (size, below, Exemplar({"trace_id": one.trace_id}, one.value, one.at)) if one else (size, below)
