"""Rules that several APIs have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from jsonschema_rs import meta

Json = dict[str, Any]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def named(kind: str, name: Any) -> list[str]:
    """A name of a tool or of a form must be of letters that all APIs take."""
    return [] if isinstance(name, str) and _NAME.fullmatch(name) else [f"{kind} name {name!r}"]


def identified(ids: Iterable[Any], longest: int) -> list[str]:
    """Ids must be well formed, and each one's own."""
    seen: set[str] = set()
    refused: list[str] = []
    for one in ids:
        if not isinstance(one, str) or not re.fullmatch(r"[a-zA-Z0-9_-]+", one) or len(one) > longest:
            refused.append(f"id {one!r}")
        if one in seen:
            refused.append(f"id {one!r} stands twice")
        seen.add(one)
    return refused


def schema(of: str, given: Any, *, strict: bool = False) -> list[str]:
    """A schema of arguments must describe an object; a strict one every object in it, without any freedom."""
    if not isinstance(given, Mapping) or given.get("type") != "object":
        return [f"{of}: the schema is not of an object"]
    if not meta.is_valid(given):
        return [f"{of}: the schema is none"]
    return [f"{of}: the schema is not strict"] if strict and not _closed(given) else []


def _closed(given: Any) -> bool:
    if isinstance(given, list):
        return all(_closed(one) for one in given)
    if not isinstance(given, Mapping):
        return True
    if given.get("type") == "object" and (
        given.get("additionalProperties") is not False or set(given.get("required", ())) != set(given.get("properties", ()))
    ):
        return False
    return all(_closed(one) for one in given.values())


def arguments(of: str, given: Any) -> list[str]:
    """Arguments must be the text of a JSON object: servers of open models put them into templates as such."""
    try:
        return [] if isinstance(json.loads(given), dict) else [f"{of}: arguments are no object"]
    except (TypeError, ValueError):
        return [f"{of}: arguments are no JSON"]


def says(text: Any) -> bool:
    """Whether a text has anything in it but white space."""
    return isinstance(text, str) and bool(text.strip())
