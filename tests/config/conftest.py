from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.config.load import load
from extproc.config.model import Config

MINIMAL = """\
version: 1
models:
  draft:
    model: small
    dialect: anthropic
    base_url: https://draft.example.com
    api_key_env: DRAFT_KEY
  verify:
    dialect: anthropic
    base_url: https://verify.example.com
"""


@pytest.fixture(scope="session")
def minimal() -> str:
    """The shortest useful file: 10 lines, the draft's key on line 7."""
    return MINIMAL


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Puts a text into `cascade.yaml` and gives its path."""

    def put(content: str | bytes) -> Path:
        path = tmp_path / "cascade.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return put


@pytest.fixture
def loaded(write: Callable[[str | bytes], Path]) -> Callable[..., Config]:
    """Loads a text, with variables of the environment as keywords."""

    def from_text(text: str, **environ: str) -> Config:
        return load(write(text), environ)

    return from_text
