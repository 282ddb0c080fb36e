"""The tools that an agent offers, and how what is to be done is said in them: every agent has names and arguments of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from extproc.simulator.answer import Call
from extproc.simulator.ask import RefusedError
from extproc.simulator.sample import sample

Json = dict[str, Any]

_SHELLS = ("Bash", "exec_command", "run_shell_command", "bash", "shell")
_READERS = ("Read", "read_file", "read")
_EDITORS = ("Edit", "edit", "apply_patch")
_PROGRAMS = ("exec", "functions__exec")
"""Tools that take a program which calls the others; newer models have no other."""
_ARGUMENTS = {
    "path": ("file_path", "filePath", "path"),
    "old": ("old_string", "oldString"),
    "new": ("new_string", "newString"),
    "command": ("command", "cmd"),
    "patch": ("input", "patchText"),
}
"""What a tool is to be told → how the tools of different agents call it."""


class Offered:
    """The tools of a request."""

    def __init__(self, request: Json) -> None:
        hidden = [item for item in request.get("input") or [] if item.get("type") == "additional_tools"]
        given = [*(request.get("tools") or []), *[tool for item in hidden for tool in item["tools"]]]
        self._tools = {tool["name"]: tool for tool in _tools(given)}

    def __bool__(self) -> bool:
        return bool(self._tools)

    def read(self, paths: Sequence[str]) -> tuple[Call, ...]:
        """Read files at once, by the shell where there is no tool for it."""
        if self._program():
            commands = ", ".join(f"tools.exec_command({json.dumps({'cmd': f'cat {path}'})})" for path in paths)
            return (self._run_program(f"Promise.all([{commands}])"),)
        name = self._first(_READERS)
        return tuple(self._call(name, {"path": path}) if name else self.run(f"cat {path}") for path in paths)

    def edit(self, path: str, old: str, new: str) -> Call:
        """Replace a word that is a line of its own, by the shell where there is no tool for it."""
        patch = f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n+{new}\n*** End Patch\n"
        if self._program():
            return self._run_program(f"tools.apply_patch({json.dumps(patch)})")
        name = self._first(_EDITORS)
        return (
            self._call(name, {"path": path, "old": old, "new": new, "patch": patch}) if name else self.run(f"sed -i s/{old}/{new}/ {path}")
        )

    def run(self, command: str) -> Call:
        """Run a command."""
        if self._program():
            return self._run_program(f"tools.exec_command({json.dumps({'cmd': command})})")
        name = self._first(_SHELLS)
        if name is None:
            raise RefusedError(400, f"no shell is offered: {sorted(self._tools)}")
        return self._call(name, {"command": command})

    def _first(self, names: Iterable[str]) -> str | None:
        return next((name for name in names if name in self._tools), None)

    def _program(self) -> str | None:
        return None if self._first(_SHELLS) else self._first(_PROGRAMS)

    def _run_program(self, expression: str) -> Call:
        return self._call(self._program() or "", {"patch": f"text(JSON.stringify(await {expression}))"})

    def _call(self, name: str, said: Mapping[str, str]) -> Call:
        tool = self._tools[name]
        if tool["schema"] is None:
            return Call(name, said["patch"], custom=True, namespace=tool["namespace"])
        properties = tool["schema"]["properties"]
        arguments: Json = {}
        for what, spellings in _ARGUMENTS.items():
            key = next((one for one in spellings if one in properties), None)
            if key and what in said:
                arguments[key] = ["bash", "-lc", said[what]] if properties[key].get("type") == "array" else said[what]
        for key in tool["schema"].get("required", ()):
            arguments.setdefault(key, sample(properties[key], key))
        return Call(name, json.dumps(arguments), namespace=tool["namespace"])


def _tools(offered: Iterable[Json], namespace: str = "") -> Iterator[Json]:
    """Give name, namespace and schema of each tool (None: free text), in whatever dialect it is told."""
    for tool in offered:
        told = tool.get("function") or tool
        if tool.get("type") == "namespace":
            yield from _tools(tool["tools"], tool["name"])
        elif "name" in told and tool.get("type", "custom") in {"custom", "function"}:
            yield {"name": told["name"], "namespace": namespace, "schema": told.get("input_schema") or told.get("parameters")}


def results_in(request: Json) -> int:
    """Count the results of tools in a request."""
    if "input" in request:
        kinds = [str(item.get("type")) for item in request["input"]]
        return len([kind for kind in kinds if kind.endswith("_output")])
    messages = request["messages"]
    parts = [part for message in messages if isinstance(message["content"], list) for part in message["content"]]
    return len([one for one in parts if one["type"] == "tool_result"] + [one for one in messages if one["role"] == "tool"])
