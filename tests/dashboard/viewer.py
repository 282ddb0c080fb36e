"""Someone who looks at the page, and notices what a page must not do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from extproc.core.records import Record

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 1000}


class Viewer:
    """A window with the page in it. Console errors, foreign requests and refused ones are remembered."""

    def __init__(self, browser: Browser, url: str, fragment: str = "", **options: Any) -> None:
        self._context = browser.new_context(**{"viewport": DESK, "color_scheme": "light", **options})
        self._context.set_default_timeout(20_000)
        self._host = urlsplit(url).netloc
        self.complaints: list[str] = []
        self._forgiven: tuple[str, ...] = ()
        page = self.page = self._context.new_page()
        page.on("console", lambda message: message.type in {"error", "warning"} and self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._foreign(request.url))
        page.goto(f"{url}/dashboard{fragment}")

    def _foreign(self, url: str) -> None:
        if urlsplit(url).netloc != self._host:
            self.complaints.append(f"a request to {url}")

    def hold(self) -> None:
        """Close the window; nothing was complained of."""
        self._context.close()
        assert [words for words in self.complaints if not any(part in words for part in self._forgiven)] == []

    def forgive(self, *parts: str) -> None:
        """Expect complaints with such words, whenever Chromium comes to write them: the test made them."""
        self._forgiven += parts

    def wait(self, selector: str, text: str = "") -> Locator:
        """Wait until something is to be seen, with a text in it where one is given."""
        found = self.page.locator(selector, has_text=text).first if text else self.page.locator(selector).first
        found.wait_for()
        return found

    def live(self) -> Viewer:
        """Wait until the page is up to date."""
        self.wait("#connection[data-state=live]")
        self.wait("#totals dd")
        return self

    def row(self, record: Record) -> Locator:
        """Wait for the row of a request."""
        return self.wait(f"#stream tbody tr[data-trace='{record.trace_id}']")

    def text(self, selector: str) -> str:
        """Give the text of the first such element."""
        return self.page.locator(selector).first.inner_text()

    def run(self, script: str, *more: Any) -> Any:
        """Evaluate a function in the page."""
        return self.page.evaluate(script, *more)
