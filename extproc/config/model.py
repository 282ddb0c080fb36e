"""The configuration file as types: what may stand in `cascade.yaml`, and its defaults.

Everything but the models has a default. Unknown keys are errors. Units stand in the key (`_s`, `_ms`, `_bytes`, `_usd`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from extproc.core.vocabulary import Dialect, Mode


class Strict(BaseModel):
    """A section of the file: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


def _host_port(value: str) -> str:
    """Check `host:port` (IPv6 in brackets); ValueError says what was expected."""
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("expected host:port, for example 127.0.0.1:10000")
    return value


def _base_url(value: str) -> str:
    """Check an API root; ValueError says what was expected."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("expected a URL such as https://api.example.com")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("expected no query, fragment or user in the URL")
    _ = parts.port  # raises ValueError where it is no number
    return value.rstrip("/")


HostPort = Annotated[str, AfterValidator(_host_port)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Dollars = Annotated[float, Field(ge=0)]


class Price(Strict):
    """US dollars per million tokens."""

    input: Dollars
    output: Dollars
    cached_input: Dollars | None = Field(None, description="input tokens read from the provider's cache; default: `input`")
    cache_write: Dollars | None = Field(None, description="input tokens written to the provider's cache; default: `input`")


class Credential(Strict):
    """Where a provider's key comes from. A secret never stands in the file itself."""

    api_key: Literal["forward"] | None = Field(None, description="`forward`: the client's own credential goes upstream")
    api_key_env: str | None = Field(None, description="environment variable that holds the key")
    api_key_file: str | None = Field(None, description="file that holds the key; read again when it changes")
    api_key_header: str | None = Field(
        None,
        pattern=r"^[A-Za-z][A-Za-z0-9-]*$",
        description="header that carries the key; default: x-api-key for anthropic, authorization (Bearer) for the others",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.api_key, self.api_key_env, self.api_key_file)) > 1:
            raise ValueError("give one of api_key, api_key_env and api_key_file, not several")
        return self


class DialectEndpoint(Credential):
    """The same model under one more wire API of its provider; what is left out is taken from the model."""

    base_url: BaseUrl | None = None
    model: str | None = Field(None, min_length=1)


class Model(Credential):
    """One model of the cascade and where it is served."""

    model: str = Field("keep", min_length=1, description="name at the provider; `keep` = the name that the client asked for")
    dialect: Dialect = Field(description="wire API that the provider speaks at `base_url`")
    base_url: BaseUrl = Field(
        description="API root; `/v1/messages` and the like are appended, `/messages` where the root ends in a version"
    )
    dialects: dict[Dialect, DialectEndpoint] = Field({}, description="further wire APIs of the same provider")
    price_usd_per_mtok: Price | None = Field(None, description="without it costs are unknown, not zero")

    @model_validator(mode="after")
    def _dialect_once(self) -> Self:
        if self.dialect in self.dialects:
            raise ValueError(f"{self.dialect} is the model's own dialect; under `dialects` stand the further ones")
        return self


class Models(Strict):
    """The two models of the cascade."""

    draft: Model
    verify: Model

    @model_validator(mode="after")
    def _draft_is_named(self) -> Self:
        if self.draft.model == "keep":
            raise ValueError("the draft model needs a name (`keep` would ask the draft provider for the client's model)")
        return self


class Origin(Strict):
    """Where requests go that are no LLM call."""

    base_url: BaseUrl


class KeywordRule(Strict):
    """A rule of the operator's own: fires when one of the words stands in the newest user text."""

    weight: float = Field(ge=-1, le=1, description="added to the score; negative = simpler")
    words: list[str] = Field(min_length=1, max_length=200, description="words or phrases, any case")


class Router(Strict):
    """How a request's complexity becomes a plan."""

    skip_below: float = Field(0.35, ge=0, le=1, description="score < this: plan draft")
    direct_above: float = Field(0.85, ge=0, le=1, description="score >= this: plan direct; between: plan cascade")
    tools: Literal["checked", "direct"] = Field("checked", description="direct = every request with tools goes to verify")
    rules: dict[str, float | KeywordRule] = Field(
        {}, description="rule name → another weight (0 switches it off), or a keyword rule of your own"
    )
    refusal_memory_s: Seconds = Field(
        300, description="a draft provider that keeps refusing a kind of request is not asked again for this long"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.skip_below > self.direct_above:
            raise ValueError("skip_below must not be above direct_above")
        return self


class Draft(Strict):
    """Limits of the draft call."""

    timeout_s: Seconds = Field(30, description="silence of the draft provider after which the request is rescued (or, later, reset)")


class Verify(Strict):
    """Limits of the verify call."""

    timeout_s: Seconds = Field(120, description="silence of the verify provider in a side call after which it counts as failed")
    max_output_tokens: int = Field(8192, gt=0)
    keepalive_s: Seconds = Field(5, description="a streaming client hears a ping at least this often while held")


class Budget(Strict):
    """Hard limits for one client request."""

    max_calls: int = Field(3, ge=1, description="model calls for one client request")
    max_cost_usd: float = Field(1.0, gt=0)
    max_wall_s: Seconds = 300


class Limits(Strict):
    """Sizes that protect the proxy."""

    max_body_bytes: int = Field(33_554_432, ge=1024, le=268_435_456, description="larger requests get a 413 in the client's dialect")
    max_connections: int = Field(10_000, ge=1, description="downstream connections, all listeners together")


class Telemetry(Strict):
    """What leaves this process about the requests."""

    otlp_endpoint: str = Field("", description="for example http://jaeger:4317; empty = no export")
    capture_content: bool = Field(False, description="prompts and answers never leave in telemetry unless true")


class Config(Strict):
    """The whole file."""

    version: Literal[1]
    listen: HostPort = Field("127.0.0.1:10000", description="Envoy's client-facing address")
    admin: HostPort = Field("127.0.0.1:9464", description="sidecar HTTP: health, metrics, decisions")
    envoy_admin: HostPort = Field("127.0.0.1:9901", description="Envoy's own admin address")
    workers: int = Field(1, ge=1, le=64, description="sidecar processes behind one Envoy cluster")
    transport: Literal["grpcio", "native"] = Field("grpcio", description="gRPC server implementation")
    mode: Mode = Mode.ENFORCE
    runtime_dir: str = Field(
        "", description="private folder for sockets and secrets; empty = a fresh one for `up`, /var/run/cascade-extproc otherwise"
    )
    drain_s: Seconds = Field(30, description="how long requests in flight may take to end after SIGTERM")
    models: Models
    origin: Origin | None = Field(None, description="upstream of requests that are no LLM call; default: the verify provider")
    router: Router = Router()
    draft: Draft = Draft()
    verify: Verify = Verify()
    budget: Budget = Budget()
    limits: Limits = Limits()
    policies: list[None] = Field([], max_length=0, description="per-team policies; not in this version, so the list must be empty")
    telemetry: Telemetry = Telemetry()
