from __future__ import annotations

from typing import Any

import pytest

from extproc.simulator.sample import sample, spoil


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "example value"),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": "string", "minLength": 16}, "example value..."),
        ({"type": "string", "maxLength": 4}, "exam"),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"const": 4}, 4),
        ({"type": "integer", "default": 9}, 9),
        ({"type": "integer"}, 1),
        ({"type": "integer", "minimum": 5, "maximum": 6}, 5),
        ({"type": "number", "maximum": 0.5}, 0.5),
        ({"type": "integer", "exclusiveMinimum": 10}, 11),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["null", "integer"]}, 1),
        ({"type": "array", "items": {"type": "integer"}}, [1]),
        ({"type": "array", "minItems": 3, "items": {"type": "boolean"}}, [True, True, True]),
        ({"items": {"type": "integer"}}, [1]),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, 1),
        ({"oneOf": [{"const": "x"}, {"const": "y"}]}, "x"),
        ({"type": "object"}, {}),
        ({"properties": {"a": {"type": "integer"}}}, {"a": 1}),
        ({}, "example value"),
        (True, None),
    ],
)
def test_values(schema: Any, value: Any):
    assert sample(schema) == value


def test_an_object_has_what_is_required_or_else_everything():
    properties = {"file_path": {"type": "string"}, "limit": {"type": "integer"}}
    assert sample({"type": "object", "properties": properties, "required": ["file_path"]}) == {"file_path": "example file path"}
    assert sample({"type": "object", "properties": properties}) == {"file_path": "example file path", "limit": 1}


def test_references_and_all_of_are_followed():
    schema = {
        "$defs": {"point": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}},
        "type": "object",
        "properties": {
            "at": {"$ref": "#/$defs/point"},
            "both": {"allOf": [{"$ref": "#/$defs/point"}, {"properties": {"y": {"const": 2}}}]},
        },
    }
    assert sample(schema) == {"at": {"x": 1}, "both": {"x": 1}}


def test_a_schema_that_refers_to_itself_ends():
    node = {"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefgh"}}
    assert set(sample(node)) == set("abcdefgh")
    forced = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert "next" in sample(forced)
    assert sample({"$ref": "#"}) is not None


def test_spoiled_arguments_have_other_types_and_an_unknown_name():
    spoiled = spoil({"path": "x", "limit": 3, "flags": [1]})
    assert spoiled == {"path": 7, "limit": "seven", "flags": "seven", "unexpected_argument": True}
    assert spoil({}) == {"unexpected_argument": True}
