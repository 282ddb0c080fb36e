"""An answer on its way between dialects: what is bound to one of them stays behind."""

from __future__ import annotations

import re

import pytest

from extproc.core.answers import Began, Closed, Ended, Form, Grew, Opened, Part, Piece, Signed, Stop, Stopped, gathered
from extproc.core.conversation import Tool, fitted
from extproc.core.dialects.crossing import Crossing

TOOLS = (Tool("look"), Tool("patch", custom=True, raw="custom"), Tool("files__read", own_name="read", raw={"namespace": "files"}))


def crossed(*pieces: Piece, tools: tuple[Tool, ...] = TOOLS) -> list[Piece]:
    return Crossing(tools).take(pieces)


def call(name: str, *texts: str, id_: str = "call_1", form: Form = Form.PLAIN) -> list[Piece]:
    return [Opened(Part.CALL, id_, name, form=form), *map(Grew, texts), Closed()]


@pytest.mark.parametrize(
    ("pieces", "taken"),
    [
        (call("look", "{", "}"), call("look", "{", "}")),
        (call("patch", '{"in', 'put":"ls"}'), [Opened(Part.CALL, "call_1", "patch", "custom", Form.CUSTOM), Grew("ls"), Closed()]),
        (call("patch", "not ", "json"), [Opened(Part.CALL, "call_1", "patch", "custom", Form.CUSTOM), Grew("not json"), Closed()]),
        (
            call("patch", '{"input":"ls","also":1}'),
            [Opened(Part.CALL, "call_1", "patch", "custom", Form.CUSTOM), Grew('{"input":"ls","also":1}'), Closed()],
        ),
        (call("patch"), [Opened(Part.CALL, "call_1", "patch", "custom", Form.CUSTOM), Closed()]),
        (
            call("patch", "l", "s", form=Form.CUSTOM),
            [Opened(Part.CALL, "call_1", "patch", "custom", Form.CUSTOM), Grew("l"), Grew("s"), Closed()],
        ),
        (call("files__read", "{}"), [Opened(Part.CALL, "call_1", "read", {"namespace": "files"}), Grew("{}"), Closed()]),
        (call("unknown", "{}"), call("unknown", "{}")),
    ],
)
def test_calls_are_the_clients_own_again(pieces: list[Piece], taken: list[Piece]):
    assert crossed(*pieces) == taken


def test_a_name_that_did_not_fit_is_found_again():
    odd = "mcp.files/read " * 9
    assert crossed(*call(fitted(odd)), tools=(Tool(odd),))[0] == Opened(Part.CALL, "call_1", odd)


def test_ids_are_such_that_every_provider_takes_them_back():
    ids = [
        piece.id
        for piece in crossed(Began("a 1"), *call("look", id_="functions.look:0"), *call("look", id_=""), *call("look", id_=""))
        if isinstance(piece, Opened)
    ]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", id_) for id_ in ids)
    assert next(piece.id for piece in crossed(Began("a 2"), *call("look", id_="")) if isinstance(piece, Opened)) not in ids


@pytest.mark.parametrize("part", [Part.TEXT, Part.THINKING])
def test_a_text_that_says_nothing_stays_behind(part: Part):
    assert crossed(Opened(part), Closed()) == []
    assert crossed(Opened(part), Grew("\n"), Grew(" \n"), Signed("s"), Closed(), *call("look")) == call("look")
    said = [Opened(part), Grew("\n"), Grew("\n\nHi"), Grew(" "), Closed()]
    assert crossed(*said) == said


def test_white_space_is_held_only_so_long():
    taken = crossed(Opened(Part.TEXT), *[Grew(" ")] * 1_000)
    assert len(taken) == 1_001


def test_the_first_words_go_on_at_once():
    crossing = Crossing(TOOLS)
    assert crossing.take([Opened(Part.TEXT, form=Form.REFUSAL)]) == []
    assert crossing.take([Grew("No")]) == [Opened(Part.TEXT, form=Form.REFUSAL), Grew("No")]
    assert crossing.take([Grew(".")]) == [Grew(".")]


def test_what_only_one_provider_can_show_is_named():
    crossing = Crossing(TOOLS)
    hosted = [Opened(Part.OTHER, raw={"type": "web_search_call"}), Grew("{}\n"), Closed()]
    assert crossing.take([*hosted, Opened(Part.OTHER, raw={"annotations": []}), Closed()]) == []
    assert crossing.lost == {"web_search_call", "part"}


@pytest.mark.parametrize(("stop", "told"), [(Stop.OTHER, Stop.LENGTH), (Stop.END, Stop.END), (Stop.REFUSAL, Stop.REFUSAL)])
def test_an_odd_ending_means_that_it_may_not_be_all(stop: Stop, told: Stop):
    assert gathered(crossed(Stopped(stop), Ended())).stop is told
