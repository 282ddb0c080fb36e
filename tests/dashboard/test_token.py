"""The live page where the admin HTTP asks for a token: opened with it once, it stays live."""

from __future__ import annotations

import time
from random import Random

import pytest

from extproc.core.vocabulary import Outcome
from tests.dashboard.canned import made, write
from tests.dashboard.conftest import Look, Serve

pytestmark = pytest.mark.browser
TOKEN = "0123456789abcdef"


def test_a_page_that_was_opened_with_the_token_is_live(serve: Serve, look: Look):
    sidecar = serve(None, TOKEN)
    viewer = look(sidecar.url, f"?token={TOKEN}").live()
    assert viewer.run("() => location.href") == f"{sidecar.url}/dashboard", "the token does not stay in the address"
    assert viewer.run("() => document.cookie") == "", "no script reads what lets it in"
    record = made(Outcome.ENHANCED, time.time(), Random(5))
    write(sidecar.log, [record])
    viewer.row(record)  # by server-sent events
    viewer.page.reload()
    viewer.live()
    viewer.row(record).click()
    viewer.wait("#request[open]")


def test_others_see_nothing(serve: Serve, look: Look):
    sidecar = serve(None, TOKEN)
    viewer = look(sidecar.url, "?token=wrong")
    assert "expected the admin token" in viewer.page.content()
    viewer.forgive("status of 401")
