"""JSON Schemas as OpenAI's strict mode takes them (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas)."""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.dialects.base import ANYTHING

_ODD = (msgspec.DecodeError, RecursionError, UnicodeDecodeError, AttributeError, TypeError)
_NESTED = ("properties", "$defs", "definitions")
_SAYS = frozenset({"type", "anyOf", "enum", "const", "$ref"})
"""Of these one at least stands in a schema that strict mode takes, and none of the others."""
_UNKNOWN = frozenset({"allOf", "not", "oneOf", "dependentRequired", "dependentSchemas", "if", "then", "else", "patternProperties"})


def is_strict(schema: msgspec.Raw) -> bool:
    """Whether every object in a schema names all of its properties as required and allows no others: else strict mode refuses it."""
    try:
        whole: Any = ANYTHING.decode(schema)
        return whole["type"] == "object" and _closed(whole)
    except (*_ODD, KeyError):
        return False


def _closed(schema: Any) -> bool:
    if _SAYS.isdisjoint(schema) or not _UNKNOWN.isdisjoint(schema):
        return False
    properties = schema.get("properties", {})
    is_object = schema.get("type") == "object" or properties
    if is_object and (schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties)):
        return False
    inner = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else ())]
    for key in _NESTED:
        inner += schema.get(key, {}).values()
    return all(_closed(one) for one in inner)
