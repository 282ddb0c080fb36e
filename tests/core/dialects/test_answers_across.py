"""Answers of each dialect told in the others: nothing lost that can be told, nothing forged, valid for the official SDKs."""

from __future__ import annotations

import json
import re

import pytest

from extproc.core.answers import Answer, Form, Part, Stop, gathered
from extproc.core.conversation import fitted
from extproc.core.dialects import DIALECTS
from extproc.core.vocabulary import Dialect, Usage
from tests.core.dialects.across import PAIRS, SAMPLES, arguments, checked, checked_whole, crossed, provided, read, words, written

PLAIN_ENDS = {Stop.SEQUENCE: Stop.END}
"""Only Anthropic tells which stop sequence was met."""


def calls(answer: Answer) -> list[tuple[str, str, object]]:
    return [(call.id, call.name, arguments(call.text)) for call in answer.calls]


@pytest.mark.parametrize(("source", "target", "name"), SAMPLES)
def test_an_answer_says_the_same_in_another_dialect(source: Dialect, target: Dialect, name: str):
    stream, document = provided(source, name)
    before = gathered(crossed(target, read(source, [stream])))
    sent = written(target, crossed(target, read(source, [stream])))
    checked(target, sent)
    body = DIALECTS[target].fold(gathered(crossed(target, DIALECTS[source].whole(document))), 7)
    checked_whole(target, body)
    for after in (gathered(read(target, [sent])), gathered(DIALECTS[target].whole(body))):
        assert words(after, Part.TEXT) == words(before, Part.TEXT)
        assert words(after, Part.THINKING) == words(before, Part.THINKING)
        assert not any(block.signature for block in after.blocks)
        assert calls(after) == calls(before)
        assert after.stop is (before.stop if before.stop is None else PLAIN_ENDS.get(before.stop, before.stop))
        assert after.whole
        assert target is not Dialect.OPENAI_RESPONSES or after.id.startswith("resp_")


@pytest.mark.parametrize(("source", "target", "name"), SAMPLES)
def test_bytes_come_as_they_like(source: Dialect, target: Dialect, name: str):
    stream, _ = provided(source, name)
    whole = written(target, crossed(target, read(source, [stream])))
    singly = [stream[at : at + 1] for at in range(len(stream))]
    assert written(target, crossed(target, read(source, singly))) == whole
    assert written(target, crossed(target, read(source, [stream + b": late\n\n" + stream]))) == whole


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_usage_is_counted_once(source: Dialect, target: Dialect):
    stream, _ = provided(source, "parallel")
    assert gathered(read(target, [written(target, crossed(target, read(source, [stream])))])).usage == Usage(100, 20, 60, 10, 5)


@pytest.mark.parametrize("source", [Dialect.ANTHROPIC, Dialect.OPENAI_CHAT])
def test_calls_are_the_clients_own_again(source: Dialect):
    stream, _ = provided(source, "parallel")
    answer = gathered(
        read(Dialect.OPENAI_RESPONSES, [written(Dialect.OPENAI_RESPONSES, crossed(Dialect.OPENAI_RESPONSES, read(source, [stream])))])
    )
    look, run, other = answer.calls
    assert (look.name, look.raw["namespace"], look.text) == ("look", "files", '{"path":"a"}')
    assert (run.name, run.form, run.text) == ("exec", Form.CUSTOM, "ls -l")
    assert (other.name, other.id) == ("not_offered", "call_3")
    assert [one.id for one in (look, run)] == [fitted("functions.look:0"), fitted("functions.exec:1")]
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", one.id) for one in answer.calls)


@pytest.mark.parametrize("target", [Dialect.ANTHROPIC, Dialect.OPENAI_CHAT])
def test_what_only_one_provider_can_show_stays_behind(target: Dialect):
    stream, _ = provided(Dialect.OPENAI_RESPONSES, "hosted")
    sent = written(target, crossed(target, read(Dialect.OPENAI_RESPONSES, [stream])))
    assert b"web_search" not in sent
    assert gathered(read(target, [sent])).text == "So."


def test_thinking_of_another_provider_is_a_summary_that_nobody_has_signed():
    stream, _ = provided(Dialect.ANTHROPIC, "parallel")
    sent = written(Dialect.OPENAI_RESPONSES, crossed(Dialect.OPENAI_RESPONSES, read(Dialect.ANTHROPIC, [stream])))
    assert b"encrypted_content" not in sent
    assert b"of the provider's own" not in sent
    last = json.loads(sent.rsplit(b"data: ", 1)[1])["response"]
    assert last["output"][0]["summary"] == [{"type": "summary_text", "text": "Hm."}]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_an_error_in_mid_stream_is_the_clients_dialects_own(source: Dialect, target: Dialect):
    stream, _ = provided(source, "text")
    cut = stream[: len(stream) // 2].rpartition(b"\n\n")[0] + b"\n\n"
    answer_id = gathered(read(source, [cut])).id
    sent = cut + DIALECTS[source].error_event(503, "busy", answer_id=answer_id)
    answer = gathered(read(target, [written(target, crossed(target, read(source, [sent])))]))
    assert answer.error is not None
    assert answer.error.message == "busy"
    assert answer.error.status >= 500
    assert not answer.ended
