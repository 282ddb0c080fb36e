"""What the agents are told to do, and the model that makes them do it: a script, told in the tools that each agent offers.

The task: read two files at once, edit one, run a command, say what is done. How far it is, the model sees by the results in the
request, as a real one would; so turns may be answered by different models.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from extproc.core.steps.judge import ACCEPT_WORD
from extproc.simulator.answer import Call, Content
from extproc.simulator.ask import Ask, RefusedError
from extproc.simulator.judge import draft_in
from tests.agents.tools import Offered, results_in

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
    """Answer as the draft model, which gets the edit wrong on the careful road, and on the quick one calls a tool that nobody offers."""
    said = _answer(ask, body, "melon" if b"the careful road" in body else "cherry")
    if b"the quick road" in body and any("sort" in call.arguments for call in said.calls):
        return Content(thought=said.thought, calls=(Call("no_such_tool", "{}"),))
    return said


def verified(ask: Ask, body: bytes) -> Content:
    """Answer as the verify model; a draft with the mistake in it is improved, any other accepted."""
    draft = draft_in(ask.prompt)
    if draft is not None and "melon" not in draft:
        return Content(thought="The draft does what it should.", text=ACCEPT_WORD)
    return _answer(ask, body, "cherry")


def _answer(ask: Ask, body: bytes, fruit: str) -> Content:
    """Go one step; which one it is, the results in the request tell."""
    request = json.loads(body)
    tools = Offered(request)
    if not tools:
        return Content(thought="Nothing is to be done here.", text="Fruit, a code, and a sorted file.")
    found, code = _FOLDER.search(body), _CODE.search(body)
    if found is None:
        raise RefusedError(400, "the task is not in the request")
    folder = found[1].decode()
    calls = tools.read([f"{folder}/{name}" for name in BEFORE])
    match results_in(request) - len(calls):
        case -1 | -2:
            return Content(thought="Both files can be read at once.", text="I read both files.", calls=calls)
        case 0:
            edit = tools.edit(f"{folder}/fruit.txt", "apple", fruit)
            return Content(thought="The second line is to be changed.", text="Now the edit.", calls=(edit,))
        case 1:
            command = tools.run(f"cd {folder} && sort fruit.txt > sorted.txt")
            return Content(thought="Only the sorting is left.", calls=(command,))
    return Content(thought="Everything is there.", text=FINAL.replace(CODE, code[0].decode() if code else "lost"))
