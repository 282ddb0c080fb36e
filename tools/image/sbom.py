"""Writes what is in the image with Envoy as a CycloneDX document, from the pins; `build/sbom.cdx.json` where nothing else is said.

Debian's packages of the base image are not in it: they belong to the base's own document.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

_HERE = Path(__file__).parent
_TOOL = "cyclonedx-bom==7.5.0"


def sbom(target: Path) -> None:
    """Write it. CalledProcessError where the tool cannot be had or does not take the pins; it has said why."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder, _TOOL)
        subprocess.run(pip, check=True)
        pins = Path(folder, "pins.txt")
        pins.write_text("".join((_HERE / name).read_text() for name in ("sidecar.txt", "envoy.txt")))
        argv = (sys.executable, "-m", "cyclonedx_py", "requirements", "--pyproject", str(_HERE.parents[1] / "pyproject.toml"))
        made = ("--output-reproducible", "--output-format", "JSON", "--output-file", str(target), str(pins))
        subprocess.run((*argv, *made), env={"PYTHONPATH": folder}, check=True)


if __name__ == "__main__":
    sbom(Path(sys.argv[1] if len(sys.argv) > 1 else "build/sbom.cdx.json"))
