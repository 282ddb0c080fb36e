"""What a screen reader, a keyboard and weak eyes need, checked in the page itself (WCAG 2.2, AA)."""

from __future__ import annotations

import time
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from extproc.core.vocabulary import Outcome
from tests.dashboard.canned import made, traffic, write
from tests.dashboard.conftest import Look, Serve
from tests.dashboard.viewer import Viewer

pytestmark = pytest.mark.browser

# Every text that is to be seen: its colour on the nearest ground that is painted (1.4.3).
CONTRASTS = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const part = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([red, green, blue]) => 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const painted = numbers(getComputedStyle(node).backgroundColor);
      if (painted.length === 3 || painted[3] > 0) return painted;
    }
    throw new Error("no ground");
  };
  const found = [];
  const walker = document.createTreeWalker(document.querySelector("dialog[open]") ?? document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !node.checkVisibility() || node.closest(".unseen, .skip, script, noscript")) continue;
    const [high, low] = [luminance(numbers(getComputedStyle(node).color)), luminance(ground(node))].sort((one, other) => other - one);
    found.push([text, (high + 0.05) / (low + 0.05)]);
  }
  return found;
}"""

# Roles, names and structure.
STRUCTURE = """() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const ids = all("[id]").map((node) => node.id);
  const attribute = (node) => node.getAttribute("aria-label") || node.getAttribute("aria-labelledby");
  const named = (node) => node.labels?.length || attribute(node) || node.textContent.trim();
  const controls = "button, a, input, select, summary, [role=img], [role=region], dialog[open]";
  return {
    twice: ids.filter((id, index) => ids.indexOf(id) !== index),
    dangling: all("[aria-labelledby]").map((node) => node.getAttribute("aria-labelledby")).filter((id) => !document.getElementById(id)),
    nameless: all(controls).filter((node) => !named(node)).map((node) => node.outerHTML),
    headless: all("table").filter((table) => !table.caption || !table.querySelector("thead th[scope=col]")).length,
    landmarks: ["header", "main", "footer"].map((name) => all(`body > ${name}`).length),
    headings: all("h1, h2, h3").map((node) => Number(node.tagName[1])),
    loud: all("[aria-live], [role=status], [role=alert], [role=log]").map((node) => node.id),
    positive: all("[tabindex]").filter((node) => node.tabIndex > 0).length,
  };
}"""

# Whatever is clicked is at least 24 px high and wide, or stands in a line of text or far enough from the next (2.5.8).
SMALL = """() => [...document.querySelectorAll("button, select, input:not([type=checkbox]), summary, #filter label")]
  .filter((node) => node.checkVisibility())
  .map((node) => [node.outerHTML.slice(0, 60), node.getBoundingClientRect()])
  .filter(([, box]) => Math.min(box.height, box.width) < 24).map(([text]) => text)"""


def seen(serve: Serve, look: Look, *, opened: bool = True, **options: Any) -> Viewer:
    sidecar = serve()
    write(sidecar.log, traffic(150, 600, time.time()))
    viewer = look(sidecar.url, **options).live()
    viewer.wait("#stream tbody tr")
    for more in viewer.page.locator("summary").all() if opened else ():
        more.click()
    return viewer


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(serve: Serve, look: Look, scheme: str):
    viewer = seen(serve, look, color_scheme=scheme)
    texts = viewer.run(CONTRASTS)
    assert len(texts) > 800
    viewer.page.locator("#stream tbody tr", has_text="ENHANCED").first.click()
    viewer.wait("#request[open]")
    texts += viewer.run(CONTRASTS)
    assert [one for one in texts if one[1] < 4.5] == []


def test_everything_has_a_name_and_a_place(serve: Serve, look: Look):
    viewer = seen(serve, look)
    viewer.page.locator("#stream tbody tr a").first.focus()
    viewer.page.keyboard.press("Enter")
    viewer.wait("#request[open]")
    found = viewer.run(STRUCTURE)
    headings = found.pop("headings")
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))
    assert found == {
        "twice": [],
        "dangling": [],
        "nameless": [],
        "headless": 0,
        "landmarks": [1, 1, 1],
        "loud": ["connection"],
        "positive": 0,
    }
    assert viewer.run("() => [document.documentElement.lang, document.title]") == ["en", "cascade-extproc"]
    assert viewer.run(SMALL) == []


def test_the_keyboard_reaches_everything(serve: Serve, look: Look):
    viewer = seen(serve, look, opened=False)
    viewer.page.keyboard.press("Tab")
    assert viewer.run("() => document.activeElement.className") == "skip"
    assert viewer.page.locator(".skip").bounding_box()["y"] >= 0, "the skip link shows itself"
    viewer.page.keyboard.press("Enter")
    assert viewer.run("() => document.activeElement.id") == "decisions"
    reached = set()
    for _ in range(14):
        viewer.page.keyboard.press("Tab")
        reached.add(viewer.run("() => document.activeElement.id || document.activeElement.value || document.activeElement.tagName"))
        outline = viewer.run(
            "() => { const at = document.activeElement; return getComputedStyle(at.closest('#filter label') ?? at).outlineStyle; }"
        )
        assert outline not in {"none", ""}, "where the focus is can be seen"
    assert {"find", "pause", *Outcome, "A"} <= reached


def test_new_requests_are_not_read_out(serve: Serve, look: Look):
    sidecar = serve()
    viewer = look(sidecar.url).live()
    viewer.run(
        """() => {
          window.heard = 0;
          const observer = new MutationObserver(() => window.heard++);
          observer.observe(document.querySelector("#connection"), { childList: true, subtree: true, characterData: true });
        }"""
    )
    late = made(Outcome.FAILED, time.time(), Random(5))
    write(sidecar.log, [late])
    viewer.row(late)
    assert viewer.run("() => window.heard") == 0


def test_a_reader_who_wants_no_motion_gets_none(serve: Serve, look: Look):
    viewer = seen(serve, look, reduced_motion="reduce")
    names = viewer.run("() => [...document.querySelectorAll('#stream tr')].map((row) => getComputedStyle(row).animationName)")
    assert set(names) == {"none"}
