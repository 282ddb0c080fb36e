"""Messages as nearly all of them are, read in one step: blocks of the common kinds, with nothing in them but what is known.

A message that holds anything more is read key by key (`blocks`).
"""

from __future__ import annotations

from typing import Any, Literal, final

import msgspec

from extproc.core.dialects.reading import Plain


class Block(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """Any block."""

    cache_control: dict[str, Any] | None = None


@final
class PlainText(Block, frozen=True, gc=False, tag="text"):
    """A text."""

    text: str


@final
class PlainThinking(Block, frozen=True, gc=False, tag="thinking"):
    """A thought."""

    thinking: str
    signature: str = ""


@final
class PlainCall(Block, frozen=True, gc=False, tag="tool_use"):
    """A call of a tool."""

    id: str
    name: str
    input: msgspec.Raw


@final
class PlainResult(Block, frozen=True, gc=False, tag="tool_result"):
    """What a tool gave."""

    tool_use_id: str
    content: str | list[PlainText] = []
    is_error: bool = False


@final
class PlainMessage(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A message."""

    role: Literal["user", "assistant"]
    content: str | list[PlainText | PlainThinking | PlainCall | PlainResult]


PLAIN = Plain(msgspec.json.Decoder(PlainMessage), msgspec.json.Decoder(list[PlainMessage]))
