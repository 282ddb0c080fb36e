"""Tests that need Go: where it is missing they fail rather than being skipped unseen; EXTPROC_WITHOUT_GO=1 does without them."""

from __future__ import annotations

import os
import shutil

import pytest


def go() -> str:
    """Give the program."""
    found = shutil.which("go")
    if found is None:
        if os.environ.get("EXTPROC_WITHOUT_GO"):
            pytest.skip("EXTPROC_WITHOUT_GO is set")
        pytest.fail("this test needs Go; install it, or set EXTPROC_WITHOUT_GO=1 to do without")
    return found
