"""Requests in Anthropic's dialect, of an exact size."""

from __future__ import annotations

import json
from typing import Any

SIZES = {"0.2KB": 200, "100KB": 100_000, "1000KB": 1_000_000}
"""Name on the command line and in tables → bytes."""

_TOOL = {"name": "read", "input_schema": {"type": "object"}}
_TALK = "The delivery came on Tuesday, box {} was open, and nobody was there to sign for it. "
_CODE = "    total_{} = add(first, second)\n"
_ASKED = {"role": "user", "content": "Hello there!"}


def body(size: int, *, direct: bool) -> bytes:
    """Give a request of `size` bytes (at least 170) that is planned `direct` (tools, a new instruction) or `draft`.

    The large ones hold a long conversation. A long conversation alone would not go to the draft model; the bench's configuration
    lets it, so that both plans carry the same bytes.
    """
    more = {"tools": [_TOOL]} if direct else {}
    turns: list[dict[str, Any]] = []
    room = size - len(_request([_ASKED], system="", **more))
    while (length := len(json.dumps(turn := _turn(len(turns))))) < room:
        turns += turn
        room -= length  # the brackets of the list become the commas between turns
    return _padded(size, [*turns, _ASKED], **more)


def shapes(size: int) -> dict[str, bytes]:
    """Give three requests of one size (at least 400) that are differently dear to read and to judge, by their names."""
    return {
        "conversation": body(size, direct=False),
        "one long text": _padded(size, [{"role": "user", "content": _repeated(_TALK, size - 300)}]),
        "code in a fence": _padded(size, [{"role": "user", "content": f"Fix this:\n```\n{_repeated(_CODE, (size - 300) * 9 // 10)}```"}]),
    }


def agent(size: int) -> bytes:
    """Give a request (at least 20,000 bytes) in the middle of a coding agent's work: tools, a long system prompt, results of tools."""
    schema = {"type": "object", "properties": {"path": {"type": "string", "description": _TALK}}, "required": ["path"]}
    tools = [{"name": f"tool_{number}", "description": _repeated(_TALK, 400, number), "input_schema": schema} for number in range(16)]
    told = {"type": "text", "text": f"<system-reminder>\n{_TALK}\n</system-reminder>"}
    turns: list[dict[str, Any]] = [{"role": "user", "content": [told, {"type": "text", "text": "Find out why the totals are wrong."}]}]
    for number in range((size - 15_000) // 1_500):
        call = {"type": "tool_use", "id": f"toolu_{number:020}", "name": "tool_1", "input": {"path": f"/srv/{number}.py"}}
        result = {"type": "tool_result", "tool_use_id": call["id"], "content": _repeated(_CODE, 1_000, number)}
        turns += [{"role": "assistant", "content": [{"type": "text", "text": "Next."}, call]}, {"role": "user", "content": [result]}]
    return _padded(size, turns, tools=tools, stream=True, thinking={"type": "adaptive"}, metadata={"user_id": "u"})


def streamed(request: bytes) -> bytes:
    """Give the same request, asking for a stream."""
    return json.dumps({**json.loads(request), "stream": True}).encode()


def _turn(number: int) -> list[dict[str, Any]]:
    asked, answered = (_repeated(_TALK, length, number) for length in (300, 900))
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": [{"type": "text", "text": answered}]}]


def _repeated(line: str, length: int, first: int = 0) -> str:
    """Give numbered lines, cut at this length."""
    return "".join(line.format(first + number) for number in range(length // len(line) + 1))[:length]


def _padded(size: int, messages: list[dict[str, Any]], **more: Any) -> bytes:
    """Fill up with a system prompt, to the byte."""
    room = size - len(_request(messages, system="", **more))
    return _request(messages, system=_repeated(_TALK, max(0, room), 1), **more)


def _request(messages: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"model": "claude-opus-4-8", "max_tokens": 64, **more, "messages": messages}).encode()
