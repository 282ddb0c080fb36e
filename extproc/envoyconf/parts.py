"""Small pieces that several parts of the bootstrap are made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from extproc.config.model import Config

Node = dict[str, Any]

EXT_PROC = "envoy.filters.http.ext_proc"
USAGE = "envoy.filters.http.ai_protocol_manager"
FROM_JSON = "envoy.filters.http.json_to_metadata"
FROM_SSE = "envoy.filters.http.sse_to_metadata"
SIZE_LIMIT = "envoy.filters.http.body_size_limit"


def typed(message: str, **fields: Any) -> Node:
    """Give a `typed_config`: a message by its full name, and its fields."""
    return {"@type": f"type.googleapis.com/{message}", **fields}


def extension(name: str, message: str, **fields: Any) -> Node:
    """Give an extension: its name and its `typed_config`."""
    return {"name": name, "typed_config": typed(message, **fields)}


def seconds(value: float) -> str:
    """Write a duration as proto JSON has it."""
    return f"{value:g}s"


def patience_s(config: Config) -> float:
    """How long a stream may be silent: longer than the slowest cascade may take."""
    return max(900.0, config.longest_wall_s + 60)


def socket_address(address: str) -> Node:
    """Give the address of `host:port`."""
    host, _, port = address.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}


def sds_source(file: Path) -> Node:
    """Give the source of a secret: a file that is read again when it is replaced."""
    return {"path_config_source": {"path": str(file), "watched_directory": {"path": str(file.parent)}}, "resource_api_version": "V3"}


def pipe(path: object, **more: Any) -> Node:
    """Give the address of a Unix socket."""
    return {"pipe": {"path": str(path), **more}}


def http_options(protocol: Mapping[str, Any], **more: Any) -> Node:
    """Give a cluster's protocol options."""
    name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {name: typed(name, **protocol, **more)}
