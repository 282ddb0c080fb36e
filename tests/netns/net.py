"""Network namespaces that know each other and nobody else, and hosts by name in them.

Their names begin with this process's id, so what a killed run has left is found, and removed by the next one.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

CONFIGURED = Path("/etc/netns")
Address = tuple[str, str]
"""IPv4 and IPv6, each with its prefix length."""


def name(which: str) -> str:
    """Name a namespace of this process."""
    return f"cascade-{os.getpid()}-{which}"


def inside(namespace: str, *argv: str) -> list[str]:
    """Give the command that runs a command in a namespace."""
    return ["ip", "netns", "exec", namespace, *argv]


def must(namespace: str, *argv: str) -> None:
    """Run a command in a namespace; it must succeed."""
    done = subprocess.run(inside(namespace, *argv), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"


def add(namespace: str, hosts: Mapping[str, str]) -> None:
    """Make a namespace in which these hosts have these addresses, and no name server answers."""
    subprocess.run(["ip", "netns", "add", namespace], check=True)
    must(namespace, "ip", "link", "set", "lo", "up")
    folder = CONFIGURED / namespace
    folder.mkdir(parents=True)
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{address} {host}\n" for host, address in hosts.items()))
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")


def link(one: str, address: Address, other: str, addresses: Sequence[Address]) -> None:
    """Connect two namespaces."""
    here, there = [f"to-{far.rpartition('-')[2]}"[:15] for far in (other, one)]  # names of devices are no longer (IFNAMSIZ)
    subprocess.run(["ip", "link", "add", here, "netns", one, "type", "veth", "peer", "name", there, "netns", other], check=True)
    for namespace, device, pairs in ((one, here, [address]), (other, there, addresses)):
        for four, six in pairs:
            must(namespace, "ip", "address", "add", four, "dev", device)
            must(namespace, "ip", "address", "add", six, "dev", device, "nodad")
        must(namespace, "ip", "link", "set", device, "up")


def remove(namespaces: Iterable[str]) -> None:
    """Remove them with all that runs in them, whether they have come to be or not."""
    for namespace in namespaces:
        for pid in subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False).stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        subprocess.run(["ip", "netns", "delete", namespace], capture_output=True, check=False)
        shutil.rmtree(CONFIGURED / namespace, ignore_errors=True)
    with suppress(OSError):
        CONFIGURED.rmdir()  # where it was ours alone


def sweep() -> None:
    """Remove what runs that were killed have left."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(cascade-(\d+)-\w+)", listed, re.MULTILINE)
    remove([namespace for namespace, pid in found if not Path(f"/proc/{pid}").exists()])
