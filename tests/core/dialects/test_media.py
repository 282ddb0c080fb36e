"""Images and documents: `data:` URLs and texts."""

from __future__ import annotations

import pytest

from extproc.core.conversation import Media, Text
from extproc.core.dialects.media import as_words, from_text, from_url, text_in, url_of


@pytest.mark.parametrize(
    ("url", "media"),
    [
        ("https://x/a.png", Media("image", url="https://x/a.png")),
        ("data:image/png;base64,QQ==", Media("image", "image/png", "QQ==")),
        ("DATA:image/JPG;charset=x;base64,QQ==", Media("image", "image/jpeg", "QQ==")),
        ("data:,a%20b", Media("image", "text/plain", "YSBi")),
        ("data:", Media("image", "text/plain", "")),
    ],
)
def test_addresses_are_read(url: str, media: Media):
    assert from_url("image", url) == media
    assert from_url("image", url_of(media)) == media


def test_a_document_of_text_is_text_again():
    media = from_text("Größe\n🪁", name='The "T"', cached=True)
    assert text_in(media) == "Größe\n🪁"
    assert as_words(media, "x") == Text("<document title=\"The 'T'\">\nx\n</document>", cached=True)
    assert as_words(from_text("x"), "x") == Text("<document>\nx\n</document>")


@pytest.mark.parametrize(
    "media", [Media("document", "application/pdf", "QQ=="), Media("document", "text/plain", "Q"), Media("document", url="u")]
)
def test_what_is_no_text_is_none(media: Media):
    assert text_in(media) is None
