"""The live page in a real Chromium, on a decision log of our own."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from random import Random

import pytest

from extproc.core.records import Record
from extproc.core.vocabulary import Outcome
from extproc.shell.decisions import Reader
from tests.dashboard.canned import made, traffic, write
from tests.dashboard.conftest import Look, Serve
from tests.dashboard.sidecar import Sidecar, config_of
from tests.dashboard.viewer import PHONE, Viewer
from tests.support.system import until

pytestmark = pytest.mark.browser

HOSTILE = "<img src=//evil.test/x onerror=alert(1)>"


def one(outcome: Outcome, seed: int = 1, **more: object) -> Record:
    return made(outcome, time.time() - 5, Random(seed), **more)


def begun(serve: Serve, records: Sequence[Record], *more: object) -> Sidecar:
    sidecar = serve(*more)
    write(sidecar.log, records)
    return sidecar


def test_empty_says_what_to_send_and_fills_without_a_reload(serve: Serve, look: Look):
    sidecar = serve(config_of(listen="127.0.0.1:12345"))
    viewer = look(sidecar.url).live()
    assert "No requests yet" in viewer.text("#empty")
    assert "curl http://127.0.0.1:12345/v1/messages" in viewer.text("#sample")
    assert viewer.text("#mix .blank") == "No requests in this window"
    assert viewer.text("#totals dd") == "0"
    record = one(Outcome.ACCEPTED)
    write(sidecar.log, [record])
    viewer.row(record)
    viewer.wait("#totals > div:first-child dd", "1")
    assert not viewer.page.locator("#empty").is_visible()
    assert "ACCEPTED 1" in viewer.text("#mix .legend")


def test_the_figures_are_those_of_the_api(serve: Serve, look: Look):
    sidecar = begun(serve, traffic(400, 800, time.time()))
    viewer = look(sidecar.url).live()
    told = viewer.run("() => fetch('api/summary?since_s=900').then((answer) => answer.json())")
    everything, outcomes = told["all"], told["outcomes"]
    totals = viewer.text("#totals")
    assert f"Requests\n{everything['requests']}\n{everything['model_requests']} for a model" in totals
    assert f"\n{everything['draft_use_rate'] * 100:.0f} %\n{everything['drafted']} of {everything['model_requests']}" in totals
    assert f"Saved\n${everything['saved_usd']:.2f}" in totals.replace("$0.", "$0.")
    for name, figures in outcomes.items():
        assert f"{name} {figures['requests']}" in viewer.text("#mix .legend")
    latency = viewer.page.locator("#latency tbody tr").all_inner_texts()
    assert len(latency) == len(outcomes) - 1, "one row per outcome but BYPASSED"
    assert f"{outcomes['DIRECT']['latency_s']['p50']:.2f} s" in viewer.text("#baseline-note")
    assert "deepseek-chat" in viewer.text("#providers")


def test_charts_have_their_numbers_as_tables(serve: Serve, look: Look):
    sidecar = begun(serve, traffic(60, 600, time.time()))
    viewer = look(sidecar.url).live()
    assert viewer.page.locator("canvas").count() == 3
    for chart in ("mix", "money", "first"):
        plot = viewer.page.locator(f"#{chart} [role=img]").get_attribute("aria-label")
        assert plot is not None
        assert any(word in plot for word in ("SKIPPED", "saved $", "direct"))
        viewer.page.locator(f"#{chart} summary").click()
        until(lambda chart=chart: viewer.page.locator(f"#{chart} table tbody tr").count() > 5)
        assert viewer.page.locator(f"#{chart} table tbody th[scope=row]").count() > 5
    cells = viewer.page.locator("#mix table tbody td").all_inner_texts()
    assert sum(map(int, cells)) == 60


def test_a_request_opens_by_mouse_and_tells_everything(serve: Serve, look: Look):
    record = one(Outcome.ENHANCED, rules=("keyword_implement", "explanation"))
    viewer = look(begun(serve, [record]).url).live()
    viewer.row(record).click()
    dialog = viewer.wait("#request[open]")
    told = dialog.inner_text()
    for expected in ("ENHANCED", "cascade", "keyword_implement", "explanation", record.trace_id, "Verify alone", "Saved"):
        assert expected in told
    assert dialog.get_by_role("link", name="Trace in Jaeger").get_attribute("href") == f"http://127.0.0.1:16686/trace/{record.trace_id}"
    rows = dialog.locator(".timeline tbody tr")
    assert rows.locator("th").all_inner_texts() == ["request", "draft deepseek-chat", "verify claude-opus-4-8"]
    draft, verify = (rows.nth(index).locator(".track").bounding_box() for index in (1, 2))
    bars = [rows.nth(index).locator(".reach").bounding_box() for index in (1, 2)]
    assert draft
    assert verify
    assert bars[0]
    assert bars[1]
    assert bars[0]["x"] + bars[0]["width"] <= bars[1]["x"], "the draft ends before the verify model begins to answer"
    dialog.get_by_role("button", name="Close").click()
    assert not viewer.page.locator("#request").is_visible()


def test_a_request_opens_and_closes_by_keyboard_and_the_focus_comes_back(serve: Serve, look: Look):
    records = traffic(20, 600, time.time())
    viewer = look(begun(serve, records).url).live()
    viewer.row(records[0])
    first = viewer.page.locator("#stream tbody a").nth(1)
    first.focus()
    viewer.page.keyboard.press("Enter")
    viewer.wait("#request[open]")
    assert viewer.run("() => document.activeElement.id") == "request-title"
    for _ in range(12):  # the focus stays inside, or in the browser's own bar
        viewer.page.keyboard.press("Tab")
        assert viewer.run("() => document.activeElement === document.body || document.activeElement.closest('dialog') !== null")
    viewer.page.keyboard.press("Escape")
    viewer.page.locator("#request[open]").wait_for(state="detached")
    assert first.evaluate("(link) => link === document.activeElement")


def test_an_address_opens_a_request_that_is_long_gone_from_the_list(serve: Serve, look: Look):
    old = one(Outcome.RESCUED)
    sidecar = begun(serve, [old, *traffic(600, 600, time.time())])
    viewer = look(sidecar.url, f"#request={old.trace_id}")
    assert old.trace_id in viewer.wait("#request[open]").inner_text()
    viewer.page.keyboard.press("Escape")
    viewer.page.wait_for_function("location.hash === ''")  # `page.url` would not change while Python waits
    assert not viewer.page.locator("#request").is_visible()


def test_outcomes_and_words_filter_the_list(serve: Serve, look: Look):
    records = traffic(300, 600, time.time())
    viewer = look(begun(serve, records).url).live()
    rescued = [record for record in records if record.outcome is Outcome.RESCUED]
    assert len(rescued) > 2
    viewer.row(records[-1])
    box = viewer.page.get_by_role("checkbox", name="RESCUED")
    box.focus()
    viewer.page.keyboard.press("Space")
    shown = viewer.page.locator("#stream tbody tr")
    until(lambda: shown.count() == len(rescued))
    assert viewer.text("#shown") == f"{len(rescued)} of the newest 300"
    assert all("RESCUED" in text for text in shown.all_inner_texts())
    viewer.page.get_by_role("searchbox").fill("no such rule")
    assert "None of the newest 300" in viewer.wait("#none", "None").inner_text()
    viewer.page.get_by_role("searchbox").fill(rescued[0].trace_id[:12])
    until(lambda: shown.count() == 1)
    viewer.page.locator("#filter label", has_text="RESCUED").click()
    viewer.page.get_by_role("searchbox").fill("")
    until(lambda: shown.count() == 100)
    viewer.page.get_by_role("button", name="Show more").click()
    until(lambda: shown.count() == 200)


def test_the_list_can_be_paused_and_waits_for_whoever_points_into_it(serve: Serve, look: Look):
    sidecar = begun(serve, traffic(5, 600, time.time()))
    viewer = look(sidecar.url).live()
    viewer.page.get_by_role("button", name="Pause").click()
    late = one(Outcome.DIRECT, 2)
    write(sidecar.log, [late])
    assert viewer.wait("#held", "1 new").inner_text() == "1 new while paused"
    viewer.page.get_by_role("button", name="Resume").click()
    viewer.row(late)
    viewer.page.locator("#stream tbody tr").nth(2).hover()
    later = one(Outcome.DIRECT, 3)
    write(sidecar.log, [later])
    viewer.wait("#held", "1 new wait while you are in the table")
    assert viewer.page.locator(f"tr[data-trace='{later.trace_id}']").count() == 0
    viewer.page.locator("h1").hover()
    viewer.row(later)


def test_a_lost_connection_is_told_and_found_again(serve: Serve, look: Look):
    sidecar = begun(serve, traffic(5, 600, time.time()))
    viewer = look(sidecar.url).live()
    sidecar.stop()
    told = viewer.wait("#connection[data-state=lost]").inner_text()
    assert "connection lost: this is the state of " in told
    assert viewer.page.locator("#connection").get_attribute("role") == "status"
    viewer.wait("#retry", "next try in")
    assert viewer.page.locator("#stream tbody tr").count() == 5, "what is known stays"
    missed = one(Outcome.FALLBACK)
    write(sidecar.log, [missed])
    sidecar.start()
    viewer.live().row(missed)
    viewer.forgive("net::ERR_")  # Chromium itself writes of the connections that failed


def test_costs_that_are_unknown_are_not_zero(serve: Serve, look: Look):
    records = [one(Outcome.SKIPPED, seed, cost_usd=None, baseline_usd=None) for seed in range(3)]
    viewer = look(begun(serve, records, config_of(priced=False)).url).live()
    assert "Saved\nunknown" in viewer.text("#totals")
    assert "Cost\nunknown" in viewer.text("#totals")
    note = viewer.text("#unknown")
    assert "The cost of 3 of 3 requests is unknown" in note
    assert "models.draft.price_usd_per_mtok" in note
    assert viewer.text("#money .blank") == "Costs are unknown"
    viewer.row(records[0]).click()
    assert "Cost\nunknown" in viewer.wait("#request[open]").inner_text()


def test_what_clients_and_models_named_is_text(serve: Serve, look: Look):
    record = one(
        Outcome.ENHANCED,
        model=HOSTILE,
        requested_model=HOSTILE,
        rules=(HOSTILE, "'\"><script>alert(2)</script>"),
        path=f"/{HOSTILE}",
        turn=HOSTILE,
        error=HOSTILE,
        trace_id='"><b>x',
    )
    sidecar = begun(serve, [record])
    viewer = look(sidecar.url).live()
    dialogs: list[str] = []
    viewer.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    viewer.wait("#stream tbody tr", HOSTILE).click()
    told = viewer.wait("#request[open]").inner_text()
    assert told.count(HOSTILE) >= 4
    assert viewer.page.locator("img, b:has-text('x'), body script").count() == 0
    assert dialogs == []


def test_both_themes_by_the_system_and_by_the_switch(serve: Serve, look: Look):
    sidecar = begun(serve, traffic(30, 600, time.time()))
    ground = "() => getComputedStyle(document.body).backgroundColor"
    light, dark = look(sidecar.url).live(), look(sidecar.url, color_scheme="dark").live()
    white, black = light.run(ground), dark.run(ground)
    assert (white, black) == ("rgb(255, 255, 255)", "rgb(20, 24, 29)")
    before = pixel(light)
    light.page.get_by_label("Theme").select_option("dark")
    assert light.run(ground) == black
    until(lambda: pixel(light) != before)  # charts are drawn anew
    light.page.reload()
    light.live()
    assert light.run(ground) == black, "the choice is kept"
    light.page.get_by_label("Theme").select_option("auto")
    assert light.run(ground) == white


def pixel(viewer: Viewer) -> str:
    """Give the picture of a chart."""
    return str(viewer.run("() => document.querySelector('#mix canvas').toDataURL()"))


@pytest.mark.parametrize("outcome", [None, Outcome.ENHANCED], ids=["list", "request"])
def test_a_phone_scrolls_in_one_direction(serve: Serve, look: Look, outcome: Outcome | None):
    long = one(Outcome.ENHANCED, model="m" * 180, rules=("r" * 120, "s" * 90), path="/" + "p" * 150)
    viewer = look(begun(serve, [*traffic(50, 600, time.time()), long]).url, viewport=PHONE, has_touch=True, is_mobile=True).live()
    row = viewer.row(long)
    if outcome:
        row.tap()
        assert viewer.wait("#request[open]").evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
    assert viewer.run("() => document.documentElement.scrollWidth") == 360
    assert viewer.run("() => document.querySelector('#decisions').scrollWidth <= innerWidth")


def test_a_window_of_a_day(serve: Serve, look: Look):
    now = time.time()
    viewer = look(begun(serve, traffic(200, 80_000, now)).url).live()
    viewer.run(
        """() => {
          window.told = [];
          const connection = document.querySelector("#connection");
          new MutationObserver(() => window.told.push(connection.textContent)).observe(connection, { childList: true });
        }"""
    )
    viewer.page.locator("#window").select_option("86400")
    viewer.wait("#bucket", "30 min")
    viewer.wait("#totals > div:first-child dd", "200")
    assert viewer.run("() => window.told") == ["connecting …", "live"], "nothing was lost"
    viewer.page.reload()
    viewer.live()
    viewer.wait("#totals > div:first-child dd", "200")


def test_figures_that_take_long_are_told_to_be_on_their_way(serve: Serve, look: Look, monkeypatch: pytest.MonkeyPatch):
    go = threading.Event()
    summary = Reader.summary
    monkeypatch.setattr(Reader, "summary", lambda reader, since_s=None: go.wait(20) and summary(reader, since_s))
    record = one(Outcome.DIRECT)
    viewer = look(begun(serve, [record]).url)
    viewer.row(record)
    assert viewer.wait("#adding").inner_text() == "Adding up …"
    go.set()
    viewer.live()
    assert not viewer.page.locator("#adding").is_visible()
