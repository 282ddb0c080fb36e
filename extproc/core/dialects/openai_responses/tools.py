"""The tools that a request offers: functions, custom tools, groups of them, and those whose form only this API knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from extproc.core.conversation import Choice, Tool
from extproc.core.dialects.reading import Held, flag, inner, inners, is_text, json, text, there
from extproc.core.wire.splice import Fields

_ANY_TEXT = {"type": "string"}
_COMMAND = {"type": "array", "items": _ANY_TEXT}
_CLIENT: Mapping[str, tuple[str, str, dict[str, Any]]] = {
    "local_shell": (
        "local_shell_call",
        "Run a command on the user's machine.",
        {"command": _COMMAND, "working_directory": _ANY_TEXT, "timeout_ms": {"type": "integer"}},
    ),
    "shell": (
        "shell_call",
        "Run shell commands on the user's machine, all at the same time.",
        {"commands": _COMMAND, "timeout_ms": {"type": "integer"}, "max_output_length": {"type": "integer"}},
    ),
    "apply_patch": (
        "apply_patch_call",
        "Create, update or delete a file. `diff` is a V4A diff of the file: lines of context begin with a space, new lines with `+`, "
        "old ones with `-`; sections with `@@`. It is left out to delete a file.",
        {
            "type": {"type": "string", "enum": ["create_file", "update_file", "delete_file"]},
            "path": _ANY_TEXT,
            "diff": _ANY_TEXT,
        },
    ),
    "tool_search": ("tool_search_call", "Search for more tools.", {"query": _ANY_TEXT}),
}
"""Tools that the client runs: the type of a call's item, what to tell a model that does not know the tool, and its arguments."""
_REQUIRED = {"local_shell": ["command"], "shell": ["commands"], "apply_patch": ["type", "path"], "tool_search": ["query"]}
OBJECTS = {"local_shell_call": "action", "shell_call": "action", "apply_patch_call": "operation", "tool_search_call": "arguments"}
"""Types of calls whose arguments are an object, and the key under which it stands."""
TOOL_OF = {call: tool for tool, (call, _, _) in _CLIENT.items()}
_OWN = frozenset({"function", "custom"})
_SCREEN = frozenset({"computer", "computer_use_preview"})
_PLAIN = frozenset({"type", "name", "description", "parameters", "format"})


class Tools:
    """Collects what a request offers, under names that are unique in it."""

    def __init__(self, held: Held) -> None:
        self.offered: list[Tool] = []
        self._held = held
        self._names: dict[tuple[str, str], str] = {}
        """Namespace and own name → the name here."""
        self._taken: set[str] = set()
        self._known: set[tuple[str, str]] = set()
        """Namespace and own name of what is offered."""
        self._hosted = False

    def take(self, shapes: Iterable[Fields]) -> list[str]:
        """Add tools; give the names of those that are new."""
        return self._all(shapes, "", "")

    def name_of(self, namespace: str, name: str) -> str:
        """Give the name here of a tool that a call names, whether or not it is offered."""
        known = self._names.get((namespace, name))
        if known is None and not namespace:
            # An agent may leave the namespace out where the name says enough.
            alike = [mine for (group, own), mine in self._names.items() if own == name and group]
            known = alike[0] if len(alike) == 1 else None
        return known or self._named(namespace, name)

    def choice(self, fields: Fields) -> Choice:
        """All tools are known: read which of them are to be called."""
        choice = self._choice(fields)
        if self._hosted and not self.offered:
            self._held.add("tools[hosted] needed")
        return choice

    def _all(self, shapes: Iterable[Fields], namespace: str, about: str) -> list[str]:
        new: list[str] = []
        for shape in shapes:
            if text(shape, "type") == "namespace":
                self._held.add("tools[namespace]")
                new += self._all(inners(shape, "tools"), text(shape, "name"), text(shape, "description"))
            elif (made := self._made(shape, namespace, about)) is not None:
                self.offered.append(made)
                new.append(made.name)
        return new

    def _made(self, shape: Fields, namespace: str, about: str) -> Tool | None:
        kind = text(shape, "type")
        if kind not in _OWN and not _is_client(kind, shape):
            self._held.add("tools[screen]" if kind in _SCREEN else "tools[hosted]")
            self._hosted = True
            return None
        own = text(shape, "name") if kind in _OWN else kind
        if (namespace, own) in self._known:
            # A search has found what was offered before.
            return None
        self._known.add((namespace, own))
        name = self._names.get((namespace, own)) or self._named(namespace, own)
        about = text(shape, "description") or about
        if kind in _CLIENT:
            return self._client(kind, shape, name, about)
        self._held.add(f"tools[{kind}]")
        self._held.rest(f"tools[{kind}].", shape, _PLAIN)
        raw = {"namespace": namespace} if namespace else {}
        if kind == "function":
            schema = json(shape.get("parameters"))
            return Tool(name, about, schema, strict=flag(shape, "strict"), own_name=own, raw=raw or None)
        form = inner(shape, "format")
        return Tool(
            name,
            about,
            custom=True,
            own_name=own,
            raw={**raw, "type": "custom_tool_call"},
            grammar=text(form, "definition"),
            syntax=text(form, "syntax"),
        )

    def _client(self, kind: str, shape: Fields, name: str, about: str) -> Tool:
        self._held.add("tools[client]")
        call, description, properties = _CLIENT[kind]
        schema = {"type": "object", "properties": properties, "required": _REQUIRED[kind], "additionalProperties": False}
        parameters = json(shape.get("parameters")) or msgspec.Raw(msgspec.json.encode(schema))
        return Tool(name, about or description, parameters, own_name=kind, raw={"type": call})

    def _named(self, namespace: str, own: str) -> str:
        """The same name for the same tool whatever else is offered, as long as nothing stands in the way."""
        name = f"{namespace}__{own}" if namespace else own
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self._names[namespace, own] = name
        return name

    def _choice(self, fields: Fields) -> Choice:
        parallel = flag(fields, "parallel_tool_calls")
        if parallel is not None:
            self._held.add("parallel_tool_calls")
        if not there(fields, "tool_choice"):
            return Choice(parallel=parallel)
        if is_text(fields["tool_choice"]):
            mode = text(fields, "tool_choice")
            if mode not in {"required", "none"}:
                return Choice(parallel=parallel)
            self._held.add(f"tool_choice[{mode}]")
            return Choice(mode, parallel=parallel)
        shape = inner(fields, "tool_choice")
        if text(shape, "type") == "allowed_tools":
            allowed = tuple([name for one in inners(shape, "tools") if (name := self._chosen(one))])
            if allowed:
                self._held.add("tool_choice[allowed_tools]")
                mode = "required" if text(shape, "mode") == "required" else "auto"
                return Choice(mode, allowed=allowed, parallel=parallel)
        elif name := self._chosen(shape):
            self._held.add("tool_choice[function]")
            return Choice("named", name, parallel=parallel)
        self._held.add("tools[hosted] needed")
        return Choice(parallel=parallel)

    def _chosen(self, shape: Fields) -> str:
        """The name here of the tool that a choice names; empty where it is one of the provider's."""
        kind = text(shape, "type")
        if kind in _OWN:
            return self.name_of(text(shape, "namespace"), text(shape, "name"))
        return next((tool.name for tool in self.offered if kind in _CLIENT and tool.raw == {"type": _CLIENT[kind][0]}), "")


def _is_client(kind: str, shape: Fields) -> bool:
    """Whether the client runs it: a shell may stand in a container of the provider's, and a search may be the provider's own."""
    if kind == "shell":
        return text(inner(shape, "environment"), "type") in {"", "local"}
    return text(shape, "execution") == "client" if kind == "tool_search" else kind in _CLIENT
