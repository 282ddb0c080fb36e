"""What the draft provider refused is remembered by kind, for a while."""

from __future__ import annotations

from extproc.core.steps.memory import RefusalMemory, kind_of
from extproc.core.vocabulary import Dialect, Effort, Request, View


def request(view: View) -> Request:
    return Request(Dialect.OPENAI_CHAT, b"{}", "m", 0, 0, False, view)


CHAT = request(View())
TOOLS = request(View(tools=1))


def test_one_refusal_is_not_yet_a_habit():
    memory = RefusalMemory(300)
    memory.failed(TOOLS, 400, 0.0)
    assert not memory.blocks(TOOLS, 1.0)


def test_a_kind_refused_twice_is_left_alone_for_a_while():
    memory = RefusalMemory(300)
    memory.failed(TOOLS, 400, 0.0)
    memory.failed(TOOLS, 422, 1.0)
    assert memory.blocks(TOOLS, 2.0)
    assert memory.blocks(TOOLS, 300.9)
    assert not memory.blocks(TOOLS, 301.1)


def test_other_kinds_are_not_touched_by_a_refusal():
    memory = RefusalMemory(300)
    memory.failed(TOOLS, 400, 0.0)
    memory.failed(TOOLS, 400, 0.0)
    assert not memory.blocks(CHAT, 1.0)


def test_an_outage_concerns_every_kind_and_ends_soon():
    memory = RefusalMemory(300)
    for status in (503, 429, 504):
        memory.failed(TOOLS, status, 0.0)
    assert memory.blocks(CHAT, 14.0)
    assert not memory.blocks(CHAT, 16.0)


def test_after_the_time_is_up_one_more_refusal_blocks_again():
    memory = RefusalMemory(300)
    for at_s in (0.0, 1.0, 400.0):
        memory.failed(TOOLS, 400, at_s)
    assert memory.blocks(TOOLS, 401.0)


def test_success_forgives_the_kind_and_the_provider():
    memory = RefusalMemory(300)
    for status in (400, 400, 503, 503, 503):
        memory.failed(TOOLS, status, 0.0)
    memory.succeeded(TOOLS)
    assert not memory.blocks(TOOLS, 1.0)
    assert not memory.blocks(CHAT, 1.0)


def test_a_kind_names_features_and_never_content():
    view = View(last_user_text="a secret", tools=3, images=1, effort=Effort.HIGH, json_schema=True)
    assert kind_of(request(view)) == ("openai_chat", "tools", "images", "thinking", "json_schema")
    assert kind_of(request(View())) == ("openai_chat",)
