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
