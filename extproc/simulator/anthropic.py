"""Anthropic Messages: request → ask, answer → JSON or events. Pure.

Shapes as in https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/docs/build-with-claude/streaming.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from extproc.simulator import ids
from extproc.simulator.answer import Answer, Stop
from extproc.simulator.ask import Ask, RefusedError, Tool, chosen, read_json, require, size
from extproc.simulator.sse import Frame, encode, named
from extproc.simulator.tokens import estimate_text, marked_input, pieces

_ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STOP_REASONS = {Stop.END: "end_turn", Stop.LENGTH: "max_tokens", Stop.SEQUENCE: "stop_sequence", Stop.CALLS: "tool_use"}
_CREATED = "2026-01-31T00:00:00Z"


class _Message(Struct):
    role: str
    content: Raw


class _Block(Struct):
    type: str
    text: str = ""


class _Tool(Struct):
    name: str
    type: str | None = None
    input_schema: Raw = Raw(b"{}")


class _Choice(Struct):
    type: str
    name: str = ""
    disable_parallel_tool_use: bool = False


class _Thinking(Struct):
    type: str


class _Format(Struct):
    type: str
    schema: Raw = Raw(b"{}")


class _OutputConfig(Struct):
    format: _Format | None = None


class _Body(Struct):
    model: str = ""
    max_tokens: int | None = None
    messages: list[_Message] | None = None
    system: Raw = Raw(b"")
    tools: Raw = Raw(b"")
    tool_choice: _Choice | None = None
    thinking: _Thinking | None = None
    output_config: _OutputConfig | None = None
    stop_sequences: list[str] | None = None
    stream: bool | None = None


def read(body: bytes) -> Ask:
    """Read a Messages request. RefusedError where a provider would not take it."""
    return _ask(body, counting=False)


def count(body: bytes) -> bytes:
    """Answer a request to count tokens."""
    return encode({"input_tokens": _ask(body, counting=True).input.total})


def _ask(body: bytes, *, counting: bool) -> Ask:
    asked: _Body = read_json(body, _Body)
    require(asked.model != "", "model: Field required", "model")
    require(counting or asked.max_tokens is not None, "max_tokens: Field required", "max_tokens")
    require(asked.messages is not None, "messages: Field required", "messages")
    messages = asked.messages or []
    require(bool(messages), "messages: at least one message is required", "messages")
    roles = [message.role for message in messages]
    if unknown := set(roles) - {"user", "assistant", "system"}:
        raise RefusedError(400, f"messages: Unexpected role {min(unknown)!r}. Allowed roles are 'user' or 'assistant'", param="messages")
    offered: list[_Tool] = (read_json(asked.tools, list[_Tool] | None, "tools") if size(asked.tools) else None) or []
    tools = tuple(Tool(tool.name, bytes(tool.input_schema)) for tool in offered if tool.type in {None, "custom"})
    choice = asked.tool_choice or _Choice("auto")
    if choice.type == "tool":
        tools = chosen(tools, choice.name)
    prompt, after_tool = _last_words(messages)
    wanted = asked.output_config.format if asked.output_config else None
    return Ask(
        seed=ids.seed_of(body),
        model=asked.model,
        stream=bool(asked.stream),
        prompt=prompt,
        input=marked_input(
            size(asked.system) + size(asked.tools),
            [size(message.content) for message in messages],
            answered="assistant" in roles,
            marked=b'"cache_control"' in body,
        ),
        tools=() if choice.type == "none" else tools,
        offers_tools=bool(offered),
        must_call=choice.type in {"any", "tool"},
        parallel=not choice.disable_parallel_tool_use,
        after_tool=after_tool,
        late_system="system" in roles,
        prefill=roles[-1] == "assistant",
        thinking=asked.thinking is not None and asked.thinking.type != "disabled",
        max_tokens=asked.max_tokens,
        stop=tuple(asked.stop_sequences or ()),
        schema=bytes(wanted.schema) if wanted else None,
    )


def _last_words(messages: Sequence[_Message]) -> tuple[str, bool]:
    """The user's last text, and whether the last message that is not the system's carries tool results."""
    after_tool: bool | None = None
    for at in range(len(messages) - 1, -1, -1):
        message = messages[at]
        if message.role == "system":
            continue
        content = read_json(message.content, str | list[_Block], f"messages.{at}.content")
        blocks = [_Block("text", content)] if isinstance(content, str) else content
        if after_tool is None:
            after_tool = any(block.type == "tool_result" for block in blocks)
        texts = [block.text for block in blocks if block.type == "text"]
        if message.role == "user" and texts:
            return texts[-1], after_tool
    return "", bool(after_tool)


def document(ask: Ask, answer: Answer) -> bytes:
    """The answer as one JSON body."""
    blocks: list[dict[str, Any]] = []
    if answer.thought:
        blocks.append({"type": "thinking", "thinking": answer.thought, "signature": ids.opaque(answer.seed, "signature")})
    if answer.text:
        blocks.append({"type": "text", "text": answer.text})
    for number, call in enumerate(answer.calls):
        blocks.append({**_tool_use(answer, number), "input": msgspec.Raw(call.arguments.encode())})
    return encode(
        {
            **_message(ask, answer),
            "content": blocks,
            "stop_reason": _STOP_REASONS[answer.stop],
            "stop_sequence": answer.stop_sequence,
            "usage": {**_usage(answer), "output_tokens": answer.output_tokens},
        }
    )


def events(ask: Ask, answer: Answer) -> list[Frame]:
    """The answer as a stream."""
    start = {**_message(ask, answer), "usage": {**_usage(answer), "output_tokens": 1}}
    blocks = [frame for index, block in enumerate(_blocks(answer)) for frame in _block_events(index, *block)]
    end = {"stop_reason": _STOP_REASONS[answer.stop], "stop_sequence": answer.stop_sequence}
    usage = {name: value for name, value in _usage(answer).items() if name.endswith("input_tokens")}
    return [
        named({"type": "message_start", "message": start}),
        # The ping comes once the first block is open.
        *blocks[:1],
        named({"type": "ping"}),
        *blocks[1:],
        named({"type": "message_delta", "delta": end, "usage": {**usage, "output_tokens": answer.output_tokens}}),
        named({"type": "message_stop"}),
    ]


_Delta = tuple[dict[str, Any], int]


def _blocks(answer: Answer) -> Iterator[tuple[dict[str, Any], list[_Delta]]]:
    """Each content block as it opens, with its deltas and their tokens."""
    if answer.thought:
        thoughts = _deltas("thinking_delta", "thinking", answer.thought)
        signed: _Delta = ({"type": "signature_delta", "signature": ids.opaque(answer.seed, "signature")}, 0)
        yield {"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, signed]
    if answer.text:
        yield {"type": "text", "text": ""}, _deltas("text_delta", "text", answer.text)
    for number, call in enumerate(answer.calls):
        first: _Delta = ({"type": "input_json_delta", "partial_json": ""}, 0)
        yield _tool_use(answer, number), [first, *_deltas("input_json_delta", "partial_json", call.arguments)]


def _deltas(kind: str, name: str, text: str) -> list[_Delta]:
    return [({"type": kind, name: piece}, estimate_text(piece)) for piece in pieces(text)]


def _block_events(index: int, block: Mapping[str, Any], deltas: Sequence[_Delta]) -> Iterator[Frame]:
    yield named({"type": "content_block_start", "index": index, "content_block": block})
    for delta, tokens in deltas:
        yield named({"type": "content_block_delta", "index": index, "delta": delta}, tokens)
    yield named({"type": "content_block_stop", "index": index})


def _message(ask: Ask, answer: Answer) -> dict[str, Any]:
    return {
        "model": ask.model,
        "id": f"msg_01{ids.letters(answer.seed, 'message', 22)}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _tool_use(answer: Answer, number: int) -> dict[str, Any]:
    name = f"toolu_01{ids.letters(answer.seed, f'call{number}', 22)}"
    return {"type": "tool_use", "id": name, "name": answer.calls[number].name, "input": {}}


def _usage(answer: Answer) -> dict[str, Any]:
    tokens = answer.input
    return {
        "input_tokens": tokens.total - tokens.cached - tokens.written,
        "cache_creation_input_tokens": tokens.written,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": tokens.written, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
    }


def error_event(_ask: Ask, _answer: Answer, _number: int, message: str) -> Frame:
    """End a stream because of an error."""
    return named(error(529, message))


def error(status: int, message: str) -> dict[str, Any]:
    """The data of an error, in a body or an event."""
    kind = _ERROR_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def models(names: Sequence[str]) -> bytes:
    """The list of models."""
    data = [{"type": "model", "id": name, "display_name": name, "created_at": _CREATED, "lifecycle": "active"} for name in names]
    return encode({"data": data, "has_more": False, "first_id": names[0] if names else None, "last_id": names[-1] if names else None})
