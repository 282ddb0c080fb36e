"""A worker as it is, which writes its tasks and descriptors to a file from time to time: `python -m bench.watched RUNTIME_DIR`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Final

from extproc.app.loop import run
from extproc.app.serving import serve
from extproc.app.worker import Worker
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir

LOOK: Final = "look.json"
_EVERY_S: Final = 0.2


async def _look(file: Path) -> None:
    while True:
        _write(file)
        await asyncio.sleep(_EVERY_S)


def _write(file: Path) -> None:
    seen = {"tasks": len(asyncio.all_tasks()), "descriptors": len(list(Path("/proc/self/fd").iterdir()))}
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(seen))
    fresh.replace(file)


def main() -> None:
    """Run the first worker of a plant."""
    runtime = RuntimeDir(Path(sys.argv[1]))
    config = Config.model_validate_json(runtime.config.read_bytes())
    run(serve(lambda: Worker(config, runtime, 0, "soak"), beside=_look(runtime.root / LOOK)))


if __name__ == "__main__":
    main()
