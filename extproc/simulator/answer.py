"""What a provider answers, before it is put into the words of a dialect. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import cycle, islice
from typing import Any

import msgspec

from extproc.simulator import judge
from extproc.simulator import text as wording
from extproc.simulator.ask import Ask, RefusedError, Tool, read_json
from extproc.simulator.profile import Profile
from extproc.simulator.sample import sample, spoil
from extproc.simulator.tokens import InputTokens, cut, estimate_text

_THOUGHT_SHARE = 3
"""A thought has a third of the answer's words."""

_LOOP_WORDS = 400


class Stop(Enum):
    """Why an answer ends."""

    END = "end"
    LENGTH = "length"
    SEQUENCE = "sequence"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    name: str
    arguments: str
    """JSON; free text of a custom tool's."""
    custom: bool = False
    """Responses: the tool takes free text."""
    namespace: str = ""
    """Responses: the group of tools that it belongs to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an answer says."""

    thought: str = ""
    text: str = ""
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer: thought, text and calls come in this order."""

    seed: int
    """What its identifiers are made from."""
    created_s: int
    """Unix time."""
    thought: str
    text: str
    calls: tuple[Call, ...]
    stop: Stop
    stop_sequence: str | None
    input: InputTokens
    output_tokens: int
    """All that was written, the thought included; at least 1."""
    thought_tokens: int


def compose(ask: Ask, profile: Profile, created_s: int, content: Content | None = None) -> Answer:
    """Answer a request, by the profile where no content is given. RefusedError where a schema in it is none."""
    content = content or (Content() if profile.empty else _content(ask, profile))
    thought, text, calls = content.thought, content.text, content.calls
    stop, sequence = Stop.CALLS if calls else Stop.END, None
    if (found := _first(text, ask.stop)) is not None:
        text, stop, calls, sequence = text[: text.index(found)], Stop.SEQUENCE, (), found
    called = sum(estimate_text(call.name) + estimate_text(call.arguments) for call in calls)
    if ask.max_tokens is not None and estimate_text(thought) + estimate_text(text) + called > ask.max_tokens:
        thought = cut(thought, ask.max_tokens)
        text = cut(text, ask.max_tokens - estimate_text(thought))
        stop, calls, called, sequence = Stop.LENGTH, (), 0, None
    thought_tokens = estimate_text(thought)
    return Answer(
        seed=ask.seed,
        created_s=created_s,
        thought=thought,
        text=text,
        calls=calls,
        stop=stop,
        stop_sequence=sequence,
        input=ask.input,
        output_tokens=max(1, thought_tokens + estimate_text(text) + called),
        thought_tokens=thought_tokens,
    )


def _content(ask: Ask, profile: Profile) -> Content:
    """What the profile says. A judge whom the request leaves no room for the accept word cannot accept, like any real model."""
    draft = judge.draft_in(ask.prompt)
    if draft is not None and not ask.must_call and ask.schema is None and judge.accepts(draft, profile.verdict):
        return Content(thought=_thought(ask, profile), text=judge.acceptance(chatter=profile.chatter))
    calls = _calls(ask, profile, draft)
    return Content(thought=_thought(ask, profile), text=_text(ask, profile, calls, draft), calls=calls)


def _thought(ask: Ask, profile: Profile) -> str:
    if not (ask.thinking or profile.thinking):
        return ""
    return wording.thought(ask.prompt, profile.words // _THOUGHT_SHARE)


def _text(ask: Ask, profile: Profile, calls: Sequence[Call], draft: str | None) -> str:
    if profile.repeat:
        text = wording.loop(ask.prompt, max(profile.words, _LOOP_WORDS))
    elif profile.text is not None:
        text = profile.text
    elif calls:
        text = f"{ask.model} calls {', '.join(call.name for call in calls)}."
    elif ask.schema is not None:
        text = _encode(_sample(ask.schema, "answer"))
    elif draft is not None:
        text = wording.improved(ask.model, draft, profile.words)
    else:
        text = wording.answer(ask.model, ask.prompt, profile.words)
    if profile.characters is None:
        return text
    return ((text or "x") * -(-profile.characters // max(1, len(text))))[: profile.characters]


def _calls(ask: Ask, profile: Profile, draft: str | None) -> tuple[Call, ...]:
    tools = _called(ask, profile, draft)
    return tuple(_call(tool, spoiled=profile.invalid_arguments) for tool in tools[: None if ask.parallel else 1])


def _called(ask: Ask, profile: Profile, draft: str | None) -> Sequence[Tool]:
    """The tools to call: as many as the profile says, or those that the prompt names (or a judged draft calls), or one if it must."""
    if not ask.tools:
        return ()
    if profile.tool_calls and not ask.after_tool:
        return list(islice(cycle(ask.tools), profile.tool_calls))
    named: Sequence[Tool] = ()
    if draft is not None:
        named = [tool for tool in ask.tools if tool.name in judge.called(draft)]
    elif not ask.after_tool:
        named = _named(ask.tools, ask.prompt)
    return named or (ask.tools[:1] if ask.must_call else ())


def _named(tools: Sequence[Tool], prompt: str) -> Sequence[Tool]:
    """The tools whose names stand in a prompt: as they are, or with spaces (`get weather`), in upper or lower case."""
    said = f" {_plain(prompt)} "
    return [tool for tool in tools if f" {_plain(tool.name)} " in said]


def _plain(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in text.lower()).split())


def _call(tool: Tool, *, spoiled: bool) -> Call:
    arguments = _sample(tool.schema, tool.name)
    arguments = arguments if isinstance(arguments, dict) else {}
    return Call(tool.name, _encode(spoil(arguments) if spoiled else arguments))


def _sample(schema: bytes, name: str) -> Any:
    try:
        return sample(read_json(schema, object), name)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, RecursionError):
        raise RefusedError(400, f"{name}: JSON schema is invalid", param=name) from None


def _encode(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _first(text: str, sequences: Sequence[str]) -> str | None:
    """The stop sequence that comes first in a text."""
    found = [(text.index(one), one) for one in sequences if one and one in text]
    return min(found)[1] if found else None
