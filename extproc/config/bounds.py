"""What is asked of answers, and limits: of the model calls, of what they cost, of sizes."""

from __future__ import annotations

from pydantic import Field, field_validator

from extproc.config.strict import Strict
from extproc.config.values import Seconds
from extproc.core.steps.judge import PLACEHOLDERS


class Draft(Strict):
    """Limits of the draft call."""

    timeout_s: Seconds = Field(30, description="silence of the draft provider after which the request is rescued")
    max_s: Seconds = Field(120, description="whole time of a draft that is checked, after which the request is rescued")


class Check(Strict):
    """How a draft's answer is checked before it counts (docs/checks.md): one switch per check."""

    stream_text: bool = Field(
        False, description="text of a checked draft flows to a streaming client at once; only tool calls are held until they are checked"
    )
    finished: bool = Field(True, description="half an answer reads like a whole one")
    not_empty: bool = Field(True, description="nothing, or thoughts alone, answer nothing")
    valid_json: bool = Field(True, description="a program reads the answer, and asked for JSON")
    matches_schema: bool = Field(True, description="a program reads the answer, and told its form by a schema")
    known_tool: bool = Field(True, description="the client cannot run a tool that it did not offer")
    valid_arguments: bool = Field(True, description="a call that does not fit the tool's schema fails, or does something else")
    obeys_tool_choice: bool = Field(True, description="the client said whether, which and how many tools are to be called")
    no_repetition: bool = Field(True, description="a model in a loop has lost the thread")
    no_refusal: bool = Field(True, description="what one model will not or cannot do, the other may")
    obeys_stop: bool = Field(True, description="what stands behind a stop sequence was never to be written")

    def switched_off(self) -> frozenset[str]:
        """Names of the checks that are not to be made."""
        return frozenset([name for name, value in self if not value]) - {"stream_text"}


class Verify(Strict):
    """Limits of the verify call."""

    timeout_s: Seconds = Field(120, description="silence of the verify provider in a side call after which it counts as failed")
    max_output_tokens: int = Field(8192, gt=0, description="most tokens that the verify model may write")
    keepalive_s: Seconds = Field(5, description="a streaming client hears a ping at least this often while held")
    instruction: str = Field("", description="what the verify model is asked, with {draft} and {accept_word} in it; empty = the default")

    @field_validator("instruction")
    @classmethod
    def _with_placeholders(cls, value: str) -> str:
        if value and (missing := [name for name in PLACEHOLDERS if name not in value]):
            raise ValueError(f"expected a text with {' and '.join(PLACEHOLDERS)} in it; it has no {' and no '.join(missing)}")
        return value


class Budget(Strict):
    """Hard limits for one client request."""

    max_calls: int = Field(3, ge=1, description="model calls for one client request")
    max_cost_usd: float = Field(1.0, gt=0, description="cost of all its model calls")
    max_wall_s: Seconds = Field(300, description="time from its arrival to its end")


class Limits(Strict):
    """Sizes that protect the proxy."""

    max_body_bytes: int = Field(33_554_432, ge=1024, le=268_435_456, description="larger requests get a 413 in the client's dialect")
    max_connections: int = Field(10_000, ge=1, le=1_000_000, description="downstream connections, all listeners together")
