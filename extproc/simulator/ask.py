"""What a provider understands of a request, whatever its dialect, and how a body is read. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from extproc.simulator.tokens import InputTokens

_IMAGE = re.compile(rb'"type"\s*:\s*"(?:image|image_url|input_image)"')
_DOCUMENT = re.compile(rb'"type"\s*:\s*"(?:document|file|input_file)"')

_REFUSALS = {
    "images": "Image inputs are not supported by this model.",
    "documents": "Document inputs are not supported by this model.",
    "tools": "Tool use is not supported by this model.",
    "system_role": "messages: the role `system` is not supported here.",
    "thinking": "Thinking is not supported by this model.",
    "prefill": "This model does not support assistant message prefill. The conversation must end with a user message.",
}


class RefusedError(Exception):
    """A request that is answered with an error. `param` names the part of the body that is wrong, `code` is OpenAI's."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call."""

    name: str
    schema: bytes
    """JSON Schema of its arguments, as it came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One readable request."""

    seed: int
    model: str
    stream: bool
    prompt: str
    """What the user wrote last: the last text of the last user message that has one."""
    input: InputTokens
    tools: tuple[Tool, ...] = ()
    """The functions that may be called now: only the named one where the client names one, none where it forbids calls."""
    offers_tools: bool = False
    must_call: bool = False
    parallel: bool = True
    """More than one call in an answer is allowed."""
    after_tool: bool = False
    """The last message that is not a system message carries tool results."""
    late_system: bool = False
    """A system message stands among the messages: anywhere in Messages, behind the user's first elsewhere."""
    prefill: bool = False
    thinking: bool = False
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    schema: bytes | None = None
    """JSON Schema that the answer's text has to follow; None for free text."""
    include_usage: bool = False
    """Chat Completions: a stream ends with its usage."""
    echo: Mapping[str, Any] = field(default_factory=dict)
    """Responses: fields of the request that the answer repeats."""
    summary: bool = False
    """Responses: the thought is shown."""
    encrypted: bool = False
    """Responses: the thought is given in a form that only the provider can read."""


def refusal(ask: Ask, body: bytes, features: tuple[str, ...]) -> RefusedError | None:
    """The 400 of a provider that has none of these features, or None where the request needs none of them."""
    for feature in features:
        if _needs(ask, body, feature):
            return RefusedError(400, _REFUSALS[feature], param=feature)
    return None


def _needs(ask: Ask, body: bytes, feature: str) -> bool:
    match feature:
        case "images":
            return _IMAGE.search(body) is not None
        case "documents":
            return _DOCUMENT.search(body) is not None
        case "tools":
            return ask.offers_tools
        case "system_role":
            return ask.late_system
        case "thinking":
            return ask.thinking
    return ask.prefill


def read_json(body: bytes | msgspec.Raw, shape: Any, where: str = "") -> Any:
    """Read JSON as a type; `where` is the place of this part in the body.

    Raises:
        RefusedError: With status 400, where it is no JSON, or where a part of it has another type.
    """
    data = bytes(body)
    try:
        # The decoder passes over what it does not need without a look at its encoding.
        if not data.isascii():
            data.decode()
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at `$")
        param = (where + at.rstrip("`")).lstrip(".") or None
        raise RefusedError(400, f"{param}: {what}" if param else what, param=param, code="invalid_type") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        repaired = _repaired(data)
    if repaired is None:
        raise RefusedError(400, "The request body is not valid JSON.")
    return read_json(repaired, shape, where)


def _repaired(data: bytes) -> bytes | None:
    """Replace lone surrogates, which JSON allows and text does not. None where that changes nothing."""
    try:
        repaired = json.dumps(json.loads(data.decode(), parse_constant=_no_constant), ensure_ascii=False).encode(errors="replace")
    except (ValueError, RecursionError):
        return None
    return repaired if repaired != data else None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def size(raw: msgspec.Raw) -> int:
    """Bytes of a slice of JSON."""
    return len(memoryview(raw))


def require(present: bool, message: str, param: str) -> None:
    """Raise the 400 for a part that is missing."""
    if not present:
        raise RefusedError(400, message, param=param, code="missing_required_parameter")


def chosen(tools: tuple[Tool, ...], name: str) -> tuple[Tool, ...]:
    """Only the tool that the client names. RefusedError where it is not offered."""
    found = tuple(tool for tool in tools if tool.name == name)
    if not found:
        raise RefusedError(400, f"tool_choice: Tool '{name}' not found in provided tools", param="tool_choice")
    return found
