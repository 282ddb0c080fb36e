"""Request and decision → the bytes and headers that leave. Only what must change, changes."""

from __future__ import annotations

from extproc.core.events import Headers
from extproc.core.vocabulary import Request
from extproc.core.wire.splice import splice

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "host", "expect"}
)
_OURS = ("x-cascade-", "x-envoy-", ":")


def body_for(request: Request, model: str) -> bytes | None:
    """Give the client's bytes with the model's name put in, or None where they are right as they are."""
    return None if model == request.model else splice(request.body, request.model_start, request.model_end, model)


def end_to_end(headers: Headers) -> list[tuple[str, bytes]]:
    """Give the headers that a proxy passes on (RFC 9110 §7.6.1), without those that only we and Envoy exchange."""
    named = headers.get("connection").lower().replace(" ", "").split(",")
    return [(key, value) for key, value in headers.pairs if key not in _HOP_BY_HOP and not key.startswith(_OURS) and key not in named]
