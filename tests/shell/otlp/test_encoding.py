"""What is written by hand is read by the real messages of the protocol."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from extproc.shell.otlp import encoding
from extproc.shell.otlp.encoding import Kind, Points
from tests.support.collector import read

TEXTS = st.text(max_size=300)
VALUES = st.one_of(
    TEXTS.filter(bool),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False),
    st.lists(TEXTS, min_size=1, max_size=5).map(tuple),
)
TIMES = st.integers(0, (1 << 63) - 1)


IDS = st.integers(1, (1 << 64) - 1)


def parsed(*spans: bytes) -> ExportTraceServiceRequest:
    told = encoding.request(encoding.resource({"service.name": "me"}), encoding.scope("it", "1.2"), spans)
    return ExportTraceServiceRequest.FromString(told)


@given(st.dictionaries(TEXTS, VALUES, max_size=8))
def test_attributes(values: dict[str, encoding.Value]):
    span = OtlpSpan.FromString(encoding.attributes(values))
    assert read(span.attributes) == {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def test_what_is_unknown_or_empty_is_left_out_but_zero_is_told():
    told = encoding.attributes({"none": None, "empty": "", "no items": (), "zero": 0, "nought": 0.0, "no": False})
    assert read(OtlpSpan.FromString(told).attributes) == {"zero": 0, "nought": 0.0, "no": False}


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.floats(allow_nan=False))
def test_numbers(whole: int, value: float):
    told = read(OtlpSpan.FromString(encoding.integer("whole", whole) + encoding.head_of("value") + encoding.double(value)).attributes)
    assert told == {"whole": whole, "value": value}
    assert [type(one) for one in told.values()] == [int, float]


@given(st.binary(min_size=16, max_size=16), IDS, IDS | st.just(0), TEXTS, TIMES, TIMES, st.sampled_from(Kind), st.booleans(), st.booleans())
def test_spans(trace: bytes, own: int, parent: int, name: str, start: int, end: int, kind: Kind, failed: bool, linked: bool):
    told = encoding.integer("n", 1) + (encoding.link(trace.hex(), f"{own:016x}") if linked else b"")
    made = encoding.Trace(trace.hex()).span(own, parent, encoding.named(name, kind), (start, end), told, failed=failed)
    (group,) = parsed(made, made).resource_spans
    assert read(group.resource.attributes) == {"service.name": "me"}
    (scope,) = group.scope_spans
    assert (scope.scope.name, scope.scope.version) == ("it", "1.2")
    span, again = scope.spans
    assert span == again
    assert (span.trace_id, span.span_id, span.parent_span_id) == (trace, own.to_bytes(8), parent.to_bytes(8) if parent else b"")
    assert (span.name, span.kind, span.start_time_unix_nano, span.end_time_unix_nano) == (name, kind, start, end)
    assert read(span.attributes) == {"n": 1}
    assert (span.status.code == Status.STATUS_CODE_ERROR) is failed
    assert [(link.trace_id, link.span_id) for link in span.links] == ([(trace, own.to_bytes(8))] if linked else [])


def test_a_lone_surrogate_of_a_client_breaks_nothing():
    told = encoding.attributes({"text": "a\ud800b"})
    assert read(OtlpSpan.FromString(told).attributes) == {"text": "a?b"}


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20))
def test_histograms(values: list[float]):
    points = Points((0.5, 2.0), [0, 0, 0])
    for value in values:
        points.add(value)
    metric = encoding.histogram("m", "s", 5, 9, {encoding.attributes({"kind": "x"}): points})
    request = ExportMetricsServiceRequest.FromString(encoding.request(encoding.resource({}), encoding.scope("it", ""), [metric]))
    (told,) = request.resource_metrics[0].scope_metrics[0].metrics
    assert (told.name, told.unit) == ("m", "s")
    assert told.histogram.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    (point,) = told.histogram.data_points
    assert read(point.attributes) == {"kind": "x"}
    assert list(point.explicit_bounds) == [0.5, 2.0]
    assert list(point.bucket_counts) == [
        sum(value <= 0.5 for value in values),
        sum(0.5 < value <= 2.0 for value in values),
        sum(value > 2.0 for value in values),
    ]
    assert (point.count, point.min, point.max) == (len(values), min(values), max(values))
    assert point.sum == pytest.approx(sum(values))
    assert (point.start_time_unix_nano, point.time_unix_nano) == (5, 9)
