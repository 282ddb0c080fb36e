"""The rules: each a named reason with a weight, and a function that says how strongly it applies, from 0 to 1.

One table, `RULES`, holds all names, weights and reasons; the functions below it look at a `Reading`, which is a view of the request
and what was found in its newest words. How to choose a weight: `BASE` alone must stay below `skip_below`, one strong sign of
difficulty must lift a request out of the draft's reach, and it takes several to send it past the cascade.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import log

import msgspec

from extproc.core.steps.words import CONSTRAINTS
from extproc.core.vocabulary import Effort, View

BASE = 0.2
"""Score of a request that no rule says anything about."""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A view, and what its newest words hold."""

    view: View
    text: str
    """The newest user text as it came."""
    instruction: str
    """The same in lower case, code blocks left out, its beginning and its end."""
    words: set[str]
    """Its distinct words."""
    families: set[str]
    """Families of words and phrases found in the instruction, and rules whose signs were found in the text."""
    english: bool
    """Whether the words could be understood at all."""


Strength = Callable[[Reading], float]


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason. `weight` is added to the score, times the strength."""

    name: str
    weight: float
    reason: str
    strength: Strength
    family: bool = False
    """It is only asked when words, phrases or signs of the family of its name were found."""
    flag: str = ""
    """It is only asked when this field of the view is true or not 0."""


def _always(_: Reading) -> float:
    return 1.0


def _easy(longest: int) -> Strength:
    """A word of ease counts only in a short request, for in a long one it says nothing about the rest; and only where it is English."""
    return lambda reading: float(reading.english and len(reading.text) <= longest and not _material(reading))


def _easy_form(longest: int) -> Strength:
    """The same for words that mean something else beside code: a linked list, a sort, a format."""
    easy = _easy(longest)
    return lambda reading: 0.0 if "keyword_implement" in reading.families else easy(reading)


def _material(reading: Reading) -> bool:
    return bool("code" in reading.families or reading.view.images or reading.view.documents)


def _between(low: float, high: float, value: float) -> float:
    """0 at `low`, 1 at `high`, by orders of magnitude between."""
    return 0.0 if value <= low else min(1.0, log(value / low) / log(high / low))


_SIGNS = (
    ("`", re.compile("(?P<code>```)")),
    (
        "\n",
        re.compile(
            r"\n(?:(?P<code>def |class |import |from typing|#include|fn |func |function |const |SELECT )"
            r"|(?P<stack_trace>    at |\tat )|(?P<diff>diff --git |@@ -|\+\+\+ ))"
        ),
    ),
    (":", re.compile("(?P<stack_trace>panic: )")),
    ("(", re.compile(r"(?P<stack_trace>Traceback \(most recent)")),
    ("E", re.compile(r"E(?P<stack_trace>rror: |xception: |xception in thread)")),
    ("\\", re.compile(r"\\(?P<maths>frac|sum|int|sqrt|begin\{)")),
    ("^", re.compile(r"\^(?P<maths>[2n])")),
)
"""Character sequences of which a rule's one is enough, in groups that share a character: where it is absent, none is searched for.

Patterns begin with a literal character where they can, for which a search is as fast as for this one character.
"""
_MATHS = "²∑∫√∂∞≤≥∀∃"


def signs_of(text: str) -> set[str]:
    """Name the rules of whose signs one stands in a text."""
    text = f"\n{text}"  # every line begins behind one
    found = {match.lastgroup or "" for shared, pattern in _SIGNS if shared in text for match in pattern.finditer(text)}
    if not text.isascii() and any(sign in text for sign in _MATHS):
        found.add("maths")
    return found


_NUMBER = re.compile(r"(?<![\w.])(?!(?:1[5-9]|20)\d\d\b)\.?\d[\d,.]*")
"""A number in the running text. What looks like a year tells of history more often than of a sum."""
_NUMBER_WORDS = frozenset(
    [
        "half",
        "third",
        "quarter",
        "twice",
        "thrice",
        "double",
        "triple",
        "dozen",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "fifteen",
        "twenty",
        "thirty",
        "forty",
        "fifty",
        "sixty",
        "hundred",
        "thousand",
        "million",
        "percent",
    ]
)
_SUMMARISED = ("conversation", "history", "session", "so far", "above", "handoff", "context", "transcript")


def _word_problem(reading: Reading) -> float:
    asks_number = "asks_number" in reading.families
    if not (asks_number or "asks_value" in reading.families or "?" in reading.instruction) or "code" in reading.families:
        return 0.0
    numbers = len(_NUMBER.findall(reading.instruction)) + len(reading.words & _NUMBER_WORDS)
    return float(numbers >= (2 if asks_number else 3))


def _constraints(reading: Reading) -> float:
    asked, told = len(reading.words & CONSTRAINTS), reading.instruction
    if "\n" in told:
        asked += told.count("\n- ") + told.count("\n* ") + told.count("\n1.") * 2
    return _between(1, 6, asked)


_PROTOCOL = (
    *("command", "shell", "bash", "terminal", "tool", "action", "observation", "execut"),
    *("edit", "file", "repositor", "codebase", "search/replace", "output", "one at a time", "```"),
)


def _text_protocol(reading: Reading) -> float:
    """An agent that offers no tools but tells in its system prompt how commands or edits are to be written."""
    view = reading.view
    return float(not view.tools and len(view.system_text) >= 300 and _tells_protocol(view.system_text))


@lru_cache(maxsize=64)  # a client sends the same one again and again, and it is cut to `dialects.base.TEXT`
def _tells_protocol(system: str) -> bool:
    system = system.lower()
    return sum([sign in system for sign in _PROTOCOL]) >= 6


def _repeats(reading: Reading) -> float:
    text = reading.text[:60].strip().lower()
    return float(len(text) > 12 and any(text == earlier[:60].strip().lower() for earlier in reading.view.earlier_user_texts))


def _summary_of_history(reading: Reading) -> float:
    """An agent's compaction: it looks like a small chat, and everything that follows is built upon it."""
    view = reading.view
    if view.ends_with_tool_result or not (view.conversation_bytes > 6_000 or view.messages > 6):
        return 0.0
    for text in (reading.instruction[:800], view.system_text[:400].lower()):
        if ("summar" in text or "compact" in text) and any(word in text for word in _SUMMARISED):
            return 1.0
    return 0.0


_EFFORTS = {Effort.NONE: 0.0, Effort.LOW: 0.25, Effort.MEDIUM: 0.6, Effort.HIGH: 1.0}


RULES: tuple[Rule, ...] = (
    # What overrules the words.
    Rule(
        "server_held",
        1.0,
        "the conversation lives at the provider; only the model that answered can go on",
        _always,
        flag="server_state",
    ),
    Rule("summary_of_history", 1.0, "a summary of a whole history: cheap to ask, dear to get wrong", _summary_of_history),
    Rule(
        "calls_without_tools",
        1.0,
        "tool calls in the history but no tools offered: an agent's own chore on its whole history",
        lambda r: float(not r.view.tools),
        flag="calls_in_history",
    ),
    Rule(
        "text_protocol", 0.25, "a program acts on the answer, by a protocol told in the system prompt", _text_protocol, flag="system_text"
    ),
    # How much there is.
    Rule("short_request", -0.05, "few words seldom ask for much", lambda r: float(0 < len(r.text) <= 120)),
    Rule("long_request", 0.3, "a long instruction has much to get wrong", lambda r: _between(600, 8_000, len(r.text))),
    Rule("long_conversation", 0.3, "small models lose the thread", lambda r: _between(6_000, 150_000, r.view.conversation_bytes)),
    Rule("many_messages", 0.1, "the answer hangs on what was said before", lambda r: _between(6, 40, r.view.messages)),
    # What is asked for, in words.
    Rule("keyword_design", 0.3, "design weighs many things at once", _always, family=True),
    Rule("keyword_debug", 0.3, "finding a cause takes reasoning backwards", _always, family=True),
    Rule("keyword_prove", 0.35, "one wrong step spoils a proof", _always, family=True),
    Rule("keyword_optimise", 0.2, "needs a model of what is slow", _always, family=True),
    Rule("keyword_security", 0.25, "what is overlooked does harm", _always, family=True),
    Rule("keyword_concurrency", 0.3, "interleavings are hard for every model", _always, family=True),
    Rule("keyword_refactor", 0.25, "changes that must not change behaviour", _always, family=True),
    Rule("keyword_implement", 0.2, "code is run, so mistakes show", _always, family=True),
    Rule("keyword_analyse", 0.2, "judgement over several things", _always, family=True),
    Rule("keyword_plan", 0.15, "steps that build on each other", _always, family=True),
    Rule("keyword_stakes", 0.35, "wrong advice on health, law or money does harm", _always, family=True),
    Rule("explanation", 0.1, "an explanation can be subtly wrong", _always, family=True),
    Rule("long_output", 0.2, "a long answer was asked for", _always, family=True),
    Rule("many_constraints", 0.3, "small models drop conditions", _constraints),
    Rule("many_questions", 0.1, "several questions at once", lambda r: float(r.instruction.count("?") >= 3)),
    # The opposites, which count in short requests only.
    Rule("greeting", -0.2, "small talk", _easy(60), family=True),
    Rule("lookup", -0.1, "one fact", _easy(160), family=True),
    Rule("simple_edit", -0.1, "a change of form", _easy_form(400), family=True),
    Rule("simple_list", -0.05, "an enumeration", _easy_form(200), family=True),
    Rule("short_answer", -0.1, "a short answer was asked for", _easy(400), family=True),
    # What the words bring along.
    Rule("code", 0.2, "code to be read or written", _always, family=True),
    Rule("stack_trace", 0.25, "an error to be explained", _always, family=True),
    Rule("diff", 0.2, "a change to be judged", _always, family=True),
    Rule("maths", 0.25, "formulas", _always, family=True),
    Rule("word_problem", 0.3, "a sum told in words: the weak spot of small models", _word_problem),
    Rule("images", 0.2, "not every draft model sees well", _always, flag="images"),
    Rule("documents", 0.2, "a document to be read", _always, flag="documents"),
    # How it is to be answered.
    Rule("thinking", 0.4, "the client asks for thinking, by its effort", lambda r: _EFFORTS[r.view.effort]),
    Rule("json_schema", 0.1, "the form of the answer must be exact", _always, flag="json_schema"),
    Rule("prefill", 0.1, "the answer's beginning is given, which some providers refuse", _always, flag="prefill"),
    Rule("stop_sequences", 0.05, "a program reads the answer", _always, flag="stop_sequences"),
    # Signs of trouble.
    Rule("tool_errors", 0.3, "tools failed lately", lambda r: min(1.0, r.view.tool_errors / 2), flag="tool_errors"),
    Rule("dissatisfied", 0.35, "the last answer was not good enough", lambda r: float(r.view.messages > 2), family=True),
    Rule("repeated", 0.3, "the same was asked before", _repeats, flag="earlier_user_texts"),
    # What cannot be judged by English words.
    Rule("not_english", 0.2, "no keyword could have matched", lambda r: float(not r.english and "code" not in r.families)),
    Rule("nothing_to_judge", 0.2, "no words of the user's among the newest messages", lambda r: float(not r.text.strip())),
)
