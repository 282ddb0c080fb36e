from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from extproc.config import values
from extproc.config.endpoints import Upstream


def accepts(kind: Any, value: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("value", ["127.0.0.1:10000", "0.0.0.0:1", "[::1]:9464", "[::]:65535", "10.1.2.3:080"])
def test_addresses(value: str) -> None:
    assert accepts(values.HostPort, value)


@pytest.mark.parametrize(
    "value",
    ["localhost:80", "127.0.0.1", "127.0.0.1:", ":80", "", "::1:80", "[127.0.0.1]:80", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:8²",
     "127.0.0.1:+80", "127.0.0.1:80\n", " 127.0.0.1:80", "[::1%eth0]:80", "[::1:80", "127.0.0.1:00080000"],
)  # fmt: skip
def test_no_addresses(value: str) -> None:
    assert not accepts(values.HostPort, value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("https://api.example.com", "https://api.example.com"),
        ("https://api.example.com/", "https://api.example.com"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("HTTPS://api.example.com/a/b", "HTTPS://api.example.com/a/b"),
    ],
)
def test_urls(value: str, kept: str) -> None:
    assert TypeAdapter(values.BaseUrl).validate_python(value) == kept


@pytest.mark.parametrize(
    "value",
    ["", "api.example.com", "ftp://x", "//x", "https:x", "https://", "https:///v1", "https://x:", "https://x:0", "https://x:port", "https://x:99999",
     "http://[", "http://[::1", "https://u:p@x", "https://u@x", "https://@x", "https://x?", "https://x?k=1", "https://x#a", "https://x/a b",
     "https://x/\n", "https://x/%REQ(a)%", "https://x/{a}", "https://x\\y", "https://exämple.com"],
)  # fmt: skip
def test_no_urls(value: str) -> None:
    assert not accepts(values.BaseUrl, value)


@pytest.mark.parametrize(
    "value", ["", "http://127.0.0.1:16686/trace/{trace_id}", "https://grafana.example.com/explore?q=%22{trace_id}%22&orgId=1"]
)
def test_trace_urls(value: str) -> None:
    assert accepts(values.TraceUrl, value)


@pytest.mark.parametrize(
    "value",
    [
        "http://jaeger/trace/",
        "javascript:alert('{trace_id}')",
        "//jaeger/{trace_id}",
        "http://u:p@jaeger/{trace_id}",
        "http://j/ {trace_id}",
    ],
)
def test_no_trace_urls(value: str) -> None:
    assert not accepts(values.TraceUrl, value)


@given(st.text(st.characters(codec="ascii"), max_size=20).map("https://".__add__) | st.from_regex(r"https?://[a-z.:/\[\]@0-9]{1,20}"))
def test_an_accepted_url_can_be_taken_apart(value: str) -> None:
    if accepts(values.BaseUrl, value):
        upstream = Upstream.of(TypeAdapter(values.BaseUrl).validate_python(value))
        assert upstream.host
        assert 0 < upstream.port < 65536
        assert upstream.authority.isprintable()
        assert upstream.path("/v1/messages").startswith("/")


def test_traces_may_go_nowhere() -> None:
    assert accepts(values.OtlpUrl, "")
    assert accepts(values.OtlpUrl, "http://jaeger:4317")
    assert not accepts(values.OtlpUrl, "jaeger:4317")


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (values.EnvName, ["A", "_x1", "DEEPSEEK_API_KEY"], ["", "1A", "A-B", "sk-abc", "A B", "A\n"]),
        (values.HeaderName, ["x-api-key", "Authorization"], ["", "x_y", "x y", "x:", "-x", "x\r\n"]),
        (values.ModelName, ["gpt-5", "org/model:free", "4", "@cf/x"], ["", "a b", "a\n", "ä", "x" * 201]),
        (values.RuleName, ["our_ledger", "a-1"], ["", "A", "1a", "a,b", "a b", "a" * 65]),
        (values.Words, ["ledger", "general ledger", "帳簿"], ["", " ", "a\nb"]),
        (values.Folder, ["", "/run/x", "x y"], ["a\0", "a\nb"]),
        (values.KeyFile, ["/run/key", "key"], ["", "a\0"]),
        (values.Seconds, ["0.5", "86400"], ["0", "-1", "86401", "x"]),
        (values.Dollars, ["0", "1.5", "0.000001", "1234.567891"], ["-0.1", "x", "0.0000001", "1e9", "inf", "nan"]),
    ],
)
def test_other_values(kind: Any, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not accepts(kind, value)] == []
    assert [value for value in bad if accepts(kind, value)] == []
