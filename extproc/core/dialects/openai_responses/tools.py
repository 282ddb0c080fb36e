"""The tools that a request offers: functions, custom tools, groups of them, and those whose form only this API knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from extproc.core.conversation import Choice, Feature, Tool
from extproc.core.dialects.base import lenient

_NULL = msgspec.Raw(b"null")
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
_SCREEN = frozenset({"computer", "computer_use_preview"})


class _Tool(msgspec.Struct):
    type: str = ""
    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = _NULL
    strict: bool | None = None
    format: Any = None
    tools: msgspec.Raw = _NULL
    execution: str | None = None
    environment: Any = None


_TOOLS = msgspec.json.Decoder(list[_Tool] | None)


class Tools:
    """Collects what a request offers, under names that are unique in it."""

    def __init__(self) -> None:
        self.offered: list[Tool] = []
        self.held: list[tuple[str, Feature]] = []
        self._names: dict[tuple[str, str], str] = {}
        """Namespace and own name → the name here."""
        self._taken: set[str] = set()
        self._known: set[tuple[str, str]] = set()
        """Namespace and own name of what is offered."""
        self._hosted = False

    def take(self, raw: msgspec.Raw) -> list[str]:
        """Add a list of tools; give the names of those that are new. UnreadableError where it is none."""
        return self._all(lenient(raw, _TOOLS) or [], "", "")

    def name_of(self, namespace: str, name: str) -> str:
        """Give the name here of a tool that a call names, whether or not it is offered."""
        known = self._names.get((namespace, name))
        if known is None and not namespace:
            # An agent may leave the namespace out where the name says enough.
            alike = [mine for (group, own), mine in self._names.items() if own == name and group]
            known = alike[0] if len(alike) == 1 else None
        return known or self._named(namespace, name)

    def conclude(self) -> None:
        """All tools are known: where none is the client's, the request is for the provider's own."""
        if self._hosted:
            self.held.append(("tools[hosted]", Feature.HOSTED_TOOLS))
            if not self.offered:
                self.held.append(("tools[hosted] only", Feature.HOSTED_NEEDED))

    def _all(self, tools: Iterable[_Tool], namespace: str, about: str) -> list[str]:
        new: list[str] = []
        for tool in tools:
            if tool.type == "namespace":
                self.held.append(("tools[namespace]", Feature.NAMESPACES))
                new += self._all(lenient(tool.tools, _TOOLS) or [], tool.name, tool.description or "")
            elif (made := self._made(tool, namespace, about)) is not None:
                self.offered.append(made)
                new.append(made.name)
        return new

    def _made(self, tool: _Tool, namespace: str, about: str) -> Tool | None:
        kind = tool.type
        own = tool.name if kind in {"function", "custom"} else kind
        if (namespace, own) in self._known:
            # Found by a search although it was offered before.
            return None
        if kind in _SCREEN:
            self.held.append(("tools[computer]", Feature.HOSTED_NEEDED))
            return None
        if kind not in {"function", "custom"} and not _is_client(tool):
            self._hosted = True
            return None
        self._known.add((namespace, own))
        name = self._names.get((namespace, own)) or self._named(namespace, own)
        raw: dict[str, Any] = {"namespace": namespace} if namespace else {}
        described = tool.description or about
        if kind in _CLIENT:
            return self._client(tool, name)
        if kind == "custom":
            self.held.append(("tools[custom]", Feature.CUSTOM_TOOLS))
            syntax, grammar = _grammar(tool.format)
            raw["type"] = "custom_tool_call"
            return Tool(name, described, custom=True, own_name=own, raw=raw, grammar=grammar, syntax=syntax)
        self.held.append(("tools[function]", Feature.TOOLS))
        if tool.strict is not None:
            self.held.append(("tools[function].strict", Feature.STRICT_TOOLS))
        return Tool(name, described, _present(tool.parameters), strict=tool.strict, own_name=own, raw=raw or None)

    def _client(self, tool: _Tool, name: str) -> Tool:
        self.held.append(("tools[client]", Feature.CLIENT_TOOLS))
        call, description, properties = _CLIENT[tool.type]
        schema = {"type": "object", "properties": properties, "required": _REQUIRED[tool.type], "additionalProperties": False}
        parameters = _present(tool.parameters) or msgspec.Raw(msgspec.json.encode(schema))
        return Tool(name, tool.description or description, parameters, own_name=tool.type, raw={"type": call})

    def _named(self, namespace: str, own: str) -> str:
        """The same name for the same tool whatever else is offered, as long as nothing stands in the way."""
        name = f"{namespace}__{own}" if namespace else own
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        self._names[namespace, own] = name
        return name


def choice_of(given: Any, parallel: bool | None, tools: Tools) -> tuple[Choice, tuple[str, Feature] | None]:
    """Read `tool_choice`; with it what it is in the table of fields, where it says anything."""
    if given == "required":
        return Choice("required", parallel=parallel), ("tool_choice required", Feature.CHOICE_REQUIRED)
    if given == "none":
        return Choice("none", parallel=parallel), ("tool_choice none", Feature.CHOICE_NONE)
    if not isinstance(given, dict):
        return Choice(parallel=parallel), None
    if given.get("type") == "allowed_tools":
        listed = given.get("tools")
        named = [_chosen(one, tools) for one in (listed if isinstance(listed, list) else [])]
        allowed = tuple([name for name in named if name])
        if allowed:
            mode = "required" if given.get("mode") == "required" else "auto"
            return Choice(mode, allowed=allowed, parallel=parallel), ("tool_choice[allowed_tools]", Feature.CHOICE_ALLOWED)
    elif name := _chosen(given, tools):
        return Choice("named", name, parallel=parallel), ("tool_choice[function]", Feature.CHOICE_NAMED)
    return Choice(parallel=parallel), ("tool_choice[hosted]", Feature.HOSTED_NEEDED)


def _chosen(given: Any, tools: Tools) -> str:
    """The name here of the tool that a choice names; empty where it is one of the provider's."""
    if not isinstance(given, dict):
        return ""
    kind, name, namespace = given.get("type"), given.get("name"), given.get("namespace")
    if kind in {"function", "custom"}:
        return tools.name_of(namespace if isinstance(namespace, str) else "", name) if isinstance(name, str) else ""
    offered = [tool.name for tool in tools.offered if tool.own_name == kind and isinstance(tool.raw, dict) and "type" in tool.raw]
    return offered[0] if offered else ""


def _is_client(tool: _Tool) -> bool:
    """Whether the client runs it: a shell may stand in a container of the provider's, and a search may be the provider's own."""
    if tool.type == "shell":
        where = tool.environment.get("type") if isinstance(tool.environment, dict) else "local"
        return where == "local"
    return tool.execution == "client" if tool.type == "tool_search" else tool.type in _CLIENT


def _grammar(given: Any) -> tuple[str, str]:
    """The syntax and the definition of a custom tool's input; Chat Completions has them one level deeper."""
    if not isinstance(given, dict) or given.get("type") != "grammar":
        return "", ""
    syntax, definition = given.get("syntax"), given.get("definition")
    return (syntax if isinstance(syntax, str) else "", definition if isinstance(definition, str) else "")


def _present(raw: msgspec.Raw) -> msgspec.Raw | None:
    return None if bytes(memoryview(raw)[:4]) == b"null" else raw
