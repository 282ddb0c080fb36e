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

from ruamel.yaml import YAML

from tests.netns import net
from tests.support.system import ROOT, until

HOSTS = {"api.anthropic.com": 2, "api.openai.com": 3, "other.example.com": 4, "api.deepseek.com": 5, "early.example.com": 6}
"""The provider's namespace: who has which address there."""
ENVOY_UID = 65532
"""Of the pair. It may read where root may: checkouts and pytest's folders often let nobody else in."""
_SIMULATED = {"api.anthropic.com": "anthropic", "api.openai.com": "openai", "api.deepseek.com": "draft"}
_KEY = {"DEEPSEEK_API_KEY": "the-draft-key"}


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


def example() -> dict[str, Any]:
    """Give examples/interception.yaml, its models and its hosts as they are; the simulated provider knows no `/anthropic`."""
    text = (ROOT / "examples/interception.yaml").read_text().replace("/anthropic\n", "\n")
    loaded: dict[str, Any] = YAML(typ="safe").load(text)
    return loaded


class World:
    """`with World(mode) as world:`; `client`, `middle` and `provider` are names of namespaces, in a pod the first two are the same."""

    def __init__(self, mode: str, tag: str = "", **intercept: Any) -> None:
        assert not missing(), missing()
        net.sweep()
        self.mode = mode
        self._intercept = intercept
        self.client, self.provider = net.name(f"client{tag}"), net.name(f"provider{tag}")
        self.middle = self.client if mode == "pod" else net.name(f"gateway{tag}")
        self._all = list(dict.fromkeys((self.client, self.middle, self.provider)))
        self._exit = ExitStack()
        self.folder = Path()
        self._version = 0
        self.up: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as building:
            self.folder = Path(tempfile.mkdtemp(prefix="netns-", dir="/tmp"))  # short, for the paths of Unix sockets
            building.callback(shutil.rmtree, self.folder)
            building.callback(net.remove, self._all)
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
        return subprocess.run(net.inside(where, *argv), capture_output=True, text=True, timeout=60, check=False, env=told)

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
        net.must(self.middle, "nft", "-f", str(rules))

    def stop_redirect(self) -> None:
        """Take them away, as the page says."""
        net.must(self.middle, "nft", "delete", "table", "inet", "cascade_intercept")

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
            net.add(name, {host: address(host) for host in HOSTS})
        hosts = [(f"{address(host)}/24", f"{address_6(host)}/64") for host in HOSTS]
        net.link(self.middle, ("198.18.0.1/24", "2001:db8::1/64"), self.provider, hosts)
        if self.mode == "gateway":
            net.link(self.client, ("198.18.1.1/24", "2001:db8:1::1/64"), self.middle, [("198.18.1.254/24", "2001:db8:1::fe/64")])
            for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
                net.must(self.middle, "sysctl", "-qw", f"{key}=1")
            for family, client, provider in (("-4", "198.18.1.254", "198.18.0.1"), ("-6", "2001:db8:1::fe", "2001:db8::1")):
                net.must(self.client, "ip", family, "route", "add", "default", "via", client)
                net.must(self.provider, "ip", family, "route", "add", "default", "via", provider)

    def _authorities(self) -> None:
        """One that all the world trusts, and the organisation's, for the intercepted hosts only."""
        config = example()
        public = self.folder / "public"
        public.mkdir()
        (public / "cascade.yaml").write_text(json.dumps({**config, "intercept": {"hosts": list(HOSTS), "certificates": "."}}))
        files = ("--ca", str(public / "ca.crt"), "--ca-key", str(public / "ca.key"))
        self.extproc("certificates", "-c", str(public / "cascade.yaml"), "--new-ca", *files)
        config["intercept"] |= {"certificates": "issued", **self._intercept}
        (self.folder / "issuing.yaml").write_text(json.dumps(config))
        config["intercept"] |= {"certificates": "certificates"}
        self.config.write_text(json.dumps({**config, "runtime_dir": str(self.folder / "run")}))
        self.issue("--new-ca", "--bundle", str(self.folder / "bundle.pem"))

    def issue(self, *more: str) -> None:
        """Have the organisation's CA issue certificates, for the first time or anew."""
        words = [
            "-c",
            str(self.folder / "issuing.yaml"),
            "--ca",
            str(self.folder / "ca.crt"),
            "--ca-key",
            str(self.folder / "ca.key"),
            *more,
        ]
        self.extproc("certificates", *words, environ={"SSL_CERT_FILE": str(self.folder / "public/ca.crt")})
        self._publish()

    def _publish(self) -> None:
        """Put them where the pair looks: in the pod as the kubelet does with a Secret's volume, on the gateway as files."""
        issued, seen = self.folder / "issued", self.folder / "certificates"
        seen.mkdir(exist_ok=True)
        version = seen / f"..{self._version}" if self.mode == "pod" else seen
        version.mkdir(exist_ok=True)
        self._version += 1
        for path in issued.iterdir():
            new = Path(shutil.copy(path, self.folder / "new"))  # with its mode
            os.chown(new, ENVOY_UID, ENVOY_UID)
            new.replace(version / path.name)
        if self.mode == "pod":
            (seen / "..new").symlink_to(version.name)
            (seen / "..new").replace(seen / "..data")
            for path in issued.iterdir():
                with suppress(FileExistsError):
                    (seen / path.name).symlink_to(f"..data/{path.name}")

    def _providers(self, building: ExitStack) -> None:
        for host, name in _SIMULATED.items():
            files = ["--certificate", f"public/{host}.crt", "--key", f"public/{host}.key"]
            files += ["--api-key-env", *_KEY] if name == "draft" else []
            where = ("--host", address(host), "--port", "443", "--name", name)
            self._start(building, name, self.provider, "-m", "extproc", "simulate-provider", *where, *files, environ=_KEY)
        self._start(building, "others", self.provider, "-m", "tests.netns.others", str(self.folder / "public"))
        for name in (*_SIMULATED.values(), "others"):
            until(lambda name=name: "listening" in self.output(name), 60)

    def _pair(self, building: ExitStack) -> None:
        (self.folder / "run").mkdir(mode=0o700)
        os.chown(self.folder / "run", ENVOY_UID, ENVOY_UID)
        self.folder.chmod(0o755)
        environ = {"SSL_CERT_FILE": str(self.folder / "public/ca.crt"), **_KEY}
        self.up = self._start(building, "up", self.middle, "-m", "extproc", "up", "-c", str(self.config), environ=environ, uid=ENVOY_UID)
        up = self.up
        until(lambda: up.poll() is not None or "ready on http" in self.output("up"), 60)
        assert up.poll() is None, self.output("up")

    def _start(
        self, building: ExitStack, name: str, where: str, *words: str, environ: Mapping[str, str] | None = None, uid: int = 0
    ) -> subprocess.Popen[bytes]:
        argv = ["setpriv", "--pdeathsig", "TERM"]  # should this process be killed
        if uid:
            caps = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
            argv += [f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *caps]
        argv += [sys.executable, *words]
        with (self.folder / f"{name}.log").open("wb") as log:
            told = {**self._environ(), **(environ or {})}
            started = subprocess.Popen(net.inside(where, *argv), stdout=log, stderr=log, env=told, cwd=self.folder)
        building.callback(_end, started)
        return started

    def _environ(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "ENVOY_BIN") if name in os.environ}  # and nobody's CAs or proxies
        return {**kept, "HOME": "/nonexistent", "PYTHONPATH": str(ROOT), "TMPDIR": "/tmp"}


def _end(process: subprocess.Popen[bytes]) -> None:
    """Also one that a test has stopped."""
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
