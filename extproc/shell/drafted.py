"""What the draft model answered, remembered in a small file that all workers of one sidecar share and that outlives each of them."""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from extproc.core.steps.provenance import SLOTS, Fingerprints

NAME = "drafted"
"""Of the file in the runtime folder."""

_MAGIC = b"cascade drafted1"
_SALT_BYTES = 32
_HEADER_BYTES = 64
_BYTES = _HEADER_BYTES + 8 * SLOTS


def shared(folder: Path) -> Fingerprints:
    """Open the memory in the runtime folder; make it where there is none, or where the file there is another one or damaged.

    The file: a mark, a random salt, zeros up to byte 64, and the table. Mode 0600, and no content of any request.

    Raises:
        OSError: The folder cannot be written to, or has no room.
    """
    path = folder / NAME
    with _alone(folder):
        memory = _mapped(path)
        if memory is None:
            _make(path)
            memory = _mapped(path)
    if memory is None:
        raise OSError(f"{path}: written, but not to be read again")
    view = memoryview(memory)
    salt = bytes(view[len(_MAGIC) : len(_MAGIC) + _SALT_BYTES])
    return Fingerprints(salt, view[_HEADER_BYTES:].cast("Q"))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the other workers out while the file is looked for: it must not be made twice."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _mapped(path: Path) -> mmap.mmap | None:
    """Map the file; None where it is not one of ours, as a whole."""
    try:
        file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(file)
        ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) == 0o600
        if not ours or status.st_size != _BYTES or os.pread(file, len(_MAGIC), 0) != _MAGIC:
            return None
        return mmap.mmap(file, _BYTES)
    finally:
        os.close(file)


def _make(path: Path) -> None:
    """Put a new file in the place of what is there, in one step."""
    header = (_MAGIC + secrets.token_bytes(_SALT_BYTES)).ljust(_HEADER_BYTES, b"\0")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:  # mode 0600
        new = Path(file.name)
        try:
            # Zeros instead of a hole: a full disk shows here, and not as a signal when the memory is written to.
            file.write(header.ljust(_BYTES, b"\0"))
            file.flush()
            new.replace(path)
        except OSError:
            new.unlink(missing_ok=True)
            raise
