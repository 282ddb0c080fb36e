"""Images and documents on their way between dialects: `data:` URLs (RFC 2397), and documents that are text."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from urllib.parse import unquote_to_bytes

from extproc.core.conversation import Media, Text

_TEXTUAL = ("text/", "application/json", "application/xml", "application/yaml")
_SPOKEN = {"image/jpg": "image/jpeg", "application/x-pdf": "application/pdf"}


def from_url(kind: str, url: str, *, name: str = "", detail: str = "", cached: bool = False) -> Media:
    """Read an address: of something elsewhere, or `data:` with the thing itself in it."""
    if not is_data(url):
        return Media(kind, url=url, name=name, detail=detail, cached=cached)
    head, _, data = url[5:].partition(",")
    media_type, *more = head.split(";")
    if "base64" not in more:
        data = b64encode(unquote_to_bytes(data)).decode()
    return Media(kind, _typed(media_type or "text/plain"), data, name=name, detail=detail, cached=cached)


def is_data(url: str) -> bool:
    """Whether an address holds the thing itself."""
    return url[:5].lower() == "data:"


def is_textual(media_type: str) -> bool:
    """Whether a document of this type is text."""
    return media_type.startswith(_TEXTUAL)


def from_data(kind: str, media_type: str, data: str, *, name: str = "", cached: bool = False) -> Media:
    """Give something by value; `data` is base64."""
    return Media(kind, _typed(media_type), data, name=name, cached=cached)


def from_text(text: str, *, name: str = "", cached: bool = False) -> Media:
    """Give a document that is text."""
    return Media("document", "text/plain", b64encode(text.encode(errors="replace")).decode(), name=name, cached=cached)


def url_of(media: Media) -> str:
    """Give an address for something."""
    return media.url or f"data:{media.media_type};base64,{media.data}"


def text_in(media: Media) -> str | None:
    """Give the text of a document that is one; None for others."""
    if not media.data or not is_textual(media.media_type):
        return None
    try:
        return b64decode(media.data).decode(errors="replace")
    except (binascii.Error, ValueError):
        return None


def as_words(media: Media, text: str) -> Text:
    """Give a document as words, its title with it."""
    title = media.name.replace('"', "'")
    return Text(f'<document title="{title}">\n{text}\n</document>' if title else f"<document>\n{text}\n</document>", media.cached)


def _typed(media_type: str) -> str:
    media_type = media_type.strip().lower()
    return _SPOKEN.get(media_type, media_type)
