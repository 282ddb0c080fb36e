"""The trace id of a `traceparent`, or nothing."""

from __future__ import annotations

import pytest

from extproc.core.wire.traceparent import trace_id

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_well_formed_header_gives_its_id():
    assert trace_id(GOOD) == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert trace_id(f"{GOOD}-of-a-later-version") == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    "text", ["", "00", GOOD.upper(), GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32), f"ff{GOOD[2:]}", "x" * 10_000]
)
def test_anything_else_gives_nothing(text: str):
    assert trace_id(text) == ""
