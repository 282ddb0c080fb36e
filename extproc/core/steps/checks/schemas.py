"""JSON text held against the JSON Schema of a client, in bounded time, whatever either of them holds.

A schema is somebody else's program. So nothing is fetched for it, its patterns run on an engine that never backtracks, and before it
runs, its steps are counted: references that multiply along the way (twenty definitions that each name the next one twice are a
million steps) are the one thing that no engine bounds. What cannot be checked within the bounds counts as followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from graphlib import TopologicalSorter
from typing import Any
from urllib.parse import unquote

import msgspec
from jsonschema_rs import RegexOptions, Validator, validator_for

from extproc.core.wire.splice import readable

_MOST_BYTES = 256 << 10
"""Bytes of a schema; those of real tools have a few thousand."""
_MOST_NODES = 100_000
"""Nodes of a schema, a definition that is pointed at counted once more."""
_MOST_STEPS = 100_000_000
"""Steps for one text: the nodes that a value can meet, times the characters of the text. About a second."""
_DEEPEST = 64
"""Nesting of a value."""
_PATTERN = 1_000
"""Steps of a pattern for a character, at most: the states that fit into `_REGEX`."""
_REGEX = RegexOptions(size_limit=64 << 10, dfa_size_limit=1 << 20)

_LITERALS = frozenset({"enum", "const", "default", "examples", "required"})
_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "dependencies"})
"""Keywords whose members are named by the client."""
_DEFINED = frozenset({"$defs", "definitions"})
"""Keywords whose members apply only where something points at them."""
_DEEPER = frozenset(
    "properties patternProperties additionalProperties propertyNames unevaluatedProperties "
    "items prefixItems additionalItems contains unevaluatedItems".split()
)
"""Keywords that apply to what is inside of a value; all others apply to the value itself."""
_ELSEWHERE = frozenset({"$id", "id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor"})
"""Keywords that change where a reference leads."""


def parsed(text: str) -> Any:
    """Read a text that is JSON and nothing else.

    Raises:
        ValueError: it is not, or is nested deeper than any reader follows.
    """
    data = text.encode("utf-8", "replace")
    try:
        try:
            return msgspec.json.decode(data)
        except msgspec.DecodeError:
            return msgspec.json.decode(readable(data))
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError("not JSON") from error


def follows(schema: bytes, text: str) -> bool:
    """Whether a text is JSON that follows a schema; true where the schema cannot be checked."""
    try:
        value = parsed(text)
    except ValueError:
        return False
    compiled, deep = _compiled(schema), _depth(value)
    if compiled is None or deep > _DEEPEST or _steps(compiled.parts, deep) * len(text) > _MOST_STEPS:
        return True
    return compiled.validator.is_valid(value)


@dataclass(slots=True)
class _Part:
    """A schema or one of its definitions: how large it is, and where it points."""

    size: int = 0
    here: list[str] = field(default_factory=list)
    """References for the very value that it applies to."""
    deeper: list[str] = field(default_factory=list)
    """References for what is inside of that value."""


@dataclass(frozen=True, slots=True)
class _Compiled:
    validator: Validator
    parts: Mapping[str, _Part]
    """By reference, those first that others need; the last one is the schema itself."""


@lru_cache(128)
def _compiled(schema: bytes) -> _Compiled | None:
    if len(schema) > _MOST_BYTES:
        return None
    try:
        root = msgspec.json.decode(schema)
        parts = _parts(root)
        validator = validator_for(root, validate_formats=False, retriever=_refuse, pattern_options=_REGEX)
    except Exception:  # whatever is wrong with it is the client's own business
        return None
    return _Compiled(validator, parts)


def _refuse(uri: str) -> Any:
    """Fetch nothing: a schema that names a file or an address is not to make us read it."""
    raise LookupError(uri)


def _parts(root: Any) -> dict[str, _Part]:
    """Take a schema apart at its references. ValueError or LookupError where that cannot be done, or it points in a circle."""
    parts: dict[str, _Part] = {}
    found, nodes = ["#"], 0
    while found:
        reference = found.pop()
        if reference not in parts:
            part = parts[reference] = _Part()
            _look(part, _target(root, reference), root)
            nodes += part.size
            if nodes > _MOST_NODES:
                raise ValueError("too large")
            found += part.here + part.deeper
    order = [name for name in TopologicalSorter({name: part.here for name, part in parts.items()}).static_order() if name != "#"]
    return {name: parts[name] for name in (*order, "#")}


def _target(root: Any, reference: str) -> Any:
    path = unquote(reference)
    if path != "#" and not path.startswith("#/"):
        raise LookupError("not a place in this schema")
    node = root
    for step in path.split("/")[1:]:
        node = node[int(step) if isinstance(node, list) else step.replace("~1", "/").replace("~0", "~")]
    return node


def _look(part: _Part, node: Any, root: Any, *, deeper: bool = False, named: bool = False) -> None:
    """Add what stands in a node of a schema to its part."""
    part.size += 1
    if isinstance(node, list):
        for child in node:
            _look(part, child, root, deeper=deeper)
    elif isinstance(node, dict):
        for key, child in node.items():
            if named:
                _look(part, child, root, deeper=deeper)
            else:
                _keyword(part, key, child, root, deeper=deeper, nested=node is not root)


def _keyword(part: _Part, key: str, value: Any, root: Any, *, deeper: bool, nested: bool) -> None:
    if key in _ELSEWHERE and nested:
        raise LookupError("references cannot be followed")
    if key == "$ref":
        (part.deeper if deeper else part.here).append(value)
    elif key in _LITERALS:
        part.size += len(value) if isinstance(value, list) else 1
    elif key in _DEFINED:
        aside = _Part()
        _look(aside, value, root, named=True)
        part.size += aside.size
    else:
        part.size += _PATTERN * (len(value) if key == "patternProperties" else key == "pattern")
        _look(part, value, root, deeper=deeper or key in _DEEPER, named=key in _NAMED)


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        depth += 1
        inner = [node.values() if isinstance(node, dict) else node for node in level if isinstance(node, dict | list)]
        level = [child for children in inner for child in children]
    return depth


def _steps(parts: Mapping[str, _Part], depth: int) -> int:
    """Nodes that a value of some depth can meet, each way to them counted."""
    below = dict.fromkeys(parts, 0)
    for _ in range(depth):
        level: dict[str, int] = {}
        for name, part in parts.items():
            level[name] = part.size + sum([level[other] for other in part.here]) + sum([below[other] for other in part.deeper])
        below = level
        if level["#"] > _MOST_STEPS:
            break
    return below["#"]
