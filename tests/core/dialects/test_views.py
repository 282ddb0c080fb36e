"""What each dialect reads out of a request, the odd shapes of real agents included; and the errors it writes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extproc.core.dialects import DIALECTS
from extproc.core.steps.accept import accept
from extproc.core.vocabulary import PATHS, Dialect, Effort, View

PATH_OF = {dialect: path for path, dialect in PATHS.items()}


def view(dialect: Dialect, **fields: Any) -> View:
    body = json.dumps({"model": "m", **fields}).encode()
    return accept(PATH_OF[dialect], "", body).view


def anthropic(*messages: dict[str, Any], **fields: Any) -> View:
    return view(Dialect.ANTHROPIC, messages=list(messages), **fields)


def chat(*messages: dict[str, Any], **fields: Any) -> View:
    return view(Dialect.OPENAI_CHAT, messages=list(messages), **fields)


def responses(given: Any, **fields: Any) -> View:
    return view(Dialect.OPENAI_RESPONSES, input=given, **fields)


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def test_the_last_text_that_the_human_wrote_is_found_behind_what_agents_inject():
    seen = anthropic(
        user([{"type": "text", "text": "<system-reminder>stay</system-reminder>"}, {"type": "text", "text": "my own words"}]),
        {"role": "system", "content": "The folder is /srv."},
    )
    assert seen.last_user_text == "my own words"
    assert seen.system_in_messages


def test_a_continuation_is_seen_behind_a_system_message():
    result = {"type": "tool_result", "tool_use_id": "t", "content": "ok"}
    seen = anthropic(
        user("do"), {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "x", "input": {}}]}, user([result])
    )
    assert (seen.ends_with_tool_result, seen.calls_in_history, seen.tool_errors) == (True, True, 0)
    seen = anthropic(user([{**result, "is_error": True}]), {"role": "system", "content": "note"})
    assert (seen.ends_with_tool_result, seen.tool_errors) == (True, 1)


def test_images_and_documents_are_counted_inside_of_results_too():
    image = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [image, {"type": "text", "text": "x"}]}
    seen = anthropic(user([image, {"type": "document", "source": {}}]), user([result]))
    assert (seen.images, seen.documents) == (2, 1)


@pytest.mark.parametrize(
    ("fields", "effort"),
    [
        ({}, Effort.NONE),
        ({"thinking": {"type": "adaptive"}}, Effort.NONE),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}, Effort.HIGH),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, Effort.NONE),
        ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, Effort.LOW),
        ({"thinking": {"type": "enabled", "budget_tokens": 4000}}, Effort.MEDIUM),
        ({"thinking": {"type": "enabled", "budget_tokens": 32000}}, Effort.HIGH),
    ],
)
def test_thinking_in_messages(fields: dict[str, Any], effort: Effort):
    assert anthropic(user("x"), **fields).effort is effort


def test_the_rest_of_messages():
    tools = [{"name": "a", "input_schema": {}}, {"type": "web_search_20250305", "name": "web_search"}]
    seen = anthropic(
        user("x"),
        {"role": "assistant", "content": "It"},
        system=[{"type": "text", "text": "one"}, {"type": "text", "text": "two", "cache_control": {}}],
        tools=tools,
        tool_choice={"type": "any"},
        max_tokens=7,
        stop_sequences=["END"],
        output_config={"format": {"type": "json_schema"}},
    )
    assert (seen.system_text, seen.tools, seen.tool_names, seen.forced_tool) == ("one\ntwo", 2, ("a", "web_search"), True)
    assert (seen.max_output_tokens, seen.stop_sequences, seen.json_schema, seen.prefill) == (7, True, True, True)
    assert anthropic(user("x"), thread={"type": "continue", "previous_message_id": "m"}).server_state
    assert not anthropic(user("x"), thread={"type": "create"}).server_state


def test_chat():
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    seen = chat(
        {"role": "developer", "content": [{"type": "text", "text": "be brief"}]},
        user([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "u"}}, {"type": "file", "file": {}}]),
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "Error: no"}]},
        tools=[{"type": "function", "function": {"name": "f"}}],
        tool_choice="required",
        response_format={"type": "json_object"},
        reasoning_effort="medium",
        max_completion_tokens=9,
        stop="X",
    )
    assert (seen.system_text, seen.last_user_text, seen.images, seen.documents) == ("be brief", "look", 1, 1)
    assert (seen.ends_with_tool_result, seen.tool_errors, seen.calls_in_history) == (True, 1, True)
    assert (seen.tools, seen.forced_tool, seen.json_schema, seen.effort) == (1, True, True, Effort.MEDIUM)
    assert (seen.max_output_tokens, seen.stop_sequences, seen.system_in_messages) == (9, True, False)


def test_responses_with_a_plain_string():
    seen = responses("hello", instructions="be kind", reasoning={"effort": "high"}, text={"format": {"type": "json_schema"}})
    assert (seen.last_user_text, seen.system_text, seen.effort, seen.json_schema) == ("hello", "be kind", Effort.HIGH, True)


def test_responses_with_items_as_agents_send_them():
    hidden = {"type": "additional_tools", "role": "developer", "tools": [{"type": "namespace", "name": "n", "tools": [{}, {}]}]}
    seen = responses(
        [
            hidden,
            {"role": "developer", "content": "rules"},
            user([{"type": "input_text", "text": "<environment_context>x"}]),
            user([{"type": "input_text", "text": "fix it"}, {"type": "input_image", "image_url": "u"}, {"type": "input_file"}]),
            {"type": "reasoning", "content": None, "encrypted_content": "e", "summary": []},
            {"type": "custom_tool_call", "call_id": "c", "name": "exec", "input": "1"},
            {"type": "custom_tool_call_output", "call_id": "c", "output": "Error: boom"},
        ]
    )
    assert (seen.tools, seen.last_user_text, seen.images, seen.documents) == (2, "fix it", 1, 1)
    assert (seen.ends_with_tool_result, seen.tool_errors, seen.calls_in_history, seen.system_text) == (True, 1, True, "rules")


def test_responses_may_live_at_the_provider():
    assert view(Dialect.OPENAI_RESPONSES, previous_response_id="r").server_state
    assert responses("x", conversation="c").server_state
    assert not responses("x", previous_response_id=None).server_state


@pytest.mark.parametrize(
    "fields",
    [
        {"input": [{"type": "item_reference", "id": "msg_1"}, user("go on")]},
        {"input": [{"id": "rs_1"}, user("go on")]},
        {"input": [{"type": "compaction", "encrypted_content": "e"}, user("go on")]},
        {"input": "x", "prompt": {"id": "pmpt_1"}},
        {"input": "x", "background": True},
    ],
)
def test_what_only_the_provider_can_read_lives_there_too(fields: dict[str, Any]):
    assert view(Dialect.OPENAI_RESPONSES, **fields).server_state
    assert not responses([user("x")], prompt=None, background=False).server_state


@pytest.mark.parametrize(
    ("dialect", "fields", "count"),
    [
        (Dialect.ANTHROPIC, {"tools": [{"type": None, "name": "a"}, {"name": "b"}]}, 2),
        (Dialect.ANTHROPIC, {"tools": [{"name": 7}, "odd"]}, 2),
        (Dialect.ANTHROPIC, {"tools": {"odd": 1}}, 1),
        (Dialect.ANTHROPIC, {"mcp_servers": [{"type": "url", "name": "s", "url": "https://example.com"}]}, 1),
        (Dialect.OPENAI_CHAT, {"tools": [{"type": "custom", "custom": {"name": "a"}}]}, 1),
        (Dialect.OPENAI_CHAT, {"tools": [{"function": {"name": None}}, {"function": []}]}, 2),
        (Dialect.OPENAI_CHAT, {"functions": [{"name": "f"}]}, 1),
        (Dialect.OPENAI_CHAT, {"web_search_options": {}}, 1),
        (Dialect.OPENAI_RESPONSES, {"tools": [{"type": "web_search", "name": None}]}, 1),
        (Dialect.OPENAI_RESPONSES, {"tools": [7]}, 1),
        (Dialect.OPENAI_RESPONSES, {"tools": None}, 0),
        (Dialect.OPENAI_CHAT, {"tools": []}, 0),
    ],
)
def test_tools_that_cannot_be_read_count_all_the_same(dialect: Dialect, fields: dict[str, Any], count: int):
    said = {"input": "x"} if dialect is Dialect.OPENAI_RESPONSES else {"messages": [user("x")]}
    assert view(dialect, **said, **fields).tools == count


def test_harmless_fields_of_the_wrong_kind_count_as_absent():
    assert not chat(user("x"), response_format={"type": ["json_schema"]}, tool_choice=7, stop=None).json_schema
    assert not responses("x", text={"format": {"type": {}}}, reasoning=[]).json_schema
    assert anthropic(user("x"), thinking="yes", max_tokens="7", stop_sequences={}, thread=[]).effort is Effort.NONE


def test_old_function_calls_are_calls():
    seen = chat(user("x"), {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}})
    assert seen.calls_in_history


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("<system-reminder>Be brief.</system-reminder>\n\nfix <b>it</b>", "fix <b>it</b>"),
        ("fix it\n<system-reminder>Be brief.</system-reminder>", "fix it"),
        ("<environment_context><cwd>/srv</cwd></environment_context>\n<user_instructions>x</user_instructions>fix it", "fix it"),
        ("<permissions instructions>none</permissions instructions> fix it", "fix it"),
        ("<system-reminder>never closed", ""),
        ("<html>why is this blank?</html>", "<html>why is this blank?</html>"),
    ],
)
def test_what_agents_put_around_the_humans_words_is_taken_off(text: str, own: str):
    assert anthropic(user(text)).last_user_text == own
    assert responses([user(text)]).last_user_text == own


@pytest.mark.parametrize("unit", ["tab\there ", 'quote" ', "back\\slash ", "é ", "漢字", "🚀", "nospace\n"])
def test_the_ends_of_a_long_text_are_read_as_they_are(unit: str):
    seen = anthropic(user(f"begin {unit * 20_000}end")).last_user_text
    assert seen.startswith(f"begin {unit * 3}"[:20])
    assert seen.endswith("end")
    assert len(seen) < 10_000
    # Where the end begins may be a part of an escape; everything else is as it was.
    assert len(seen.translate({ord(char): "" for char in f"begin end\n{unit}"})) < 12


def test_only_the_newest_messages_and_the_ends_of_texts_are_read():
    long = f"begin {'x' * 100_000} end"
    seen = anthropic(*[user("old")] * 500, user(long))
    assert seen.messages == 501
    assert seen.last_user_text.startswith("begin")
    assert seen.last_user_text.endswith("end")
    assert len(seen.last_user_text) < 10_000
    assert len(seen.earlier_user_texts) == 4
    assert seen.conversation_bytes > 100_000


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 418, 429, 500, 502, 504, 529])
def test_errors_have_the_form_of_the_dialect(dialect: Dialect, status: int):
    error = json.loads(DIALECTS[dialect].error(status, 'it "failed"'))
    assert error["error"]["message"] == 'it "failed"'
    assert error["error"]["type"].endswith("error") or status == 413
    assert (error.get("type") == "error") == (dialect is Dialect.ANTHROPIC)
