"""The answer of a side call, taken in."""

from __future__ import annotations

import zlib

import pytest

from extproc.core.dialects import DIALECTS
from extproc.core.errors import MalformedError
from extproc.core.events import Headers
from extproc.core.paths import intake as module
from extproc.core.paths.intake import Intake, intake_for
from extproc.core.vocabulary import Dialect

EVENTS = (
    b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n',
    b'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n',
    b"data: [DONE]\n\n",
)


def begun(*pairs: tuple[str, bytes], stream: bool = True, usage: bool = True) -> Intake:
    kind = ("content-type", b"text/event-stream")
    return intake_for(DIALECTS[Dialect.OPENAI_CHAT], Headers([*pairs, kind]), stream=stream, usage=usage)


def test_a_stream_comes_event_by_event():
    intake = begun()
    items = list(intake.feed(b"".join(EVENTS)[:-3]))
    assert [item.shown for item in items] == list(EVENTS[:3])
    assert not intake.answer().ended
    items += [*intake.feed(b"]\n\n"), *intake.finish()]
    assert [item.shown for item in items] == list(EVENTS)
    assert (intake.answer().text, intake.answer().whole) == ("Hi", True)


def test_a_usage_that_only_we_asked_for_is_read_and_not_shown():
    intake = begun(usage=False)
    items = list(intake.feed(b"".join(EVENTS)))
    assert [item.shown for item in items] == [*EVENTS[:2], b"", EVENTS[3]]
    assert intake.answer().usage is not None


def test_a_chat_stream_may_end_without_its_last_event_but_not_without_a_reason():
    intake = begun()
    assert len(list(intake.feed(b"".join(EVENTS[:2])))) == 2
    assert list(intake.finish()) == []
    assert intake.answer().whole
    cut_off = begun()
    assert len([*cut_off.feed(EVENTS[0]), *cut_off.finish()]) == 1
    assert not cut_off.answer().whole


def test_what_stands_before_a_broken_event_comes_out():
    intake = begun()
    taken = intake.feed(EVENTS[0] + b"data: {\n\n")
    assert next(taken).shown == EVENTS[0]
    with pytest.raises(MalformedError):
        next(taken)
    assert intake.answer().text == "Hi"


@pytest.mark.parametrize("stream", [True, False])
def test_compressed_answers_are_read_plain(stream: bool):
    whole = b'{"id":"c","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'
    sent = b"".join(EVENTS) if stream else whole
    intake = begun(("content-encoding", b" Deflate"), stream=stream)
    items = [*intake.feed(zlib.compress(sent)), *intake.finish()]
    assert b"".join(item.shown for item in items) == sent
    assert intake.answer().whole


def test_a_body_says_nothing_before_its_end():
    intake = begun(stream=False)
    assert list(intake.feed(b'{"choices":[')) == []
    with pytest.raises(MalformedError):
        list(intake.finish())


def test_a_stream_must_say_that_it_is_one():
    with pytest.raises(MalformedError, match="no_event_stream"):
        intake_for(DIALECTS[Dialect.ANTHROPIC], Headers([("content-type", b"application/json")]), stream=True, usage=True)


@pytest.mark.parametrize("stream", [True, False])
def test_no_answer_is_larger_than_any_model_writes(stream: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_MOST_STREAMED" if stream else "_MOST", 1000)
    intake = begun(stream=stream)
    assert len(list(intake.feed(b": a comment\n\n" * 70))) == (70 if stream else 0)
    with pytest.raises(MalformedError, match="too_large"):
        list(intake.feed(b": a comment\n\n" * 10))
