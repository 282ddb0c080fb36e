"""The W3C `traceparent` header (Trace Context, §3.2): only its trace id is of interest here."""

from __future__ import annotations

import re

_FORM = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_INVALID = "0" * 32


def trace_id(traceparent: str) -> str:
    """Give the 32 hex digits of the trace id, or nothing where the header is absent or not well formed."""
    match = _FORM.match(traceparent)
    return match[1] if match and match[1] != _INVALID and not traceparent.startswith("ff") else ""
