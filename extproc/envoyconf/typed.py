"""Holds a bootstrap against Envoy's own message types, so that a wrong name or value fails where it is made.

The types are those of envoy-data-plane, which lags behind Envoy in places: what it does not know yet is listed here by name,
with the one thing that is checked instead. Envoy itself is the last judge (`envoy --mode validate`).
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any

from extproc.envoyconf.parts import Node

_PREFIX = "type.googleapis.com/"

UNKNOWN_TYPES = {
    "envoy.extensions.filters.http.ai_protocol_manager.v3.AiProtocolManagerPerRoute": frozenset({"response"}),
    "envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit": frozenset({"max_request_bytes"}),
}
"""Types that Envoy 1.40 has and envoy-data-plane 2.2 has not, with the fields that we use."""


class BootstrapError(Exception):
    """A bootstrap that Envoy would not take; the message names the place and the reason."""


def check(bootstrap: Node) -> None:
    """Build the bootstrap and every extension in it as typed messages. BootstrapError where that fails."""
    _build("envoy.config.bootstrap.v3.Bootstrap", _without_extensions(bootstrap), "bootstrap")


def _without_extensions(node: Any, place: str = "bootstrap") -> Any:
    """Check the extensions inside, innermost first, and leave them out: their holder knows them as opaque."""
    if isinstance(node, list):
        return [_without_extensions(item, f"{place}[{index}]") for index, item in enumerate(node)]
    if not isinstance(node, dict):
        return node
    plain = {key: _without_extensions(value, f"{place}.{key}") for key, value in node.items() if key != "@type"}
    if "@type" not in node:
        return plain
    _build(node["@type"].removeprefix(_PREFIX), plain, place)
    return {}


def _build(name: str, fields: Node, place: str) -> None:
    if name in UNKNOWN_TYPES:
        if unknown := set(fields) - UNKNOWN_TYPES[name]:
            raise BootstrapError(f"{place}: {name} is not known to have {sorted(unknown)}")
        return
    try:
        _class(name).from_dict(fields)
    except (ImportError, AttributeError):
        raise BootstrapError(f"{place}: there is no type {name}") from None
    except (KeyError, TypeError, ValueError) as error:
        raise BootstrapError(f"{place}: {name}: {error}") from error


def _class(name: str) -> Any:
    package, _, message = name.rpartition(".")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # generated in a form that newer versions of pydantic deprecate
        return getattr(import_module(f"envoy_data_plane.{package}"), message)
