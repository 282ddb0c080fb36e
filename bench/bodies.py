"""Requests of three sizes and two plans, in Anthropic's dialect."""

from __future__ import annotations

import json
from typing import Any

SIZES = {"0.2 KB": 200, "100 KB": 100_000, "1,000 KB": 1_000_000}
_TOOL = {"name": "read_file", "description": "Read a file.", "input_schema": {"type": "object"}}
_TALK = "The delivery came on Tuesday, the second box was open, and nobody was there to sign for it. "


def body(size: int, *, direct: bool) -> bytes:
    """Give a request of about `size` bytes that is planned `direct` (tools, a new instruction) or `draft`.

    The large ones hold a long conversation. A long conversation alone would not go to the draft model; the bench's configuration
    lets it, so that both plans carry the same bytes.
    """
    asked: dict[str, Any] = {"model": "claude-opus-4-8", "max_tokens": 64, "messages": []}
    if direct:
        asked["tools"] = [_TOOL]
    last = {"role": "user", "content": "Hello there!"}
    room = size - len(json.dumps({**asked, "messages": [last]}))
    turn = [{"role": "user", "content": _TALK * 8}, {"role": "assistant", "content": [{"type": "text", "text": _TALK * 8}]}]
    count = max(0, room) // len(json.dumps(turn))
    asked["messages"] = [*(turn * count), last]
    return json.dumps(asked).encode()
