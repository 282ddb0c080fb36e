"""Play inputs again, without a fuzzer: `python -m fuzz.replay TARGET FILE…`. What is wrong with one ends it with a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

from fuzz.targets import TARGETS


def main() -> None:
    """Play them in their order."""
    name, *files = sys.argv[1:]
    for file in files:
        TARGETS[name](Path(file).read_bytes())


if __name__ == "__main__":
    main()
