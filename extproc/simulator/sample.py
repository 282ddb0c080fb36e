"""A value that a JSON Schema allows, for the arguments of tool calls and for structured answers. Pure.

Covers what tools use: types, enum, const, default, required, items, anyOf, oneOf, allOf, local references, bounds and common formats.
A `pattern` is not followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEEPEST = 12
"""Nesting at which a schema that refers to itself is left."""

_OPTIONAL_DEEPEST = 2
"""Nesting down to which properties are given that nothing requires; a schema that refers to itself would not end otherwise."""

_MOST_ITEMS = 16

_FORMATS = {
    "date": "2026-01-31",
    "time": "12:00:00Z",
    "date-time": "2026-01-31T12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}


def sample(schema: Any, name: str = "value") -> Any:
    """A value for a schema, the same each time. `name` colours its texts: a property `city` becomes `example city`."""
    return _sample(schema, name, schema, 0)


def spoil(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Make arguments that their schema forbids: every value gets another type, and a name nobody asked for is added."""
    return {**{name: 7 if isinstance(value, str) else "seven" for name, value in arguments.items()}, "unexpected_argument": True}


def _sample(schema: Any, name: str, root: Any, depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    schema = _resolved(schema, root, depth)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if options := [one for one in schema.get(key) or () if one != {"type": "null"}]:
            return _sample({**schema, key: None, **options[0]}, name, root, depth + 1)
    return _of_type(_type(schema), schema, name, root, depth)


def _of_type(kind: str, schema: Mapping[str, Any], name: str, root: Any, depth: int) -> Any:
    match kind:
        case "object":
            return _object(schema, root, depth)
        case "array":
            items = schema.get("items", {"type": "string"})
            return [_sample(items, name, root, depth + 1) for _ in range(min(_bound(schema, "minItems", 1), _MOST_ITEMS))]
        case "string":
            return _string(schema, name)
        case "integer" | "number":
            least = max(1, schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
            return min(least, schema.get("maximum", least))
    return True if kind == "boolean" else None


def _resolved(schema: Mapping[str, Any], root: Any, depth: int) -> Mapping[str, Any]:
    """Follow a local reference and merge `allOf` into one schema."""
    reference = schema.get("$ref")
    for _ in range(_DEEPEST - depth):
        if not isinstance(reference, str) or not reference.startswith("#"):
            break
        target = root
        for part in filter(None, reference[1:].split("/")):
            target = target.get(part, {}) if isinstance(target, Mapping) else {}
        schema = {**schema, "$ref": None, **target} if isinstance(target, Mapping) else {}
        reference = schema.get("$ref")
    for part in schema.get("allOf") or ():
        merged = _resolved(part, root, depth + 1) if depth < _DEEPEST else {}
        properties = {**(schema.get("properties") or {}), **(merged.get("properties") or {})}
        required = [*(schema.get("required") or ()), *(merged.get("required") or ())]
        schema = {**schema, **merged, "allOf": None, "properties": properties, "required": required}
    return schema


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if schema.get("properties") else "array" if "items" in schema else "string"


def _object(schema: Mapping[str, Any], root: Any, depth: int) -> dict[str, Any]:
    """The required properties, or all where none is required."""
    properties = schema.get("properties") or {}
    names = schema.get("required") or (properties if depth <= _OPTIONAL_DEEPEST else ())
    return {name: _sample(properties.get(name, {"type": "string"}), name, root, depth + 1) for name in names}


def _string(schema: Mapping[str, Any], name: str) -> str:
    text = _FORMATS.get(str(schema.get("format")), f"example {name.replace('_', ' ')}")
    return text.ljust(_bound(schema, "minLength", 0), ".")[: _bound(schema, "maxLength", len(text) + 4096)]


def _bound(schema: Mapping[str, Any], key: str, otherwise: int) -> int:
    bound = schema.get(key, otherwise)
    return min(bound, 4096) if isinstance(bound, int) and bound >= 0 else otherwise
