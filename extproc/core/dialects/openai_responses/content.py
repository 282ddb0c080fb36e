"""Parts of messages and of tools' results, read and written."""

from __future__ import annotations

from typing import Any

from extproc.core.conversation import Feature, Media, Text
from extproc.core.errors import UnreadableError

Json = dict[str, Any]
Held = list[tuple[str, Feature]]

_AT = "input[message].content"
_KNOWN = {
    "input_text": {"type", "text"},
    "output_text": {"type", "text", "annotations", "logprobs"},
    "text": {"type", "text"},
    "refusal": {"type", "refusal"},
    "input_image": {"type", "image_url", "detail", "file_id"},
    "input_file": {"type", "file_data", "file_url", "file_id", "filename", "detail"},
}


def parts_of(content: Any, held: Held) -> list[Text | Media]:
    """Read a text or a list of parts, without what is empty. UnreadableError where it is neither, nor nothing."""
    if content is None:
        return []
    if isinstance(content, str):
        return [Text(content)] if content else []
    if not isinstance(content, list):
        raise UnreadableError("unreadable_messages")
    return [part for given in content if (part := _part(given, held)) is not None]


def texts_of(*lists: Any) -> str:
    """The texts in lists of parts, a paragraph each; what is no list counts as an empty one."""
    found = [part.get("text") for parts in lists if isinstance(parts, list) for part in parts if isinstance(part, dict)]
    return "\n\n".join([text for text in found if isinstance(text, str) and text])


def _part(given: Any, held: Held) -> Text | Media | None:
    if not isinstance(given, dict):
        raise UnreadableError("unreadable_messages")
    kind = given.get("type")
    known = _KNOWN.get(kind) if isinstance(kind, str) else None
    if known is None:
        held.append((f"{_AT}[input_audio]", Feature.AUDIO) if kind == "input_audio" else (f"{_AT}[other]", Feature.PROVIDER_PART))
        return None
    cached = given.get("prompt_cache_breakpoint") is not None
    if cached:
        held.append(("prompt_cache_breakpoint", Feature.CACHE_MARKS))
    for key in given.keys() - known - {"prompt_cache_breakpoint"}:
        held.append((f"{_AT}[].{key}", Feature.UNKNOWN))
    if kind == "input_image":
        return _image(given, held, cached=cached)
    if kind == "input_file":
        return _file(given, held, cached=cached)
    return _text(given, held, cached=cached)


def _text(given: Json, held: Held, *, cached: bool) -> Text | None:
    if given.get("annotations"):
        held.append((f"{_AT}[output_text].annotations", Feature.CITATIONS))
    refusal = given["type"] == "refusal"
    text = given.get("refusal" if refusal else "text")
    if not isinstance(text, str):
        raise UnreadableError("unreadable_messages")
    return Text(text, cached, refusal) if text else None


def _image(given: Json, held: Held, *, cached: bool) -> Media | None:
    at = f"{_AT}[input_image]"
    url, detail = _string(given, "image_url"), _string(given, "detail")
    if not url:
        held.append((f"{at}.file_id", Feature.PROVIDER_FILE))
        return None
    if detail not in {"", "auto"}:
        held.append((f"{at}.detail", Feature.IMAGE_DETAIL))
    media_type, data = _data(url)
    if not data:
        held.append((f"{at}.image_url", Feature.IMAGE_URL))
        return Media("image", url=url, detail=detail, cached=cached)
    held.append((f"{at}.image_url data:", Feature.IMAGE_DATA))
    return Media("image", media_type, data, detail=detail, cached=cached)


def _file(given: Json, held: Held, *, cached: bool) -> Media | None:
    at = f"{_AT}[input_file]"
    name, given_data, url = _string(given, "filename"), _string(given, "file_data"), _string(given, "file_url")
    if given_data:
        media_type, data = _data(given_data)
        words = media_type.startswith("text/")
        held.append((f"{at}.file_data text", Feature.DOCUMENT_TEXT) if words else (f"{at}.file_data", Feature.DOCUMENT_DATA))
        return Media("document", media_type or "application/pdf", data or given_data, name=name, cached=cached)
    if url:
        held.append((f"{at}.file_url", Feature.DOCUMENT_URL))
        return Media("document", url=url, name=name, cached=cached)
    held.append((f"{at}.file_id", Feature.PROVIDER_FILE))
    return None


def _data(url: str) -> tuple[str, str]:
    """The media type and the base64 of a `data:` URL (RFC 2397); both empty for any other address."""
    head, _, data = url.partition(",")
    if not head.startswith("data:") or not head.endswith(";base64"):
        return "", ""
    return head[5:].partition(";")[0], data


def _string(given: Json, key: str) -> str:
    value = given.get(key)
    return value if isinstance(value, str) else ""
