"""The checks on a draft: each a named reason, and a function that says whether an answer passes.

One table, `CHECKS`, holds all names and reasons. A check fails only where the answer is certainly not what the client asked for: what
cannot be judged passes, because a false alarm pays for a second answer and wins nothing. None of them raises, whatever the client or
the model wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from extproc.core.answers import Answer, Demands, Part, Stop, ToolSpec
from extproc.core.steps.checks.refusal import refuses
from extproc.core.steps.checks.repetition import loops
from extproc.core.steps.checks.schemas import follows, parsed

_SIGN_OF_LIFE = 16
"""Tokens. A client that allows no more wants to know that a model is there, or a word; the end of a sentence is not expected."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged, and what it is held against."""

    answer: Answer
    demands: Demands
    attached: bool
    """The request carries an image or a document."""


@dataclass(frozen=True, slots=True)
class Check:
    """One reason why the verify model should answer instead."""

    name: str
    reason: str
    passes: Callable[[Case], bool]


def check(answer: Answer, demands: Demands, switched_off: frozenset[str] = frozenset(), *, attached: bool = False) -> tuple[str, ...]:
    """Judge a draft.

    Args:
        answer: all that came of it.
        demands: what the client asked of any answer.
        switched_off: names of checks that are not to be made.
        attached: the request carries an image or a document.

    Returns:
        The names of the checks that failed, in the order of the table; none: the draft may go to the client.
    """
    case = Case(answer, demands, attached)
    return tuple([one.name for one in CHECKS if one.name not in switched_off and not one.passes(case)])


def _finished(case: Case) -> bool:
    """Whole, and by the model's own will. A refusal is an end, too; it has its own check."""
    if case.answer.stop is Stop.LENGTH:
        return case.answer.whole and 0 < (case.demands.max_tokens or 0) <= _SIGN_OF_LIFE
    return case.answer.whole and case.answer.stop is not Stop.OTHER


def _not_empty(case: Case) -> bool:
    """Text or a call. Thinking is for the model itself."""
    return bool(case.answer.calls) or any(text.strip() for text in _texts(case))


def _valid_json(case: Case) -> bool:
    """All of the text is JSON where JSON is asked for: what models like to put around it breaks the client's parser.

    A call is not the structured output yet; that comes when the call's result is there.
    """
    asked = case.demands.json or case.demands.schema is not None
    return not asked or bool(case.answer.calls) or _is_json(case.answer.text)


def _matches_schema(case: Case) -> bool:
    """The text follows the client's schema; beside a call as in `_valid_json`."""
    return case.demands.schema is None or bool(case.answer.calls) or follows(case.demands.schema, case.answer.text)


def _known_tool(case: Case) -> bool:
    """Every call is of a tool that was offered; where calls are forbidden, none is."""
    offered = {tool.name for tool in case.demands.tools} if case.demands.may_call else set()
    return offered.issuperset([call.name for call in case.answer.calls])


def _valid_arguments(case: Case) -> bool:
    """Arguments are a JSON object that follows the tool's schema; nothing at all is how some models write an empty one.

    A custom tool takes any text, and of an unknown tool nothing is known.
    """
    tools = {tool.name: tool for tool in case.demands.tools if not tool.custom}
    return all(_fits(tools[call.name], call.text.strip() or "{}") for call in case.answer.calls if call.name in tools)


def _fits(tool: ToolSpec, arguments: str) -> bool:
    return _is_json(arguments, dict) and (tool.schema is None or follows(tool.schema, arguments))


def _obeys_tool_choice(case: Case) -> bool:
    """As many calls as the client wants: none, one at most, one at least, or one of a certain tool."""
    demands, names = case.demands, [call.name for call in case.answer.calls]
    if (demands.must_call and not names) or (demands.must_call_tool and demands.must_call_tool not in names):
        return False
    return not names or (demands.may_call and (demands.parallel or len(names) == 1))


def _no_repetition(case: Case) -> bool:
    """The text does not end in a loop. What stands in a call may repeat itself: it is data."""
    return not loops(case.answer.text)


def _no_refusal(case: Case) -> bool:
    """Neither the provider nor the model declines. A model that calls a tool goes on, whatever it says."""
    if case.answer.stop is Stop.REFUSAL:
        return False
    return bool(case.answer.calls) or not refuses(case.answer.text, attached=case.attached)


def _obeys_stop(case: Case) -> bool:
    """No stop sequence stands in the text: providers that know fewer of them than the client gave write on."""
    return not any(stop and stop in text for stop in case.demands.stop for text in _texts(case))


def _texts(case: Case) -> list[str]:
    return [block.text for block in case.answer.blocks if block.part is Part.TEXT]


def _is_json(text: str, kind: type = object) -> bool:
    try:
        return isinstance(parsed(text), kind)
    except ValueError:
        return False


CHECKS: tuple[Check, ...] = (
    Check("finished", "half an answer reads like a whole one", _finished),
    Check("not_empty", "nothing, or thoughts alone, answer nothing", _not_empty),
    Check("valid_json", "a program reads the answer, and asked for JSON", _valid_json),
    Check("matches_schema", "a program reads the answer, and told its form by a schema", _matches_schema),
    Check("known_tool", "the client cannot run a tool that it did not offer", _known_tool),
    Check("valid_arguments", "a call that does not fit the tool's schema fails, or does something else", _valid_arguments),
    Check("obeys_tool_choice", "the client said whether, which and how many tools are to be called", _obeys_tool_choice),
    Check("no_repetition", "a model in a loop has lost the thread", _no_repetition),
    Check("no_refusal", "what one model will not or cannot do, the other may", _no_refusal),
    Check("obeys_stop", "what stands behind a stop sequence was never to be written", _obeys_stop),
)
