"""Where the demonstration's client reads what became of its request."""

from __future__ import annotations

import httpx
import pytest

from extproc.demo.traffic import seen

TOLD = httpx.Headers({"x-cascade-outcome": "SKIPPED", "x-cascade-model": "small"})
PENDING = httpx.Headers({"x-cascade-outcome": "PENDING"})


@pytest.mark.parametrize(
    ("headers", "text", "expected"),
    [
        (TOLD, "data: [DONE]\n\n", ("SKIPPED", "small")),
        (TOLD, ": cascade outcome=ENHANCED model=large\n\n", ("SKIPPED", "small")),
        (PENDING, "data: [DONE]\n\n: cascade outcome=ENHANCED model=large cost_usd=0.1\n\n", ("ENHANCED", "large")),
        (PENDING, "data: : cascade outcome=ENHANCED model=large\n\n", ("PENDING", "")),
        (httpx.Headers({}), "{}", ("", "")),
    ],
)
def test_the_outcome_stands_in_the_headers_or_behind_a_held_stream(headers: httpx.Headers, text: str, expected: tuple[str, str]):
    assert seen(headers, text) == expected
