"""Output items → the parts of an answer.

A part keeps in `raw` what else its item says: the provider's id of it, a message's phase, a call's namespace, and `type` where it is
a refusal or the call of a custom tool. So an answer can be written again as it was.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from extproc.core.answers import Erred, Form, Opened, Part
from extproc.core.vocabulary import Usage

_KINDS = {"message": Part.TEXT, "function_call": Part.CALL, "custom_tool_call": Part.CALL, "reasoning": Part.THINKING}
_TEXTS = {"output_text": "text", "refusal": "refusal"}
_TOLD = frozenset(
    {"type", "status", "role", "content", "summary", "encrypted_content", "arguments", "input", "call_id", "name"},
)
_STATUSES = {
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "insufficient_quota": 429,
    "server_is_overloaded": 503,
    "slow_down": 503,
}


class Whole(NamedTuple):
    """One part of an item that is whole."""

    at: int
    """Its index in the item."""
    opened: Opened
    text: str
    signature: str = ""


def kind_of(item: dict[str, Any]) -> Part:
    """What parts an item has."""
    kind = item.get("type")
    return _KINDS.get(kind, Part.OTHER) if isinstance(kind, str) else Part.OTHER


def rest_of(item: dict[str, Any]) -> dict[str, Any]:
    """What an item says besides its parts."""
    return {key: value for key, value in item.items() if key not in _TOLD and value is not None}


def opening(kind: Part, item: dict[str, Any]) -> Opened:
    """The opening of the part of a call, a thought or another item."""
    if kind is Part.OTHER:
        return Opened(kind, raw=item)
    rest = rest_of(item)
    if kind is Part.THINKING:
        return Opened(kind, raw=rest or None)
    custom = {"type": "custom_tool_call"} if item.get("type") == "custom_tool_call" else {}
    form = Form.CUSTOM if custom else Form.PLAIN
    return Opened(kind, _string(item, "call_id"), _string(item, "name"), {**rest, **custom} or None, form)


def text_opening(part: str, rest: dict[str, Any]) -> Opened:
    """The opening of a part of a message, of type `output_text` or `refusal`."""
    if part == "refusal":
        return Opened(Part.TEXT, raw={**rest, "type": part}, form=Form.REFUSAL)
    return Opened(Part.TEXT, raw=rest or None)


def said_in(part: Any) -> tuple[str, str] | None:
    """The type and the text of a message's part; None for a part that is no text."""
    if not isinstance(part, dict) or not isinstance(kind := part.get("type"), str) or kind not in _TEXTS:
        return None
    return kind, _string(part, _TEXTS[kind])


def wholes(item: dict[str, Any]) -> list[Whole]:
    """The parts of an item that is whole."""
    kind = kind_of(item)
    if kind is Part.TEXT:
        said = [(at, said_in(part)) for at, part in enumerate(_list(item, "content"))]
        return [Whole(at, text_opening(one[0], rest_of(item)), one[1]) for at, one in said if one]
    opened = opening(kind, item)
    if kind is Part.THINKING:
        return [Whole(0, opened, _thought(item), _string(item, "encrypted_content"))]
    return [Whole(0, opened, _string(item, "arguments") or _string(item, "input") if kind is Part.CALL else "")]


def is_called(item: dict[str, Any]) -> bool:
    """Whether the client has to run something for an item: hosted tools have no id by which a result is known."""
    return bool(_string(item, "call_id"))


def usage_of(given: Any) -> Usage | None:
    """Read the tokens of a response; None where it does not tell them."""
    if not isinstance(given, dict):
        return None
    read, wrote = given.get("input_tokens_details"), given.get("output_tokens_details")
    return Usage(
        input=_count(given, "input_tokens"),
        output=_count(given, "output_tokens"),
        cached_input=_count(read, "cached_tokens"),
        cache_write=_count(read, "cache_write_tokens"),
        reasoning=_count(wrote, "reasoning_tokens"),
    )


def erred(given: Any) -> Erred:
    """Read an error: `{"code", "message"}`, or only words."""
    if not isinstance(given, dict):
        return Erred(500, given if isinstance(given, str) else "")
    code = given.get("code") or given.get("type")
    return Erred(_status(str(code)), _string(given, "message"))


def _status(code: str) -> int:
    if len(code) == 3 and code.isdecimal() and "400" <= code < "600":
        return int(code)
    return _STATUSES.get(code, 400 if code.startswith(("invalid_", "image_")) else 500)


def _thought(item: dict[str, Any]) -> str:
    parts = [*_list(item, "summary"), *_list(item, "content")]
    return "\n\n".join([text for part in parts if isinstance(part, dict) and (text := _string(part, "text"))])


def _string(given: dict[str, Any], key: str) -> str:
    value = given.get(key)
    return value if isinstance(value, str) else ""


def _list(given: dict[str, Any], key: str) -> list[Any]:
    value = given.get(key)
    return value if isinstance(value, list) else []


def _count(given: Any, key: str) -> int:
    value = given.get(key) if isinstance(given, dict) else None
    return value if isinstance(value, int) and value > 0 else 0
