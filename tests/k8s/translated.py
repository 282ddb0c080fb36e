"""What Envoy Gateway makes of manifests, by its own translator (egctl): its objections, and the configuration that its proxies get."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from extproc.config.model import Config
from extproc.config.runtime import DEFAULT, USAGE_NAMESPACE, RuntimeDir
from extproc.envoyconf import bootstrap as our_bootstrap
from extproc.envoyconf.clusters import PROCESSOR, ca_bundle
from extproc.envoyconf.parts import EXT_PROC, USAGE
from tools.k8s import programs

Node = dict[str, Any]

HOST = "llm.example.com"
"""What the Gateway is called."""
POLICIES = ("backends", "clientTrafficPolicies", "envoyExtensionPolicies", "envoyPatchPolicies", "httpRoutes")
"""Kinds that get a status when they are heard of; one without a status is aimed at nothing."""


def translated(manifests: str, folder: Path) -> Node:
    """Give all resources with their status, and `xds`: the configuration of each Gateway's proxies. AssertionError with what egctl says."""
    file = folder / "manifests.yaml"
    file.write_text(manifests)
    what = ("--from", "gateway-api", "--to", "gateway-api,xds", "--type", "all", "--add-missing-resources", "--output", "json")
    argv = (str(programs.egctl()), "x", "translate", *what, "--file", str(file))
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer: Node = json.loads(done.stdout)
    return answer


def objections(answer: Node) -> list[str]:
    """Say which resources were not taken as they are, and why."""
    told = []
    for kind in POLICIES:
        for one in answer.get(kind, []):
            named = f"{one['kind']} {one['metadata']['name']}"
            conditions = list(_conditions(one.get("status", {})))
            told += [f"{named}: {each['reason']}: {each['message']}" for each in conditions if each["status"] != "True"]
            if not conditions:
                told.append(f"{named}: nobody looked at it")
    return told


def _conditions(value: Any) -> Iterator[Node]:
    if isinstance(value, list):
        for one in value:
            yield from _conditions(one)
    elif isinstance(value, dict):
        if "reason" in value and "status" in value:
            yield value
        else:
            yield from _conditions(list(value.values()))


def dumped(answer: Node, gateway: str, kind: str) -> list[Node]:
    """Give the resources of one kind: `listener`, `routeConfig`, `cluster` or `endpointConfig`."""
    found = []
    for dump in answer["xds"][gateway]["configs"]:
        for entries in dump.values():
            for entry in entries if isinstance(entries, list) else ():
                resource = entry.get("activeState", entry).get(kind)
                if resource is not None:
                    found.append({key: value for key, value in resource.items() if key != "@type"})
    return found


def bootstrap(answer: Node, gateway: str, secrets: dict[str, Node]) -> Node:
    """Give what the proxies of a Gateway get as a static bootstrap: clients' listeners, with routes, endpoints and secrets in place.

    `secrets`: a beginning of a secret's name → what is in it; one that is asked for and not there is an AssertionError.
    """
    routes = {one["name"]: one for one in dumped(answer, gateway, "routeConfig")}
    endpoints = {one["clusterName"]: one for one in dumped(answer, gateway, "endpointConfig")}
    listeners = [one for one in dumped(answer, gateway, "listener") if one["name"].startswith(f"{gateway}/")]
    clusters = [_settled(one, endpoints) for one in dumped(answer, gateway, "cluster")]
    asked = sorted({name for one in (*listeners, *clusters) for name in _inlined(one, routes)})
    known = [(name, content) for name in asked for begins, content in secrets.items() if name.startswith(begins)]
    assert [name for name, _ in known] == asked, asked
    return {
        "node": {"id": "proxy", "cluster": "proxy"},
        "static_resources": {
            "listeners": listeners,
            "clusters": clusters,
            "secrets": [{"name": name, **content} for name, content in known],
        },
    }


def _settled(cluster: Node, endpoints: dict[str, Node]) -> Node:
    """A cluster that asks nobody for its endpoints."""
    source = cluster.pop("edsClusterConfig", None)
    if source is not None:
        cluster |= {"type": "STATIC", "loadAssignment": endpoints[source.get("serviceName", cluster["name"])]}
    return cluster


def _inlined(value: Any, routes: dict[str, Node]) -> Iterator[str]:
    """Put routes where they are asked for, and give the names of the secrets that are."""
    if isinstance(value, list):
        for one in value:
            yield from _inlined(one, routes)
    elif isinstance(value, dict):
        if "rds" in value:
            value["routeConfig"] = routes[value.pop("rds")["routeConfigName"]]
        if "ads" in value.get("sdsConfig", {}):
            del value["sdsConfig"]
            yield value["name"]
        for one in value.values():
            yield from _inlined(one, routes)


def attached(answer: Node, gateway: str) -> set[str]:
    """Give the names of the routes that ext_proc is on for; AssertionError where it is on for a whole listener."""
    for one in _filters(dumped(answer, gateway, "listener")):
        assert one["disabled"] is True, one["name"]
    return {
        route["name"]
        for config in dumped(answer, gateway, "routeConfig")
        for host in config["virtualHosts"]
        for route in host["routes"]
        if any(name.startswith(EXT_PROC) for name in route.get("typedPerFilterConfig", {}))
    }


def _filters(value: Any) -> Iterator[Node]:
    """All ext_proc filters of listeners."""
    if isinstance(value, list):
        for one in value:
            yield from _filters(one)
    elif isinstance(value, dict):
        if str(value.get("name", "")).startswith(EXT_PROC):
            yield value
        for one in value.values():
            yield from _filters(one)


def with_certificate(manifests: str, certificate: tuple[str, str]) -> str:
    """Add the Secret that the overlay leaves to its user and Envoy Gateway reads."""
    data = {key: base64.b64encode(value.encode()).decode() for key, value in zip(("tls.crt", "tls.key"), certificate, strict=True)}
    metadata = {"name": "llm-certificate", "namespace": "cascade"}
    secret = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}
    return f"{manifests}\n---\n{json.dumps(secret)}"


def delivered(certificate: tuple[str, str]) -> dict[str, Node]:
    """The secrets that Envoy Gateway would send to its proxies."""
    chain, key = ({"inlineString": one} for one in certificate)
    return {
        "cascade/llm-certificate": {"tlsCertificate": {"certificateChain": chain, "privateKey": key}},
        "system_ca_certificates": {"validationContext": {"trustedCa": {"filename": ca_bundle()}}},
    }


def differences(answer: Node, gateway: str, config: Config) -> list[str]:
    """Say where ext_proc, its cluster, the listener or the draft model's key are other than in our own bootstrap for a configuration."""
    ours = _camel(our_bootstrap(config, RuntimeDir(DEFAULT))["static_resources"])
    (our_door,) = [one for one in ours["listeners"] if one["name"] == "client"]
    (door,) = [one for one in dumped(answer, gateway, "listener") if one["name"].startswith(f"{gateway}/")]
    clusters = dumped(answer, gateway, "cluster")
    found = [
        *_other(_filter(door, EXT_PROC), _filter(our_door, EXT_PROC), _EXT_PROC),
        *_other(door, our_door, ("perConnectionBufferLimitBytes",)),
        *_other(_manager(door), _manager(our_door), ("streamIdleTimeout", "generateRequestId")),
        *_other(_breakers(clusters, "envoyextensionpolicy/"), _breakers(ours["clusters"], PROCESSOR), _BREAKERS),
        *_other(_options(clusters, "httproute/cascade/llm/rule/1"), _options(ours["clusters"], "draft"), ("httpFilters",)),
    ]
    for rule, role in ((1, "draft"), (2, "verify")):
        theirs = _routes(dumped(answer, gateway, "routeConfig"), f"httproute/cascade/llm/rule/{rule}/")
        found += _other(theirs, _routes([_manager(our_door)["routeConfig"]], f"/v1/messages {role}"), ("timeout", "retryPolicy"))
    usage = _filter(door, USAGE).get("value", {}).get("response_handling", {}).get("token_usage", {})
    return found if usage.get("metadata_namespace") == USAGE_NAMESPACE else [*found, "nobody reads the tokens"]


_EXT_PROC = tuple(
    "processingMode failureModeAllow allowModeOverride messageTimeout maxMessageTimeout metadataOptions statusOnError".split()
)
_BREAKERS = ("maxConnections", "maxPendingRequests", "maxRequests")


def _other(theirs: Node, ours: Node, keys: Iterable[str]) -> Iterator[str]:
    for key in keys:
        told, wanted = (_plain(one.get(key)) for one in (theirs, ours))
        if told != wanted:
            yield f"{key}: {told}, ours: {wanted}"


def _plain(value: Any) -> Any:
    """A value as JSON, without what says the default."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one != "NONE"}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def _camel(value: Any) -> Any:
    """Our own bootstrap, with the names as protobuf's JSON has them."""
    if isinstance(value, list):
        return [_camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {re.sub(r"_([a-z])", lambda letter: letter[1].upper(), key): _camel(one) for key, one in value.items()}


def _manager(listener: Node) -> Node:
    made: Node = listener["filterChains"][0]["filters"][0]["typedConfig"]
    return made


def _filter(listener: Node, name: str) -> Node:
    return next((one["typedConfig"] for one in _manager(listener)["httpFilters"] if one["name"].startswith(name)), {})


def _routes(configs: list[Node], name: str) -> Node:
    """What the first route whose name begins so does with a request."""
    routes = [route for config in configs for host in config.get("virtualHosts", []) for route in host["routes"]]
    return next((one.get("route", {}) for one in routes if one["name"].startswith(name)), {})


def _named(clusters: list[Node], name: str) -> Node:
    return next((one for one in clusters if one["name"].startswith(name)), {})


def _breakers(clusters: list[Node], name: str) -> Node:
    return {key: one for each in _named(clusters, name).get("circuitBreakers", {}).get("thresholds", []) for key, one in each.items()}


def _options(clusters: list[Node], name: str) -> Node:
    return next(iter(_named(clusters, name).get("typedExtensionProtocolOptions", {}).values()), {})
