"""The pictures of the page for the README, made by looking at it: `make screenshots`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from extproc.core.vocabulary import Outcome
from tests.dashboard.canned import traffic, write
from tests.dashboard.conftest import Look, Serve
from tests.dashboard.viewer import PHONE

pytestmark = pytest.mark.browser

WIDE = {"width": 1200, "height": 1150}
VIEWS: dict[str, dict[str, Any]] = {
    "dashboard-light": {"viewport": WIDE},
    "dashboard-dark": {"viewport": WIDE, "color_scheme": "dark"},
    "dashboard-request": {"viewport": {"width": 1200, "height": 620}},
    "dashboard-phone": {"viewport": PHONE, "color_scheme": "dark", "is_mobile": True, "has_touch": True},
}


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where the pictures go: where the option says, or nowhere in particular."""
    wanted: str = request.config.getoption("--screenshots", default="")
    made = Path(wanted) if wanted else tmp_path
    made.mkdir(parents=True, exist_ok=True)
    return made


@pytest.mark.parametrize("name", VIEWS)
def test_a_picture(serve: Serve, look: Look, folder: Path, name: str):
    sidecar = serve()
    records = traffic(1400, 895, time.time() - 1)
    write(sidecar.log, records)
    viewer = look(sidecar.url, **VIEWS[name]).live()
    viewer.wait("#stream tbody tr")
    if name == "dashboard-request":
        enhanced = [record for record in records[-100:] if record.outcome is Outcome.ENHANCED]
        viewer.row(enhanced[-1]).click()
        viewer.wait("#request[open]")
    viewer.run("() => document.fonts.ready.then(() => true)")
    picture = folder / f"{name}.png"
    viewer.page.screenshot(path=picture, animations="disabled")
    assert viewer.run("() => [...document.querySelectorAll('canvas')].every((one) => one.width > 100 && one.height > 100)")
    assert picture.stat().st_size > 10_000, "not a blank page"
