"""Asks PyPI whether anything that is pinned for the image has known vulnerabilities; exit code 1 where something has. Needs the network.

python -m tools.image.audit                 all of the image
python -m tools.image.audit sidecar.txt     the pins of one file
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_HERE = Path(__file__).parent
_TOOL = "pip-audit==2.10.1"
FILES = ("sidecar.txt", "envoy.txt", "build.txt")


def audit(names: Sequence[str]) -> int:
    """Print what is known of the pins in some files, by pip-audit, which is installed into a folder of its own. Gives its exit code."""
    with tempfile.TemporaryDirectory() as folder:
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder, _TOOL)
        subprocess.run(pip, check=True)
        # Nothing is resolved or installed, as pins with hashes are whole. Strict: mirrors know of no holes, and that is no good news.
        pins = [word for name in names for word in ("--requirement", str(_HERE / name))]
        argv = (sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--strict", "--progress-spinner", "off", *pins)
        return subprocess.run(argv, env={**os.environ, "PYTHONPATH": folder}, check=False).returncode


if __name__ == "__main__":
    sys.exit(audit(sys.argv[1:] or FILES))
