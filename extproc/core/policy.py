"""What the configuration decides for the core: the policy of a request, what models cost, and how they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from extproc.core.money import usd
from extproc.core.vocabulary import Dialect, Mode, Plan, Role, Usage


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, with at most 6 decimals; so every call costs a whole number of picodollars (`core.money`)."""

    input: float
    output: float
    cached_input: float
    cache_write: float
    _per_token: tuple[int, int, int, int] = field(init=False, repr=False, compare=False)
    """The four of them in picodollars per token."""

    def __post_init__(self) -> None:
        told = (self.input, self.output, self.cached_input, self.cache_write)
        fresh, output, cached, written = (round(dollars * 1e6) for dollars in told)
        object.__setattr__(self, "_per_token", (fresh, output, cached, written))

    def cost(self, usage: Usage) -> int:
        """Price one model call, in picodollars; cached tokens are part of `usage.input` and priced apart."""
        fresh, output, cached, written = self._per_token
        new = max(0, usage.input - usage.cached_input - usage.cache_write)
        return new * fresh + usage.cached_input * cached + usage.cache_write * written + usage.output * output

    def cost_usd(self, usage: Usage) -> float:
        """Price one model call, in dollars: the double that is nearest to the exact amount."""
        return usd(self.cost(usage))


@dataclass(frozen=True, slots=True)
class Tongue:
    """How a model is asked by a client whose dialect it does not speak, and what it cannot take in any dialect."""

    dialect: Dialect | None = None
    """The dialect that requests are translated to; None where they are not."""
    model: str | None = None
    """Its name there; None keeps the client's."""
    lacks: frozenset[str] = frozenset()
    """What it cannot take: `images`, `documents`, `tools`, `json_schema`."""
    thoughts: str = "auto"
    """See `conversation.Manner.thoughts`."""
    limit: str = "auto"
    """See `conversation.Manner.limit`."""
    thinking: str = "auto"
    """See `conversation.Manner.thinking`."""
    cache_marks: bool = True
    """Prompts that are translated to Messages are marked for the cache where the client has marked nothing."""
    forward: bool = False
    """It is asked with the client's own credential."""


class Allowance(msgspec.Struct, frozen=True, gc=False):
    """What a team may spend in a day (UTC)."""

    team: str
    """Its name; `header:NAME` stands for that header's value, `key` for the API key's fingerprint."""
    pico_usd: int | None = None
    """Picodollars (`core.money`)."""
    tokens: int | None = None
    refuse: bool = False
    """What is beyond is refused; else the draft model answers it alone."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The part of the configuration that the core decides by."""

    name: str = "default"
    pinned: Plan | None = None
    """The plan whatever the score says, as far as the request allows it."""
    pinned_by: str = "pinned_plan"
    """The rule that stands for it in a decision."""
    client_override: bool = False
    """Clients may choose the plan."""
    allowance: Allowance | None = None
    mode: Mode = Mode.ENFORCE
    skip_below: float = 0.35
    direct_above: float = 0.85
    weights: Mapping[str, float] = field(default_factory=dict)
    """Overrides of the rule weights, by rule name."""
    keywords: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Extra keyword rules: rule name → words or phrases."""
    draft_models: Mapping[Dialect, str | None] = field(default_factory=dict)
    """Dialects that the draft model serves → its name there (None: keep the client's)."""
    verify_models: Mapping[Dialect, str | None] = field(default_factory=dict)
    tongues: Mapping[Role, Tongue] = field(default_factory=dict)
    """What the models do about other dialects; without an entry nothing."""
    debug: bool = False
    """Answers say what a translation lost (`x-cascade-lossy`)."""
    verify_timeout_s: float = 120.0
    max_wall_s: float = 300.0
    max_calls: int = 3
    refusal_memory_s: float = 300.0
    """How long a refusing draft provider is not asked again for the same kind of request."""
    tools_checked: bool = True
    """Requests with tools may be drafted, as their drafts are checked; False sends them all to the verify model."""
    draft_timeout_s: float = 30.0
    """Silence of the draft model."""
    draft_wall_s: float = 120.0
    """Whole time of a draft that is checked."""
    checks_off: frozenset[str] = frozenset()
    stream_text: bool = False
    """The text of a checked draft flows at once; only its tool calls are held until they are checked."""
    instruction: str = ""
    """Template of what the verify model is asked about a draft; empty for the default."""
    verify_max_tokens: int = 8192
    keepalive_s: float = 5.0
    max_cost_usd: float = 1.0
    prices: Mapping[Role, Price] = field(default_factory=dict)
    shadow_sample: float = 0.05
    """Share of the traces whose requests the cascade is tried beside, in mode `shadow`."""
