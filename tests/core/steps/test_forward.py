"""What leaves: the client's bytes, and the headers that a proxy passes on."""

from __future__ import annotations

from extproc.core.events import Headers
from extproc.core.steps.forward import body_for, end_to_end
from extproc.core.vocabulary import Dialect, Request, View

REQUEST = Request(Dialect.OPENAI_CHAT, b'{"model": "asked"}', "asked", 10, 17, False, View())


def test_the_same_model_changes_nothing_and_another_only_its_name():
    assert body_for(REQUEST, "asked") is None
    assert body_for(REQUEST, 'sm"all') == b'{"model": "sm\\"all"}'


def test_hop_by_hop_headers_and_our_own_stay_here():
    given = [
        (":path", b"/"),
        ("host", b"h"),
        ("connection", b"close, X-Hop"),
        ("x-hop", b"1"),
        ("content-length", b"3"),
        ("transfer-encoding", b"chunked"),
        ("x-cascade-plan", b"draft"),
        ("x-envoy-internal", b"true"),
        ("authorization", b"Bearer k"),
        ("anthropic-beta", b"a"),
        ("anthropic-beta", b"b"),
    ]
    assert end_to_end(Headers(given)) == [("authorization", b"Bearer k"), ("anthropic-beta", b"a"), ("anthropic-beta", b"b")]
