"""Errors of Anthropic Messages (https://docs.anthropic.com/en/api/errors): their kinds, as bodies and as events."""

from __future__ import annotations

import msgspec

from extproc.core.wire.sse import event

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STATUS = {kind: status for status, kind in _KINDS.items()}


def status_of(kind: str) -> int:
    """Give the HTTP status of a kind of error; 500 for `api_error` and for kinds that are not known."""
    return _STATUS.get(kind, 500)


def error(status: int, message: str) -> bytes:
    """Write an error body."""
    kind = _KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
    return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": message}})


def forgotten() -> tuple[int, bytes]:
    """Give the error at which SDKs send the whole conversation as a new thread (https://docs.anthropic.com/en/api/errors)."""
    message = "Thread not found: the model that answers now does not hold this conversation. Send it as a whole."
    error = {"type": _KINDS[404], "message": message, "details": {"error_code": "thread_not_found"}}
    return 404, msgspec.json.encode({"type": "error", "error": error})


def error_event(status: int, message: str) -> bytes:
    """Write the event that ends a stream with an error; its data is the body's."""
    return event("error", error(status, message))
