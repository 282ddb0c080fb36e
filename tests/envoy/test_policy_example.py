"""examples/policies.yaml, run as it is but for its addresses, its keys and its state."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from extproc.core.steps.policies import fingerprint
from extproc.simulator import Profile, Simulator
from tests.support.background import Background
from tests.support.pair import HARD, question
from tests.support.system import ROOT, System, until

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
KEY = "the key of an intern"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("example")
    config: dict[str, Any] = YAML(typ="safe").load((ROOT / "examples/policies.yaml").read_text())
    with Background(Simulator(Profile())) as provider:
        models = config.pop("models")
        for model in models.values():
            model["base_url"] = provider.url
        config.pop("version")
        config["state"] = str(folder / "state.sqlite")
        salt = config["identity"]["key_salt"].encode()
        interns = next(one for one in config["policies"] if one["name"] == "interns")
        interns["match"]["key"][0] = fingerprint(KEY, salt)
        with System(folder, models, environ={"DEEPSEEK_API_KEY": "k"}, **config) as running:
            yield running


def policy_of(system: System, **headers: str) -> tuple[str, str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx.post(f"{system.url}/v1/messages", json=question("/v1/messages", HARD), headers=named, timeout=30)
    assert response.status_code == 200
    record = system.record(response.headers["x-cascade-trace-id"])
    return record["policy"], record["outcome"], record["team"]


def test_each_policy_applies(system: System):
    research = urlsafe_b64encode(json.dumps({"group": "research"}).encode()).decode()
    assert policy_of(system) == ("default", "DIRECT", "")
    assert policy_of(system, x_forwarded_client_cert="URI=spiffe://cluster.local/ns/legal/sa/clerk") == ("hands_off", "BYPASSED", "")
    assert policy_of(system, x_jwt=research, x_cascade_plan="draft") == ("research", "SKIPPED", "")
    team = fingerprint(KEY, b"a salt of your own")
    assert policy_of(system, x_api_key=KEY)[::2] == ("interns", team)
    until(lambda: httpx.get(f"{system.admin}/api/budgets").json()["teams"])
    assert [one["team"] for one in httpx.get(f"{system.admin}/api/budgets").json()["teams"]] == [team]


def test_a_tenth_of_the_sessions_is_on_trial(system: System):
    found = {policy_of(system, x_app="cli", session_id=f"session-{number}")[0] for number in range(60)}
    assert found == {"opus", "default"}
