"""A view of a request → the rules that apply to it, and how strongly each does, from 0 to 1.

Most rules apply to few requests, so what is asked first is cheap: a number, a flag, a character, a word in a set.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import log

import msgspec

from extproc.core.steps.words import CONSTRAINTS, EASY, HARD, SIGNS
from extproc.core.vocabulary import Effort, View


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A view, and what its newest words hold."""

    view: View
    text: str
    """The newest user text as it came."""
    instruction: str
    """The same in lower case, code blocks left out, its beginning and its end."""
    words: set[str]
    """Its distinct words."""
    found: set[str]
    """Families of words and phrases found in the instruction, and rules whose signs were found in the text."""
    english: bool
    """Whether the words could be understood at all."""


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


_HALVES = {"asks_number", "asks_value", "dissatisfied"}
"""Families that are no reason alone."""
_REASONS = {*HARD, *SIGNS, "code", "stack_trace", "diff", "maths"} - _HALVES
"""Families and signs that are a rule by themselves."""
_EASE = {"greeting": 60, "lookup": 160, "simple_edit": 400, "simple_list": 200, "short_answer": 400}
"""Families of ease, and the most characters of a request in which they count: in a long one they say nothing about the rest."""
_FORMS = {"simple_edit", "simple_list"}
"""Those that mean something else beside code: a linked list, a sort, a format."""
_EFFORTS = {Effort.LOW: 0.25, Effort.MEDIUM: 0.6, Effort.HIGH: 1.0}


def strengths_of(reading: Reading) -> dict[str, float]:
    """Give the rules that apply with their strengths, all above 0."""
    told = dict.fromkeys(reading.found & _REASONS, 1.0)
    _size(reading, told)
    _words(reading, told)
    _form(reading.view, told)
    _history(reading, told)
    return told


def _size(reading: Reading, told: dict[str, float]) -> None:
    view, size = reading.view, len(reading.text)
    if size > 600:
        told["long_request"] = _between(600, 8_000, size)
    elif 0 < size <= 120:
        told["short_request"] = 1.0
    if not size or reading.text.isspace():
        told["nothing_to_judge"] = 1.0
    if view.conversation_bytes > 6_000:
        told["long_conversation"] = _between(6_000, 150_000, view.conversation_bytes)
    if view.messages > 6:
        told["many_messages"] = _between(6, 40, view.messages)


def _words(reading: Reading, told: dict[str, float]) -> None:
    found, instruction = reading.found, reading.instruction
    if not reading.english:
        if "code" not in found:
            told["not_english"] = 1.0
    elif eased := found & EASY.keys():
        _ease(eased, reading, told)
    asked, questions = len(reading.words & CONSTRAINTS), instruction.count("?")
    if "\n" in instruction:
        asked += instruction.count("\n- ") + instruction.count("\n* ") + instruction.count("\n1.") * 2
    if asked > 1:
        told["many_constraints"] = _between(1, 6, asked)
    if questions > 2:
        told["many_questions"] = 1.0
    if (questions or "asks_number" in found or "asks_value" in found) and "code" not in found and _sum(reading):
        told["word_problem"] = 1.0


def _ease(eased: set[str], reading: Reading, told: dict[str, float]) -> None:
    found, view = reading.found, reading.view
    if not ("code" in found or view.images or view.documents):
        size, beside_code = len(reading.text), "keyword_implement" in found
        told.update({name: 1.0 for name in eased if size <= _EASE[name] and not (beside_code and name in _FORMS)})


def _form(view: View, told: dict[str, float]) -> None:
    """What is given and how it is to be answered."""
    if view.images:
        told["images"] = 1.0
    if view.documents:
        told["documents"] = 1.0
    if view.json_schema:
        told["json_schema"] = 1.0
    if view.prefill:
        told["prefill"] = 1.0
    if view.stop_sequences:
        told["stop_sequences"] = 1.0
    if view.effort in _EFFORTS:
        told["thinking"] = _EFFORTS[view.effort]
    if view.server_state:
        told["server_held"] = 1.0


def _history(reading: Reading, told: dict[str, float]) -> None:
    view = reading.view
    if not view.tools:
        if view.calls_in_history:
            told["calls_without_tools"] = 1.0
        if len(view.system_text) >= 300 and _tells_protocol(view.system_text):
            told["text_protocol"] = 1.0
    if view.tool_errors:
        told["tool_errors"] = min(1.0, view.tool_errors / 2)
    if "dissatisfied" in reading.found and view.messages > 2:
        told["dissatisfied"] = 1.0
    if view.earlier_user_texts and _repeats(reading):
        told["repeated"] = 1.0
    if (view.messages > 6 or view.conversation_bytes > 6_000) and _asks_summary(reading):
        told["summary_of_history"] = 1.0


def _between(low: float, high: float, value: float) -> float:
    """0 at `low`, 1 at `high`, by orders of magnitude between."""
    return min(1.0, log(value / low) / log(high / low))


_NUMBER = re.compile(r"(?<![\w.])(?!(?:1[5-9]|20)\d\d\b)\.?\d[\d,.]*")
"""A number in the running text. What looks like a year tells of history more often than of a sum."""
_NUMBER_WORDS = frozenset(
    "half third quarter twice thrice double triple dozen two three four five six seven eight nine ten eleven twelve fifteen "
    "twenty thirty forty fifty sixty hundred thousand million percent".split()
)


def _sum(reading: Reading) -> bool:
    """Whether there are numbers enough for a sum: two where a number is asked for, else three."""
    numbers = len(_NUMBER.findall(reading.instruction)) + len(reading.words & _NUMBER_WORDS)
    return numbers >= (2 if "asks_number" in reading.found else 3)


_PROTOCOL = (
    *("command", "shell", "bash", "terminal", "tool", "action", "observation", "execut"),
    *("edit", "file", "repositor", "codebase", "search/replace", "output", "one at a time", "```"),
)


@lru_cache(maxsize=64)  # a client sends the same one again and again, and it is cut to `dialects.base.TEXT`
def _tells_protocol(system: str) -> bool:
    """An agent that offers no tools but tells in its system prompt how commands or edits are to be written."""
    system = system.lower()
    return sum([sign in system for sign in _PROTOCOL]) >= 6


def _repeats(reading: Reading) -> bool:
    text = reading.text[:60].strip().lower()
    return len(text) > 12 and any(text == earlier[:60].strip().lower() for earlier in reading.view.earlier_user_texts)


_SUMMARISED = ("conversation", "history", "session", "so far", "above", "handoff", "context", "transcript")


def _asks_summary(reading: Reading) -> bool:
    """An agent's compaction: it looks like a small chat, and everything that follows is built upon it."""
    if reading.view.ends_with_tool_result:
        return False
    for text in (reading.instruction[:800], reading.view.system_text[:400].lower()):
        if ("summar" in text or "compact" in text) and any(word in text for word in _SUMMARISED):
            return True
    return False
