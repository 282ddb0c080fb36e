"""Mode shadow on a real Envoy: clients get the verify model's own answers, whatever becomes of the draft beside them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.envoy.conftest import Cascade, models
from tests.support.background import Background
from tests.support.system import System, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

HARDER = "A train leaves at 8:40 and drives 90 km at 60 km/h. When does it arrive, if it waits 10 minutes on the way? Explain."
TO_DRAFT, TO_VERIFY = "x-simulate-draft", "x-simulate-verify"


@pytest.fixture(scope="module")
def shadow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cascade]:
    """Every request has its shadow, two at once."""
    folder: Path = tmp_path_factory.mktemp("shadow")
    with (
        Background(Simulator(Profile(name="draft", steerable=True, steer_header=TO_DRAFT, api_key="the-draft-key"))) as draft,
        Background(Simulator(Profile(name="verify", steerable=True, steer_header=TO_VERIFY))) as verify,
        System(
            folder,
            models(draft.url, verify.url),
            environ={"DRAFT_KEY": "the-draft-key"},
            mode="shadow",
            shadow_sample=1,
            shadow_max_inflight=2,
            draft={"timeout_s": 3},
        ) as system,
        httpx.Client(base_url=system.url, timeout=30) as client,
    ):
        yield Cascade(system, draft, verify, client)


def compared(shadow: Cascade, response: httpx.Response) -> dict[str, Any]:
    """Wait for the comparison of a request."""
    name = response.headers["x-cascade-trace-id"]

    def newest() -> dict[str, Any] | None:
        listed = httpx.get(f"{shadow.system.admin}/api/shadow", params={"limit": 1000}).json()["shadow"]
        return next((one for one in listed if one["trace_id"] == name), None)

    found: dict[str, Any] = until(newest)
    return found


def served(shadow: Cascade, response: httpx.Response) -> bool:
    """Whether a client got the verify model's answer, byte by byte, to a question that had nothing added."""
    return response.headers["x-cascade-outcome"] == "DIRECT" and any(
        bytes(one.sent) == response.content and b"USE_DRAFT" not in one.body for one in shadow.verify.requests
    )


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("text", "verdict", "plan", "outcome", "told"),
    [("Hello!", "improve", "draft", "SKIPPED", "improved"), (HARDER, "accept", "cascade", "ACCEPTED", "accepted")],
)
def test_the_client_gets_verifys_answer_and_the_operator_the_comparison(
    shadow: Cascade, path: str, stream: bool, text: str, verdict: str, plan: str, outcome: str, told: str
):
    response = shadow.ask(text, path=path, stream=stream, headers={TO_VERIFY: f"verdict={verdict}"})
    assert served(shadow, response)
    found = compared(shadow, response)
    assert (found["plan"], found["outcome"], found["verdict"]) == (plan, outcome, told)
    assert [call[0] for call in found["calls"]] == ["draft", "verify"]
    assert (found["similarity"] == 1) == (told == "accepted")
    assert found["cost_usd"] >= found["would_cost_usd"] > 0
    record = shadow.system.record(found["trace_id"])
    assert (record["outcome"], record["wanted"], record["calls"]) == ("DIRECT", plan, [])


@pytest.mark.parametrize(("fault", "rule"), [("status=400", "draft_status_400"), ("reset", "draft_status_503")])
def test_a_draft_provider_that_fails_is_only_told(shadow: Cascade, fault: str, rule: str):
    response = shadow.ask("Hello!", headers={TO_DRAFT: fault})
    assert served(shadow, response)
    found = compared(shadow, response)
    assert (found["outcome"], found["rules"][-1], found["verdict"]) == ("RESCUED", rule, "")


def test_slow_drafts_delay_nobody_and_are_bounded(shadow: Cascade):
    before = _dropped(shadow)
    responses = [shadow.ask("Hello!", headers={TO_DRAFT: "hang"}) for _ in range(5)]
    assert all(served(shadow, response) for response in responses)
    until(lambda: _dropped(shadow) >= before + 3)
    assert sum(one.ending == "open" for one in shadow.draft.requests) <= 2
    found = compared(shadow, responses[0])
    assert (found["outcome"], found["verdict"], found["similarity"]) == ("RESCUED", "", None)


def _dropped(shadow: Cascade) -> float:
    lines = httpx.get(f"{shadow.system.admin}/metrics").text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("cascade_shadow_dropped_total "))
