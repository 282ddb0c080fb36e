"""A bootstrap as Envoy's own message types, so that a wrong name or value fails where it is made.

The types are those of envoy-data-plane, which lags behind Envoy in places: what it does not know yet stands in `NEWER`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from extproc.envoyconf.parts import Node

_PREFIX = "type.googleapis.com/"
_RENAMED = {"CELSamplerConfig": "CelSamplerConfig"}
"""Messages whose names betterproto2 writes in another way."""
_PLACEHOLDER = {"@type": f"{_PREFIX}google.protobuf.Empty"}
_USAGE = "envoy.extensions.filters.http.ai_protocol_manager.v3"
_TOKENS = "response_handling.token_usage"

NEWER: Mapping[str, frozenset[str]] = {
    # Not there at all.
    "envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit": frozenset({"max_request_bytes"}),
    f"{_USAGE}.AiProtocolManagerPerRoute": frozenset({"response.llm_protocol"}),
    # There, but without fields.
    f"{_USAGE}.AiProtocolManager": frozenset({f"{_TOKENS}.include_unconfigured_routes", f"{_TOKENS}.metadata_namespace"}),
}
"""Types that Envoy 1.40 has and envoy-data-plane 2.2 has not, with the fields that we use, written as paths."""
NEWER_FIELDS: Mapping[str, frozenset[str]] = {
    "envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor": frozenset({"emit_client_span"}),
}
"""Types that it has, with fields of Envoy 1.40 that it has not. They are left out."""
MISREAD = frozenset({"enforcing_consecutive_5xx"})
"""Fields whose names betterproto2 cannot read from JSON: it looks for `…_5_xx`. They are left out."""


class BootstrapError(Exception):
    """A bootstrap that Envoy would not take; the message names the type and the field."""


def message(bootstrap: Node) -> Any:
    """Build the `Bootstrap` message, with all extensions inside packed.

    Returns:
        An `envoy_data_plane.envoy.config.bootstrap.v3.Bootstrap`; empty messages stand for the types in `NEWER`.

    Raises:
        BootstrapError: a type or field that Envoy does not have, or a value of the wrong type.
    """
    try:
        return _class("envoy.config.bootstrap.v3.Bootstrap").from_dict(_known(bootstrap))
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise BootstrapError(f"not a bootstrap: {error}") from error


def _known(node: Any) -> Any:
    """Make the types of all extensions inside known to the packer, and put a placeholder where there is none."""
    if isinstance(node, list):
        return [_known(item) for item in node]
    if not isinstance(node, dict):
        return node
    name = node.get("@type", "").removeprefix(_PREFIX)
    if name in NEWER:
        if unknown := set(_paths(node)) - NEWER[name] - {"@type"}:
            raise BootstrapError(f"not a bootstrap: Unknown field {min(unknown)!r} in message {name}")
        return _PLACEHOLDER
    if name:
        _class(name)
    left_out = MISREAD | NEWER_FIELDS.get(name, frozenset())
    return {key: _known(value) for key, value in node.items() if key not in left_out}


def _paths(node: Node, prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def _class(name: str) -> Any:
    package, _, last = name.rpartition(".")
    last = _RENAMED.get(last, last)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # generated in a form that newer versions of pydantic deprecate
        try:
            return getattr(import_module(f"envoy_data_plane.{package}"), last)
        except (ImportError, AttributeError):
            raise BootstrapError(f"not a bootstrap: there is no message {name}") from None
