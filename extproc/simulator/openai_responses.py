"""OpenAI Responses: request → ask, answer → JSON or events. Pure.

Shapes as in https://platform.openai.com/docs/api-reference/responses and .../responses-streaming. Nothing is kept between requests:
`previous_response_id` is repeated in the answer and not looked up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Raw, Struct

from extproc.simulator import ids
from extproc.simulator.answer import Answer, Call, Stop
from extproc.simulator.ask import Ask, read_json, require, size
from extproc.simulator.openai import NULL, Content, last_text, read_tools
from extproc.simulator.sse import Frame, encode, named
from extproc.simulator.tokens import automatic_input, estimate_text, pieces

_FREE_TEXT = Raw(b'{"format":{"type":"text"},"verbosity":"medium"}')


class _Item(Struct):
    type: str = "message"
    role: str = ""
    content: Raw = NULL


class _Reasoning(Struct):
    effort: str | None = None
    summary: str | None = None


class _Format(Struct):
    type: str = "text"
    schema: Raw = Raw(b"{}")


class _Text(Struct):
    format: _Format | None = None


class _Body(Struct):
    model: str = ""
    input: Raw = Raw(b"")
    instructions: Raw = NULL
    tools: Raw = Raw(b"[]")
    tool_choice: Raw = Raw(b'"auto"')
    parallel_tool_calls: bool | None = None
    stream: bool | None = None
    max_output_tokens: int | None = None
    text: Raw = _FREE_TEXT
    reasoning: _Reasoning | None = None
    include: list[str] | None = None
    metadata: Raw = Raw(b"{}")
    store: bool | None = None
    previous_response_id: str | None = None
    prompt_cache_key: str | None = None


def read(body: bytes) -> Ask:
    """Read a Responses request. RefusedError where a provider would not take it."""
    asked: _Body = read_json(body, _Body)
    require(asked.model != "", "Missing required parameter: 'model'.", "model")
    require(size(asked.input) > 0, "Missing required parameter: 'input'.", "input")
    items, sizes = _items(asked.input)
    roles = [item.role for item in items]
    spoken = [item for item in items if item.role not in {"system", "developer"}]
    tools = read_tools(asked.tools, asked.tool_choice)
    answered = "assistant" in roles or any(item.type.endswith("_call") for item in items)
    return Ask(
        seed=ids.seed_of(body),
        model=asked.model,
        stream=bool(asked.stream),
        prompt=_prompt(items),
        input=automatic_input(size(asked.instructions) + size(asked.tools), sizes, answered=answered),
        tools=tools.callable,
        offers_tools=tools.offered,
        must_call=tools.must_call,
        parallel=asked.parallel_tool_calls is not False,
        after_tool=bool(spoken) and spoken[-1].type.endswith("_output"),
        late_system="user" in roles and not {"system", "developer"}.isdisjoint(roles[roles.index("user") :]),
        prefill=bool(spoken) and spoken[-1].role == "assistant",
        thinking=asked.reasoning is not None and asked.reasoning.effort not in {"none", "minimal"},
        max_tokens=asked.max_output_tokens,
        schema=_schema(asked.text),
        echo=_echo(asked),
        summary=asked.reasoning is not None and asked.reasoning.summary is not None,
        encrypted="reasoning.encrypted_content" in (asked.include or ()),
    )


def _items(raw: Raw) -> tuple[list[_Item], list[int]]:
    """The input as items, and the size of each."""
    given: str | list[Any] = read_json(raw, str | list[Raw], "input")
    if isinstance(given, str):
        return [_Item(role="user", content=raw)], [size(raw)]
    return [read_json(one, _Item, f"input[{at}]") for at, one in enumerate(given)], [size(one) for one in given]


def _prompt(items: Sequence[_Item]) -> str:
    for at in range(len(items) - 1, -1, -1):
        if items[at].role == "user":
            text = last_text(read_json(items[at].content, str | list[Content] | None, f"input[{at}].content"))
            if text is not None:
                return text
    return ""


def _schema(raw: Raw) -> bytes | None:
    text: _Text | None = read_json(raw, _Text | None, "text")
    wanted = text.format if text and text.format else _Format()
    if wanted.type == "json_object":
        return b'{"type":"object","properties":{"answer":{"type":"string"}}}'
    return bytes(wanted.schema) if wanted.type == "json_schema" else None


def _echo(asked: _Body) -> Mapping[str, Any]:
    reasoning = asked.reasoning or _Reasoning()
    return {
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": asked.previous_response_id,
        "prompt_cache_key": asked.prompt_cache_key,
        "reasoning": {"effort": reasoning.effort, "summary": reasoning.summary},
        "store": asked.store is not False,
        "text": asked.text,
        "tool_choice": asked.tool_choice,
        "tools": asked.tools,
        "metadata": asked.metadata,
    }


def document(ask: Ask, answer: Answer) -> bytes:
    """The answer as one JSON body."""
    return encode(_finished(ask, answer))


def events(ask: Ask, answer: Answer) -> list[Frame]:
    """The answer as a stream; it ends with `response.completed` or `response.incomplete`, and no `[DONE]`."""
    started = _response(ask, answer, "in_progress")
    finished = _finished(ask, answer)
    drafts: list[tuple[dict[str, Any], int]] = [
        ({"type": "response.created", "response": started}, 0),
        ({"type": "response.in_progress", "response": started}, 0),
    ]
    for index, item in enumerate(finished["output"]):
        drafts += _item_events(index, item)
    drafts.append(({"type": f"response.{finished['status']}", "response": finished}, 0))
    return [named({**data, "sequence_number": number}, tokens) for number, (data, tokens) in enumerate(drafts)]


_Drafts = Iterator[tuple[dict[str, Any], int]]


def _item_events(index: int, item: dict[str, Any]) -> _Drafts:
    """What a stream says of one output item, without the numbers of the events."""
    at = {"item_id": item["id"], "output_index": index}
    opened = {**item, "status": "in_progress"}
    match item["type"]:
        case "message":
            yield {"type": "response.output_item.added", "output_index": index, "item": {**opened, "content": []}}, 0
            yield from _message_events({**at, "content_index": 0}, item["content"][0])
        case "reasoning":
            yield {"type": "response.output_item.added", "output_index": index, "item": {**item, "summary": []}}, 0
            for number, part in enumerate(item["summary"]):
                yield from _summary_events({**at, "summary_index": number}, part)
        case "function_call":
            yield {"type": "response.output_item.added", "output_index": index, "item": {**opened, "arguments": ""}}, 0
            for piece in pieces(item["arguments"]):
                yield {"type": "response.function_call_arguments.delta", **at, "delta": piece}, estimate_text(piece)
            yield {"type": "response.function_call_arguments.done", **at, "arguments": item["arguments"]}, 0
        case "custom_tool_call":
            yield {"type": "response.output_item.added", "output_index": index, "item": {**opened, "input": ""}}, 0
            for piece in pieces(item["input"]):
                yield {"type": "response.custom_tool_call_input.delta", **at, "delta": piece}, estimate_text(piece)
            yield {"type": "response.custom_tool_call_input.done", **at, "input": item["input"]}, 0
    yield {"type": "response.output_item.done", "output_index": index, "item": item}, 0


def _message_events(at: dict[str, Any], part: dict[str, Any]) -> _Drafts:
    yield {"type": "response.content_part.added", **at, "part": {**part, "text": ""}}, 0
    for piece in pieces(part["text"]):
        yield {"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []}, estimate_text(piece)
    yield {"type": "response.output_text.done", **at, "text": part["text"], "logprobs": []}, 0
    yield {"type": "response.content_part.done", **at, "part": part}, 0


def _summary_events(at: dict[str, Any], part: dict[str, Any]) -> _Drafts:
    yield {"type": "response.reasoning_summary_part.added", **at, "part": {**part, "text": ""}}, 0
    for piece in pieces(part["text"]):
        yield {"type": "response.reasoning_summary_text.delta", **at, "delta": piece}, estimate_text(piece)
    yield {"type": "response.reasoning_summary_text.done", **at, "text": part["text"]}, 0
    yield {"type": "response.reasoning_summary_part.done", **at, "part": part}, 0


def _response(ask: Ask, answer: Answer, status: str) -> dict[str, Any]:
    """The response object before it has any output."""
    return {
        "id": f"resp_{ids.hexadecimal(answer.seed, 'response', 48)}",
        "object": "response",
        "created_at": answer.created_s,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "max_tool_calls": None,
        "model": ask.model,
        "output": [],
        "safety_identifier": None,
        "service_tier": "auto" if status == "in_progress" else "default",
        "temperature": 1.0,
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None,
        "user": None,
        **ask.echo,
    }


def _finished(ask: Ask, answer: Answer) -> dict[str, Any]:
    cut_short = answer.stop is Stop.LENGTH
    return {
        **_response(ask, answer, "incomplete" if cut_short else "completed"),
        "incomplete_details": {"reason": "max_output_tokens"} if cut_short else None,
        "output": _output(ask, answer),
        "usage": {
            "input_tokens": answer.input.total,
            "input_tokens_details": {"cached_tokens": answer.input.cached, "cache_write_tokens": answer.input.written},
            "output_tokens": answer.output_tokens,
            "output_tokens_details": {"reasoning_tokens": answer.thought_tokens},
            "total_tokens": answer.input.total + answer.output_tokens,
        },
    }


def _output(ask: Ask, answer: Answer) -> list[dict[str, Any]]:
    output = [_thought(ask, answer)] if answer.thought else []
    if answer.text:
        output.append(
            {
                "id": _item_id(answer, "msg", "message"),
                "type": "message",
                "status": "incomplete" if answer.stop is Stop.LENGTH else "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": answer.text}],
            }
        )
    return [*output, *(_call(answer, number, call) for number, call in enumerate(answer.calls))]


def _thought(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The reasoning item: its summary only where one was asked for, as in OpenAI's own answers."""
    summary = [{"type": "summary_text", "text": answer.thought}] if ask.summary else []
    item = {"id": _item_id(answer, "rs", "reasoning"), "type": "reasoning", "summary": summary}
    return {**item, "encrypted_content": ids.opaque(answer.seed, "reasoning")} if ask.encrypted else item


def _call(answer: Answer, number: int, call: Call) -> dict[str, Any]:
    kind, prefix, said = ("custom_tool_call", "ctc", "input") if call.custom else ("function_call", "fc", "arguments")
    return {
        "id": _item_id(answer, prefix, f"call{number}"),
        "type": kind,
        "status": "completed",
        said: call.arguments,
        "call_id": f"call_{ids.letters(answer.seed, f'call{number}', 24)}",
        "name": call.name,
        **({"namespace": call.namespace} if call.namespace else {}),
    }


def _item_id(answer: Answer, prefix: str, use: str) -> str:
    return f"{prefix}_{ids.hexadecimal(answer.seed, use, 48)}"


def error_event(ask: Ask, answer: Answer, number: int, message: str) -> Frame:
    """End a stream after `number` events because of an error. Agents pass over a bare `error` event here."""
    failed = {**_response(ask, answer, "failed"), "error": {"code": "server_error", "message": message}}
    return named({"type": "response.failed", "response": failed, "sequence_number": number})
