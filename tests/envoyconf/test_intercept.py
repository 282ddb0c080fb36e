"""The listener of redirected connections, and the rules that lead there."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from extproc.config.interception import Intercept
from extproc.envoyconf import bootstrap
from extproc.envoyconf.redirect import RedirectError, rules
from tests.envoyconf.variants import INTERCEPT, made

HOSTS = INTERCEPT["hosts"]
ALL = "interception of all that can be"


def parts(name: str, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give the listener and the clusters by their names."""
    static = bootstrap(*made(name, folder), environ={})["static_resources"]
    return static["listeners"][-1], {cluster["name"]: cluster for cluster in static["clusters"]}


def manager(chain: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = chain["filters"][0]["typed_config"]
    return config


def test_each_host_has_its_chain_and_its_certificate(tmp_path: Path):
    listener, clusters = parts("interception", tmp_path)
    loop, *chains = listener["filter_chains"]
    assert loop["filter_chain_match"] == {"destination_port": 15001}
    assert [chain["filter_chain_match"] for chain in chains] == [{"server_names": [host], "transport_protocol": "tls"} for host in HOSTS]
    for host, chain in zip(HOSTS, chains, strict=True):
        (secret,) = chain["transport_socket"]["typed_config"]["common_tls_context"]["tls_certificate_sds_secret_configs"]
        assert secret["name"] == f"intercept.{host}"
    assert manager(listener["default_filter_chain"])["cluster"] == "passed"
    assert clusters["passed"]["type"] == "ORIGINAL_DST"


def test_each_host_is_reached_under_its_own_name_only(tmp_path: Path):
    listener, clusters = parts("interception", tmp_path)
    *hosts, other = manager(listener["filter_chains"][1])["route_config"]["virtual_hosts"]
    for host, routes in zip(HOSTS, hosts, strict=True):
        rest = routes["routes"][-1]["route"]
        assert (rest["cluster"], rest["host_rewrite_literal"]) == (f"origin {host}", host)
        assert clusters[rest["cluster"]]["transport_socket"]["typed_config"]["sni"] == host
    assert other["domains"] == ["*"]
    assert [route["direct_response"]["status"] for route in other["routes"]] == [421]


def test_nothing_that_a_proxy_might_say_is_believed_of_clients(tmp_path: Path):
    listener, _ = parts(ALL, tmp_path)
    for chain in listener["filter_chains"][1:]:
        assert manager(chain)["forward_client_cert_details"] == "SANITIZE"
        mutations = manager(chain)["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
        assert {"remove": "x-jwt"} in mutations


def test_plain_http_only_where_wished_for(tmp_path: Path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    assert [chain["name"] for chain in parts("interception", tmp_path / "one")[0]["filter_chains"]] == ["loop", *HOSTS]
    listener, _ = parts(ALL, tmp_path / "other")
    plain = listener["filter_chains"][-1]
    assert plain["filter_chain_match"]["destination_port"] == 80
    (route,) = manager(plain)["route_config"]["virtual_hosts"][-1]["routes"]
    assert route["route"]["cluster"] == "passed"
    assert listener["address"]["socket_address"]["ipv4_compat"] is True


def test_without_hosts_there_is_no_listener(tmp_path: Path):
    listener, clusters = parts("smallest", tmp_path)
    assert listener["name"] == "egress"
    assert "passed" not in clusters


@pytest.mark.parametrize(
    ("listen", "mode", "redirected", "refused"),
    [
        ("127.0.0.1:15001", "pod", ["ipv4"], ["ipv6"]),
        ("[::1]:15001", "pod", ["ipv6"], ["ipv4"]),
        ("[::]:15001", "pod", ["ipv4", "ipv6"], []),
        ("0.0.0.0:15001", "gateway", ["ipv4"], ["ipv6"]),
        ("[::]:15001", "gateway", ["ipv4", "ipv6"], []),
    ],
)
def test_what_the_listener_cannot_take_does_not_walk_past(listen: str, mode: Any, redirected: list[str], refused: list[str]):
    text = rules(Intercept(**{**INTERCEPT, "listen": listen}), mode, 65532)
    for family in redirected:
        assert f"meta nfproto {family} tcp dport 443 redirect to :15001\n" in text
    for family in refused:
        assert f"meta nfproto {family} tcp dport 443 reject with tcp reset\n" in text
    assert (text.count("redirect to"), text.count("tcp reset")) == (len(redirected), len(refused))
    assert text.count("udp dport 443 reject\n") == 1
    assert ("meta skuid 65532 accept" in text) is (mode == "pod")


def test_exempt_networks_come_before_both_kinds_of_rules():
    text = rules(Intercept(**INTERCEPT), "pod", 1, [ip_network("10.0.0.0/8"), ip_network("fd00::/8")])
    for chain in text.split("chain ")[1:]:
        assert chain.index("ip daddr 10.0.0.0/8 accept") < chain.index("ip6 daddr fd00::/8 accept") < chain.index("dport")


def test_a_listener_on_loopback_is_no_gateway():
    with pytest.raises(RedirectError, match=r"127\.0\.0\.1:15001 cannot be reached from a network"):
        rules(Intercept(**INTERCEPT), "gateway", None)
