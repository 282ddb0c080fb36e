"""However the bytes are cut, the same events come out, and no byte is lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.errors import MalformedError
from extproc.core.vocabulary import Dialect
from extproc.core.wire import sse
from extproc.core.wire.sse import SseEvent, SseParser, comment, event
from extproc.simulator.answer import compose
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.profile import Profile

BOM = b"\xef\xbb\xbf"
ENDINGS = st.sampled_from([b"\n", b"\r", b"\r\n"])
VALUES = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=12).map(str.encode)
LINES = st.one_of(
    st.tuples(
        st.sampled_from([b"data: ", b"data:", b"event: ", b"event:", b"id: ", b": ", b":", b"data", b"retry: 5", b"database: "]), VALUES
    ),
    st.just((b"data: ", '{"text":"\u2028\u0085\u2029\x0b\x0c\x1c"}'.encode())),
).map(b"".join)
ANYTHING = st.lists(st.sampled_from([b"\n", b"\r", b"\r\n", b"data: x", b"data:", b":", b" ", BOM, b"event: y", b"\xff"]), max_size=20).map(
    b"".join
)


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """One event, each of its lines with any ending."""
    lines = [line + draw(ENDINGS) for line in draw(st.lists(LINES, min_size=1, max_size=4))]
    blank = draw(ENDINGS)
    if lines[-1].endswith(b"\r") and blank == b"\n":
        blank = b"\r\n"  # a carriage return and a line feed would be one ending
    return b"".join(lines) + blank


def parsed(parts: list[bytes]) -> list[SseEvent]:
    parser = SseParser()
    return [one for part in parts for one in parser.feed(part)] + parser.finish()


def reference(block: bytes) -> tuple[str, bytes]:
    """What the standard says of one block, line by line."""
    name, data = "", []
    for line in block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"):
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"event":
            name = value.decode()
        if field == b"data":
            data.append(value)
    return name, b"\n".join(data)


@given(st.lists(blocks(), min_size=1, max_size=5), st.booleans(), st.data())
def test_every_cut_gives_the_same_events(stream: list[bytes], bom: bool, data: st.DataObject):
    whole = BOM * bom + b"".join(stream)
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=8))
    parts = [whole[start:end] for start, end in pairwise([0, *sorted(cuts), len(whole)])]
    events = parsed(parts)
    assert [(one.name, one.data) for one in events] == [reference(block) for block in stream]
    assert b"".join([one.raw for one in events]) == whole
    assert parsed([whole[at : at + 1] for at in range(len(whole))]) == events == parsed([whole])


@given(ANYTHING, st.integers(0, 40))
def test_rubbish_is_cut_the_same_way_too(whole: bytes, cut: int):
    events = parsed([whole])
    assert b"".join([one.raw for one in events]) == whole
    assert parsed([whole[:cut], whole[cut:]]) == parsed([whole[at : at + 1] for at in range(len(whole))]) == events


@pytest.mark.parametrize("dialect", Dialect)
def test_streams_of_all_dialects(dialect: Dialect):
    speaker = SPEAKERS[dialect]
    ask = speaker.read(b'{"model":"m","max_tokens":50,"stream":true,"messages":[{"role":"user","content":"Hi"}],"input":"Hi"}')
    frames = speaker.events(ask, compose(ask, Profile(), 0))
    whole = b"".join([frame.data for frame in frames])
    assert len(parsed([whole[at : at + 7] for at in range(0, len(whole), 7)])) == len(frames)


def test_an_event_comes_with_its_last_byte():
    parser = SseParser()
    assert parser.feed(b"data: 1\n") == []
    assert parser.feed(b"\n") == [SseEvent("", b"1", b"data: 1\n\n")]
    assert parser.feed(b"event: e\r\ndata: 2\r\n\r") == []
    assert parser.feed(b"\n") == [SseEvent("e", b"2", b"event: e\r\ndata: 2\r\n\r\n")]
    assert parser.finish() == []


def test_what_the_end_of_the_bytes_cuts_off():
    parser = SseParser()
    assert parser.feed(b"data: 1\n\ndata: 2\r") == [SseEvent("", b"1", b"data: 1\n\n")]
    assert parser.finish() == [SseEvent("", b"2", b"data: 2\r")]
    assert parser.finish() == []


def test_a_mark_counts_at_the_beginning_only():
    assert [one.data for one in parsed([BOM + b"data: 1\n\n" + BOM + b"data: 2\n\n"])] == [b"1", b""]


def test_an_event_may_be_large_but_not_endless(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sse, "_MOST", 100)
    largest, larger = event("", b"x" * 92), event("", b"x" * 93)
    assert parsed([largest, largest]) == parsed([largest + largest])
    for parts in ([larger], [larger[:-1], larger[-1:]], [largest + larger], [b"x" * 101]):
        with pytest.raises(MalformedError, match="event_too_long"):
            parsed(parts)


@given(st.text(alphabet="abc_", max_size=5), VALUES)
def test_what_is_written_is_read(name: str, data: bytes):
    raw = event(name, data)
    assert parsed([comment("cascade outcome=ENHANCED"), raw])[1:] == [SseEvent(name, data, raw)]
