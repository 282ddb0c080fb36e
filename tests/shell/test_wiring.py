"""That no access log comes is said once, and what it costs is known to be unknown."""

from __future__ import annotations

import os
from pathlib import Path

from extproc.shell.wiring import MESSAGE, Wiring


class Ears:
    def __init__(self, mark: Path, **bounds: float) -> None:
        self.said: list[str] = []
        self.unknown = 0
        self.wiring = Wiring(mark, self.said.append, self._count, least=3, **{"patience_s": 0.0, **bounds})

    def _count(self, more: int) -> None:
        self.unknown += more


def test_it_is_said_once_and_all_requests_are_counted(tmp_path: Path):
    ears = Ears(tmp_path / "mark")
    for decisions in (0, 2, 3, 3, 10):
        ears.wiring.look(decisions)
    assert (ears.said, ears.unknown) == ([MESSAGE], 10)


def test_there_is_time_for_the_first_answers_to_end(tmp_path: Path):
    ears = Ears(tmp_path / "mark", patience_s=60.0)
    ears.wiring.look(50)
    assert (ears.said, ears.unknown) == ([], 0)


def test_whoever_hears_something_is_content(tmp_path: Path):
    ears = Ears(tmp_path / "mark")
    ears.wiring.heard()
    ears.wiring.look(50)
    assert (ears.said, ears.unknown) == ([], 0)


def test_what_another_worker_hears_is_enough(tmp_path: Path):
    ears, other = Ears(tmp_path / "mark"), Ears(tmp_path / "mark")
    other.wiring.heard()
    ears.wiring.look(50)
    assert (ears.said, ears.unknown) == ([], 0)


def test_what_was_heard_in_an_earlier_life_is_not(tmp_path: Path):
    mark = tmp_path / "mark"
    mark.touch()
    os.utime(mark, (1_000_000, 1_000_000))
    ears = Ears(mark)
    ears.wiring.look(3)
    assert (ears.said, ears.unknown) == ([MESSAGE], 3)


def test_when_it_comes_at_last_the_counting_ends(tmp_path: Path):
    ears = Ears(tmp_path / "mark")
    ears.wiring.look(5)
    ears.wiring.heard()
    ears.wiring.look(50)
    assert (len(ears.said), ears.unknown) == (1, 5)


def test_a_folder_that_is_gone_is_no_error(tmp_path: Path):
    ears = Ears(tmp_path / "gone" / "mark")
    ears.wiring.heard()
    ears.wiring.look(50)
    assert ears.said == []
