"""A real Chromium, and the admin HTTP that it looks at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.sidecar import Sidecar
from tests.dashboard.viewer import Viewer
from tests.support.background import Background

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the pictures be kept."""
    parser.addoption("--screenshots", default="", help="folder to write the pictures of the live page to")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium; Playwright brings none of its own."""
    binary = shutil.which("chromium")
    if binary is None:
        pytest.fail("there is no chromium on PATH; on Debian: apt-get install --no-install-recommends chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.fail("playwright is not installed; `make test-browser` does it, or: pip install -e '.[dev,browser]'")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


Serve = Callable[..., Sidecar]
Look = Callable[..., Viewer]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start the admin HTTP on `decisions.sqlite` in the test's folder; arguments are those of `Sidecar`."""
    with ExitStack() as stack:
        yield lambda *more: stack.enter_context(Background(Sidecar(tmp_path / "decisions.sqlite", *more)))


@pytest.fixture
def look(chromium: Browser) -> Iterator[Look]:
    """Open the page of an admin HTTP in a window of its own; afterwards hold that it behaved: see `Viewer.hold`."""
    viewers: list[Viewer] = []

    def begin(url: str, fragment: str = "", **options: object) -> Viewer:
        viewers.append(Viewer(chromium, url, fragment, **options))
        return viewers[-1]

    yield begin
    for viewer in viewers:
        viewer.hold()
