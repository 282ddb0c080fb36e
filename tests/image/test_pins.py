"""What the image is made of is pinned, each file by its hash, from one index: held without a network."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.system import ROOT
from tools.image import audit, lock

PIN = re.compile(r"([a-z0-9][a-z0-9-]*)==([0-9][A-Za-z0-9.+!]*)( ; [^\\\n]+)? \\")
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")


def blocks(file: Path) -> list[list[str]]:
    """Split a file of pins into its pins, each with its hashes."""
    found: list[list[str]] = []
    for line in file.read_text().splitlines():
        if not line.startswith(" "):
            found.append([])
        found[-1].append(line)
    return found


@pytest.mark.parametrize("name", audit.FILES)
def test_each_pin_is_one_version_with_its_hashes_and_nothing_else(name: str):
    seen = []
    for first, *hashes in blocks(ROOT / "tools/image" / name):
        pin = PIN.fullmatch(first)
        assert pin, first
        seen.append((pin[1], pin[3]))
        assert hashes, f"{pin[1]} has no hash"
        assert all(HASH.fullmatch(line) for line in hashes)
        assert [line.endswith("\\") for line in hashes] == [True] * (len(hashes) - 1) + [False]
    assert len(set(seen)) == len(seen)


def test_all_that_the_project_asks_for_is_pinned():
    assert lock.unpinned() == []
    assert {f"{name}.txt" for name in lock.wanted()} == set(audit.FILES)


def test_what_is_not_pinned_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    project = tmp_path / "pyproject.toml"
    text = (ROOT / "pyproject.toml").read_text().replace("dependencies = [\n", 'dependencies = [\n    "Some.Thing>=1",\n', 1)
    assert "Some.Thing>=1" in tomllib.loads(text)["project"]["dependencies"]
    project.write_text(text)
    monkeypatch.setattr(lock, "_PROJECT", project)
    assert lock.unpinned() == ["some-thing in sidecar.txt"]


def test_the_image_takes_nothing_but_pins():
    text = (ROOT / "Dockerfile").read_text()
    installs = [line for line in text.splitlines() if re.search(r"pip.* install", line)]
    assert installs
    for line in installs:
        assert "--require-hashes" in line or "--no-index" in line, line
    assert "PIP_NO_DEPS=1" in text
    assert "PIP_ONLY_BINARY=:all:" in text, "nothing of others runs while it is built"
