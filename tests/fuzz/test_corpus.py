"""What fuzzing has found, and what was thought of, played again: nothing is raised but what is documented."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.seeds import seeds
from fuzz.targets import TARGETS
from tests.support.system import ROOT

_CORPUS = ROOT / "fuzz" / "corpus"


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus(name: str) -> None:
    files = sorted((_CORPUS / name).iterdir())
    assert len(files) > 5
    for file in files:
        _play(name, file.read_bytes(), file)


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds(name: str) -> None:
    for number, data in enumerate(seeds()[name]):
        _play(name, data, number)


def _play(name: str, data: bytes, where: Path | int) -> None:
    try:
        TARGETS[name](data)
    except Exception as error:
        raise AssertionError(f"{name}, {where}") from error


def test_the_corpus_is_small() -> None:
    files = [file for name in TARGETS for file in (_CORPUS / name).iterdir()]
    assert sum(file.stat().st_size for file in files) < 500_000
    assert {folder.name for folder in _CORPUS.iterdir()} == set(TARGETS)
