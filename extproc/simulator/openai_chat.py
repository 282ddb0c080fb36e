"""OpenAI Chat Completions: request → ask, answer → JSON or events. Pure.

Shapes as in https://platform.openai.com/docs/api-reference/chat. Thoughts go out as `reasoning_content`, as DeepSeek and others send
them; OpenAI itself only counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw, Struct

from extproc.simulator import ids
from extproc.simulator.answer import Answer, Stop
from extproc.simulator.ask import Ask, RefusedError, read_json, require, size
from extproc.simulator.openai import Content, error, last_text, read_tools
from extproc.simulator.sse import Frame, encode, unnamed
from extproc.simulator.tokens import automatic_input, estimate_text, pieces

_ROLES = {"system", "developer", "user", "assistant", "tool", "function"}
_FINISH = {Stop.END: "stop", Stop.LENGTH: "length", Stop.SEQUENCE: "stop", Stop.CALLS: "tool_calls"}
_DONE = Frame(b"data: [DONE]\n\n")


class _Message(Struct):
    role: str
    content: Raw = Raw(b"null")


class _Thinking(Struct):
    type: str


class _StreamOptions(Struct):
    include_usage: bool | None = None


class _Schema(Struct):
    schema: Raw = Raw(b"{}")


class _Format(Struct):
    type: str
    json_schema: _Schema | None = None


class _Body(Struct):
    model: str = ""
    messages: list[_Message] | None = None
    tools: Raw = Raw(b"")
    tool_choice: Raw = Raw(b"")
    parallel_tool_calls: bool | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    response_format: _Format | None = None
    reasoning_effort: str | None = None
    thinking: _Thinking | None = None
    n: int | None = None


def read(body: bytes) -> Ask:
    """Read a Chat Completions request. RefusedError where a provider would not take it."""
    asked: _Body = read_json(body, _Body)
    require(asked.model != "", "you must provide a model parameter", "model")
    require(asked.messages is not None, "Missing required parameter: 'messages'.", "messages")
    messages = asked.messages or []
    roles = _checked(asked, messages)
    tools = read_tools(asked.tools, asked.tool_choice)
    spoken = [role for role in roles if role not in {"system", "developer"}]
    thinks = asked.thinking.type != "disabled" if asked.thinking else asked.reasoning_effort not in {None, "none", "minimal"}
    return Ask(
        seed=ids.seed_of(body),
        model=asked.model,
        stream=bool(asked.stream),
        prompt=_prompt(messages),
        input=automatic_input(size(asked.tools), [size(message.content) for message in messages], answered="assistant" in roles),
        tools=tools.callable,
        offers_tools=tools.offered,
        must_call=tools.must_call,
        parallel=asked.parallel_tool_calls is not False,
        after_tool=bool(spoken) and spoken[-1] in {"tool", "function"},
        late_system="user" in roles and not {"system", "developer"}.isdisjoint(roles[roles.index("user") :]),
        prefill=bool(spoken) and spoken[-1] == "assistant",
        thinking=thinks,
        max_tokens=asked.max_tokens if asked.max_completion_tokens is None else asked.max_completion_tokens,
        stop=(asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ()),
        schema=_schema(asked.response_format),
        include_usage=bool(asked.stream_options and asked.stream_options.include_usage),
    )


def _checked(asked: _Body, messages: Sequence[_Message]) -> list[str]:
    """The messages' roles, if the request can be taken."""
    if not messages:
        raise RefusedError(400, "Invalid 'messages': empty array.", param="messages", code="empty_array")
    if asked.n not in {None, 1}:
        raise RefusedError(400, "n: only 1 choice is supported by this model.", param="n", code="unsupported_value")
    roles = [message.role for message in messages]
    if unknown := set(roles) - _ROLES:
        message = f"Invalid value: {min(unknown)!r}. Supported values are: {', '.join(sorted(_ROLES))}."
        raise RefusedError(400, message, param="messages", code="invalid_value")
    return roles


def _prompt(messages: Sequence[_Message]) -> str:
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].role == "user":
            text = last_text(read_json(messages[at].content, str | list[Content] | None, f"messages.{at}.content"))
            if text is not None:
                return text
    return ""


def _schema(wanted: _Format | None) -> bytes | None:
    match wanted.type if wanted else "text":
        case "json_schema":
            return bytes(wanted.json_schema.schema) if wanted and wanted.json_schema else b"{}"
        case "json_object":
            return b'{"type":"object","properties":{"answer":{"type":"string"}}}'
    return None


def document(ask: Ask, answer: Answer) -> bytes:
    """The answer as one JSON body."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text, "refusal": None, "annotations": []}
    if answer.thought:
        message["reasoning_content"] = answer.thought
    if answer.calls:
        message["tool_calls"] = [
            {"id": _call_id(answer, number), "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for number, call in enumerate(answer.calls)
        ]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _FINISH[answer.stop]}
    return encode({**_head(ask, answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)})


def events(ask: Ask, answer: Answer) -> list[Frame]:
    """The answer as a stream."""
    head = _head(ask, answer, "chat.completion.chunk")
    # With usage asked for, every chunk has the field, and only the last one has numbers in it.
    tail = {"usage": None} if ask.include_usage else {}

    def chunk(delta: dict[str, Any], tokens: int = 0, finish: str | None = None) -> Frame:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return unnamed({**head, "choices": [choice], **tail}, tokens)

    frames = [chunk({"role": "assistant", "content": "", "refusal": None})]
    frames += [chunk({"reasoning_content": piece}, estimate_text(piece)) for piece in pieces(answer.thought)]
    frames += [chunk({"content": piece}, estimate_text(piece)) for piece in pieces(answer.text)]
    for number, call in enumerate(answer.calls):
        opened = {"index": number, "id": _call_id(answer, number), "type": "function", "function": {"name": call.name, "arguments": ""}}
        frames.append(chunk({"tool_calls": [opened]}))
        for piece in pieces(call.arguments):
            frames.append(chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]}, estimate_text(piece)))
    frames.append(chunk({}, finish=_FINISH[answer.stop]))
    if ask.include_usage:
        frames.append(unnamed({**head, "choices": [], "usage": _usage(answer)}))
    return [*frames, _DONE]


def _head(ask: Ask, answer: Answer, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{ids.letters(answer.seed, 'completion', 29)}",
        "object": kind,
        "created": answer.created_s,
        "model": ask.model,
        "service_tier": "default",
        "system_fingerprint": "fp_51mu1a70r0",
    }


def _call_id(answer: Answer, number: int) -> str:
    return f"call_{ids.letters(answer.seed, f'call{number}', 24)}"


def _usage(answer: Answer) -> dict[str, Any]:
    return {
        "prompt_tokens": answer.input.total,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input.total + answer.output_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.input.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": answer.thought_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def error_event(_ask: Ask, _answer: Answer, _number: int, message: str) -> Frame:
    """End a stream because of an error."""
    return unnamed(error(503, message))
