"""The kinds of single values in the configuration: text with a form of its own. Each check says what was expected.

Values may come from the environment, so nothing passes that could break out of the place it is put into (a header, a line of
the Envoy bootstrap): no control characters, no blanks where none belong.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from extproc.config.problems import Source


def _shaped(pattern: str, expected: str) -> tuple[AfterValidator, Any]:
    """A text that matches `pattern` as a whole, for the check and for the schema."""
    whole = re.compile(pattern)

    def check(value: str) -> str:
        if not whole.fullmatch(value):
            raise ValueError(f"expected {expected}")
        return value

    return AfterValidator(check), Field(json_schema_extra={"pattern": f"^{pattern}$"})


def _host_port(value: str) -> str:
    """Check `address:port` (IPv6 in brackets). Envoy listens on addresses, not on names."""
    host, _, port = value.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    bracketed = bare != host
    try:
        valid = bracketed == (ip_address(bare).version == 6) and "%" not in bare
    except ValueError:
        valid = False
    if not valid or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError("expected an IP address and a port such as 127.0.0.1:10000 or [::1]:10000")
    return value


def _url(example: str) -> Callable[[str], str]:
    """Check an http(s) URL without query, fragment and user; give it without a trailing slash."""

    def check(value: str) -> str:
        problem = ValueError(f"expected a URL such as {example}")
        if re.search(r"[^!-~]|[\\%\"'<>{}|^`]", value):  # `%` begins a command where Envoy formats headers
            raise problem
        try:
            parts = urlsplit(value)
            valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is no number, brackets that hold no address
            raise problem from None
        if not valid or parts.netloc.endswith(":"):
            raise problem
        if "?" in value or "#" in value or "@" in parts.netloc:
            raise ValueError("expected a URL without query, fragment, user or password")
        return value.rstrip("/")

    return check


def _in_microdollars(value: float) -> float:
    """Check that an amount has at most 6 decimals: then a price per million tokens is exact for each token (`core.money`)."""
    if Decimal(repr(value)) % Decimal("0.000001"):
        raise ValueError("expected a number with at most 6 decimals")
    return value


def _version(value: Any) -> Any:
    return 1 if value == "1" else value


def _beside_the_file(value: str, info: ValidationInfo) -> str:
    """Let a relative path count from the configuration file's folder, whatever the working directory."""
    if not value or "\0" in value:
        raise ValueError("expected the path of a file")
    source = (info.context or {}).get("source")
    return str(Path(source.file).absolute().parent / value) if isinstance(source, Source) else value


def _state(value: str, info: ValidationInfo) -> str:
    """Check a Redis URL, as redis-py reads it; anything else is a file."""
    if "://" not in value:
        return _beside_the_file(value, info) if value else value
    problem = ValueError("expected a file, or a URL such as redis://redis.example.com:6379/0; the password stands in state_password_env")
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"redis", "rediss"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that hold no address
        raise problem from None
    if not valid or parts.password is not None or not re.fullmatch(r"rediss?://([!-.0-~]+@)?[A-Za-z0-9._:\[\]-]+(/[0-9]{0,4})?", value):
        raise problem
    return value


Version = BeforeValidator(_version)
HostPort = Annotated[str, AfterValidator(_host_port)]
BaseUrl = Annotated[str, AfterValidator(_url("https://api.example.com"))]
OtlpUrl = Annotated[str, AfterValidator(lambda value: _url("http://jaeger:4317")(value) if value else value)]
TraceUrl = Annotated[str, *_shaped(r"(https?://[!-?A-~]*\{trace_id\}[!-?A-~]*)?", "a URL with {trace_id} in it, without user or password")]
StateFile = Annotated[str, AfterValidator(lambda value, info: _beside_the_file(value, info) if value else value)]
StateStore = Annotated[str, AfterValidator(_state)]
KeyFile = Annotated[str, AfterValidator(_beside_the_file)]
FolderBeside = Annotated[str, AfterValidator(lambda value, info: _beside_the_file(value, info) if value else value)]
HostName = Annotated[
    str, *_shaped(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?", "a host's name such as api.anthropic.com")
]
Folder = Annotated[str, _shaped(r"[^\x00-\x1f\x7f]*", "the path of a folder")[0]]
EnvName = Annotated[
    str, *_shaped(r"[A-Za-z_][A-Za-z0-9_]*", "the name of an environment variable such as DEEPSEEK_API_KEY, never the key itself")
]
HeaderName = Annotated[str, *_shaped(r"[A-Za-z][A-Za-z0-9-]*", "the name of a header such as x-api-key")]
ModelName = Annotated[str, *_shaped(r"[!-~]{1,200}", "the model's name at its provider, without blanks")]
RuleName = Annotated[str, *_shaped(r"[a-z][a-z0-9_-]{0,63}", "a rule name in small letters, digits and `_`")]
Words = Annotated[str, *_shaped(r"\s*\S.*", "a word or phrase")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Dollars = Annotated[float, Field(ge=0, le=1_000_000), AfterValidator(_in_microdollars)]
