"""The nftables rules that lead connections to the listener for interception.

In a pod what the pod itself sends is redirected (hook output), but for the user that Envoy runs as; on a gateway what passes through
(hook prerouting). QUIC is refused, as HTTP/3 would walk past; clients then take TCP. All stands in one table, which comes and goes as a
whole (https://wiki.nftables.org/wiki-nftables/index.php/Performing_Network_Address_Translation_(NAT)).
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal

from extproc.config.interception import Intercept

Mode = Literal["pod", "gateway"]
TABLE = "cascade_intercept"


class RedirectError(Exception):
    """These rules would not do what is wanted; the message says why."""


def rules(intercept: Intercept, mode: Mode, uid: int | None, exempt: Sequence[IPv4Network | IPv6Network] = ()) -> str:
    """Give a file for `nft -f`, which may be loaded again.

    Args:
        intercept: where the listener is, and whether port 80 is redirected, too.
        mode: whose connections are redirected.
        uid: the user that Envoy runs as; needed in a pod, so that its own connections leave.
        exempt: networks whose connections are left alone.

    Raises:
        RedirectError: nothing is intercepted, a user is missing, or the listener cannot be reached.
    """
    address = ip_address(intercept.listen.rpartition(":")[0].strip("[]"))
    if not intercept.hosts:
        raise RedirectError("intercept.hosts is empty: there is nothing to redirect for")
    if mode == "pod" and uid is None:
        raise RedirectError("in a pod the rules need --uid, the user that Envoy runs as: its own connections must leave")
    if mode == "gateway" and address.is_loopback:
        raise RedirectError(f"intercept.listen: {intercept.listen} cannot be reached from a network; expected 0.0.0.0 or [::]")
    ports = "{ 80, 443 }" if intercept.plain_http else "443"
    reached = [address.version == 4 or address.is_unspecified, address.version == 6]
    left_alone = [*_own(mode, uid), *[f"ip{'6' if network.version == 6 else ''} daddr {network} accept" for network in exempt]]
    redirected = [f"meta nfproto {family} tcp dport {ports} redirect to :{intercept.port}" for family in _of(reached, True)]
    # What the listener cannot take must not walk past it. It is refused at once, and clients try the other family.
    refused = ["udp dport 443 reject", *[f"meta nfproto {family} tcp dport 443 reject with tcp reset" for family in _of(reached, False)]]
    hooks = ("output priority -100", "output") if mode == "pod" else ("prerouting priority dstnat", "forward")
    chains = [
        _chain("redirected", f"type nat hook {hooks[0]}", [*left_alone, *redirected]),
        _chain("refused", f"type filter hook {hooks[1]} priority filter", [*left_alone, *refused]),
    ]
    # Named before it is deleted, so that it is there; all of it in one transaction.
    return f"table inet {TABLE}\ndelete table inet {TABLE}\ntable inet {TABLE} {{\n{''.join(chains)}}}\n"


def _own(mode: Mode, uid: int | None) -> list[str]:
    """What goes to this machine itself is never taken; from a pod, nor is what Envoy sends."""
    return [f"meta skuid {uid} accept", 'oifname "lo" accept'] if mode == "pod" else ["fib daddr type local accept"]


def _of(reached: Sequence[bool], wanted: bool) -> list[str]:
    return [family for family, takes in zip(("ipv4", "ipv6"), reached, strict=True) if takes is wanted]


def _chain(name: str, hook: str, lines: Sequence[str]) -> str:
    inside = "".join(f"    {line}\n" for line in (f"{hook}; policy accept;", *lines))
    return f"  chain {name} {{\n{inside}  }}\n"
