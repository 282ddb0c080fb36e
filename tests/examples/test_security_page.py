"""The page about security names tests that exist."""

from __future__ import annotations

import re

import pytest

from tests.support.system import ROOT

NAMED = sorted(set(re.findall(r"tests/[\w/]+(?:\.py)?(?:::\w+)?", (ROOT / "docs/security.md").read_text(encoding="utf-8"))))


@pytest.mark.parametrize("name", NAMED)
def test_it_exists(name: str):
    file, _, test = name.partition("::")
    path = ROOT / file
    assert path.exists()
    assert not test or f"def {test}(" in path.read_text(encoding="utf-8")


def test_it_names_some():
    assert len(NAMED) > 20
