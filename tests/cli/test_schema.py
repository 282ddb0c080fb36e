from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from extproc.cli import main

COPY = Path(__file__).parents[2] / "docs" / "config.schema.json"


def printed() -> str:
    result = CliRunner().invoke(main, ["schema"])
    assert result.exit_code == 0
    return result.stdout


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """All parts of a schema that describe a section of the file."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)
    if isinstance(schema, list):
        for part in schema:
            yield from objects(part)


def test_the_committed_copy_is_up_to_date() -> None:
    assert COPY.read_text(encoding="utf-8") == printed(), "run `extproc schema > docs/config.schema.json`"


def test_it_says_what_it_is() -> None:
    schema = json.loads(printed())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == "urn:cascade-extproc:config:1"
    assert schema["title"] == "cascade.yaml"
    assert schema["required"] == ["version", "models"]


def test_every_section_is_closed_and_every_key_described() -> None:
    found = list(objects(json.loads(printed())))
    assert len(found) >= 12
    for section in found:
        assert section["additionalProperties"] is False
        assert section["description"]
        assert [name for name, key in section["properties"].items() if not key.get("description")] == []


def test_it_knows_the_bounds() -> None:
    schema = json.loads(printed())
    assert schema["properties"]["workers"] | {"description": ""} == {
        "default": 1,
        "description": "",
        "maximum": 64,
        "minimum": 1,
        "type": "integer",
    }
    assert schema["properties"]["version"]["const"] == 1
    assert schema["$defs"]["Mode"]["enum"] == ["enforce", "shadow", "off"]
    assert "model" in schema["$defs"]["DraftModel"]["required"]
