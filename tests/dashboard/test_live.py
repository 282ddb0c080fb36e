"""The whole way: a client's request through a real Envoy appears on the page of `extproc up`, in a real Chromium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dashboard.conftest import Look
from tests.support.pair import EASY, PATHS, Pair, pair, question

pytestmark = [pytest.mark.browser, pytest.mark.envoy]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with pair(tmp_path_factory.mktemp("system"), workers=2, telemetry={"trace_url": "http://127.0.0.1:16686/trace/{trace_id}"}) as running:
        yield running


def test_requests_through_envoy_appear_without_a_reload(both: Pair, look: Look):
    viewer = look(both.system.admin).live()
    assert viewer.page.locator("#empty").is_visible()
    assert f"curl {both.system.url}/v1/messages" in viewer.text("#sample")
    asked = {
        "SKIPPED": both.ask("/v1/messages", question("/v1/messages", EASY)),
        "ACCEPTED": both.ask("/v1/messages", verify="verdict=accept"),
        "ENHANCED": both.ask("/v1/chat/completions", draft="text=Maybe."),
        "RESCUED": both.ask("/v1/responses", draft="status=503"),
        "FALLBACK": both.ask("/v1/messages", verify="status=500"),
    }
    for outcome, response in asked.items():
        trace = response.headers["x-cascade-trace-id"]
        row = viewer.wait(f"#stream tbody tr[data-trace='{trace}']")
        assert outcome in row.inner_text()
    assert not viewer.page.locator("#empty").is_visible()
    viewer.wait("#totals > div:first-child dd", "5")
    assert "3 of 5" in viewer.text("#totals")
    failed = viewer.page.locator("#providers tbody tr").all_inner_texts()
    assert "status_503" in failed[0]
    assert "status_500" in failed[1]


@pytest.mark.parametrize("path", PATHS)
def test_a_cascade_opens_with_its_calls_and_a_link_to_its_trace(both: Pair, look: Look, path: str):
    response = both.ask(path, draft="text=Maybe.")
    record = both.record(response)
    viewer = look(both.system.admin).live()
    viewer.wait(f"#stream tbody tr[data-trace='{record['trace_id']}']").click()
    dialog = viewer.wait("#request[open]")
    assert dialog.locator(".timeline tbody th").all_inner_texts() == ["request", "draft draft-small", "verify claude-opus-4-8"]
    for rule in record["rules"]:
        assert rule in dialog.inner_text()
    assert f"${record['cost_usd']:.5f}" in dialog.inner_text()
    assert dialog.get_by_role("link", name="Trace").get_attribute("href") == f"http://127.0.0.1:16686/trace/{record['trace_id']}"


def test_streams_end_when_the_sidecar_drains(tmp_path_factory: pytest.TempPathFactory, look: Look):
    with pair(tmp_path_factory.mktemp("drained")) as running:
        viewer = look(running.system.admin).live()
        assert running.system.stop() == 0, "an open page keeps nobody from leaving"
        viewer.wait("#connection[data-state=lost]")
        viewer.forgive("net::ERR_")
