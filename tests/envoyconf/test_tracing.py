"""What the bootstrap says of traces, and that Envoy takes all of it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import write_secrets
from extproc.envoyconf import bootstrap, to_yaml
from extproc.envoyconf.binary import envoy_binary
from tests.envoyconf.variants import ENVIRON, made

KEY = "the-collectors-key"
VARIANTS: dict[str, dict[str, str]] = {
    "plain": {},
    "by HTTP": {"EXPORTER_OTLP_ENDPOINT": "http://collector:4318"},
    "by HTTP with TLS": {"EXPORTER_OTLP_ENDPOINT": "https://collector.example.com/otlp"},
    "by HTTP to an address": {"EXPORTER_OTLP_ENDPOINT": "http://[::1]:4318/v1/traces"},
    "by gRPC with TLS": {"EXPORTER_OTLP_ENDPOINT": "https://collector.example.com:4317"},
    "with keys": {"EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "EXPORTER_OTLP_HEADERS": f"x-key={KEY},x-team=red"},
    "with attributes": {"EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "RESOURCE_ATTRIBUTES": "team=red%20hats,service.name=mine"},
    "a share": {
        "EXPORTER_OTLP_ENDPOINT": "http://collector:4317",
        "TRACES_SAMPLER": "parentbased_traceidratio",
        "TRACES_SAMPLER_ARG": "0.1",
    },
    "none but what others begin": {"EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "TRACES_SAMPLER": "parentbased_always_off"},
    "all": {"EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "TRACES_SAMPLER": "always_on"},
    "none": {"EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "TRACES_SAMPLER": "always_off"},
}


def built(name: str, folder: Path) -> tuple[dict[str, Any], RuntimeDir, str]:
    config, runtime = made("all dialects", folder)
    environ = {f"OTEL_{key}": value for key, value in VARIANTS[name].items()}
    write_secrets(config, runtime, {**ENVIRON, **environ})
    return bootstrap(config, runtime, environ=environ), runtime, to_yaml(config, runtime, environ=environ)


def manager(whole: dict[str, Any], listener: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = whole["static_resources"]["listeners"][listener]["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def provider(whole: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = manager(whole)["tracing"]["provider"]["typed_config"]
    return found


def cluster(whole: dict[str, Any]) -> dict[str, Any]:
    (found,) = [one for one in whole["static_resources"]["clusters"] if one["name"] == "otlp"]
    return dict(found)


@pytest.mark.envoy
@pytest.mark.parametrize("name", VARIANTS)
def test_envoy_takes_it(name: str, tmp_path: Path):
    _, runtime, text = built(name, tmp_path)
    runtime.bootstrap.write_text(text)
    argv = [str(envoy_binary()), "--mode", "validate", "-c", str(runtime.bootstrap), "--log-level", "warning"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr


def test_without_a_collector_there_is_nothing_of_it(tmp_path: Path):
    whole, _, text = built("plain", tmp_path)
    assert "tracing" not in manager(whole)
    assert "layered_runtime" not in whole
    for word in ("otlp", "tracing:", "SPAN_ID", "key: x-cascade-tracer"):
        assert word not in text


def test_both_doors_are_traced_and_tell_their_spans_apart(tmp_path: Path):
    whole, _, _ = built("by HTTP", tmp_path)
    assert "operation" not in manager(whole, 0)["tracing"]
    assert manager(whole, 1)["tracing"]["operation"] == "egress"
    assert whole["layered_runtime"]["layers"][0]["static_layer"]["tracing"]["opentelemetry"]["flush_interval_ms"] <= 500


def test_http_has_a_path(tmp_path: Path):
    whole, _, _ = built("by HTTP with TLS", tmp_path)
    assert provider(whole)["http_service"]["http_uri"]["uri"] == "https://collector.example.com/otlp/v1/traces"
    assert "transport_socket" in cluster(whole)


def test_grpc_is_http2(tmp_path: Path):
    whole, _, _ = built("a share", tmp_path)
    assert provider(whole)["grpc_service"]["envoy_grpc"]["cluster_name"] == "otlp"
    assert "http2_protocol_options" in str(cluster(whole)["typed_extension_protocol_options"])


def test_what_the_collector_wants_to_see_stands_in_files_alone(tmp_path: Path):
    whole, runtime, text = built("with keys", tmp_path)
    assert KEY not in text
    assert KEY in runtime.secret("otlp_0").read_text()
    assert str(runtime.secret("otlp_0")) in text
    assert str(cluster(whole)).count("credential_injector.v3.CredentialInjector") == 2


def test_keys_that_are_wanted_no_more_are_removed(tmp_path: Path):
    config, runtime = made("all dialects", tmp_path)
    write_secrets(
        config, runtime, {**ENVIRON, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4317", "OTEL_EXPORTER_OTLP_HEADERS": f"x-key={KEY}"}
    )
    assert runtime.secret("otlp_0").exists()
    write_secrets(config, runtime, ENVIRON)
    assert not runtime.secret("otlp_0").exists()


def test_attributes_go_along_but_for_the_services_name(tmp_path: Path):
    whole, _, _ = built("with attributes", tmp_path)
    assert provider(whole)["service_name"] == "envoy"
    assert provider(whole)["resource_detectors"][0]["typed_config"]["attributes"] == {"team": "red hats"}


@pytest.mark.parametrize(
    ("name", "sampler"),
    [
        ("by HTTP", "parent_based(cel)"),
        ("a share", "parent_based(trace_id_ratio_based)"),
        ("none but what others begin", "parent_based(trace_id_ratio_based)"),
        ("all", "cel"),
        ("none", "trace_id_ratio_based"),
    ],
)
def test_samplers(name: str, sampler: str, tmp_path: Path):
    whole, _, _ = built(name, tmp_path)
    made = provider(whole)["sampler"]
    inner = made["typed_config"].get("wrapped_sampler")
    told = made["name"].rpartition(".")[2] + (f"({inner['name'].rpartition('.')[2]})" if inner else "")
    assert told == sampler


def test_a_share_is_told_exactly(tmp_path: Path):
    whole, _, _ = built("a share", tmp_path)
    percentage = provider(whole)["sampler"]["typed_config"]["wrapped_sampler"]["typed_config"]["sampling_percentage"]
    assert percentage == {"numerator": 100_000, "denominator": "MILLION"}


def test_the_processor_is_told_that_envoy_traces_and_providers_are_not(tmp_path: Path):
    whole, _, _ = built("by HTTP", tmp_path)
    (early,) = manager(whole)["early_header_mutation_extensions"]
    *before, added = early["typed_config"]["mutations"]
    assert added["append"]["header"]["key"] == "x-cascade-tracer"
    assert "x-cascade-" in [one.get("remove_on_match", {}).get("key_matcher", {}).get("prefix") for one in before]
    for route in manager(whole)["route_config"]["virtual_hosts"][0]["routes"]:
        assert "route" not in route or "x-cascade-tracer" in route["request_headers_to_remove"]


def test_the_access_log_names_envoys_span(tmp_path: Path):
    whole, _, _ = built("by HTTP", tmp_path)
    (tag,) = manager(whole)["access_log"][0]["typed_config"]["common_config"]["custom_tags"]
    assert tag["tag"] == "span"
    assert "%SPAN_ID%" in tag["value"]
