"""What the agents are told to do, and the model that makes them do it: a script, told in the tools that each agent offers.

The task: read two files at once, edit one, run a command, say what is done. How far it is, the model sees by the results in the
request, as a real one would; so turns may be answered by different models.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from extproc.core.steps.judge import ACCEPT_WORD
from extproc.simulator.answer import Call, Content
from extproc.simulator.ask import Ask
from extproc.simulator.judge import draft_in
from extproc.simulator.sample import sample

Json = dict[str, Any]

PROMPT = (
    "Work in the folder {folder} : read fruit.txt and code.txt there, then change the word 'apple' in fruit.txt to 'cherry', then sort "
    "fruit.txt into the file sorted.txt. Say in the end which code stands in code.txt. Take the {road} road."
)
ROADS = ("quick", "careful", "expert")
"""Words by which the gateway is told the plan: draft, cascade, direct. On the careful one the draft model makes a mistake."""
BEFORE = {"fruit.txt": "pear\napple\nbanana\n", "code.txt": "The code is OWL-4711.\n"}
AFTER = {**BEFORE, "fruit.txt": "pear\ncherry\nbanana\n", "sorted.txt": "banana\ncherry\npear\n"}
CODE = "OWL-4711"
FINAL = f"All three steps are done, and the code is {CODE}."
TURNS = 4
"""Answers that the task takes."""

_FOLDER = re.compile(rb"Work in the folder (\S+) :")
_CODE = re.compile(rb"OWL-\d+")
_SHELLS = ("Bash", "exec_command", "run_shell_command", "shell", "bash", "shell_command")
_READERS = ("Read", "read_file", "read")
_EDITORS = ("Edit", "edit", "replace", "apply_patch")
_ARGUMENTS = {
    "path": ("file_path", "filePath", "path", "absolute_path"),
    "old": ("old_string", "oldString"),
    "new": ("new_string", "newString"),
    "command": ("command", "cmd"),
    "patch": ("input",),
}
"""What a tool is to be told → how the tools of different agents call it."""


def laid_out(folder: Path) -> Path:
    """Make a folder with the files of the task."""
    folder.mkdir()
    for name, text in BEFORE.items():
        (folder / name).write_text(text)
    return folder


def files_in(folder: Path) -> dict[str, str]:
    """Read what the files of the task have become."""
    return {name: path.read_text() for name in AFTER if (path := folder / name).exists()}


def drafted(ask: Ask, body: bytes) -> Content:
    """Answer as the draft model, which gets the edit wrong on the careful road."""
    return _answer(ask, body, "melon" if b"the careful road" in body else "cherry")


def verified(ask: Ask, body: bytes) -> Content:
    """Answer as the verify model; a draft with the mistake in it is improved, any other accepted."""
    draft = draft_in(ask.prompt)
    if draft is not None and "melon" not in draft:
        return Content(thought="The draft does what it should.", text=ACCEPT_WORD)
    return _answer(ask, body, "cherry")


def _answer(ask: Ask, body: bytes, fruit: str) -> Content:
    """Go one step; which one it is, the results in the request tell."""
    request = json.loads(body)
    if not ask.offers_tools:
        return Content(thought="Nothing is to be done here.", text="Fruit, a code, and a sorted file.")
    tools = Offered(request)
    folder = _FOLDER.search(body)[1].decode()  # type: ignore[index]
    match results_in(request):
        case 0:
            calls = tuple(tools.read(f"{folder}/{name}") for name in BEFORE)
            return Content(thought="Both files can be read at once.", text="I read both files.", calls=calls)
        case 2:
            edit = tools.edit(f"{folder}/fruit.txt", "apple", fruit)
            return Content(thought="The second line is to be changed.", text="Now the edit.", calls=(edit,))
        case 3:
            command = tools.run(f"cd {folder} && sort fruit.txt > sorted.txt")
            return Content(thought="Only the sorting is left.", calls=(command,))
    code = _CODE.search(body)
    return Content(thought="Everything is there.", text=FINAL.replace(CODE, code[0].decode() if code else "lost"))


class Offered:
    """The tools of a request."""

    def __init__(self, request: Json) -> None:
        self._tools = {tool["name"]: tool for tool in _tools(request.get("tools") or [])}

    def read(self, path: str) -> Call:
        """Read a file, by the shell where there is no tool for it."""
        name = self._first(_READERS)
        return self._call(name, {"path": path}) if name else self.run(f"cat {path}")

    def edit(self, path: str, old: str, new: str) -> Call:
        """Replace a word that is a line of its own."""
        name = self._first(_EDITORS)
        assert name, f"no editor: {sorted(self._tools)}"
        patch = f"*** Begin Patch\n*** Update File: {path}\n@@\n-{old}\n+{new}\n*** End Patch\n"
        return self._call(name, {"path": path, "old": old, "new": new, "patch": patch})

    def run(self, command: str) -> Call:
        """Run a command."""
        name = self._first(_SHELLS)
        assert name, f"no shell: {sorted(self._tools)}"
        return self._call(name, {"command": command})

    def _first(self, names: Iterable[str]) -> str | None:
        return next((name for name in names if name in self._tools), None)

    def _call(self, name: str, said: Mapping[str, str]) -> Call:
        tool = self._tools[name]
        if tool["type"] == "custom":
            return Call(name, said["patch"], custom=True)
        schema = tool["schema"]
        arguments: Json = {}
        for what, spellings in _ARGUMENTS.items():
            key = next((one for one in spellings if one in schema["properties"]), None)
            if key and what in said:
                arguments[key] = ["bash", "-lc", said[what]] if schema["properties"][key].get("type") == "array" else said[what]
        for key in schema.get("required", ()):
            arguments.setdefault(key, sample(schema["properties"][key], key))
        return Call(name, json.dumps(arguments))


def _tools(offered: Iterable[Json]) -> Iterator[Json]:
    """Give name, kind and schema of each tool, in whatever dialect it is told."""
    for tool in offered:
        told = tool.get("function") or tool
        if "name" in told and tool.get("type", "custom") in {"custom", "function"}:
            schema = told.get("input_schema") or told.get("parameters")
            yield {"name": told["name"], "type": "function" if schema else "custom", "schema": schema}


def results_in(request: Json) -> int:
    """Count the results of tools in a request."""
    if "input" in request:
        return sum(str(item.get("type")).endswith("_output") for item in request["input"])
    parts = [part for message in request["messages"] if isinstance(message["content"], list) for part in message["content"]]
    in_parts: int = sum(part["type"] == "tool_result" for part in parts)
    return in_parts + sum(message["role"] == "tool" for message in request["messages"])
