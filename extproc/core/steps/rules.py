"""The rules: each a name, a weight and a reason. When and how strongly they apply is told in `steps.strengths`.

How to choose a weight: `BASE` alone must stay below `skip_below`, one strong sign of difficulty must lift a request out of the
draft's reach, and it takes several to send it past the cascade.
"""

from __future__ import annotations

from dataclasses import dataclass

BASE = 0.2
"""Score of a request that no rule says anything about."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason. `weight` is added to the score, times the strength with which the rule applies."""

    name: str
    weight: float
    reason: str


RULES: tuple[Rule, ...] = (
    # What overrules the words.
    Rule("server_held", 1.0, "the conversation lives at the provider; only the model that answered can go on"),
    Rule("summary_of_history", 1.0, "a summary of a whole history: cheap to ask, dear to get wrong"),
    Rule("calls_without_tools", 1.0, "tool calls in the history but no tools offered: an agent's own chore on its whole history"),
    Rule("text_protocol", 0.25, "a program acts on the answer, by a protocol told in the system prompt"),
    # How much there is.
    Rule("short_request", -0.05, "few words seldom ask for much"),
    Rule("long_request", 0.3, "a long instruction has much to get wrong"),
    Rule("long_conversation", 0.3, "small models lose the thread"),
    Rule("many_messages", 0.1, "the answer hangs on what was said before"),
    # What is asked for, in words.
    Rule("keyword_design", 0.3, "design weighs many things at once"),
    Rule("keyword_debug", 0.3, "finding a cause takes reasoning backwards"),
    Rule("keyword_prove", 0.35, "one wrong step spoils a proof"),
    Rule("keyword_optimise", 0.2, "needs a model of what is slow"),
    Rule("keyword_security", 0.25, "what is overlooked does harm"),
    Rule("keyword_concurrency", 0.3, "interleavings are hard for every model"),
    Rule("keyword_refactor", 0.25, "changes that must not change behaviour"),
    Rule("keyword_implement", 0.2, "code is run, so mistakes show"),
    Rule("keyword_analyse", 0.2, "judgement over several things"),
    Rule("keyword_plan", 0.15, "steps that build on each other"),
    Rule("keyword_stakes", 0.35, "wrong advice on health, law or money does harm"),
    Rule("explanation", 0.1, "an explanation can be subtly wrong"),
    Rule("long_output", 0.2, "a long answer was asked for"),
    Rule("many_constraints", 0.3, "small models drop conditions"),
    Rule("many_questions", 0.1, "several questions at once"),
    # The opposites, which count in short requests only.
    Rule("greeting", -0.2, "small talk"),
    Rule("lookup", -0.1, "one fact"),
    Rule("simple_edit", -0.1, "a change of form"),
    Rule("simple_list", -0.05, "an enumeration"),
    Rule("short_answer", -0.1, "a short answer was asked for"),
    # What the words bring along.
    Rule("code", 0.2, "code to be read or written"),
    Rule("stack_trace", 0.25, "an error to be explained"),
    Rule("diff", 0.2, "a change to be judged"),
    Rule("maths", 0.25, "formulas"),
    Rule("word_problem", 0.3, "a sum told in words: the weak spot of small models"),
    Rule("images", 0.2, "not every draft model sees well"),
    Rule("documents", 0.2, "a document to be read"),
    # How it is to be answered.
    Rule("thinking", 0.4, "the client asks for thinking, by its effort"),
    Rule("json_schema", 0.1, "the form of the answer must be exact"),
    Rule("prefill", 0.1, "the answer's beginning is given, which some providers refuse"),
    Rule("stop_sequences", 0.05, "a program reads the answer"),
    # Signs of trouble.
    Rule("tool_errors", 0.3, "tools failed lately"),
    Rule("dissatisfied", 0.35, "the last answer was not good enough"),
    Rule("repeated", 0.3, "the same was asked before"),
    # What cannot be judged by English words.
    Rule("not_english", 0.2, "no keyword could have matched"),
    Rule("nothing_to_judge", 0.2, "no words of the user's among the newest messages"),
)
