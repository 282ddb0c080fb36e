"""What is accepted, what is not, and by which name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extproc.core.errors import UnreadableError
from extproc.core.policy import Policy
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import classify
from extproc.core.vocabulary import PATHS, Dialect

USER = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(("path", "dialect"), PATHS.items())
def test_the_path_names_the_dialect(path: str, dialect: Dialect):
    body = json.dumps({"model": "m", "messages": USER, "input": "hi", "stream": True}).encode()
    request = accept(f"{path}?beta=true", "", body)
    assert (request.dialect, request.model, request.stream) == (dialect, "m", True)
    assert body[request.model_start : request.model_end] == b'"m"'
    assert request.view.last_user_text == "hi"


@pytest.mark.parametrize("stream", ["false", "null"])
def test_a_request_streams_only_when_it_says_so(stream: str):
    assert not accept("/v1/messages", "identity", f'{{"model":"m","messages":[],"stream":{stream}}}'.encode()).stream


@pytest.mark.parametrize(
    ("encoding", "body", "rule"),
    [
        ("gzip", b"{}", "encoded_body"),
        ("", b"", "empty_body"),
        ("", b" \r\n", "empty_body"),
        ("", b"{", "unreadable_json"),
        ("", b"[]", "not_an_object"),
        ("", b'{"messages":[]}', "missing_model"),
        ("", b'{"model":null,"messages":[]}', "unreadable_model"),
        ("", b'{"model":["m"],"messages":[]}', "unreadable_model"),
        ("", b'{"model":"m","messages":[],"stream":1}', "unreadable_stream"),
        ("", b'{"model":"m","messages":[],"stream":"true"}', "unreadable_stream"),
        ("", b'{"model":"m"}', "unreadable_messages"),
        ("", b'{"model":"m","messages":{}}', "unreadable_messages"),
        ("", b'{"model":"m","messages":["hi"]}', "unreadable_messages"),
        ("", b'{"model":"m","messages":[{"content":"hi"}]}', "unreadable_messages"),
        ("", b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}', "not_utf8"),
        ("", b'{"model":"a","model":"b","messages":[]}', "duplicate_keys"),
        ("", b'{"model":"m","messages":[]} x', "unreadable_json"),
        ("", b'{"model":"m","messages":[],"top_p":NaN}', "unreadable_json"),
        ("", b'{"model":"m","messages":[],"tools":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "too_deep"),
        ("", b'{"model":"m","messages":[{"role":"user","content":[null]}]}', "unreadable_messages"),
        ("", b'{"model":"\\ud83d","messages":[]}', "unreadable_model"),
    ],
)
def test_what_is_not_accepted_has_a_name(encoding: str, body: bytes, rule: str):
    with pytest.raises(UnreadableError) as raised:
        accept("/v1/messages", encoding, body)
    assert raised.value.rule == rule


def test_a_request_does_not_show_its_words():
    request = accept("/v1/messages", "", json.dumps({"model": "m", "messages": [{"role": "user", "content": "a secret"}]}).encode())
    assert "secret" not in repr(request)


NAMES = ["role", "content", "type", "text", "tools", "format", "effort", "name"]
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    ),
    max_leaves=10,
)
FIELDS = [
    "background",
    "functions",
    "max_tokens",
    "mcp_servers",
    "prompt",
    "reasoning_effort",
    "response_format",
    "thread",
    "web_search_options",
    "messages",
    "input",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "stream",
    "instructions",
    "reasoning",
    "text",
    "stop",
]


@given(st.sampled_from(list(PATHS)), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
def test_odd_shapes_are_read_or_named_and_nothing_worse(path: str, fields: dict[str, object]):
    try:
        request = accept(path, "", json.dumps({"model": "m", **fields}).encode())
    except UnreadableError as error:
        rule = error.rule
    else:
        rule = str(classify(request, Policy()).turn)
    assert rule.replace("_", "").isalnum()


@given(st.sampled_from(list(PATHS)), st.binary(max_size=60))
def test_garbage_has_a_name_and_nothing_worse(path: str, body: bytes):
    with pytest.raises(UnreadableError):
        accept(path, "", body)


def test_a_model_is_read_from_the_clients_own_bytes_beside_half_an_emoji():
    body = b'{"model":"\\ud83d\\ude80","messages":[{"role":"user","content":"cut \\ud83d"}]}'
    assert accept("/v1/messages", "", body).model == "🚀"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "damage", [(b"", b""), (b'"role": "user"', b'"role": 1'), (b"and now", b"\xff"), (b'"max": 9', b'"max": NaN'), (b'"m"', b"7")]
)
def test_a_large_request_is_read_as_a_small_one(path: str, damage: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch):
    turns = [{"role": "user", "content": "word " * 20}, {"role": "assistant", "content": "ok"}] * 200
    key = "input" if path == "/v1/responses" else "messages"
    whole = json.dumps({"max": 9, key: [*turns, {"role": "user", "content": "and now?"}], "model": "m", "stream": True}).encode()
    body = whole.replace(*damage, 1)
    read = _read(path, body)
    monkeypatch.setattr("extproc.core.steps.accept._LARGE", len(body))
    assert read == _read(path, body)
    assert (damage == (b"", b"")) == (read[0] == "m")


def _read(path: str, body: bytes) -> tuple[object, ...]:
    try:
        request = accept(path, "", body)
    except UnreadableError as error:
        return (error.rule,)
    return request.model, body[request.model_start : request.model_end], request.stream, request.view
