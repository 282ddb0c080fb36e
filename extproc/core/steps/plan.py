"""From a label to a decision: which plan, which model, under which name. Pure; the policy is given.

The score proposes a plan, the turn kind may overrule it, and what cannot be had (a dialect, a cascade, a provider that just
refused the like) falls back to the verify model. Whatever overrules leaves its rule name in the decision.
"""

from __future__ import annotations

from extproc.core.vocabulary import Decision, Label, Mode, Plan, Policy, Request, Role, Turn

CASCADE_READY = False
"""Whether drafts can be verified; until then what asks for a cascade goes to the verify model."""


def plan(request: Request, label: Label, policy: Policy, *, draft_blocked: bool = False) -> Decision:
    """Decide about one request. `draft_blocked`: the draft provider keeps refusing requests of this kind."""
    rules = [fired.name for fired in label.rules]
    if request.dialect not in policy.verify_models:
        return Decision(Plan.BYPASS, None, request.model, (*rules, "dialect_not_served"), label.score, label.turn)
    wanted = _by_turn(label, policy)
    chosen = wanted
    if wanted is Plan.CASCADE and not CASCADE_READY:
        chosen = Plan.DIRECT
        rules.append("cascade_not_available")
    if chosen is Plan.DRAFT:
        obstacle = _obstacle(request, policy, draft_blocked)
        if obstacle:
            chosen = Plan.DIRECT
            rules.append(obstacle)
    role = Role.DRAFT if chosen is Plan.DRAFT else Role.VERIFY
    models = policy.draft_models if role is Role.DRAFT else policy.verify_models
    model = models.get(request.dialect) or request.model
    return Decision(chosen, role, model, tuple(rules), label.score, label.turn, wanted if wanted is not chosen else None)


def _by_turn(label: Label, policy: Policy) -> Plan:
    """What the request asks for, by its turn kind first and its score second."""
    if label.turn is Turn.INTERNAL:
        return Plan.DRAFT
    if label.turn is Turn.FRESH_USER:
        return Plan.DIRECT
    if label.score >= policy.direct_above:
        return Plan.DIRECT
    if label.turn is Turn.TOOL_CONTINUATION:
        # A draft of a tool call must be checked before a client may run it.
        return Plan.CASCADE
    return Plan.DRAFT if label.score < policy.skip_below else Plan.CASCADE


def _obstacle(request: Request, policy: Policy, draft_blocked: bool) -> str:
    """The rule name of what keeps the draft model from answering, or nothing."""
    if policy.mode is Mode.SHADOW:
        return "shadow_mode"
    if request.dialect not in policy.draft_models:
        return "draft_lacks_dialect"
    if draft_blocked:
        return "draft_refused_before"
    return ""
