"""What is no LLM host passes untouched; what would walk past is refused; what would turn in a circle ends."""

from __future__ import annotations

import hashlib
import ssl

import pytest

from tests.netns.others import GREETING
from tests.netns.test_calls import EASY, body, told
from tests.netns.world import World, address, address_6

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("name", ["other.example.com", ""])
def test_another_host_keeps_its_certificate_and_its_bytes(world: World, name: str):
    own = ssl.PEM_cert_to_DER_cert(
        (world.folder / "public/other.example.com.crt").read_text().partition("-----END")[0] + "-----END CERTIFICATE-----"
    )
    said = told(world, "echoed", address("other.example.com"), name)
    assert said == {"certificate": hashlib.sha256(own).hexdigest(), "same": True}


def test_a_server_that_speaks_first_is_heard(world: World):
    assert told(world, "heard", address("early.example.com"), "443", "QUIT") == {"received": GREETING.decode() + "QUIT\n"}


def test_quic_is_refused_and_other_datagrams_are_not(world: World):
    where = address("api.anthropic.com")
    assert told(world, "datagram", where, "443") == {"refused": "PermissionError" if world.mode == "pod" else "ConnectionRefusedError"}
    assert told(world, "datagram", where, "444") == {"received": "hello"}


def test_who_means_the_redirects_own_port_is_hung_up_on(world: World):
    where = "127.0.0.1" if world.mode == "pod" else "198.18.1.254"
    assert told(world, "heard", where, "15001", "GET / HTTP/1.0") in ({"received": ""}, {"error": "ConnectionResetError"})
    code, _ = world.curl(f"http://{where}:15001/")
    assert code in {52, 56}, "an empty answer or a reset, not a circle"
    assert world.curl("https://api.openai.com/v1/models")[0] == 0, "it serves on"


def test_ipv6_is_taken_where_the_listener_has_it_and_refused_where_not(world: World):
    resolved = ("--resolve", f"api.anthropic.com:443:[{address_6('api.anthropic.com')}]")
    code, text = world.curl("https://api.anthropic.com/v1/messages", "-6", *resolved, "--json", body(EASY))
    if world.mode == "pod":
        assert code == 7, text
    else:
        assert code == 0, text
        assert "x-cascade-outcome: SKIPPED" in text


def test_plain_http_is_taken_only_where_wished_for(world: World):
    code, text = world.curl("http://api.anthropic.com/v1/messages", "--json", body(EASY))
    if world.mode == "pod":
        assert code == 7, "nobody listens there at the provider"
    else:
        assert code == 0, text
        assert "x-cascade-outcome: SKIPPED" in text


def test_plain_http_of_other_hosts_arrives(world: World):
    code, text = world.curl("http://other.example.com/path?q=1", "-H", "X-Mixed-Case: Yes")
    assert code == 0, text
    assert "X-As-Sent: Yes" in text or world.mode == "gateway", "not touched at all where port 80 is not redirected"
    assert "x-as-sent: yes" in text.lower()
    assert "x-cascade" not in text.lower()
    sent = text.partition("\r\n\r\n")[2] or text.partition("\n\n")[2]
    lines = {line.lower() for line in sent.splitlines() if line}
    assert {"get /path?q=1 http/1.1", "host: other.example.com", "x-mixed-case: yes"} <= lines
    assert {line.partition(":")[0] for line in lines} == {"get /path?q=1 http/1.1", "host", "user-agent", "accept", "x-mixed-case"}
