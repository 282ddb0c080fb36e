"""Which kind of turn a request is. In agent traffic this matters more than its words.

An agent's own small requests ("internal") go to the draft model whatever their words score, so what passes for one must be one: the
chore has to open the system prompt or the newest words, and must not merely be mentioned somewhere.
"""

from __future__ import annotations

import re

from extproc.core.vocabulary import Turn, View

_OPENING = r"^[^\w\n<]{0,12}"
_VERB = r"(?:generate|write|create|give|provide|produce|suggest|come up with|extract|answer|reply|respond|return)"
_ALONE = r"\btitles?\b(?!\s*(?:,|&|\+|and\b|plus\b))"
_TOLD = re.compile(
    rf"{_OPENING}(?:your task is to )?{_VERB}\b[^.\n]{{0,70}}?{_ALONE}"
    rf"|{_OPENING}you (?:are an? |only |will )?[^.,\n]{{0,30}}{_ALONE}"
    rf"|{_OPENING}[^.\n]{{0,60}}\bnew (?:conversation )?topic\b[^\n]{{0,80}}\btitle\b"
    rf"|{_OPENING}predict what the user\b",
    re.MULTILINE,
)
"""Chores by which a system prompt opens; its first lines may be something else, such as an agent's attribution."""
_LISTS_PATHS = re.compile(rf"{_OPENING}(?:extract|list)\b[^.\n]{{0,40}}\bfile ?paths?\b", re.MULTILINE)
_TALK = r"(?:conversation|session|chat|thread|dialogue|discussion)\b"
_ASKED = re.compile(
    rf"^\W{{0,12}}(?:task:\s*)?(?:please )?(?P<title>{_VERB}\b(?:[^.\n]{{0,80}}?{_ALONE}[^\n]{{0,100}}\b{_TALK}"
    rf"|[^.\n]{{0,40}}\b{_TALK}[^.\n]{{0,40}}{_ALONE}))"
    r"|^<policy_spec>"
    r"|^\[?suggestion mode\b"
    r"|^\W{0,4}(?:the )?user (?:has )?(?:stepped|gone|went|was) away\b[^\0]{0,200}\b(?:stands?|recap|sentences?|words|brief)\b"
)
"""Chores by which the newest words open. Titles are asked of people, too, so there it must be a conversation's."""
_MODES = ("<policy_spec>", "suggestion mode", "[suggestion mode")
_PROGRAM = re.compile(
    r"\b(?:functions?|quer(?:y|ies)|scripts?|code|program|class|method|page|html|sql|regex|parser|tests?|table|model|api)\b"
)
_SYSTEM = 400
_WORDS = 400
"""Characters at the beginning of the system prompt and of the newest words that are looked at."""
_PROBE_TOKENS = 1
_PROBE_BYTES = 200
_PROBE_WORDS = 16
_CHORE_BYTES = 60_000
"""A chore on a longer conversation than this is no small request any more."""
# By names of their own: on Python 3.11, to look a member up in its class costs as much as a call.
_INTERNAL, _TOOL_CONTINUATION, _FRESH_USER, _CHAT = Turn


def turn_of(view: View) -> Turn:
    """Name the kind of turn."""
    if _internal(view):
        return _INTERNAL
    if view.ends_with_tool_result:
        return _TOOL_CONTINUATION
    return _FRESH_USER if view.tools else _CHAT


def _internal(view: View) -> bool:
    if view.server_state or view.ends_with_tool_result or view.conversation_bytes > _CHORE_BYTES:
        return False
    if view.max_output_tokens == _PROBE_TOKENS and view.conversation_bytes <= _PROBE_BYTES and not view.system_text:
        return len(view.last_user_text) <= _PROBE_WORDS  # a quota probe: one token is all it wants
    # With tools on offer only the newest words count: the system prompt is then an agent's, for all its turns.
    told = "" if view.tools else view.system_text[:_SYSTEM].lower()
    said = view.last_user_text[:_WORDS].lower()
    return _tells_chore(told, said) or _asks_chore(said)


# The patterns are dear to search for; without some words they cannot match.


def _tells_chore(told: str, said: str) -> bool:
    if ("title" in told or "predict" in told) and _TOLD.search(told):
        return True
    return said.startswith("command:") and _LISTS_PATHS.search(told) is not None


def _asks_chore(said: str) -> bool:
    if not ("title" in said or "away" in said or said.startswith(_MODES)):
        return False
    asked = _ASKED.search(said)
    return asked is not None and not _PROGRAM.search(asked["title"] or "")
