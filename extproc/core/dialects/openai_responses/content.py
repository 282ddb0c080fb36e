"""Parts of messages and of tools' results, read in full."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from extproc.core.conversation import Media, Text
from extproc.core.dialects import media
from extproc.core.dialects.base import content_of
from extproc.core.dialects.reading import SHAPES, Held, text, there
from extproc.core.wire.splice import Fields

_AT = "input[].content"
_NOTHING = msgspec.Raw(b"null")
_TEXT = frozenset({"type", "text", "logprobs"})
_PLAIN = {
    "input_text": _TEXT,
    "output_text": _TEXT,
    "text": _TEXT,
    "summary_text": _TEXT,
    "reasoning_text": _TEXT,
    "refusal": frozenset({"type", "refusal"}),
    "input_image": frozenset({"type", "image_url", "file_id", "detail"}),
    "input_file": frozenset({"type", "file_data", "file_url", "file_id", "filename"}),
}
"""Of the parts that we know: what is read of them in any case."""


def parts_of(shape: Fields, key: str, held: Held) -> list[Text | Media]:
    """Read a text or a list of parts, without what is empty. UnreadableError where it is neither, nor nothing."""
    whole, parts = content_of(shape.get(key, _NOTHING), SHAPES)
    found = [Text(text(shape, key))] if whole else [_part(part, held) for part in parts]
    return [part for part in found if part is not None and (not isinstance(part, Text) or part.text)]


def words_of(parts: Iterable[Text | Media]) -> str:
    """Give the texts among some parts, a paragraph each."""
    return "\n\n".join([part.text for part in parts if isinstance(part, Text)])


def _part(given: Fields, held: Held) -> Text | Media | None:
    kind = text(given, "type")
    plain = _PLAIN.get(kind)
    if plain is None:
        held.add(f"{_AT}[input_audio]" if kind == "input_audio" else f"{_AT}[other]")
        return None
    held.rest(f"{_AT}[].", given, plain)
    cached = there(given, "prompt_cache_breakpoint")
    if kind == "input_image":
        return _image(given, held, cached=cached)
    if kind == "input_file":
        return _file(given, held, cached=cached)
    return Text(text(given, "refusal"), cached, refusal=True) if kind == "refusal" else Text(text(given, "text"), cached)


def _image(given: Fields, held: Held, *, cached: bool) -> Media | None:
    url, detail = text(given, "image_url"), text(given, "detail")
    if not url:
        held.add(f"{_AT}[input_image].file_id")
        return None
    if detail not in {"", "auto"}:
        held.add(f"{_AT}[input_image].detail")
    held.add(f"{_AT}[input_image].image_url data:" if media.is_data(url) else f"{_AT}[input_image].image_url")
    return media.from_url("image", url, detail=detail, cached=cached)


def _file(given: Fields, held: Held, *, cached: bool) -> Media | None:
    at, name = f"{_AT}[input_file]", text(given, "filename")
    if data := text(given, "file_data"):
        # Some clients send the base64 alone.
        url = data if media.is_data(data) else f"data:application/pdf;base64,{data}"
        document = media.from_url("document", url, name=name, cached=cached)
        held.add(f"{at}.file_data text" if media.is_textual(document.media_type) else f"{at}.file_data")
        return document
    if url := text(given, "file_url"):
        held.add(f"{at}.file_url")
        return media.from_url("document", url, name=name, cached=cached)
    held.add(f"{at}.file_id")
    return None
