"""Items as nearly all of them are, read in one step: texts, calls of functions and their results, with nothing else in them.

An item that holds anything more is read key by key (`transcript`).
"""

from __future__ import annotations

import msgspec

from extproc.core.conversation import Text
from extproc.core.dialects.reading import Plain


class PlainItem(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """Any item."""

    id: str | None = None
    status: str | None = None


class _Input(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="input_text"):
    text: str


class _Output(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True, tag_field="type", tag="output_text"):
    text: str
    annotations: list[None] | None = None
    logprobs: list[None] | None = None


class PlainMessage(PlainItem, frozen=True, gc=False, tag="message"):
    """Somebody says something."""

    role: str
    content: str | list[_Input | _Output]
    phase: str | None = None


class PlainCall(PlainItem, frozen=True, gc=False, tag="function_call"):
    """A function is called."""

    call_id: str
    name: str
    arguments: str


class PlainResult(PlainItem, frozen=True, gc=False, tag="function_call_output"):
    """A function gave something."""

    call_id: str
    output: str


Item = PlainMessage | PlainCall | PlainResult
PLAIN: Plain[Item] = Plain(msgspec.json.Decoder(Item), msgspec.json.Decoder(list[Item]))


def texts_of(content: str | list[_Input | _Output]) -> list[Text]:
    """Give the texts of a content that say something."""
    said = [content] if isinstance(content, str) else [part.text for part in content]
    return [Text(text) for text in said if text]
