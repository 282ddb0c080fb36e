"""The dialect as the rest of the core sees it."""

from __future__ import annotations

import pytest

from extproc.core.answers import Erred, gathered, pieces_of
from extproc.core.dialects import DIALECTS
from extproc.core.vocabulary import Dialect
from extproc.core.wire.sse import SseParser
from tests.core.dialects.anthropic.made import ANSWERS, data_of

SPEC = DIALECTS[Dialect.ANTHROPIC]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_goes_through_and_signs_of_life_do_not_matter(name: str):
    streamed, document = ANSWERS[name]
    reader, events = (
        SPEC.reader(),
        SseParser().feed(SPEC.keepalive(first=True) + streamed.replace(b"\n\n", b"\n\n" + SPEC.keepalive(first=True))),
    )
    answer = gathered([piece for event in events for piece in reader.read(event)])
    assert answer == gathered(SPEC.whole(document)) == gathered(SPEC.whole(SPEC.fold(answer, 0)))
    writer = SPEC.writer(0)
    assert data_of(b"".join([writer.write(piece) for piece in pieces_of(answer)]))[-1] == {"type": "message_stop"}
    assert b"".join([SPEC.shown(event, usage=False) for event in SseParser().feed(streamed)]) == streamed


@pytest.mark.parametrize("status", [400, 401, 413, 429, 500, 504, 529])
def test_an_error_event_is_read_back(status: int):
    (event,) = SseParser().feed(SPEC.error_event(status, "no"))
    assert event.data == SPEC.error(status, "no")
    assert SPEC.reader().read(event) == [Erred(status, "no")]
