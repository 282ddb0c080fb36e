"""The schema of structured outputs as Messages takes it: a subset of JSON Schema, with closed objects alone.

https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs: bounds of numbers, texts and lists are refused with a 400.
They are told in the description, as the provider's own SDK does; the answer is held against the client's own schema anyway.
"""

from __future__ import annotations

from typing import Any

import msgspec

from extproc.core.dialects.base import ANYTHING

_BOUNDS = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "patternProperties",
)
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"})
_MAPS = ("properties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf")


def fitting(schema: msgspec.Raw) -> Any:
    """Give a schema that is taken, and that allows nothing but what this one allows, bounds left aside."""
    try:
        root: Any = ANYTHING.decode(schema)
    except msgspec.DecodeError:  # a number beyond all measure, which is the provider's to refuse
        return schema
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            _fit(node)
            waiting += [node["items"]] if "items" in node else []
            waiting += [inner for key in _MAPS if isinstance(node.get(key), dict) for inner in node[key].values()]
            waiting += [inner for key in _LISTS if isinstance(node.get(key), list) for inner in node[key]]
    return root


def _fit(node: dict[str, Any]) -> None:
    if node.get("type") == "object" or "properties" in node:
        node["additionalProperties"] = False
    if "oneOf" in node:
        node.setdefault("anyOf", node.pop("oneOf"))
    told = {key: node.pop(key) for key in _BOUNDS if key in node}
    if node.get("minItems", 0) not in (0, 1):
        told["minItems"] = node.pop("minItems")
    if "format" in node and not (isinstance(node["format"], str) and node["format"] in _FORMATS):
        told["format"] = node.pop("format")
    if told:
        bounds = msgspec.json.encode(told).decode()
        node["description"] = f"{node.get('description', '')}\n\n{bounds}".strip()
