"""A schema is held against JSON text, and can neither hang, fetch nor break anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.steps.checks.schemas import follows, parsed

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": ["integer", "null"], "minimum": 0}, "pattern": {"type": "string"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"value": {"type": "integer"}, "left": {"$ref": "#/$defs/node"}, "right": {"$ref": "#/$defs/node"}},
            "required": ["value"],
        }
    },
    "$ref": "#/$defs/node",
}


def held(schema: Any, value: Any) -> bool:
    return follows(json.dumps(schema).encode(), json.dumps(value))


def doubling(levels: int, leaf: Any) -> Any:
    """Definitions that each name the next one twice."""
    twice = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**twice, f"d{levels}": leaf}}


def tree(depth: int, leaf: Any = 1) -> Any:
    return {"value": leaf} if depth == 0 else {"value": 1, "left": tree(depth - 1), "right": tree(depth - 1, leaf)}


def nested(depth: int, value: Any = 1) -> Any:
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("schema", "value", "fits"),
    [
        (PERSON, {"name": "A", "age": 3}, True),
        (PERSON, {"name": "A", "age": None}, True),
        (PERSON, {"name": "A"}, False),
        (PERSON, {"name": "A", "age": -1}, False),
        (PERSON, {"name": "A", "age": 3, "x": 1}, False),
        (PERSON, [], False),
        (TREE, tree(6), True),
        (TREE, tree(6, "x"), False),
        ({"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": False}, {"next": {"next": {"x": 1}}}, False),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "definitions": {"a": {"const": 1}},
                "items": [{"$ref": "#/definitions/a"}],
            },
            [2],
            False,
        ),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"const": 1}]}, [2], False),
        (
            {"$id": "https://example.com/x", "properties": {"a/b~c": {"type": "string"}, "d": {"$ref": "#/properties/a~1b~0c"}}},
            {"d": 1},
            False,
        ),
        ({"properties": {"$id": {"type": "string"}, "$ref": {"type": "string"}}}, {"$ref": 1}, False),
        ({"type": "string", "pattern": "^[a-z]{1,64}$"}, "Ab", False),
        ({"type": "string", "format": "email"}, "no address", True),
        ({"enum": [{"$ref": "nowhere"}]}, {"$ref": "nowhere"}, True),
        ({"enum": [{"$ref": "nowhere"}]}, 1, False),
        (True, 1, True),
        (False, 1, False),
    ],
)
def test_values(schema: Any, value: Any, fits: bool):
    assert held(schema, value) is fits


@pytest.mark.parametrize(
    "schema",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'"text"',
        b'{"type":"text"}',
        b'{"type":"object","properties":[]}',
        b'{"exclusiveMinimum":true,"minimum":1}',
        b'{"$schema":"https://example.com/none","type":"string"}',
        b'{"$ref":"#/nowhere","type":"string"}',
        b'{"$ref":"#name","$defs":{"a":{"$anchor":"name","type":"string"}}}',
        b'{"$ref":5}',
        b'{"$ref":"#"}',
        b'{"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"}',
        b'{"$defs":{"a":{"$id":"https://example.com/a","type":"string"}},"type":"string"}',
        b'{"$ref":"#/$defs/a/not","$defs":{"a":{"$id":"https://example.com/a","not":{"type":"string"}}}}',
        b'{"type":"string","pattern":"("}',
        b'{"type":"string","pattern":"^(?=.*b)(a+)+$"}',
        b'{"type":"string","pattern":"((a{1000}){1000}){1000}"}',
        b'{"enum":["\\ud800"]}',
        b'{"allOf":[' * 3000 + b"{}" + b"]}" * 3000,
        json.dumps({"enum": ["x" * 300_000]}).encode(),
        json.dumps({"allOf": [{"type": "string"}, *[{"pattern": "."}] * 200]}).encode(),
    ],
)
def test_what_cannot_be_checked_counts_as_followed(schema: bytes):
    assert follows(schema, "1") is True


@pytest.mark.parametrize("text", ["", "x", "{", "NaN", "[Infinity]", "1 2", '{"a":1}\n```', "[" * 100_000 + "]" * 100_000, "[" * 100_000])
def test_what_is_no_json_follows_nothing(text: str):
    assert follows(b"{}", text) is False


@pytest.mark.parametrize("text", ['"\\ud83d"', '"\\ud83d\\ude00"', '"\ud800"', "1" * 400, " 1 ", "-0.0"])
def test_odd_json(text: str):
    assert follows(b"{}", text) is True


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:9", "https://example.com", "file://", ""])
def test_nothing_is_fetched(tmp_path: Path, scheme: str):
    (tmp_path / "schema.json").write_text('{"type":"string"}')
    assert held({"$ref": f"{scheme}{tmp_path}/schema.json"}, 1) is True


def test_patterns_are_matched_without_going_back():
    schema = {"type": "string", "pattern": "^(a+)+$"}
    assert held(schema, "a" * 50_000) is True
    assert held(schema, "a" * 50_000 + "!") is False


def test_references_that_multiply_are_counted_first():
    text = {"type": "string"}
    assert held(doubling(8, text), "a") is True
    assert held(doubling(8, text), 1) is False
    assert held(doubling(60, text), "a") is True
    assert held(doubling(60, text), 1) is True


def test_values_that_multiply_the_ways_are_counted_too():
    one = {"type": "array", "items": {"$ref": "#"}}
    schema = {"anyOf": [{**one, "minItems": 1}, {**one, "maxItems": 9}, {"type": "string"}]}
    assert held(schema, nested(4)) is False
    assert held(schema, nested(60)) is True


def test_names_cannot_hide_what_multiplies():
    """A property, or a dependency, may be called like a keyword."""
    twice = lambda name: {"dependentSchemas": {"items": {"$ref": name}, "enum": {"$ref": name}}}  # noqa: E731
    schema = {"$ref": "#/$defs/0", "$defs": {**{str(n): twice(f"#/$defs/{n + 1}") for n in range(60)}, "60": False}}
    assert held(schema, {"items": 1, "enum": 1}) is True


def test_very_deep_values_are_left_alone():
    schema = {"anyOf": [{"type": "integer"}, {"items": {"$ref": "#"}, "type": "array"}]}
    assert held(schema, nested(20, "x")) is False
    assert held(schema, nested(500, "x")) is True


def test_large_enumerations():
    names = [f"name {number}" for number in range(10_000)]
    assert held({"enum": names}, names[-1]) is True
    assert held({"enum": names}, "another") is False


KEYWORDS = st.sampled_from(
    "type properties required items prefixItems anyOf allOf not $ref $defs enum const pattern patternProperties minLength "
    "maximum additionalProperties dependentSchemas uniqueItems $id $schema format".split()
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["#", "#/$defs/a", "string", "object", "a", "(", "^a*$"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(KEYWORDS, st.sampled_from("ab")), inner, max_size=4)),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_schema_and_no_value_raises(schema: Any, value: Any):
    assert held(schema, value) in {True, False}


@given(st.text(alphabet=st.sampled_from('{}[]",:\\u01d8e.- tfn\ud800é'), max_size=30), st.binary(max_size=10))
def test_no_text_raises(text: str, schema: bytes):
    try:
        parsed(text)
    except ValueError:
        assert follows(schema, text) is False
    else:
        assert follows(b"{}", text) is True


def test_half_a_pair_of_surrogates_is_one_character():
    assert parsed('"\ud800"') == "?"
    assert parsed('"\\ud800"') == "\ufffd"
    assert parsed('"\\ud83d\\ude00"') == "\U0001f600"
