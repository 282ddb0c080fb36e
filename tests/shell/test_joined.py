"""Pieces of body that come at once go out at once."""

from __future__ import annotations

import pytest

from extproc.core.commands import CancelCall, Command, SendBody
from extproc.core.vocabulary import Role
from extproc.shell.exchange import joined

SMALL, LARGE = SendBody(b"a"), SendBody(b"l" * 31_999)


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ([], []),
        ([SMALL], [SMALL]),
        ([SMALL, SendBody(b"b"), SendBody(b"c", end=True)], [SendBody(b"abc", end=True)]),
        ([SMALL, LARGE, SMALL], [SendBody(b"a" + LARGE.data), SMALL]),
        ([SMALL, CancelCall(Role.DRAFT), SMALL], [SMALL, CancelCall(Role.DRAFT), SMALL]),
    ],
)
def test_pieces_that_come_at_once_go_out_at_once(commands: list[Command], expected: list[Command]):
    assert joined(commands) == expected
