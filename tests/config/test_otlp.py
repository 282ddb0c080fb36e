"""Where telemetry goes, by the configuration and by OpenTelemetry's own variables."""

from __future__ import annotations

import pytest

from extproc.config.otlp import SERVICE, Export, Protocol, Target, export, header_secrets
from extproc.core.steps.tracing import Sampling

GRPC, HTTP = Protocol.GRPC, Protocol.HTTP


def traces(endpoint: str = "", **environ: str) -> Target:
    target = export(endpoint, _named(environ)).traces
    assert target is not None
    return target


def _named(environ: dict[str, str]) -> dict[str, str]:
    return {f"OTEL_{name}": value for name, value in environ.items()}


def test_nothing_is_exported_without_an_endpoint():
    assert export("", {}) == Export()


@pytest.mark.parametrize(
    ("endpoint", "protocol", "host", "port", "path"),
    [
        ("http://jaeger:4317", GRPC, "jaeger", 4317, "/v1/traces"),
        ("http://jaeger:4318", HTTP, "jaeger", 4318, "/v1/traces"),
        ("http://jaeger:4318/v1/traces", HTTP, "jaeger", 4318, "/v1/traces"),
        ("https://collector.example.com", GRPC, "collector.example.com", 443, "/v1/traces"),
        ("https://collector.example.com/otlp", HTTP, "collector.example.com", 443, "/otlp/v1/traces"),
        ("http://[::1]:4317", GRPC, "::1", 4317, "/v1/traces"),
    ],
)
def test_the_port_or_a_path_says_how_it_is_spoken(endpoint: str, protocol: Protocol, host: str, port: int, path: str):
    target = traces(endpoint)
    assert (target.protocol, target.upstream.host, target.upstream.port, target.path) == (protocol, host, port, path)


def test_both_signals_have_their_paths():
    told = export("http://collector:4318/v1/traces", {})
    assert told.traces is not None
    assert told.metrics is not None
    assert (told.traces.path, told.metrics.path) == ("/v1/traces", "/v1/metrics")


def test_the_environment_names_the_endpoint_where_the_configuration_does_not():
    environ = {"EXPORTER_OTLP_ENDPOINT": "http://there:4317"}
    assert traces("", **environ).upstream.host == "there"
    assert traces("http://here:4317", **environ).upstream.host == "here"


def test_an_endpoint_of_a_signal_is_taken_as_it_is():
    told = export("", _named({"EXPORTER_OTLP_TRACES_ENDPOINT": "http://there:4318/spans"}))
    assert told.traces is not None
    assert (told.traces.path, told.metrics) == ("/spans", None)
    assert traces("", EXPORTER_OTLP_TRACES_ENDPOINT="http://there:4318").path == "/"


def test_without_a_scheme_it_is_safe_unless_told_otherwise():
    assert traces("", EXPORTER_OTLP_ENDPOINT="there:4317").upstream.tls
    assert not traces("", EXPORTER_OTLP_ENDPOINT="there:4317", EXPORTER_OTLP_INSECURE="true").upstream.tls


def test_how_it_is_spoken_can_be_told():
    assert traces("http://a:4317", EXPORTER_OTLP_PROTOCOL="http/protobuf").protocol is HTTP
    assert traces("http://a:4318", EXPORTER_OTLP_PROTOCOL="grpc").protocol is GRPC
    assert traces("http://a:4318", EXPORTER_OTLP_PROTOCOL="http/protobuf", EXPORTER_OTLP_TRACES_PROTOCOL="grpc").protocol is GRPC


def test_headers_may_hold_keys_and_are_not_shown():
    target = traces("http://a:4317", EXPORTER_OTLP_HEADERS="Api-Key=s%20ecret%2C1, x-team = red ")
    assert target.headers == (("api-key", "s ecret,1"), ("x-team", "red"))
    assert "ecret" not in repr(target)
    assert traces("http://a:4317", EXPORTER_OTLP_HEADERS="a=1", EXPORTER_OTLP_TRACES_HEADERS="b=2").headers == (("b", "2"),)


def test_envoy_gets_the_headers_of_traces_by_names():
    told = export("http://a:4317", _named({"EXPORTER_OTLP_HEADERS": "api-key=1,x-team=2"}))
    assert header_secrets(told) == {"otlp_0": ("api-key", "1"), "otlp_1": ("x-team", "2")}
    assert header_secrets(export("", {})) == {}


def test_times_sizes_and_files():
    told = export(
        "https://a:4317",
        _named(
            {
                "EXPORTER_OTLP_TIMEOUT": "2500",
                "EXPORTER_OTLP_COMPRESSION": "gzip",
                "EXPORTER_OTLP_CERTIFICATE": "/ca.pem",
                "EXPORTER_OTLP_CLIENT_CERTIFICATE": "/me.pem",
                "EXPORTER_OTLP_CLIENT_KEY": "/me.key",
                "BSP_SCHEDULE_DELAY": "50",
                "BSP_MAX_QUEUE_SIZE": "10",
                "BSP_MAX_EXPORT_BATCH_SIZE": "3",
                "METRIC_EXPORT_INTERVAL": "1000",
            }
        ),
    )
    target = told.traces
    assert target is not None
    assert (target.timeout_s, target.gzip) == (2.5, True)
    assert (target.authorities, target.certificate, target.key) == ("/ca.pem", "/me.pem", "/me.key")
    assert (told.every_s, told.queue, told.batch, told.metrics_every_s) == (0.05, 10, 3, 1.0)


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("", "", Sampling()),
        ("always_on", "", Sampling(1.0, follows=False)),
        ("always_off", "", Sampling(0.0, follows=False)),
        ("traceidratio", "0.25", Sampling(0.25, follows=False)),
        ("parentbased_always_off", "", Sampling(0.0)),
        ("parentbased_traceidratio", "0.25", Sampling(0.25)),
        ("parentbased_traceidratio", "7", Sampling(1.0)),
        ("parentbased_traceidratio", "half", Sampling(1.0)),
        ("jaeger_remote", "", Sampling()),
    ],
)
def test_samplers(name: str, argument: str, expected: Sampling):
    assert export("http://a:4317", _named({"TRACES_SAMPLER": name, "TRACES_SAMPLER_ARG": argument})).sampling == expected


def test_names():
    assert export("http://a:4317", {}).service == SERVICE
    told = export("http://a:4317", _named({"RESOURCE_ATTRIBUTES": "service.name=mine,team=red%20hats", "SERVICE_NAME": ""}))
    assert (told.service, told.resource) == ("mine", {"team": "red hats"})
    assert export("http://a:4317", _named({"RESOURCE_ATTRIBUTES": "service.name=mine", "SERVICE_NAME": "other"})).service == "other"


@pytest.mark.parametrize("value", ["true", "TRUE"])
def test_the_environment_can_switch_all_off(value: str):
    assert export("http://a:4317", _named({"SDK_DISABLED": value})) == Export()


def test_the_environment_can_switch_one_signal_off():
    told = export("http://a:4317", _named({"TRACES_EXPORTER": "none"}))
    assert told.traces is None
    assert told.metrics is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("EXPORTER_OTLP_TIMEOUT", "-1"),
        ("EXPORTER_OTLP_HEADERS", "bad name=secret"),
        ("EXPORTER_OTLP_HEADERS", "name=se\x01cret"),
        ("TRACES_SAMPLER", "secret"),
        ("TRACES_EXPORTER", "secret"),
        ("BSP_MAX_QUEUE_SIZE", "many"),
    ],
)
def test_what_cannot_be_used_counts_as_not_set_and_is_told_without_its_value(name: str, value: str):
    told = export("http://a:4317", _named({name: value}))
    (problem,) = told.problems
    assert problem.startswith(f"OTEL_{name}: expected ")
    assert "secret" not in problem
    assert "cret" not in str(told)
    assert told.traces is not None


@pytest.mark.parametrize("endpoint", ["ftp://there", "http://", "http://user:secret@there", "http://[::1", "http://there:99999"])
def test_an_endpoint_that_is_none(endpoint: str):
    told = export("", _named({"EXPORTER_OTLP_ENDPOINT": endpoint}))
    assert (told.traces, told.metrics) == (None, None)
    assert told.problems
    assert "secret" not in str(told)
