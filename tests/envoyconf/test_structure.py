"""What the bootstrap says, part by part, without Envoy."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from extproc.core.vocabulary import COUNT_PATH, PATHS
from extproc.envoyconf import bootstrap, to_yaml, untyped
from extproc.envoyconf.parts import EXT_PROC, FROM_JSON, FROM_SSE, SIZE_LIMIT, USAGE
from tests.envoyconf.variants import SECRET, VARIANTS, made

CREDENTIALS = {"authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie"}
Node = dict[str, Any]
every_variant = pytest.mark.parametrize("name", VARIANTS)


@cache
def built(name: str) -> Node:
    with TemporaryDirectory() as folder:
        return untyped(*made(name, Path(folder)))


def whole(name: str, _: Path) -> Node:
    """Give one variant's bootstrap, built once: it takes a while, and the tests only look."""
    return built(name)


def manager(of: Node, listener: int = 0) -> Node:
    found: Node = of["static_resources"]["listeners"][listener]["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def routes(of: Node, listener: int = 0) -> list[Node]:
    found: list[Node] = manager(of, listener)["route_config"]["virtual_hosts"][0]["routes"]
    return found


def clusters(of: Node) -> dict[str, Node]:
    return {one["name"]: one for one in of["static_resources"]["clusters"]}


def by_name(of: Node) -> dict[str, Node]:
    return {one["name"]: one for one in routes(of)}


def is_llm(route: Node) -> bool:
    """An LLM call, or the counting of one's tokens where the processor sees to it."""
    kinds = ("held", "draft", "verify", "untranslated")
    return route["name"] in {f"{path} {kind}" for path in PATHS for kind in kinds} or (
        route["name"] == COUNT_PATH and "direct_response" in route
    )


def is_carried(route: Node) -> bool:
    """An LLM call that goes to a model, and is not held."""
    return is_llm(route) and "route" in route


def test_llm_calls_come_before_all_else_and_the_draft_before_verify(tmp_path: Path):
    of = whole("all dialects", tmp_path)
    llm = [f"{path} {role}" for path in PATHS for role in ("held", "draft", "verify")]
    upgrades = [f"{path} upgrade" for path in PATHS]
    names = [one["name"] for one in routes(of)]
    assert names[0] == "probe"
    assert set(names[1:4]) == set(upgrades)
    assert names[4:] == [*llm, "/v1/messages/count_tokens", "origin /"]
    assert [one["name"] for one in routes(of, 1)] == [name for name in llm if not name.endswith(" held")]


def test_no_route_for_a_dialect_that_nobody_serves(tmp_path: Path):
    names = {one["name"] for one in routes(whole("draft lacks a dialect", tmp_path))}
    assert {"/v1/chat/completions draft", "/v1/messages verify", "/v1/responses verify"} <= names
    assert {"/v1/messages draft", "/v1/responses draft"} & names == set()


def test_a_dialect_that_verify_lacks_is_translated_and_without_us_refused(tmp_path: Path):
    of = by_name(whole("verify lacks a dialect", tmp_path))
    assert "/v1/responses verify" in of
    assert "/v1/messages verify" not in of
    for name in ("/v1/messages held", "/v1/messages untranslated", "/v1/messages/count_tokens"):
        assert of[name]["direct_response"]["status"] == 503
        assert EXT_PROC in of[name]["typed_per_filter_config"]
    assert of["/v1/messages/count_tokens draft"]["route"]["cluster"] == "draft"


def test_a_dialect_that_verify_is_not_to_be_asked_in_goes_to_the_origin(tmp_path: Path):
    names = {one["name"] for one in routes(whole("nothing is translated", tmp_path))}
    assert {"/v1/chat/completions held", "/v1/chat/completions untranslated", "/v1/messages verify"} & names == {"/v1/messages verify"}


@every_variant
def test_the_draft_is_reached_by_the_target_header_alone(name: str, tmp_path: Path):
    for one in (*routes(of := whole(name, tmp_path)), *routes(of, 1)):
        to_draft = {"name": "x-cascade-target", "string_match": {"exact": "draft"}}
        reaches = one.get("route", {}).get("cluster", "").startswith("draft")
        assert (to_draft in one["match"].get("headers", [])) == reaches


@every_variant
def test_our_headers_reach_no_provider_and_credentials_only_where_forwarded(name: str, tmp_path: Path):
    of = whole(name, tmp_path)
    models = VARIANTS[name]["models"]
    for one in [*routes(of), *routes(of, 1)]:
        if "route" not in one:
            continue
        removed = set(one["request_headers_to_remove"])
        assert {"x-cascade-target", "x-cascade-id", "x-request-id", "x-forwarded-proto"} <= removed
        model = models["draft" if one["route"]["cluster"].startswith("draft") else "verify"]
        has_key = "api_key_env" in model or "api_key_file" in model
        forwards = model.get("api_key") == "forward" or (model is models["verify"] and not has_key)
        if one["route"]["cluster"] == "origin" and (separate := VARIANTS[name].get("origin")):
            forwards = separate.get("api_key") == "forward"
        assert removed & CREDENTIALS == (set() if forwards else CREDENTIALS)


@every_variant
def test_the_processor_sees_llm_calls_and_nothing_else(name: str, tmp_path: Path):
    of = whole(name, tmp_path)
    off = VARIANTS[name].get("mode") == "off"
    (processor,) = (one for one in manager(of)["http_filters"] if one["name"] == EXT_PROC)
    assert processor["disabled"] is True
    for one in routes(of):
        enabled = "overrides" in one.get("typed_per_filter_config", {}).get(EXT_PROC, {})
        assert enabled == (one["name"] == "probe" or (is_llm(one) and not off))
    assert EXT_PROC not in [one["name"] for one in manager(of, 1)["http_filters"]]


@every_variant
def test_llm_calls_ask_for_plain_answers_and_are_counted_in_their_dialect(name: str, tmp_path: Path):
    protocols = {
        "/v1/messages": "ANTHROPIC_MESSAGES",
        "/v1/chat/completions": "OPENAI_CHAT_COMPLETIONS",
        "/v1/responses": "OPENAI_RESPONSES",
    }
    for one in filter(is_carried, routes(whole(name, tmp_path))):
        (added,) = one["request_headers_to_add"]
        assert added == {"header": {"key": "accept-encoding", "value": "identity"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        filters, path = one["typed_per_filter_config"], one["match"]["path"]
        if FROM_JSON in filters:
            counted = {"input", "fresh"} & {rule["on_present"]["key"] for rule in filters[FROM_JSON]["response_rules"]["rules"]}
            assert counted == ({"fresh"} if path == "/v1/messages" else {"input"})
        else:
            assert filters[USAGE]["response"]["llm_protocol"] == protocols[path]


def test_the_older_filters_read_what_models_answer_and_nothing_else(tmp_path: Path):
    of = whole("usage by older filters", tmp_path)
    assert [one["name"] for one in manager(of)["http_filters"]][1:3] == [FROM_JSON, FROM_SSE]
    assert manager(of)["http_filters"][1]["disabled"] is True
    for one in routes(of):
        filters = one["typed_per_filter_config"]
        assert (FROM_JSON in filters) == is_carried(one)
        assert filters.get(FROM_SSE, {}).get("disabled", False) == (not is_carried(one))


@every_variant
def test_an_upstreams_own_headers_in_our_name_are_removed(name: str, tmp_path: Path):
    ours = {"x-cascade-outcome", "x-cascade-model", "x-cascade-rules", "x-cascade-trace-id"}
    for one in routes(whole(name, tmp_path)):
        assert one["name"] == "probe" or set(one["response_headers_to_remove"]) == ours


@every_variant
def test_streams_may_be_long_but_not_silent(name: str, tmp_path: Path):
    of = whole(name, tmp_path)
    ours = routes(of, 1)
    for one in [*routes(of), *ours]:
        if "route" not in one:
            continue
        assert one["route"]["timeout"] == "0s"
        patience = float(one["route"]["idle_timeout"].rstrip("s"))
        assert patience >= max(900, VARIANTS[name].get("budget", {}).get("max_wall_s", 0))
        assert manager(of)["stream_idle_timeout"] == one["route"]["idle_timeout"]
        retry = one["route"].get("retry_policy", {})
        if one["route"]["cluster"].startswith("draft") and is_llm(one):
            silence = f"{VARIANTS[name].get('draft', {}).get('timeout_s', 30):g}s"
            assert retry == ({} if one in ours else {"num_retries": 0, "per_try_idle_timeout": silence})
        elif is_llm(one):
            assert retry["retry_on"] == "connect-failure,refused-stream"


@every_variant
def test_tls_names_and_checks_the_very_host(name: str, tmp_path: Path):
    models = VARIANTS[name]["models"]
    of = clusters(whole(name, tmp_path))
    for role in ("draft", "verify"):
        url = models[role]["base_url"]
        host = url.partition("://")[2].partition("/")[0]
        socket = of[role].get("transport_socket")
        assert (socket is not None) == url.startswith("https://")
        if socket is None:
            continue
        context = socket["typed_config"]["common_tls_context"]["validation_context"]
        (expected,) = context["match_typed_subject_alt_names"]
        assert context["trusted_ca"]["filename"]
        if host[0] in "[1":
            assert expected["san_type"] == "IP_ADDRESS"
            assert "sni" not in socket["typed_config"]
        else:
            assert expected == {"san_type": "DNS", "matcher": {"exact": host.partition(":")[0]}}
            assert socket["typed_config"]["sni"] == host.partition(":")[0]


@pytest.mark.parametrize(
    ("name", "path", "draft", "verify"),
    [
        ("smallest", "/v1/messages", None, None),
        ("version in the root", "/v1/messages", "/v1/messages", "/api/v1beta/messages"),
        ("path in the root", "/v1/messages", "/anthropic/v1/messages", "/a/b/v1/messages"),
        ("a key and a root for each dialect", "/v1/chat/completions", "/v1/chat/completions", None),
    ],
)
def test_paths_are_rewritten_for_the_providers_root(name: str, path: str, draft: str | None, verify: str | None, tmp_path: Path):
    of = by_name(whole(name, tmp_path))
    for role, expected in (("draft", draft), ("verify", verify)):
        if f"{path} {role}" in of:
            assert of[f"{path} {role}"]["route"].get("prefix_rewrite", path) == (expected or path)


def test_a_provider_is_named_as_in_its_url(tmp_path: Path):
    of = by_name(whole("ipv6", tmp_path))
    assert of["/v1/messages draft"]["route"]["host_rewrite_literal"] == "[::1]:8001"
    assert of["/v1/messages verify"]["route"]["host_rewrite_literal"] == "[2001:db8::7]:8443"


@every_variant
def test_a_draft_that_is_down_is_left_alone_and_verify_never(name: str, tmp_path: Path):
    of = clusters(whole(name, tmp_path))
    for cluster in of.values():
        if cluster["name"].startswith("draft"):
            assert cluster["outlier_detection"]["max_ejection_percent"] == 100
            assert cluster["common_lb_config"]["healthy_panic_threshold"] == {"value": 0}
        if cluster["name"].startswith("verify"):
            assert cluster["outlier_detection"]["max_ejection_percent"] < 100
            assert "common_lb_config" not in cluster


@every_variant
def test_each_provider_with_a_key_gets_it_from_a_file_of_its_own(name: str, tmp_path: Path):
    config, runtime = made(name, tmp_path)
    of = clusters(bootstrap(config, runtime))
    with_key = {path.stem for path in (runtime.root / "secrets").glob("*.yaml")}
    for cluster in of.values():
        text = json.dumps(cluster)
        assert (str(runtime.secret(cluster["name"])) in text) == (cluster["name"] in with_key)
        assert ("credential_injector" in text) == (cluster["name"] in with_key)


@every_variant
def test_no_secret_stands_in_it(name: str, tmp_path: Path):
    assert SECRET not in to_yaml(*made(name, tmp_path))


@every_variant
def test_the_limits_are_the_configured_ones(name: str, tmp_path: Path):
    config, runtime = made(name, tmp_path)
    of = bootstrap(config, runtime)
    most = config.limits.max_body_bytes
    filters = {one["name"]: one["typed_config"] for one in manager(of)["http_filters"]}
    assert filters[SIZE_LIMIT]["max_request_bytes"] == most
    assert filters[EXT_PROC]["grpc_service"]["envoy_grpc"]["max_receive_message_length"] > most
    assert filters[EXT_PROC]["failure_mode_allow"] is True
    assert manager(of)["route_config"]["virtual_hosts"][0]["request_body_buffer_limit"] == most
    (monitor,) = of["overload_manager"]["resource_monitors"]
    assert monitor["typed_config"]["max_active_downstream_connections"] == config.limits.max_connections


@every_variant
def test_only_llm_calls_are_limited_in_size(name: str, tmp_path: Path):
    of = whole(name, tmp_path)
    for one in routes(of):
        unlimited = one.get("typed_per_filter_config", {}).get(SIZE_LIMIT, {}).get("disabled", False)
        assert unlimited == (one["name"] != "probe" and not is_llm(one))


@every_variant
def test_a_crowd_of_clients_does_not_shut_our_own_calls_out(name: str, tmp_path: Path):
    client, egress, *_ = whole(name, tmp_path)["static_resources"]["listeners"]
    assert "ignore_global_conn_limit" not in client
    assert egress["ignore_global_conn_limit"] is True


def test_spans_are_made_only_for_a_collector(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with_collector, without = whole("traces", tmp_path / "a"), whole("smallest", tmp_path / "b")
    assert "otlp" in clusters(with_collector)
    assert "otlp" not in clusters(without)
    assert "tracing" in manager(with_collector)
    assert "tracing" not in manager(without)
