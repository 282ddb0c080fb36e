"""Which kind of turn a request is. In agent traffic this matters more than its words."""

from __future__ import annotations

import re

from extproc.core.vocabulary import Turn, View

_CHORES = re.compile(
    r"\b(?:generate|write|create|give|come up with|answer with|reply with|return)\b[^.\n]{0,60}\btitle\b"
    r"|\btitles?\b[^.\n]{0,60}\b(?:conversation|session|chat|thread)s?\b"
    r"|\b(?:new|current) topic\b[^.\n]{0,80}\btitle\b"
    r"|<policy_spec>|\bcommand prefix\b"
    r"|\b(?:extract|list)\b[^.\n]{0,40}\bfile ?paths?\b"
    r"|\bsuggestion mode\b|\bpredict what the user\b"
    r"|\buser (?:stepped|was|is|went) away\b|\bwhile you were away\b"
)
"""Small requests that agents make on their own account, by what other proxies and the agents' own prompts show."""
_HINTS = ("title", "policy_spec", "prefix", "path", "suggestion", "predict", "away")
_PROBE_TOKENS = 1
_PROBE_BYTES = 400
_CHORE_BYTES = 60_000
"""A chore on a longer conversation than this is no small request any more."""


def turn_of(view: View) -> Turn:
    """Name the kind of turn."""
    if _internal(view):
        return Turn.INTERNAL
    if view.ends_with_tool_result:
        return Turn.TOOL_CONTINUATION
    return Turn.FRESH_USER if view.tools else Turn.CHAT


def _internal(view: View) -> bool:
    if view.server_state or view.ends_with_tool_result:
        return False
    if view.max_output_tokens == _PROBE_TOKENS and view.conversation_bytes <= _PROBE_BYTES:
        return True  # a quota probe: one token is all it wants
    if view.conversation_bytes > _CHORE_BYTES:
        return False
    # With tools on offer only the newest words count: an agent's long system prompt may mention anything.
    told = view.last_user_text[:600] if view.tools else f"{view.system_text[:1200]}\n{view.last_user_text[:600]}"
    told = told.lower()
    # The pattern is dear to search for; without one of these it cannot match.
    return any(hint in told for hint in _HINTS) and _CHORES.search(told) is not None
