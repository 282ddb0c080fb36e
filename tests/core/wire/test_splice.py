"""Only the bytes of the model's value change, whatever stands around them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from extproc.core.errors import UnreadableError
from extproc.core.wire.splice import folded, readable, span, splice, top_level

BLANKS = st.text(alphabet=" \t\r\n", max_size=3)
KEYS = st.one_of(st.sampled_from(["messages", "metadata", "Model", "model ", 'mo"del', "\u2028"]), st.text(max_size=6))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=12)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["model", "a", "b"]), inner, max_size=3)),
    max_leaves=8,
)


def escaped(text: str, draw: Any) -> str:
    """Write a JSON string, each of its characters perhaps as an escape."""
    parts = [
        f"\\u{ord(char):04x}" if ord(char) < 0x10000 and draw(st.booleans()) else json.dumps(char, ensure_ascii=False)[1:-1]
        for char in text
    ]
    return f'"{"".join(parts)}"'


@st.composite
def bodies(draw: Any) -> tuple[bytes, dict[str, Any]]:
    """An object with a model among other members, in any order, with any white space and any way to write the keys."""
    members = draw(st.dictionaries(KEYS.filter(lambda key: key != "model"), VALUES, max_size=5))
    model = draw(st.text(max_size=10))
    names = [*members]
    names.insert(draw(st.integers(0, len(names))), "model")
    whole = {**members, "model": model}
    blank = lambda: draw(BLANKS)  # noqa: E731
    written = [f"{blank()}{escaped(name, draw)}{blank()}:{blank()}{json.dumps(whole[name])}{blank()}" for name in names]
    return f"{blank()}{{{','.join(written)}}}{blank()}".encode("utf-8", "surrogatepass"), whole


@given(bodies(), st.text(alphabet=st.characters(codec="utf-8"), max_size=12))
def test_the_models_value_changes_and_nothing_else(made: tuple[bytes, dict[str, Any]], name: str):
    body, whole = made
    text = readable(body) if b"\\u" in body else body
    start, end = span(text, top_level(text), "model")
    changed = splice(body, start, end, name)
    assert json.loads(changed) == {**whole, "model": name}
    assert changed.startswith(body[:start])
    assert changed.endswith(body[end:])
    assert len(changed) - len(body) == len(changed[start : len(changed) - len(body) + end]) - (end - start)


CONTENTS = st.sampled_from(["hi", 7, [], {"messages": [{"role": "x"}]}, [{"role": "y"}], '[{"role": "z"}],', "}]}"])
MESSAGE = st.tuples(CONTENTS, st.booleans()).map(
    lambda told: {"content": told[0], "role": "user"} if told[1] else {"role": "user", "content": told[0]}
)
MESSAGES = st.lists(MESSAGE, min_size=1, max_size=6)


@st.composite
def conversations(draw: Any) -> bytes:
    """A conversation among other members, any of which may come twice, some with messages of their own inside."""
    others = [("model", "m"), *draw(st.lists(st.tuples(KEYS, VALUES | MESSAGES), max_size=1))]
    members = draw(st.permutations([("messages", draw(MESSAGES)), *others]))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", " : ")]))
    written = [f"{json.dumps(key)}{separators[1]}{json.dumps(value, separators=separators)}" for key, value in members]
    return f"{{{separators[0].join(written)}}}{draw(BLANKS)}".encode()


@given(conversations())
def test_a_body_that_is_read_in_one_go_is_read_as_any_other(body: bytes):
    try:
        fields, start, end = folded(body, "messages", "model")
        msgspec.json.decode(fields["messages"], type=list[dict[str, Any]])
    except (UnreadableError, msgspec.DecodeError):
        event("not folded")
        return
    event("folded")
    plain = top_level(body)
    assert {key: bytes(raw) for key, raw in fields.items()} == {key: bytes(raw) for key, raw in plain.items()}
    assert (start, end) == span(body, plain, "model")


TOOL = {"name": "t", "input_schema": {"anyOf": [{"type": "object"}], "enum": ["messages"]}}


@pytest.mark.parametrize("indent", [None, (",", ":")])
@pytest.mark.parametrize("messages", [1, 40])
@pytest.mark.parametrize(("before", "behind"), [({}, {}), ({"system": "s" * 90_000}, {"tools": [TOOL, TOOL], "stream": True})])
def test_a_long_conversation_and_a_long_text_are_read_in_one_go(
    before: dict[str, Any], behind: dict[str, Any], messages: int, indent: tuple[str, str] | None
):
    conversation = [{"role": "user", "content": [{"type": "text", "text": "a\n" * (200_000 // messages)}]}] * messages
    body = json.dumps({**before, "model": "m", "messages": conversation, **behind}, separators=indent).encode()
    fields, start, end = folded(body, "messages", "model")
    assert msgspec.json.decode(fields["messages"]) == conversation
    assert {key: bytes(raw) for key, raw in fields.items()} == {key: bytes(raw) for key, raw in top_level(body).items()}
    assert body[start:end] == b'"m"'


def test_a_text_full_of_what_looks_like_ends_is_not_searched_on_and_on():
    conversation = [{"role": "user", "content": "}]," * 60_000}]
    body = json.dumps({"messages": conversation, "model": "m"}, separators=(",", ":")).encode()
    with pytest.raises(UnreadableError, match="not_folded"):
        folded(body, "messages", "model")
    body = json.dumps({"model": "m", "messages": conversation}, separators=(",", ":")).encode()
    fields, start, end = folded(body, "messages", "model")  # it ends where the body does
    assert msgspec.json.decode(fields["messages"]) == conversation
    assert body[start:end] == b'"m"'


def test_what_is_not_looked_at_is_not_taken_for_granted():
    first, last = b'{"role":"user","content":"a"}', b'{"role":"user","content":"z"}'
    body = b'{"messages":[%b,%b],"model":"m"}' % (first, last)
    fields, start, end = folded(body, "messages", "model")
    assert bytes(fields["messages"]) == b"[%b,%b]" % (first, last)
    assert body[start:end] == b'"m"'
    # Twice the same key: what lies between the two is no array.
    fields, _, _ = folded(b'{"messages":[%b],"messages":[%b],"model":"m"}' % (first, last), "messages", "model")
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(fields["messages"], type=list[Any])
    for body in (b"", b'{"messages":[', b'{"messages":[%b]}' % first, b'{"messages":{"a":[%b,%b]},"model":"m"}' % (first, last)):
        with pytest.raises(UnreadableError):
            folded(body, "messages", "model")


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","model":"a"}',
        b'{"model":"a","model":"longer"}',
        b'{"mod\\u0065l":"a","model":"b"}',
        b'{"model":"a","x":1,"y":2,"x":3}',
        b'{"x":"\\"model\\":","model":"a","x":""}',
        # The second `x` is as long as the beginning of the first: its length leads into the first, to another model.
        b'{"x":{"a":1,"model":"m","y":2},"model":"m","x":"long","y":2}',
        b'{"x":{"a":1,"model":"m"},"model":"m","x":"long"}',
    ],
)
def test_a_key_that_comes_twice_is_not_ours_to_guess(body: bytes):
    with pytest.raises(UnreadableError, match="duplicate_keys"):
        span(body, top_level(body), "model")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (b"", "unreadable_json"),
        (b"{", "unreadable_json"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"{} {}", "unreadable_json"),
        (b'{"a": NaN}', "unreadable_json"),
        (b'{"a": 01}', "unreadable_json"),
        (b"\xef\xbb\xbf{}", "unreadable_json"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        (b'{"a":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, "too_deep"),
    ],
)
def test_what_is_no_object_is_named(body: bytes, rule: str):
    with pytest.raises(UnreadableError, match=rule):
        top_level(body)


def test_a_body_of_nothing_but_keys_is_not_walked_through():
    body = b"{" + b",".join(b'"k%d":1' % number for number in range(1_001)) + b"}"
    with pytest.raises(UnreadableError, match="too_many_keys"):
        span(body, top_level(body), "k7")


def test_a_key_of_megabytes_is_found_behind():
    body = b'{"' + b"\\n" * 500_000 + b'":1,"model":"m"}'
    start, end = span(body, top_level(body), "model")
    assert body[start:end] == b'"m"'


def test_half_an_emoji_can_be_read_around_and_survives():
    body = b'{"messages": ["\\ud83d cut"], "model": "a"}'
    text = readable(body)
    assert len(text) == len(body)
    start, end = span(text, top_level(text), "model")
    assert splice(body, start, end, "b") == b'{"messages": ["\\ud83d cut"], "model": "b"}'


@given(st.binary(max_size=40))
def test_garbage_is_unreadable_and_nothing_worse(body: bytes):
    rule = "readable"
    try:
        span(body, top_level(body), "model")
    except UnreadableError as error:
        rule = error.rule
    assert rule in {"readable", "unreadable_json", "not_an_object", "too_deep", "duplicate_keys"}
