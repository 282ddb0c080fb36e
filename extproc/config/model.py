"""The configuration file as types: what may stand in `cascade.yaml`, and its defaults.

Everything but the models has a default. Unknown keys are errors. Units stand in the key (`_s`, `_ms`, `_bytes`, `_usd`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from extproc.config.bounds import Budget, Check, Draft, Limits, Verify
from extproc.config.interception import Intercept
from extproc.config.policies import Identity, PolicySection
from extproc.config.problems import Source
from extproc.config.processor import Processor
from extproc.config.strict import Strict
from extproc.config.telemetry import Decisions, Telemetry
from extproc.config.values import (
    BaseUrl,
    Dollars,
    EnvName,
    Folder,
    HeaderName,
    HostPort,
    KeyFile,
    ModelName,
    RuleName,
    Seconds,
    StateStore,
    Version,
    Words,
)
from extproc.core.vocabulary import Dialect, Mode


class Price(Strict):
    """US dollars per million tokens."""

    input: Dollars = Field(description="US dollars per million input tokens")
    output: Dollars = Field(description="US dollars per million output tokens")
    cached_input: Dollars | None = Field(None, description="input tokens read from the provider's cache; default: `input`")
    cache_write: Dollars | None = Field(None, description="input tokens written to the provider's cache; default: `input`")


class Credential(Strict):
    """Where a provider's key comes from. A secret never stands in the file itself."""

    api_key: Literal["forward"] | None = Field(None, description="`forward`: the client's own credential goes upstream")
    api_key_env: EnvName | None = Field(None, description="environment variable that holds the key")
    api_key_file: KeyFile | None = Field(None, description="file that holds the key; read again when it changes")
    api_key_header: HeaderName | None = Field(
        None, description="header that carries the key; default: x-api-key for anthropic, authorization (Bearer) for the others"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.api_key, self.api_key_env, self.api_key_file)) > 1:
            raise ValueError("give one of api_key, api_key_env and api_key_file, not several")
        return self


class DialectEndpoint(Credential):
    """The same model under one more wire API of its provider; what is left out is taken from the model."""

    base_url: BaseUrl | None = Field(None, description="API root for this dialect; default: the model's")
    model: ModelName | None = Field(None, description="name at the provider under this dialect; default: the model's")


class Model(Credential):
    """One model of the cascade and where it is served."""

    model: ModelName = Field("keep", description="name at the provider; `keep` = the name that the client asked for")
    dialect: Dialect = Field(description="wire API that the provider speaks at `base_url`")
    base_url: BaseUrl = Field(
        description="API root; `/v1/messages` and the like are appended, `/messages` where the root ends in a version"
    )
    dialects: dict[Dialect, DialectEndpoint] = Field({}, description="further wire APIs of the same provider")
    translate: bool = Field(
        True, description="clients of dialects that are not served here are served by translation; false: the other model answers them"
    )
    lacks: list[Literal["images", "documents", "tools", "json_schema"]] = Field(
        [], description="what this model cannot take; requests that have it go to the other one"
    )
    earlier_thoughts: Literal["auto", "always", "never"] = Field(
        "auto",
        description="thinking of earlier answers in requests to this model: auto = by its name what its provider takes; always = all of "
        "it, as DeepSeek wants it; never = none that another provider has signed, and no `reasoning_content` in translated requests",
    )
    thinking: Literal["auto", "adaptive", "budget", "effort", "switch", "never"] = Field(
        "auto",
        description="how a wish for thinking is told in translated requests: auto = as the model's name lets expect; adaptive, budget = "
        "`thinking` of anthropic; effort = `reasoning_effort`, `reasoning`; switch = `thinking` of DeepSeek; never = not at all",
    )
    limit_key: Literal["auto", "max_tokens", "max_completion_tokens"] = Field(
        "auto", description="translated to openai_chat: the key for the most tokens of an answer; auto = as the model's name lets expect"
    )
    cache_marks: Literal["auto", "never"] = Field(
        "auto", description="translated to anthropic: marks for the provider's prompt cache where the client has set none"
    )
    price_usd_per_mtok: Price | None = Field(None, description="without it costs are unknown, not zero")

    @field_validator("dialects")
    @classmethod
    def _further(cls, value: dict[Dialect, DialectEndpoint], info: ValidationInfo) -> dict[Dialect, DialectEndpoint]:
        if info.data.get("dialect") in value:
            raise ValueError(f"{info.data['dialect']} is the model's own dialect; under `dialects` stand the further ones")
        return value


class DraftModel(Model):
    """The fast, inexpensive model. It has a name: `keep` would ask its provider for the client's model."""

    model: ModelName = Field(description="name at the provider")

    @field_validator("model")
    @classmethod
    def _named(cls, value: str) -> str:
        if value == "keep":
            raise ValueError("expected the draft model's name (`keep` would ask its provider for the client's model)")
        return value


class Models(Strict):
    """The two models of the cascade."""

    draft: DraftModel = Field(description="the fast, inexpensive model: model, dialect, base_url and a key")
    verify: Model = Field(description="the capable model: dialect and base_url; without a key the client's own is forwarded")


class Origin(Strict):
    """Where requests go that are no LLM call."""

    base_url: BaseUrl = Field(description="root of that server")
    api_key: Literal["forward"] | None = Field(None, description="`forward`: the client's own credential goes there, too")


class KeywordRule(Strict):
    """A rule of the operator's own: fires when one of the words stands in the newest user text."""

    weight: float = Field(ge=-1, le=1, description="added to the score; negative = simpler")
    words: list[Words] = Field(min_length=1, max_length=200, description="words or phrases, any case")


def _kind_of_rule(value: Any) -> str:
    return "(keywords)" if isinstance(value, dict | KeywordRule) else "(weight)"


Rule = Annotated[Annotated[float, Tag("(weight)")] | Annotated[KeywordRule, Tag("(keywords)")], Discriminator(_kind_of_rule)]


class Router(Strict):
    """How a request's complexity becomes a plan."""

    skip_below: float = Field(0.35, ge=0, le=1, description="score < this: plan draft")
    direct_above: float = Field(0.85, ge=0, le=1, description="score >= this: plan direct; between: plan cascade")
    tools: Literal["checked", "direct"] = Field("checked", description="direct = every request with tools goes to verify")
    rules: dict[RuleName, Rule] = Field({}, description="rule name → another weight (0 switches it off), or a keyword rule of your own")
    refusal_memory_s: Seconds = Field(
        300, description="a draft provider that keeps refusing a kind of request is not asked again for this long"
    )

    @field_validator("direct_above")
    @classmethod
    def _ordered(cls, value: float, info: ValidationInfo) -> float:
        if value < info.data.get("skip_below", 0.0):
            raise ValueError(f"expected a number not below skip_below ({info.data['skip_below']})")
        return value


class Config(Strict):
    """The configuration of cascade-extproc, `cascade.yaml`. Everything but `version` and `models` has a default."""

    version: Annotated[Literal[1], Version] = Field(description="version of this format: 1")
    listen: HostPort = Field("127.0.0.1:10000", description="Envoy's client-facing address")
    admin: HostPort = Field("127.0.0.1:9464", description="sidecar HTTP: health, metrics, decisions")
    admin_token_env: EnvName | None = Field(None, description="environment variable that holds the token which `admin` asks for")
    admin_token_file: KeyFile | None = Field(None, description="file that holds that token; read again for each request")
    envoy_admin: HostPort = Field("127.0.0.1:9901", description="Envoy's own admin address")
    workers: int = Field(1, ge=1, le=64, description="sidecar processes behind one Envoy cluster")
    transport: Literal["grpcio", "native"] = Field(
        "native", description="gRPC server implementation; native: our own, for an Envoy on the same machine, at a fraction of the CPU"
    )
    mode: Mode = Field(Mode.ENFORCE, description="enforce acts on the plan, shadow only reports it, off leaves every request alone")
    shadow_sample: float = Field(
        0.05, ge=0, le=1, description="share of requests that the cascade is tried beside in mode shadow; each costs two model calls"
    )
    shadow_max_inflight: int = Field(
        4, ge=1, le=1000, description="such tries at once in each worker; what is beyond is dropped and counted"
    )
    processor: Processor = Field(Processor(), description="the sidecar for Envoys on other machines, too")
    runtime_dir: Folder = Field(
        "", description="private folder for sockets and secrets; empty = a fresh one for `up`, /var/run/cascade-extproc otherwise"
    )
    drain_s: Seconds = Field(30, description="how long requests in flight may take to end after SIGTERM")
    models: Models = Field(description="the two models of the cascade, draft and verify")
    origin: Origin | None = Field(None, description="upstream of requests that are no LLM call; default: the verify provider")
    router: Router = Field(Router(), description="how a request's complexity becomes a plan")
    draft: Draft = Field(Draft(), description="limits of the draft call")
    check: Check = Field(Check(), description="how a draft's answer is checked before it counts")
    verify: Verify = Field(Verify(), description="limits of the verify call")
    budget: Budget = Field(Budget(), description="hard limits for one client request")
    limits: Limits = Field(Limits(), description="sizes that protect the proxy")
    policies: list[PolicySection] = Field([], description="other settings for some requests; the first that matches wins")
    identity: Identity = Field(Identity(), description="how clients are told apart, for policies")
    intercept: Intercept = Field(Intercept(), description="calls of clients that name the provider itself, taken on their way")
    telemetry: Telemetry = Field(Telemetry(), description="what leaves this process about the requests")
    decisions: Decisions = Field(Decisions(), description="the decision log, which pages and reports read")
    state: StateStore = Field(
        "",
        description="where it is kept what teams spend: a file, redis://host:port/db, or rediss://…; empty = a file in the runtime folder",
    )
    state_password_env: EnvName | None = Field(None, description="environment variable that holds Redis' password")
    state_password_file: KeyFile | None = Field(None, description="file that holds Redis' password; read again for each connection")
    _source: Source = PrivateAttr(default_factory=Source)

    def model_post_init(self, context: Any, /) -> None:
        """Remember where the values came from, where the validation was told."""
        if context and "source" in context:
            self._source = context["source"]

    @property
    def state_is_redis(self) -> bool:
        """Whether the state is shared by a Redis."""
        return self.state.startswith(("redis://", "rediss://"))

    @property
    def longest_wall_s(self) -> float:
        """The longest that any request may take."""
        return max([self.budget.max_wall_s, *[section.settings.budget.max_wall_s or 0.0 for section in self.policies]])

    @property
    def source(self) -> Source:
        """The file and the lines of its values, for problems that are found later; empty for a configuration not from a file."""
        return self._source
