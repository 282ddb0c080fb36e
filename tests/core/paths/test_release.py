"""What of a draft goes out before its checks."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from extproc.core.answers import Began, Closed, Counted, Ended, Grew, Opened, Part, Piece, Signed, Stop, Stopped
from extproc.core.paths.intake import Item
from extproc.core.paths.release import Release
from extproc.core.vocabulary import Usage


class Told:
    """A writer that notes what it is told."""

    def write(self, piece: Piece) -> bytes:
        name = type(piece).__name__
        return f"<{name} {piece.text}>".encode() if isinstance(piece, Grew) else f"<{name}>".encode()


HEAD: list[Piece] = [Began("m"), Counted(Usage(1, 0))]
TEXT: list[Piece] = [Opened(Part.TEXT), Grew("a"), Closed()]
CALL: list[Piece] = [Opened(Part.CALL, "c", "weather"), Grew("{}"), Closed()]
END: list[Piece] = [Counted(Usage(1, 1)), Stopped(Stop.END), Ended()]


def taken(release: Release, pieces: Sequence[Piece]) -> bytes:
    return b"".join([release.take(Item(b"raw", [piece])) for piece in pieces])


def test_without_a_writer_all_is_held_as_it_came_and_given_once():
    release = Release(None)
    assert taken(release, [*HEAD, *TEXT]) == b""
    assert (release.flowed, release.rest(), release.rest()) == (False, b"raw" * 5, b"")


def test_text_flows_and_its_head_goes_with_it():
    release = Release(Told())
    assert taken(release, HEAD) == b""
    assert not release.flowed
    assert taken(release, TEXT) == b"<Began><Counted><Opened><Grew a><Closed>"
    assert release.flowed


@pytest.mark.parametrize("held", [CALL, [Opened(Part.OTHER)], [Stopped(Stop.END)], [Ended()]])
def test_from_a_call_or_the_end_on_all_is_held(held: list[Piece]):
    release = Release(Told())
    taken(release, [*HEAD, *TEXT])
    assert taken(release, [*held, *TEXT]) == b""
    assert release.rest().startswith(f"<{type(held[0]).__name__}>".encode())
    assert release.rest() == b""


def test_a_draft_of_calls_alone_leaves_no_trace():
    release = Release(Told())
    assert taken(release, [*HEAD, *CALL, *END]) == b""
    assert not release.flowed


def test_what_goes_on_closes_the_open_part_and_begins_no_second_message():
    release = Release(Told())
    taken(release, [*HEAD, Opened(Part.THINKING), Grew("a"), Signed("s")])
    assert release.continued([*HEAD, Opened(Part.TEXT)]) == b"<Closed><Counted><Opened>"
    assert release.continued([Grew("b"), Closed()]) == b"<Grew b><Closed>"


def test_what_was_held_is_dropped_when_another_goes_on():
    release = Release(Told())
    taken(release, [*HEAD, *TEXT, *CALL, *END])
    assert release.continued(END) == b"<Counted><Stopped><Ended>"
