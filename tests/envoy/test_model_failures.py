"""Each way in which a model can fail, at each stage: the client gets a whole answer, or an error that says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.pair import PATHS, Pair, calls_of, newest, pair, said, told

pytestmark = [pytest.mark.envoy, pytest.mark.slow]

BOTH_WAYS = {
    "status=400": "status_400",
    "status=429": "status_429",
    "status=500": "status_500",
    "reset": "status_503",
    "hang": "timeout",
    "cut=4": "reset",
    "stall=4": "timeout",
    "empty": "not_empty",
}
STREAMED = {**BOTH_WAYS, "end=4": "unfinished", "error=4": "error", "malformed": "unreadable"}
WHOLE = {**BOTH_WAYS, "end=4": "reset", "malformed": "unreadable"}
DRAFT = [
    (stream, fault, why)
    for stream, faults in ((False, WHOLE), (True, STREAMED))
    for fault, why in {**faults, "repeat": "no_repetition"}.items()
]
VERIFY = [
    (stream, fault, {"not_empty": "unfinished"}.get(why, why))
    for stream, faults in ((False, WHOLE), (True, STREAMED))
    for fault, why in faults.items()
]
_UNREADABLE = {"unexpected_json", "not_json"}
ENDS = (b"message_stop", b"[DONE]", b"response.completed", b'"finish_reason":"stop"')


def errors(record: dict[str, Any]) -> list[str]:
    """Give why each call of a record failed; each dialect has its own word for what cannot be read."""
    return ["unreadable" if call.error in _UNREADABLE else call.error for call in calls_of(record)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system"), draft={"timeout_s": 0.4}, verify={"timeout_s": 0.4}) as running:
        yield running


@pytest.mark.parametrize(("stream", "fault", "why"), DRAFT)
def test_a_draft_that_fails_is_rescued(both: Pair, stream: bool, fault: str, why: str):
    asked = {}
    for path in PATHS:
        response = asked[path] = both.ask(path, stream=stream, draft=fault)
        assert (response.status_code, told(response)[0]) == (200, "RESCUED"), path
        assert said(response) == bytes(newest(both.verify).sent), path
    for path, response in asked.items():
        record = both.record(response)
        assert errors(record) == [why, ""], path
        assert any(rule.startswith(("draft_", "check_")) for rule in record["rules"]), path


@pytest.mark.parametrize(("stream", "fault", "why"), VERIFY)
def test_a_judge_that_fails_leaves_the_draft(both: Pair, stream: bool, fault: str, why: str):
    asked = {}
    for path in PATHS:
        # It fails before it has said anything: an answer of its own that breaks off later has begun already.
        early = fault if "status" in fault else fault.replace("=4", "=1")
        response = asked[path] = both.ask(path, stream=stream, verify=f"verdict=accept; {early}")
        assert (response.status_code, told(response)[0]) == (200, "FALLBACK"), path
        assert said(response) == bytes(newest(both.draft).sent), path
    for path, response in asked.items():
        assert errors(both.record(response)) == ["", why], path


@pytest.mark.parametrize(("stream", "fault", "why"), [case for case in VERIFY if case[1] != "empty"])
@pytest.mark.parametrize("draft", ["status=503", "empty"])
def test_when_the_rescue_fails_too_the_error_is_in_the_dialect(both: Pair, draft: str, stream: bool, fault: str, why: str):
    asked = {path: both.ask(path, stream=stream, draft=draft, verify=fault) for path in PATHS}
    for path, response in asked.items():
        assert told(response)[0] == "FAILED", path
        assert errors(both.record(response))[-1] == why, path
        if response.status_code == 200:
            assert stream
            assert b"error" in response.content
            assert not [end for end in ENDS if end in response.content.partition(b"error")[0]], path
        else:
            assert response.status_code == {"timeout": 504, "status_400": 400, "status_429": 429, "status_500": 500, "status_503": 503}.get(
                why, 502
            )
            assert response.json()["error"]["message"], path
