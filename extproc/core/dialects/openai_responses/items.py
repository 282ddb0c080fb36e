"""Parts of an answer → output items, and the events that tell them one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, Protocol

import msgspec

from extproc.core.answers import Form, Opened, Part
from extproc.core.dialects.base import OBJECT
from extproc.core.dialects.openai_responses.tools import OBJECTS

Json = dict[str, Any]

_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_PREFIXES = {
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
    "local_shell_call": "lsh_",
    "shell_call": "sh_",
    "apply_patch_call": "apc_",
    "tool_search_call": "tsc_",
}
_LEAST: Mapping[str, Json] = {
    "local_shell_call": {"type": "exec", "command": [], "env": {}},
    "shell_call": {"commands": [], "timeout_ms": None, "max_output_length": None},
    "apply_patch_call": {},
    "tool_search_call": {},
}
"""What the object of a call of the dialect's own always has, whatever the model left out."""
_ODD = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Told(Protocol):
    """An output item while it is told. Events lack the numbers that come from their place in the stream."""

    delta: Json | None
    """The event of more text, without the text; None where it is told at the end."""

    def begin(self) -> list[Json]:
        """Give the events of its beginning."""

    def grow(self, text: str) -> list[Json]:
        """Take more text; give the events in front of that of the text."""

    def end(self, signature: str) -> list[Json]:
        """Give the events of its end, without that of the item itself."""

    def item(self) -> Json:
        """Give the item as far as it was told."""


class Message:
    """A message of one text, or of one refusal."""

    def __init__(self, opened: Opened, item_id: str) -> None:
        raw = _raw(opened)
        self._field = "refusal" if is_refusal(opened) else "text"
        self._event = "response.refusal" if self._field == "refusal" else "response.output_text"
        self._head = {"id": item_id, "type": "message", "role": "assistant", **_rest(raw)}
        self._at = {"item_id": item_id, "content_index": 0}
        self.delta: Json | None = {"type": f"{self._event}.delta", **self._at, **self._logprobs()}
        self._texts: list[str] = []

    def begin(self) -> list[Json]:
        """Open the message and its part."""
        opened = {**self._head, "status": "in_progress", "content": []}
        return [_added(opened), {"type": "response.content_part.added", **self._at, "part": self._part("")}]

    def grow(self, text: str) -> list[Json]:
        """Go on."""
        self._texts.append(text)
        return []

    def end(self, signature: str) -> list[Json]:  # noqa: ARG002
        """Close the part."""
        text = "".join(self._texts)
        said = {"type": f"{self._event}.done", **self._at, self._field: text, **self._logprobs()}
        return [said, {"type": "response.content_part.done", **self._at, "part": self._part(text)}]

    def item(self) -> Json:
        """The message."""
        return {**self._head, "status": "completed", "content": [self._part("".join(self._texts))]}

    def _part(self, text: str) -> Json:
        if self._field == "refusal":
            return {"type": "refusal", "refusal": text}
        return {"type": "output_text", "annotations": [], **self._logprobs(), "text": text}

    def _logprobs(self) -> Json:
        return {"logprobs": []} if self._field == "text" else {}


class Call:
    """A call of a function or of a custom tool."""

    def __init__(self, opened: Opened, item_id: str) -> None:
        raw = _raw(opened)
        kind = call_type(opened)
        self._field = _CALLS[kind]
        self._event = f"response.{kind}_{self._field}"
        self._head = {"id": item_id, "type": kind, "call_id": opened.id, "name": opened.name, **_rest(raw)}
        self._at = {"item_id": item_id}
        self.delta: Json | None = {"type": f"{self._event}.delta", **self._at}
        self._texts: list[str] = []

    def begin(self) -> list[Json]:
        """Open the call."""
        return [_added({**self._head, "status": "in_progress", self._field: ""})]

    def grow(self, text: str) -> list[Json]:
        """Go on."""
        self._texts.append(text)
        return []

    def end(self, signature: str) -> list[Json]:  # noqa: ARG002
        """Tell the whole arguments."""
        return [{"type": f"{self._event}.done", **self._at, self._field: "".join(self._texts)}]

    def item(self) -> Json:
        """The call."""
        return {**self._head, "status": "completed", self._field: "".join(self._texts)}


class Action:
    """A call of a tool that only this dialect knows: told at once when it is whole, since its object cannot come in pieces."""

    delta: Json | None = None

    def __init__(self, opened: Opened, item_id: str) -> None:
        self._kind = call_type(opened)
        self._head = {"id": item_id, "type": self._kind, "call_id": opened.id}
        self._texts: list[str] = []

    def begin(self) -> list[Json]:
        """Nothing can be told yet."""
        return []

    def grow(self, text: str) -> list[Json]:
        """Nor now."""
        self._texts.append(text)
        return []

    def end(self, signature: str) -> list[Json]:  # noqa: ARG002
        """Tell all of it."""
        return [_added({**self.item(), "status": "in_progress"})]

    def item(self) -> Json:
        """The call."""
        given = _object("".join(self._texts))
        where = {"execution": "client"} if self._kind == "tool_search_call" else {}
        return {**self._head, **where, "status": "completed", OBJECTS[self._kind]: {**_LEAST[self._kind], **given}}


class Thought:
    """A reasoning item; its text is told as one summary."""

    def __init__(self, opened: Opened, item_id: str) -> None:
        self._head = {"id": item_id, "type": "reasoning", **_rest(_raw(opened))}
        self._at = {"item_id": item_id, "summary_index": 0}
        self.delta: Json | None = {"type": "response.reasoning_summary_text.delta", **self._at}
        self._texts: list[str] = []
        self._signature = ""

    def begin(self) -> list[Json]:
        """Open the item; its summary begins where there is one."""
        return [_added({**self._head, "summary": []})]

    def grow(self, text: str) -> list[Json]:
        """Go on."""
        begun = [] if self._texts else [{"type": "response.reasoning_summary_part.added", **self._at, "part": _summary("")}]
        self._texts.append(text)
        return begun

    def end(self, signature: str) -> list[Json]:
        """Close the summary, and sign."""
        self._signature = signature
        if not self._texts:
            return []
        text = "".join(self._texts)
        said = {"type": "response.reasoning_summary_text.done", **self._at, "text": text}
        return [said, {"type": "response.reasoning_summary_part.done", **self._at, "part": _summary(text)}]

    def item(self) -> Json:
        """The item."""
        signed = {"encrypted_content": self._signature} if self._signature else {}
        return {**self._head, "summary": [_summary("".join(self._texts))] if self._texts else [], **signed}


class Other:
    """Any other item, as it came."""

    delta: Json | None = None

    def __init__(self, raw: Json) -> None:
        self._raw = raw

    def begin(self) -> list[Json]:
        """Tell it."""
        return [_added(self._raw)]

    def grow(self, text: str) -> list[Json]:  # noqa: ARG002
        """It has no text."""
        return []

    def end(self, signature: str) -> list[Json]:  # noqa: ARG002
        """It is whole from the beginning."""
        return []

    def item(self) -> Json:
        """The item."""
        return self._raw


class Ids:
    """Ids of output items: the provider's own as far as they are of the right form, or else made from the response's id."""

    def __init__(self, response_id: str) -> None:
        self._seed = response_id
        self._used: set[str] = set()

    def of(self, opened: Opened, prefix: str) -> str:
        """Give the id of the next item."""
        given = _raw(opened).get("id")
        if not isinstance(given, str) or not given.startswith(prefix) or given in self._used:
            given = prefix + hexadecimal(f"{self._seed}/{len(self._used)}")
        self._used.add(given)
        return given


def told(opened: Opened, ids: Ids) -> Told | None:
    """Begin an item; None where this dialect has none for it."""
    match opened.part:
        case Part.TEXT:
            return Message(opened, ids.of(opened, "msg_"))
        case Part.CALL:
            kind = call_type(opened)
            return (Call if kind in _CALLS else Action)(opened, ids.of(opened, _PREFIXES[kind]))
        case Part.THINKING:
            return Thought(opened, ids.of(opened, "rs_"))
        case Part.OTHER:
            return Other(opened.raw) if isinstance(opened.raw, dict) else None


def call_type(opened: Opened) -> str:
    """Give the type of a call's item: of a tool of the dialect's own, of a custom tool, or of a function."""
    kind = _raw(opened).get("type")
    if isinstance(kind, str) and kind in _PREFIXES:
        return kind
    return "custom_tool_call" if opened.form is Form.CUSTOM else "function_call"


def is_refusal(opened: Opened) -> bool:
    """Whether the model declines with a text."""
    return opened.part is Part.TEXT and (_raw(opened).get("type") == "refusal" or opened.form is Form.REFUSAL)


def hexadecimal(seed: str) -> str:
    """Give the 48 hexadecimal digits that an id has here, from anything."""
    return blake2b(seed.encode(), digest_size=24).hexdigest()


def _raw(opened: Opened) -> Json:
    return opened.raw if isinstance(opened.raw, dict) else {}


def _object(text: str) -> Json:
    """The arguments of a call; empty where a model wrote no object."""
    try:
        return OBJECT.decode(text)
    except _ODD:
        return {}


def _rest(raw: Json) -> Json:
    return {key: value for key, value in raw.items() if key not in {"id", "type"}}


def _added(item: Json) -> Json:
    return {"type": "response.output_item.added", "item": item}


def _summary(text: str) -> Json:
    return {"type": "summary_text", "text": text}
