"""The memory of drafts is one file for all workers, and outlives them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from extproc.shell.drafted import NAME, shared

OTHER_PROCESS = """
import sys
from pathlib import Path
from extproc.shell.drafted import shared
memory = shared(Path(sys.argv[1]))
print(memory.knows(b"from here"), flush=True)
memory.remember(b"from there")
"""


def run(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", OTHER_PROCESS, str(folder)], stdout=subprocess.PIPE, text=True)


def test_two_processes_share_it(tmp_path: Path):
    memory = shared(tmp_path)
    memory.remember(b"from here")
    with run(tmp_path) as other:
        said, _ = other.communicate(timeout=60)
    assert (other.returncode, said) == (0, "True\n")
    assert memory.knows(b"from there")


def test_processes_that_start_at_once_make_one_file(tmp_path: Path):
    others = [run(tmp_path) for _ in range(4)]
    for other in others:
        with other:
            assert other.communicate(timeout=60)[0] == "False\n"
    assert shared(tmp_path).knows(b"from there")
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_it_is_private_and_holds_no_content(tmp_path: Path):
    shared(tmp_path).remember(b"What is the capital of France?")
    path = tmp_path / NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"capital" not in path.read_bytes()


def test_each_file_has_a_salt_of_its_own(tmp_path: Path):
    tables = set()
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        shared(folder).remember(b"x")
        tables.add((folder / NAME).read_bytes()[64:])
    assert len(tables) == 2


@pytest.mark.parametrize("foreign", [b"", b"something else", b"x" * (64 + 8 * 131_072)], ids=["empty", "short", "long"])
def test_a_foreign_file_is_replaced(tmp_path: Path, foreign: bytes):
    path = tmp_path / NAME
    path.write_bytes(foreign)
    path.chmod(0o600)
    shared(tmp_path).remember(b"x")
    assert shared(tmp_path).knows(b"x")


def test_a_file_that_others_can_read_is_replaced(tmp_path: Path):
    shared(tmp_path).remember(b"x")
    (tmp_path / NAME).chmod(0o644)
    assert not shared(tmp_path).knows(b"x")
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_a_link_is_replaced_and_not_followed(tmp_path: Path):
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / NAME).symlink_to(target)
    shared(tmp_path).remember(b"x")
    assert target.read_bytes() == b"precious"
    assert not (tmp_path / NAME).is_symlink()


def test_without_a_folder_it_says_so(tmp_path: Path):
    with pytest.raises(OSError, match="nowhere"):
        shared(tmp_path / "nowhere")


def test_nothing_is_left_behind_where_it_cannot_be_put(tmp_path: Path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(OSError, match=NAME):
        shared(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
