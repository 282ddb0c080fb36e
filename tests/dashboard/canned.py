"""Made-up traffic for the page: plausible records of every outcome, the same at every run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec

from extproc.core.policy import Price
from extproc.core.records import CallNote, Record
from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.shell.decisions import Bounds, Decisions

DRAFT, VERIFY = "deepseek-chat", "claude-opus-4-8"
PRICES = {Role.DRAFT: Price(1.74, 3.48, 0.17, 1.74), Role.VERIFY: Price(5.5, 27.5, 0.55, 6.88)}
_WEIGHTS = {"SKIPPED": 46, "ACCEPTED": 17, "FALLBACK": 2, "ENHANCED": 11, "RESCUED": 4, "DIRECT": 17, "BYPASSED": 2, "FAILED": 1}
_PLANS = {Outcome.SKIPPED: Plan.DRAFT, Outcome.DIRECT: Plan.DIRECT, Outcome.BYPASSED: Plan.BYPASS}
_RULES = {
    Plan.DRAFT: (("greeting", "short_request"), ("lookup", "short_request"), ("simple_list", "short_request"), ("internal_title",)),
    Plan.CASCADE: (("explanation", "short_request"), ("keyword_implement", "explanation", "code"), ("word_problem", "explanation")),
    Plan.DIRECT: (("keyword_prove", "explanation", "reasoning"), ("stack_trace", "code"), ("server_held", "short_request")),
    Plan.BYPASS: ((),),
}
_SCORES = {Plan.DRAFT: (0.0, 0.34), Plan.CASCADE: (0.36, 0.84), Plan.DIRECT: (0.86, 1.0), Plan.BYPASS: (0.0, 0.0)}
_TROUBLE = {Outcome.FALLBACK: "verify_status_529", Outcome.RESCUED: "check_valid_arguments", Outcome.FAILED: "verify_status_529"}


def traffic(count: int, span_s: float, until: float, seed: int = 7) -> list[Record]:
    """Give this many records, oldest first, spread over the last `span_s` seconds before the Unix time `until`."""
    random = Random(seed)
    places = sorted(random.betavariate(1.6, 1.1) for _ in range(count))
    outcomes = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=count)
    return [made(Outcome(outcome), until - span_s * (1 - place), random) for outcome, place in zip(outcomes, places, strict=True)]


def made(outcome: Outcome, at: float, random: Random, **more: object) -> Record:
    """Give one record of an outcome; `more` replaces fields of it."""
    plan = _PLANS.get(outcome, Plan.CASCADE)
    role = _role(outcome)
    usage = Usage(input=int(random.lognormvariate(6.6, 1.0)) + 20, output=int(random.lognormvariate(5.6, 0.7)) + 5)
    calls = _calls(outcome, usage, random)
    duration = calls[-1].ended_s + 0.002 if calls else random.lognormvariate(0.0 if role is Role.DRAFT else 1.5, 0.45)
    cost = _cost(calls) if calls else PRICES[role].cost_usd(usage) if role else None
    low, high = _SCORES[plan]
    record = Record(
        at=at,
        trace_id=f"{random.getrandbits(128):032x}",
        outcome=outcome,
        plan=plan,
        dialect="" if role is None and outcome is Outcome.BYPASSED else "anthropic",
        path="/v1/models" if outcome is Outcome.BYPASSED else "/v1/messages",
        turn=random.choice(("chat", "fresh_user", "tool_continuation")),
        score=round(random.uniform(low, high), 2),
        rules=((_TROUBLE[outcome],) if outcome in _TROUBLE else ()) + random.choice(_RULES[plan]),
        wanted="",
        requested_model=VERIFY,
        model={Role.DRAFT: DRAFT, Role.VERIFY: VERIFY, None: ""}[role],
        role=role,
        status=529 if outcome is Outcome.FAILED else 200,
        duration_s=round(duration, 6),
        first_byte_s=round(calls[0].first_s or 0.1 if calls else duration * random.uniform(0.12, 0.3), 6),
        request_bytes=int(random.lognormvariate(8.5, 1)),
        response_bytes=int(random.lognormvariate(8, 0.6)),
        usage=usage if role else None,
        cost_usd=cost,
        baseline_usd=PRICES[Role.VERIFY].cost_usd(usage) if role else None,
        calls=calls,
    )
    return msgspec.structs.replace(record, **more)


def _cost(calls: Sequence[CallNote]) -> float | None:
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    return sum(costs) if costs else None


def _role(outcome: Outcome) -> Role | None:
    if outcome in {Outcome.SKIPPED, Outcome.ACCEPTED, Outcome.FALLBACK}:
        return Role.DRAFT
    return Role.VERIFY if outcome in {Outcome.ENHANCED, Outcome.DIRECT, Outcome.RESCUED} else None


def _calls(outcome: Outcome, usage: Usage, random: Random) -> tuple[CallNote, ...]:
    if outcome in _PLANS:
        return ()
    drafted, judged = random.lognormvariate(0.0, 0.35), random.lognormvariate(-0.5 if outcome is Outcome.ACCEPTED else 1.3, 0.35)
    status, error = {Outcome.RESCUED: (200, "valid_arguments"), Outcome.FAILED: (503, "status_503")}.get(outcome, (200, ""))
    draft = _call(Role.DRAFT, (status, error), usage if status == 200 else None, (0.0007, drafted), random)
    if outcome in {Outcome.FALLBACK, Outcome.FAILED}:
        return draft, _call(Role.VERIFY, (529, "status_529"), None, (draft.ended_s + 0.0009, 0.2), random)
    read = usage.input if outcome is Outcome.RESCUED else usage.input + usage.output + 160
    told = Usage(input=read, output=4 if outcome is Outcome.ACCEPTED else usage.output)
    return draft, _call(Role.VERIFY, (200, ""), told, (draft.ended_s + 0.0009, judged), random)


def _call(role: Role, end: tuple[int, str], usage: Usage | None, when: tuple[float, float], random: Random) -> CallNote:
    (status, error), (began, took) = end, when
    first = began + took * random.uniform(0.15, 0.5)
    cost = PRICES[role].cost_usd(usage) if usage else None
    model = DRAFT if role is Role.DRAFT else VERIFY
    return CallNote(role, model, status, error, round(began, 6), round(first, 6), round(began + took, 6), usage, cost)


def write(path: Path, records: Sequence[Record]) -> None:
    """Put records into a decision log, as a worker does."""
    lost: list[object] = []
    log = Decisions(path, Bounds(), lambda *told: lost.append(told), lost.append)
    log.start()
    log.put([(record, msgspec.json.encode(record)) for record in records])
    log.stop()
    assert not lost
