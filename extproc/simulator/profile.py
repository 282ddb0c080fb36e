"""What one simulated provider is like: its answers, its pace, and the ways in which it fails.

Every field from `words` on is a *setting*: a flag of `extproc simulate-provider`, and, where the provider is steerable, an item of
a request header (`x-simulate`, or `steer_header`). Both are read by the same functions, those that stand beside the fields below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any

from extproc.core.vocabulary import Dialect

STEER_HEADER = "x-simulate"

FEATURES = ("images", "documents", "tools", "system_role", "thinking", "prefill")
"""What a provider can refuse with a 400. `system_role` is a system message among the messages: anywhere in Messages, behind the
user's first message elsewhere."""

VERDICTS = ("auto", "accept", "improve")
"""What a judge says of a draft; `auto` accepts one of 20 words or more without a "maybe"."""

_MOST = 10_000_000


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text[:9]) > _MOST:
        raise ValueError(f"expected a whole number from 0 to {_MOST}")
    return int(text[:9])


def _positive(text: str) -> int:
    if (number := _count(text)) == 0:
        raise ValueError("expected a whole number from 1 on")
    return number


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= _MOST:
        raise ValueError("expected a number that is not negative")
    return number


def _status(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == 3 and text >= "400" and text <= "599"):
        raise ValueError("expected an HTTP status from 400 to 599")
    return int(text)


def _switch(text: str) -> bool:
    if text not in {"", "on", "off"}:
        raise ValueError("expected no value, on or off")
    return text != "off"


def _features(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= set(FEATURES):
        raise ValueError(f"expected some of {', '.join(FEATURES)}")
    return names


def _verdict(text: str) -> str:
    if text not in VERDICTS:
        raise ValueError(f"expected {', '.join(VERDICTS)}")
    return text


def _setting(default: Any, read: Callable[[str], object], says: str, *, fault: bool = False) -> Any:
    return field(default=default, metadata={"read": read, "says": says, "fault": fault})


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One simulated provider. The defaults are a healthy one that answers at once, in all dialects, without a key.

    "Event" means one SSE event, counted from the first of the stream. An answer that is not streamed has no events: there
    `cut`, `stall`, `pause` and `end` strike in the middle of its body, and `error` does nothing.
    """

    name: str = "simulator"
    """Given in the `server` header and in log lines."""
    dialects: tuple[Dialect, ...] = tuple(Dialect)
    """The wire APIs that it speaks; the paths of others are unknown to it."""
    models: tuple[str, ...] = ("simulated-large", "simulated-small")
    """What `GET /v1/models` lists. A request may name any model: the answer bears the name that was asked for."""
    api_key: str | None = field(default=None, repr=False)
    """The key that a request must carry, as `x-api-key` or as a bearer token; None asks for none."""
    steerable: bool = False
    """Requests may change the settings below for themselves, by a header."""
    steer_header: str = STEER_HEADER
    """Name of that header: one of its own lets a client steer each of several providers behind one address."""

    words: int = _setting(40, _count, "Words in an answer; its last sentence is finished.")
    characters: int | None = _setting(None, _count, "Cut or fill the answer to exactly this many characters.")
    text: str | None = _setting(None, str, "Answer with this text.")
    thinking: bool = _setting(False, _switch, "Think before every answer, also when the request does not ask for it.")
    tool_calls: int = _setting(0, _count, "Call this many of the offered tools in answer to every user message.")
    verdict: str = _setting("auto", _verdict, f"What to say of a draft when asked to judge one: {', '.join(VERDICTS)}.")
    chatter: bool = _setting(False, _switch, "Say more than the one word when accepting a draft.")
    first_token_s: float = _setting(0.0, _number, "Seconds before the first token; the opening events are not held back.")
    tokens_per_s: float = _setting(0.0, _number, "Pace of the answer; 0 is as fast as possible.")

    fail_every: int = _setting(1, _positive, "Let the faults below strike only each Nth request.")
    fail_status: int | None = _setting(None, _status, "Answer with this error status.", fault=True)
    retry_after_s: int | None = _setting(None, _count, "Value of the retry-after header of that error.", fault=True)
    refuse: tuple[str, ...] = _setting((), _features, f"Refuse requests with these features, by a 400: {', '.join(FEATURES)}.", fault=True)
    reset: bool = _setting(False, _switch, "Reset the connection instead of answering.", fault=True)
    hang: bool = _setting(False, _switch, "Never answer.", fault=True)
    headers_s: float = _setting(0.0, _number, "Seconds before the response headers.", fault=True)
    cut: int | None = _setting(None, _count, "Reset the connection after this many events.", fault=True)
    stall: int | None = _setting(None, _count, "Send nothing more after this many events.", fault=True)
    pause: int | None = _setting(None, _count, "Send nothing for a while after this many events, then go on.", fault=True)
    pause_s: float = _setting(1.0, _number, "Seconds of that pause.", fault=True)
    end: int | None = _setting(None, _count, "End the stream properly, but after this many events.", fault=True)
    error: int | None = _setting(None, _count, "Send an error event after this many events, and end.", fault=True)
    malformed: bool = _setting(False, _switch, "Break the JSON of one event in the middle, or of the whole body.", fault=True)
    empty: bool = _setting(False, _switch, "Answer with no content.", fault=True)
    repeat: bool = _setting(False, _switch, "Answer with one sentence over and over.", fault=True)
    invalid_arguments: bool = _setting(False, _switch, "Give tool calls arguments that their schema forbids.", fault=True)

    def __post_init__(self) -> None:
        if unknown := set(self.refuse) - set(FEATURES):
            raise ValueError(f"refuse: unknown feature {min(unknown)!r}, expected some of {', '.join(FEATURES)}")
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict: expected {', '.join(VERDICTS)}")
        if self.fail_every < 1:
            raise ValueError("fail_every: expected a whole number from 1 on")

    def at(self, number: int) -> Profile:
        """What it is like for the request of this number (counted from 1): without its faults, unless it is an Nth one."""
        return self if number % self.fail_every == 0 else replace(self, **_HEALTHY)

    def steered(self, items: str) -> Profile:
        """The same with the items of a steering header, as in `status=503; retry-after-s=2`. ValueError with the reason."""
        changes: dict[str, Any] = {}
        for item in filter(None, map(str.strip, items.split(";"))):
            word, _, value = item.partition("=")
            name = _NAMES.get(word.strip())
            if name is None:
                raise ValueError(f"{word.strip()}: unknown setting")
            try:
                changes[name] = SETTINGS[name].metadata["read"](value.strip())
            except ValueError as error:
                raise ValueError(f"{word.strip()}: {error}") from None
        return replace(self, **changes)


SETTINGS: Mapping[str, Field[Any]] = {one.name: one for one in fields(Profile) if "read" in one.metadata}
"""The fields that are settings. Their metadata: `read` (from text; ValueError), `says` (one line of help), `fault` (bool)."""

_HEALTHY: Mapping[str, Any] = {name: setting.default for name, setting in SETTINGS.items() if setting.metadata["fault"]}


def word_of(name: str) -> str:
    """What a setting is called in the header: as its flag, without the `fail-` of the two flags that need it."""
    return name.removeprefix("fail_").replace("_", "-")


_NAMES = {word_of(name): name for name in SETTINGS}
