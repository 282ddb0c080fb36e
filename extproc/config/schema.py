"""The JSON Schema of `cascade.yaml` (draft 2020-12), for editors and other tools."""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from extproc.config.model import Config


class _Generator(GenerateJsonSchema):
    """Leaves out the titles that only repeat a key's name."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


def schema() -> dict[str, Any]:
    """Give the schema as JSON data."""
    generated = Config.model_json_schema(schema_generator=_Generator)
    head = {"$schema": GenerateJsonSchema.schema_dialect, "$id": "urn:cascade-extproc:config:1", "title": "cascade.yaml"}
    return head | {key: value for key, value in generated.items() if key != "title"}


def schema_text() -> str:
    """Give the schema as it is printed and kept in `docs/config.schema.json`."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
