"""Whatever a client sends: a request is read or refused, never the cause of another error, and what is read can be written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extproc.core.conversation import Manner
from extproc.core.dialects import DIALECTS
from extproc.core.errors import UnreadableError
from extproc.core.vocabulary import Dialect

PREFIXES = {Dialect.ANTHROPIC: "an_", Dialect.OPENAI_CHAT: "oc_", Dialect.OPENAI_RESPONSES: "or_"}
BODIES: dict[Dialect, list[str]] = {
    dialect: [
        path.read_text()
        for path in sorted((Path(__file__).parents[2] / "corpus").glob(f"{prefix}*.json"))
        if path.stem not in {"oc_malformed", "an_duplicate_keys"}
    ]
    for dialect, prefix in PREFIXES.items()
}
WORDS = (
    "message user assistant system developer tool function custom text input_text output_text image input_image image_url document file "
    "tool_use tool_result thinking redacted_thinking function_call function_call_output custom_tool_call custom_tool_call_output reasoning "
    "shell_call shell_call_output local_shell_call apply_patch_call tool_search_call tool_search_output additional_tools namespace shell "
    "web_search web_search_call item_reference compaction base64 any auto none required allowed_tools json_schema json_object data:,x a"
).split()
LEAVES = st.one_of(st.sampled_from(WORDS), st.none(), st.booleans(), st.integers(-1, 9), st.just(1.5), st.just(""))
ODD = st.one_of(LEAVES, st.just([]), st.just({}), st.lists(LEAVES, max_size=2), st.dictionaries(st.sampled_from(WORDS), LEAVES, max_size=2))


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """All values in a request, each with what it stands in."""
    for key, inner in list(value.items()) if isinstance(value, dict) else list(enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


@pytest.mark.parametrize("dialect", Dialect)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(st.data())
def test_no_other_error(dialect: Dialect, data: st.DataObject):
    request = json.loads(data.draw(st.sampled_from(BODIES[dialect])))
    for _ in range(data.draw(st.integers(1, 3))):
        inside, key = data.draw(st.sampled_from(list(places(request))))
        inside[key] = data.draw(ODD)
    try:
        read = DIALECTS[dialect].conversation(json.dumps(request).encode())
    except UnreadableError:
        return
    for spec in DIALECTS.values():
        assert json.loads(spec.asked(read, Manner("m")))["model"] == "m"


@pytest.mark.parametrize("odd", [b'{"type":"object","x":"\xff"}', b'{"\xff":1}', b'{"type":"object","maximum":1e999}'])
@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (Dialect.ANTHROPIC, b'{"model":"m","messages":[],"output_config":{"format":{"type":"json_schema","schema":SCHEMA}}}'),
        (Dialect.ANTHROPIC, b'{"model":"m","messages":[],"tools":[{"name":"t","input_schema":SCHEMA}]}'),
        (Dialect.OPENAI_CHAT, b'{"model":"m","messages":[],"response_format":{"type":"json_schema","json_schema":{"schema":SCHEMA}}}'),
        (Dialect.OPENAI_CHAT, b'{"model":"m","messages":[],"tools":[{"type":"function","function":{"name":"t","parameters":SCHEMA}}]}'),
        (Dialect.OPENAI_RESPONSES, b'{"model":"m","input":[],"text":{"format":{"type":"json_schema","name":"n","schema":SCHEMA}}}'),
        (Dialect.OPENAI_RESPONSES, b'{"model":"m","input":[],"tools":[{"type":"function","name":"t","parameters":SCHEMA}]}'),
    ],
)
def test_schemas_with_what_no_parser_takes(dialect: Dialect, body: bytes, odd: bytes):
    """Found by fuzzing: they are carried as they are, so nothing had looked into them."""
    if b"1e999" not in odd:
        with pytest.raises(UnreadableError, match="not_utf8"):
            DIALECTS[dialect].conversation(body.replace(b"SCHEMA", odd))
        return
    read = DIALECTS[dialect].conversation(body.replace(b"SCHEMA", odd))
    for spec in DIALECTS.values():
        assert b"1e999" in spec.asked(read, Manner("m"))
