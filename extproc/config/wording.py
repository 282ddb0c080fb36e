"""Pydantic's findings in the reader's words: which key, what was expected, what was found, and what may have been meant."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from extproc.config.model import Config
from extproc.config.problems import Path, Problem, Source

_EXPECTED = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "dict_type": "expected a section of `key: value` lines",
    "enum": "expected one of {expected}",
    "finite_number": "expected a number",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "greater_than": "expected a number above {gt}",
    "greater_than_equal": "expected a number of at least {ge}",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_parsing_size": "expected a smaller number",
    "int_type": "expected a whole number",
    "less_than_equal": "expected a number of at most {le}",
    "list_type": "expected a list",
    "literal_error": "expected {expected}",
    "model_type": "expected a section of `key: value` lines",
    "string_type": "expected text",
    "too_long": "expected {max_length} entries at most",
    "too_short": "expected {min_length} or more entries",
    "value_error": "{error}",
}
_LITERAL_SECRET = "a secret never stands in this file; name its source with api_key_env or api_key_file, or write `forward`"  # noqa: S105 - says how not to


def explain(error: ValidationError, source: Source) -> list[Problem]:
    """Turn one validation error into problems with lines. Values from the environment and secrets are never shown."""
    return [_problem(detail, source) for detail in error.errors(include_url=False, include_input=False)]


def meant(word: str, known: Collection[str]) -> str:
    """Give a hint at the known word that was probably meant, or at all of them."""
    close = get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known here: {', '.join(known)}"


def _problem(detail: ErrorDetails, source: Source) -> Problem:
    # In brackets stand pydantic's own steps: the branch of a union, the mark of a dict's key.
    path = tuple(str(part) for part in detail["loc"] if not str(part).startswith(("(", "[")))
    kind = detail["type"]
    if kind == "extra_forbidden":
        return source.problem(path, f"unknown key; {meant(path[-1], list(_section_at(path[:-1]).model_fields))}")
    if kind == "missing":
        field = _section_at(path[:-1]).model_fields[path[-1]]
        return source.problem(path, f"missing: {field.description}")
    if kind == "literal_error" and path[-1] == "api_key":
        return source.problem(path, _LITERAL_SECRET)
    return source.problem(path, _message(detail) + _found(detail, path, source))


def _message(detail: ErrorDetails) -> str:
    wording = _EXPECTED.get(detail["type"])
    return wording.format(**{name: _plain(value) for name, value in detail.get("ctx", {}).items()}) if wording else detail["msg"]


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value.replace("'", "") if isinstance(value, str) else str(value)


def _found(detail: ErrorDetails, path: Path, source: Source) -> str:
    spot = source.spots.get(path)
    about_a_key = detail["loc"][-1:] == ("[key]",)
    return f"; found {spot.found}" if spot and spot.found and not about_a_key and "expected" in _message(detail) else ""


def _section_at(path: Path) -> type[BaseModel]:
    """Find the section's type. A key that is no field is a name that the operator gave: its section is the one just entered."""
    here: type[BaseModel] = Config
    for part in path:
        if part in here.model_fields:
            here = next(_models_in(here.model_fields[part].annotation), here)
    return here


def _models_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
