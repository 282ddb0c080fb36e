"""One target under atheris: `python -m fuzz.run TARGET [arguments of libFuzzer]`.

Our code is instrumented as it is imported, so nothing of it may be imported before.
"""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    """Fuzz until libFuzzer has had enough."""
    name, *arguments = sys.argv[1:]
    with atheris.instrument_imports(include=["extproc.core", "extproc.shell.native"], enable_loader_override=False):
        from fuzz.targets import TARGETS
    again = f"{sys.executable} -m fuzz.run {name}"  # libFuzzer starts itself anew, through a shell, when it merges
    atheris.Setup([again, *arguments], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
