"""Secrets as files that Envoy reads, and reads again when they change (SDS by file)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"  # noqa: S105 - a type's name


def answer(name: str, kind: str, value: Mapping[str, Any]) -> bytes:
    """Give the DiscoveryResponse with one secret of a kind (`generic_secret`, `tls_certificate`, …) as JSON, which is YAML as well."""
    return json.dumps({"resources": [{"@type": _SECRET, "name": name, kind: value}]}).encode()
