"""From a label to a decision: which plan, which model, under which name. Pure; the policy is given.

The score proposes a plan, the turn kind may overrule it, and what cannot be had (a dialect, a judgement, a provider that just
refused the like) falls back to the verify model. Whatever overrules leaves its rule name in the decision.
"""

from __future__ import annotations

from extproc.core.policy import Policy
from extproc.core.steps.translation import Interpreter
from extproc.core.vocabulary import Decision, Label, Mode, Plan, Request, Role, Turn, View

SHADOWED = "shadow_mode"
"""The rule of a request that nothing but shadow mode keeps from the draft model."""
OFF = "mode_off"
"""The rule of a request that is left alone because the cascade is switched off for it."""
SPENT = "allowance_spent"
"""The rule of a request whose team has nothing left of its daily allowance."""
# By names of their own: on Python 3.11, to look a member up in its class costs as much as a call.
_DRAFT, _CASCADE, _DIRECT, _BYPASS = Plan
_TO_DRAFT, _TO_VERIFY = Role
_INTERNAL, _FRESH_USER = Turn.INTERNAL, Turn.FRESH_USER
_SHADOW = Mode.SHADOW


def plan(
    request: Request, label: Label, policy: Policy, interpreter: Interpreter | None = None, *, draft_blocked: bool = False
) -> Decision:
    """Decide about one request. `draft_blocked`: the draft provider keeps refusing requests of this kind."""
    rules = [fired.name for fired in label.rules]
    speaker = interpreter or Interpreter(request, policy)
    if speaker.spoken(_TO_VERIFY) is None:
        return Decision(_BYPASS, None, request.model, (*rules, "dialect_not_served"), label.score, label.turn)
    wanted = chosen = policy.pinned or _by_turn(label, policy)
    if chosen is _BYPASS and speaker.translates(_TO_VERIFY):
        wanted = chosen = _DIRECT  # nobody behind us would understand it as it is
    if chosen is _BYPASS:
        return Decision(_BYPASS, None, request.model, (*rules, policy.pinned_by), label.score, label.turn)
    if policy.pinned:
        rules.append(policy.pinned_by)
    if wanted is not _DIRECT and (obstacle := _obstacle(request, wanted, policy, speaker, draft_blocked=draft_blocked)):
        chosen = _DIRECT
        rules.append(obstacle)
    if chosen is not _DRAFT and (barrier := speaker.obstacle(_TO_VERIFY)):
        rules.append(f"verify_cannot_{barrier}")
        if not _obstacle(request, _DRAFT, policy, speaker, draft_blocked=draft_blocked):
            chosen = _DRAFT
    role = _TO_VERIFY if chosen is _DIRECT else _TO_DRAFT
    overruled = wanted if wanted is not chosen else None
    checked = can_be_checked(request.view)
    return Decision(chosen, role, speaker.model(role), tuple(rules), label.score, label.turn, overruled, checked)


def _by_turn(label: Label, policy: Policy) -> Plan:
    """What the request asks for, by its turn kind first and its score second."""
    if label.turn is _INTERNAL:
        return _DRAFT
    if label.turn is _FRESH_USER:
        return _DIRECT
    if label.score >= policy.direct_above:
        return _DIRECT
    return _DRAFT if label.score < policy.skip_below else _CASCADE


def can_be_checked(view: View) -> bool:
    """Whether more is asked of an answer than text: calls that a program runs, or a form that a program reads."""
    return view.tools > 0 or view.json_schema


def can_be_judged(view: View) -> bool:
    """Whether a verify model can accept: no call or form is forced instead of the accept word, and no begun answer bars the question."""
    return not (view.forced_tool or view.json_schema or view.prefill)


def _obstacle(request: Request, wanted: Plan, policy: Policy, speaker: Interpreter, *, draft_blocked: bool) -> str:
    """The rule name of what keeps the draft model from answering, or nothing."""
    if speaker.spoken(_TO_DRAFT) is None:
        return "draft_lacks_dialect"
    if barrier := speaker.obstacle(_TO_DRAFT):
        return f"draft_cannot_{barrier}"
    if draft_blocked:
        return "draft_refused_before"
    if request.view.tools and not policy.tools_checked:
        return "tools_direct"
    if request.view.several_answers:
        return "several_answers"
    if wanted is _CASCADE and not can_be_judged(request.view):
        return "cannot_be_judged"
    return SHADOWED if policy.mode is _SHADOW else ""
