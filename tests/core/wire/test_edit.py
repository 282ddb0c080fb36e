"""What is changed is changed, and all other bytes stay, whatever stands around them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.errors import UnreadableError
from extproc.core.wire.edit import appended, elements, put, replaced, without

BLANK = st.text(alphabet=" \t\r\n", max_size=2)
NAMES = ["model", "stream", "max_tokens", "a,b", 'q"]}', "\\", "\U0001f600", "mödel", ""]
ASKED = ["model", "stream", "max_tokens", "mödel"]
"""Keys that are changed; no dialect has one that is written in surrogates."""
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(alphabet='ab\\"{}[]:,\U0001f600\ud83dé\u2028', max_size=6))
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)), max_leaves=5
)
PLAIN = st.one_of(st.integers(), st.booleans(), st.text(alphabet='ab"é', max_size=4))


def encoded(value: Any, ascii_only: bool) -> bytes:
    r"""JSON as some client writes it. A lone surrogate can only be written as an escape."""
    text = json.dumps(value, ensure_ascii=False)
    return json.dumps(value).encode() if ascii_only or any("\ud800" <= char <= "\udfff" for char in text) else text.encode()


@st.composite
def objects(draw: st.DrawFn) -> tuple[bytes, dict[str, Any]]:
    """An object, with any white space, and characters that are escaped or not."""
    value = draw(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=5))
    blank = lambda: draw(BLANK).encode()  # noqa: E731
    members = [
        blank() + encoded(name, draw(st.booleans())) + blank() + b":" + blank() + encoded(inner, draw(st.booleans())) + blank()
        for name, inner in value.items()
    ]
    return blank() + b"{" + (b",".join(members) or blank()) + b"}" + blank(), value


@st.composite
def arrays(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """An array and the bytes of its elements."""
    parts = [encoded(value, draw(st.booleans())) for value in draw(st.lists(VALUES, max_size=5))]
    blank = lambda: draw(BLANK).encode()  # noqa: E731
    return blank() + b"[" + (b",".join([blank() + part + blank() for part in parts]) or blank()) + b"]" + blank(), parts


@given(objects(), st.dictionaries(st.sampled_from(ASKED), PLAIN, max_size=3))
def test_values_are_put(made: tuple[bytes, dict[str, Any]], values: dict[str, Any]):
    body, whole = made
    changed = put(body, {name: json.dumps(value).encode() for name, value in values.items()})
    assert json.loads(changed) == {**whole, **values}
    assert list(json.loads(changed)) == list({**whole, **values})


@given(objects())
def test_all_bytes_around_a_value_stay(made: tuple[bytes, dict[str, Any]]):
    body, whole = made
    assert put(body, {}) == body
    for name in set(whole) & set(ASKED):
        head, tail = put(body, {name: b'"<here>"'}).split(b'"<here>"')
        assert body.startswith(head)
        assert body.endswith(tail)
        assert json.loads(body[len(head) : len(body) - len(tail)]) == whole[name]


@given(objects(), st.lists(st.sampled_from(ASKED), max_size=3))
def test_members_are_taken_out(made: tuple[bytes, dict[str, Any]], names: list[str]):
    body, whole = made
    left = {name: value for name, value in whole.items() if name not in names}
    changed = without(body, names)
    assert json.loads(changed) == left
    assert list(json.loads(changed)) == list(left)
    assert changed == body or set(whole) & set(names)


def test_a_member_leaves_with_its_comma():
    body = b'{ "a" : 1 ,\n "b":[2], "c":3 }'
    assert without(body, ["a"]) == b'{ \n "b":[2], "c":3 }'
    assert without(body, ["b"]) == b'{ "a" : 1 ,\n  "c":3 }'
    assert without(body, ["c"]) == b'{ "a" : 1 ,\n "b":[2] }'
    assert without(body, ["a", "b", "c"]) == b"{ }"


@given(arrays())
def test_elements_are_found(made: tuple[bytes, list[bytes]]):
    array, parts = made
    assert [array[start:end] for start, end in elements(array)] == parts


@given(arrays(), PLAIN)
def test_one_more_element(made: tuple[bytes, list[bytes]], value: Any):
    array, parts = made
    changed = appended(array, json.dumps(value).encode())
    assert json.loads(changed) == [*map(json.loads, parts), value]
    assert changed.startswith(array[: array.rindex(b"]")])


@given(arrays(), st.data())
def test_other_elements(made: tuple[bytes, list[bytes]], data: st.DataObject):
    array, parts = made
    indices = st.sampled_from(range(len(parts))) if parts else st.nothing()
    changes = data.draw(st.dictionaries(indices, st.sampled_from([b"1", b'"x"', b"{}"])))
    changed = replaced(array, changes)
    assert [changed[start:end] for start, end in elements(changed)] == [changes.get(index, part) for index, part in enumerate(parts)]
    assert len(changed) - len(array) == sum(len(new) - len(parts[index]) for index, new in changes.items())


@given(arrays(), st.data())
def test_elements_are_taken_out(made: tuple[bytes, list[bytes]], data: st.DataObject):
    array, parts = made
    gone = data.draw(st.sets(st.sampled_from(range(len(parts))))) if parts else set()
    changed = replaced(array, dict.fromkeys(gone))
    assert [changed[start:end] for start, end in elements(changed)] == [part for index, part in enumerate(parts) if index not in gone]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"a":1} x', b"\xff", b'{"a":' + b"[" * 5000])
def test_what_is_no_object(body: bytes):
    with pytest.raises(UnreadableError):
        put(body, {"a": b"1"})
    with pytest.raises(UnreadableError):
        without(body, ["a"])


def test_a_key_that_stands_twice():
    with pytest.raises(UnreadableError, match="duplicate_keys"):
        put(b'{"a":1,"a":2}', {"a": b"1"})
    with pytest.raises(UnreadableError, match="duplicate_keys"):
        without(b'{"a":1,"a":2}', ["a"])


@pytest.mark.parametrize("array", [b"", b"{}", b"[", b"null", b"[1]]"])
def test_what_is_no_array(array: bytes):
    with pytest.raises(UnreadableError, match="unreadable_messages"):
        elements(array)
