"""The agents as programs: each is pointed at a gateway by what docs/agents.md tells users, and run once, without a terminal.

Nothing of the machine's reaches them: a home of their own, no environment but what stands here and there, and a proxy that nobody
listens at between them and all that is not on loopback.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from extproc.core.vocabulary import Dialect
from tests.agents.installation import machine, modules

_DOCS = Path(__file__).parents[2] / "docs" / "agents.md"
_PATIENCE_S = 90
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_NOWHERE = "http://127.0.0.1:9"
_TRIPLES = {"x64": "x86_64-unknown-linux-musl", "arm64": "aarch64-unknown-linux-musl"}
_QUIET = {
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One agent."""

    name: str
    title: str
    """Its heading in the docs."""
    dialect: Dialect
    model: str
    """The model that it asks for."""
    program: Callable[[], Sequence[str | Path]]
    arguments: Sequence[str]
    """With places for `model` and `prompt`."""
    environ: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    """Files in its home; `toml` stands for what the docs have of that language."""
    newer: tuple[str, ...] = ()
    """Beginnings of refusals that it has itself to thank for: of what is newer than the SDKs' types and the rules of `strict`."""

    def run(self, url: str, key: str, folder: Path, prompt: str) -> Ended:
        """Let it work in a folder, with the gateway at this address."""
        home = folder.parent / "home"
        (home / "tmp").mkdir(parents=True)
        told = {kind: text.replace("http://127.0.0.1:10000", url).replace("YOUR-KEY", key) for kind, text in _snippets(self.title).items()}
        for name, text in self.settings.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(told.get(text, text))
        exported = dict([word.split("=", 1) for word in shlex.split(told["sh"], comments=True) if "=" in word])
        words = [word.format(model=self.model, prompt=prompt) for word in self.arguments]
        return _run([*map(str, self.program()), *words], folder, {**_surroundings(home), **self.environ, **exported})


def _snippets(title: str) -> dict[str, str]:
    """Give the snippets of a section of the docs: language → text."""
    section = _DOCS.read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL))


def _surroundings(home: Path) -> dict[str, str]:
    places = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "PATH": os.defpath, "LANG": "C.UTF-8", "TERM": "dumb"}
    return {**places, **dict.fromkeys(_PROXIES, _NOWHERE), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}


def _run(arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Ended:
    """Run a program to its end; what it has started ends with it."""
    piped = subprocess.PIPE
    with subprocess.Popen(
        arguments, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=piped, stderr=piped, text=True, start_new_session=True
    ) as process:
        try:
            output, complaints = process.communicate(timeout=_PATIENCE_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return Ended(process.returncode, output, complaints)


CLAUDE = Agent(
    name="claude",
    title="Claude Code",
    dialect=Dialect.ANTHROPIC,
    model="claude-opus-4-8",
    program=lambda: [modules() / "@anthropic-ai" / f"claude-code-linux-{machine()}" / "claude"],
    arguments=["-p", "{prompt}", "--model", "{model}", "--permission-mode", "bypassPermissions"],
    environ={"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "IS_SANDBOX": "1"},
    newer=("a role that is none", "prefill", "type: ('body', 'context_management')"),
)
CODEX = Agent(
    name="codex",
    title="Codex",
    dialect=Dialect.OPENAI_RESPONSES,
    model="gpt-5.5",
    program=lambda: [modules() / "@openai" / f"codex-linux-{machine()}" / "vendor" / _TRIPLES[machine()] / "bin" / "codex"],
    arguments=[
        *("exec", "--model", "{model}", "-c", "model_reasoning_effort=high", "-c", "model_reasoning_summary=detailed"),
        *("--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "{prompt}"),
    ],
    settings={".codex/config.toml": "toml"},
    newer=("type: ",),
)
PROGRAMMING = replace(CODEX, name="codex-newer", model="gpt-6-sol")
"""The same with a newer model: its tools are hidden in the input, and it has one only, which takes programs."""
QWEN = Agent(
    name="qwen",
    title="Qwen Code",
    dialect=Dialect.OPENAI_CHAT,
    model="deepseek-chat",
    program=lambda: [modules() / f"node-linux-{machine()}" / "bin" / "node", modules() / "@qwen-code" / "qwen-code" / "cli.js"],
    arguments=["--auth-type", "openai", "-y", "-p", "{prompt}"],
    environ={"QWEN_CODE_NO_RELAUNCH": "true", "QWEN_CODE_SUPPRESS_YOLO_WARNING": "1"},
    settings={".qwen/settings.json": json.dumps(_QUIET)},
)
AGENTS = (CLAUDE, CODEX, PROGRAMMING, QWEN)
