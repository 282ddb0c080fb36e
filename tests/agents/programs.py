"""The agents as programs: how each is pointed at a gateway and run once, without a terminal, as docs/agents.md tells users.

Nothing of the machine's reaches them: a home of their own, no environment but what stands here, and a proxy that nobody listens at
between them and all that is not on loopback.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from extproc.core.vocabulary import Dialect
from tests.agents.installation import machine, modules

KEY = "not-a-key"
_PATIENCE_S = 90
_TRIPLES = {"x64": "x86_64-unknown-linux-musl", "arm64": "aarch64-unknown-linux-musl"}
_NOWHERE = "http://127.0.0.1:9"
_CODEX = """\
model = "{model}"
model_provider = "gateway"
model_reasoning_effort = "high"
model_reasoning_summary = "detailed"
check_for_update_on_startup = false

[model_providers.gateway]
name = "gateway"
base_url = "{url}/v1"
env_key = "GATEWAY_API_KEY"
wire_api = "responses"

[analytics]
enabled = false
"""
_QWEN = {
    "general": {"enableAutoUpdate": False},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "memory": {"enableManagedAutoMemory": False, "enableManagedAutoDream": False},
}


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a run."""

    code: int
    output: str
    complaints: str
    """Its standard error."""


Command = Callable[["Agent", str, Path, str], tuple[list[str], dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent."""

    name: str
    dialect: Dialect
    model: str
    """The model that it asks for."""
    command: Command
    """Gives its command line and its environment for an address, a home and a prompt."""
    newer: tuple[str, ...] = ()
    """Beginnings of refusals that it has itself to thank for: of what is newer than the SDKs' types and the rules of `strict`."""

    def run(self, url: str, folder: Path, prompt: str) -> Ended:
        """Let it work in a folder, with the gateway at this address."""
        home = folder.parent / "home"
        for one in (home, home / "tmp"):
            one.mkdir()
        arguments, environ = self.command(self, url, home, prompt)
        return _run(arguments, folder, {**_surroundings(home), **environ})


def _surroundings(home: Path) -> dict[str, str]:
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), _NOWHERE)
    return {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        **proxies,
    }


def _run(arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Ended:
    """Run a program to its end; what it has started ends with it."""
    with subprocess.Popen(
        arguments,
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, complaints = process.communicate(timeout=_PATIENCE_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return Ended(process.returncode, output, complaints)


def _claude(agent: Agent, url: str, _home: Path, prompt: str) -> tuple[list[str], dict[str, str]]:
    program = modules() / "@anthropic-ai" / f"claude-code-linux-{machine()}" / "claude"
    arguments = ["-p", prompt, "--model", agent.model, "--permission-mode", "bypassPermissions"]
    return [str(program), *arguments], {
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_API_KEY": KEY,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "IS_SANDBOX": "1",
    }


def _codex(agent: Agent, url: str, home: Path, prompt: str) -> tuple[list[str], dict[str, str]]:
    program = modules() / "@openai" / f"codex-linux-{machine()}" / "vendor" / _TRIPLES[machine()] / "bin" / "codex"
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(_CODEX.format(url=url, model=agent.model))
    arguments = ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt]
    return [str(program), *arguments], {"GATEWAY_API_KEY": KEY}


def _qwen(agent: Agent, url: str, home: Path, prompt: str) -> tuple[list[str], dict[str, str]]:
    node = modules() / f"node-linux-{machine()}" / "bin" / "node"
    program = modules() / "@qwen-code" / "qwen-code" / "cli.js"
    (home / ".qwen").mkdir()
    (home / ".qwen" / "settings.json").write_text(json.dumps(_QWEN))
    kind = {Dialect.ANTHROPIC: "anthropic", Dialect.OPENAI_CHAT: "openai", Dialect.OPENAI_RESPONSES: "openai-responses"}[agent.dialect]
    prefix, root = ("ANTHROPIC", url) if agent.dialect is Dialect.ANTHROPIC else ("OPENAI", f"{url}/v1")
    return [str(node), str(program), "--auth-type", kind, "-y", "-p", prompt], {
        f"{prefix}_BASE_URL": root,
        f"{prefix}_API_KEY": KEY,
        f"{prefix}_MODEL": agent.model,
        "QWEN_CODE_NO_RELAUNCH": "true",
        "QWEN_CODE_SUPPRESS_YOLO_WARNING": "1",
    }


CLAUDE = Agent(
    "claude",
    Dialect.ANTHROPIC,
    "claude-opus-4-8",
    _claude,
    newer=("a role that is none", "prefill", "type: ('body', 'context_management')"),
)
CODEX = Agent("codex", Dialect.OPENAI_RESPONSES, "gpt-5.5", _codex, newer=("type: ",))
QWEN = Agent("qwen", Dialect.OPENAI_CHAT, "deepseek-chat", _qwen)
PROGRAMMING = replace(CODEX, name="codex-newer", model="gpt-6-sol")
"""The same with a newer model: its tools are hidden in the input, and it has one only, which takes programs."""
AGENTS = (CLAUDE, CODEX, PROGRAMMING, QWEN)
