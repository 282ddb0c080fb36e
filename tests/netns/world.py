"""A world of network namespaces: a client, providers that are who they say, and a pair in the client's pod or on a gateway between them.

    pod       client with the pair 198.18.0.1 ── .2 and on  provider
    gateway   client 198.18.1.1 ── .254 gateway with the pair 198.18.0.1 ── .2 and on  provider

Nothing of it is connected to this machine's own network; when it is left, all that ran in it is gone, and so is it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.system import ROOT, until

HOSTS = {"api.anthropic.com": 2, "api.openai.com": 3, "other.example.com": 4, "draft.example.com": 5, "early.example.com": 6}
"""The provider's namespace: who has which address there."""
INTERCEPTED = ("api.anthropic.com", "api.openai.com")
ENVOY_UID = 65532
"""Of the pair. It may read where root may: checkouts and pytest's folders often let nobody else in."""
_SIMULATED = {"api.anthropic.com": "anthropic", "api.openai.com": "openai", "draft.example.com": "draft"}
_CONFIGURED = Path("/etc/netns")


def address(host: str) -> str:
    """Give a host's IPv4 address."""
    return f"198.18.0.{HOSTS[host]}"


def address_6(host: str) -> str:
    """Give its IPv6 address."""
    return f"2001:db8::{HOSTS[host]}"


def missing() -> str:
    """Say what of the machine is missing; empty where nothing is."""
    if os.geteuid() != 0:
        return "root is needed for network namespaces"
    tools = [tool for tool in ("ip", "nft", "openssl", "curl", "setpriv") if shutil.which(tool) is None]
    return f"not on PATH (Debian: iproute2, nftables, openssl, curl, util-linux): {', '.join(tools)}" if tools else ""


def models() -> dict[str, Any]:
    """Configure both models at their real names, as an organisation would."""
    further = {"openai_chat": {"base_url": "https://api.openai.com"}, "openai_responses": {"base_url": "https://api.openai.com"}}
    return {
        "draft": {"model": "draft-small", "dialect": "anthropic", "base_url": "https://draft.example.com", "dialects": {"openai_chat": {}}},
        "verify": {"dialect": "anthropic", "base_url": "https://api.anthropic.com", "dialects": further},
    }


class World:
    """`with World(mode) as world:`; `client`, `middle` and `provider` are names of namespaces, in a pod the first two are the same."""

    def __init__(self, mode: str, **intercept: Any) -> None:
        assert not missing(), missing()
        self.mode = mode
        self._intercept = intercept
        self.client, self.provider = [f"cascade-{os.getpid()}-{name}" for name in ("client", "provider")]
        self.middle = self.client if mode == "pod" else f"cascade-{os.getpid()}-gateway"
        self._all = list(dict.fromkeys((self.client, self.middle, self.provider)))
        self._exit = ExitStack()
        self.folder = Path()
        self.up: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as building:
            self.folder = Path(tempfile.mkdtemp(prefix="netns-", dir="/tmp"))  # short, for the paths of Unix sockets
            building.callback(shutil.rmtree, self.folder)
            building.callback(self._remove)
            self._namespaces()
            self._authorities()
            self._providers(building)
            self._pair(building)
            self.redirect()
            self._exit = building.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            error.add_note(self.output("up"))
        self._exit.close()

    # -- what tests do

    def run(self, where: str, *argv: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program in a namespace to its end, whatever that is."""
        told = {**self._environ(), **(environ or {})}
        return subprocess.run(self._inside(where, argv), capture_output=True, text=True, timeout=60, check=False, env=told)

    def ask(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a program as the client, which trusts the organisation's CA by its one variable."""
        return self.run(self.client, *argv, environ={"SSL_CERT_FILE": str(self.folder / "bundle.pem")})

    def curl(self, url: str, *more: str) -> tuple[int, str]:
        """Give curl's exit code, and what it got: head and body; or what it says."""
        done = self.ask("curl", "--silent", "--show-error", "--include", "--max-time", "30", *more, url)
        return done.returncode, done.stdout or done.stderr

    def extproc(self, *words: str, environ: Mapping[str, str] | None = None) -> str:
        """Run a command of ours that must succeed."""
        told = {**self._environ(), **(environ or {})}
        done = subprocess.run([sys.executable, "-m", "extproc", *words], capture_output=True, text=True, timeout=60, check=False, env=told)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def redirect(self) -> None:
        """Load the rules, as the init container does."""
        rules = self.folder / "redirect.nft"
        self.extproc("redirect-rules", "-c", str(self.config), "--mode", self.mode, "--uid", str(ENVOY_UID), "--output", str(rules))
        self._must(self.middle, "nft", "-f", str(rules))

    def stop_redirect(self) -> None:
        """Take them away, as the page says."""
        self._must(self.middle, "nft", "delete", "table", "inet", "cascade_intercept")

    def children(self) -> dict[str, int]:
        """Process ids of Envoy and the worker."""
        assert self.up is not None
        pids = Path(f"/proc/{self.up.pid}/task/{self.up.pid}/children").read_text().split()
        return {"envoy" if b"envoy.yaml" in Path(f"/proc/{pid}/cmdline").read_bytes() else "worker": int(pid) for pid in pids}

    def output(self, name: str) -> str:
        """What one of the processes said so far."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def served(self, name: str) -> int:
        """Count the requests that a simulated provider has answered."""
        return sum(line.startswith(f"{name} ") for line in self.output(name).splitlines())

    @property
    def config(self) -> Path:
        """The pair's configuration."""
        return self.folder / "cascade.yaml"

    # -- how it is made

    def _namespaces(self) -> None:
        for name in self._all:
            self._ip("netns", "add", name)
            self._must(name, "ip", "link", "set", "lo", "up")
            self._names(name)
        net = "198.18.0"
        self._link(
            self.middle, f"{net}.1/24", "2001:db8::1/64", self.provider, [(f"{net}.{n}/24", f"2001:db8::{n}/64") for n in HOSTS.values()]
        )
        if self.mode == "gateway":
            self._link(self.client, "198.18.1.1/24", "2001:db8:1::1/64", self.middle, [("198.18.1.254/24", "2001:db8:1::fe/64")])
            for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
                self._must(self.middle, "sysctl", "-qw", f"{key}=1")
            for family, client, provider in (("-4", "198.18.1.254", "198.18.0.1"), ("-6", "2001:db8:1::fe", "2001:db8::1")):
                self._must(self.client, "ip", family, "route", "add", "default", "via", client)
                self._must(self.provider, "ip", family, "route", "add", "default", "via", provider)

    def _names(self, namespace: str) -> None:
        folder = _CONFIGURED / namespace
        folder.mkdir(parents=True)
        (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(f"{address(host)} {host}\n" for host in HOSTS))
        (folder / "resolv.conf").write_text(
            "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"
        )  # nobody: the names above are all there are

    def _link(self, one: str, ip: str, ip6: str, other: str, addresses: list[tuple[str, str]]) -> None:
        here, there = f"to-{other.rpartition('-')[2]}", f"to-{one.rpartition('-')[2]}"
        self._ip("link", "add", here, "netns", one, "type", "veth", "peer", "name", there, "netns", other)
        for namespace, device, pairs in ((one, here, [(ip, ip6)]), (other, there, addresses)):
            for four, six in pairs:
                self._must(namespace, "ip", "address", "add", four, "dev", device)
                self._must(namespace, "ip", "address", "add", six, "dev", device, "nodad")
            self._must(namespace, "ip", "link", "set", device, "up")

    def _authorities(self) -> None:
        """One that all the world trusts, and the organisation's, for the intercepted hosts only."""
        public = self.folder / "public"
        public.mkdir()
        (public / "cascade.yaml").write_text(
            json.dumps({"version": 1, "models": models(), "intercept": {"hosts": list(HOSTS), "certificates": "."}})
        )
        self.extproc(
            "certificates",
            "-c",
            str(public / "cascade.yaml"),
            "--new-ca",
            "--ca",
            str(public / "ca.crt"),
            "--ca-key",
            str(public / "ca.key"),
        )
        intercept = {"hosts": list(INTERCEPTED), "certificates": "certificates", **self._intercept}
        config = {"version": 1, "runtime_dir": str(self.folder / "run"), "models": models(), "intercept": intercept}
        self.config.write_text(json.dumps(config))
        self.issue("--new-ca", "--bundle", str(self.folder / "bundle.pem"))

    def issue(self, *more: str) -> None:
        """Have the organisation's CA issue certificates, for the first time or anew."""
        ca = ("--ca", str(self.folder / "ca.crt"), "--ca-key", str(self.folder / "ca.key"))
        self.extproc("certificates", "-c", str(self.config), *ca, *more, environ={"SSL_CERT_FILE": str(self.folder / "public/ca.crt")})
        for path in (self.folder / "certificates").iterdir():
            os.chown(path, ENVOY_UID, ENVOY_UID)

    def _providers(self, building: ExitStack) -> None:
        for host, name in _SIMULATED.items():
            files = ("--certificate", f"public/{host}.crt", "--key", f"public/{host}.key")
            self._start(
                building,
                name,
                self.provider,
                "-m",
                "extproc",
                "simulate-provider",
                "--host",
                address(host),
                "--port",
                "443",
                "--name",
                name,
                *files,
            )
        self._start(building, "others", self.provider, "-m", "tests.netns.others", str(self.folder / "public"))
        for name in (*_SIMULATED.values(), "others"):
            until(lambda name=name: "listening" in self.output(name), 60)

    def _pair(self, building: ExitStack) -> None:
        (self.folder / "run").mkdir(mode=0o700)
        os.chown(self.folder / "run", ENVOY_UID, ENVOY_UID)
        self.folder.chmod(0o755)
        environ = {"SSL_CERT_FILE": str(self.folder / "public/ca.crt")}
        self.up = self._start(building, "up", self.middle, "-m", "extproc", "up", "-c", str(self.config), environ=environ, uid=ENVOY_UID)
        up = self.up
        until(lambda: up.poll() is not None or "ready on http" in self.output("up"), 60)
        assert up.poll() is None, self.output("up")

    def _start(
        self, building: ExitStack, name: str, where: str, *words: str, environ: Mapping[str, str] | None = None, uid: int = 0
    ) -> subprocess.Popen[bytes]:
        argv = [sys.executable, *words]
        if uid:
            caps = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
            argv = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *caps, *argv]
        with (self.folder / f"{name}.log").open("wb") as log:
            told = {**self._environ(), **(environ or {})}
            started = subprocess.Popen(self._inside(where, argv), stdout=log, stderr=log, env=told, cwd=self.folder)
        building.callback(_end, started)
        return started

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "ENVOY_BIN") if name in os.environ}  # and nobody's CAs or proxies
        return {**kept, "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "TMPDIR": "/tmp"}

    def _remove(self) -> None:
        for name in self._all:
            for pid in subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False).stdout.split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)  # it may never have come to be
            shutil.rmtree(_CONFIGURED / name, ignore_errors=True)
        with suppress(OSError):
            _CONFIGURED.rmdir()  # where it was ours alone

    def _inside(self, where: str, argv: Any) -> list[str]:
        return ["ip", "netns", "exec", where, *argv]

    def _must(self, where: str, *argv: str) -> None:
        done = self.run(where, *argv)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Also one that a test has stopped."""
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
