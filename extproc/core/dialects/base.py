"""What all three share in reading requests: a bounded, read-only look at a request, for decisions only.

Only the newest messages are decoded, and of each text only its beginning and its end, so a long conversation costs no more than
one scan at C speed.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from extproc.core.errors import UnreadableError
from extproc.core.vocabulary import Effort, View
from extproc.core.wire.splice import Fields

TAIL = 24
"""Newest messages that are looked into. Signs of trouble that are older have been dealt with."""
TEXT = 8_000
"""Characters kept of one text: half from its beginning and half from its end, where instructions stand."""
_LONG = 32_000
"""Bytes of a text that are decoded in full; beyond this only its ends are."""
_END = 12_000
"""Bytes of each end."""
EARLIER = 4
"""Earlier user texts that are kept."""
_INJECTED = (
    "system-reminder",
    "system_reminder",
    "environment_",
    "user_instructions",
    "user_shell_command",
    "permissions",
    "local-command",
    "command-",
    "skill",
    "turn_aborted",
)
"""Beginnings of the names of elements that agents put beside what the user wrote."""
_ELEMENT = re.compile(r"<([a-z_-]+)")
_CLOSED = re.compile(r"</([a-z_-]+)>\Z")
_MOST_ELEMENTS = 8

T = TypeVar("T")

RAWS = msgspec.json.Decoder(list[msgspec.Raw])
OBJECT = msgspec.json.Decoder(dict[str, Any])
STRING = msgspec.json.Decoder(str)
INTEGER = msgspec.json.Decoder(int)
STRINGS = msgspec.json.Decoder(list[str])
ANYTHING = msgspec.json.Decoder(Any)
_ODD = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)


class Item(msgspec.Struct, frozen=True, gc=False):
    """One message or input item, reduced to what decisions need."""

    role: str
    texts: tuple[msgspec.Raw, ...] = ()
    """Its texts, still undecoded."""
    results: int = 0
    errors: int = 0
    calls: int = 0
    images: int = 0
    documents: int = 0


_NOBODY = Item("")
_QUOTE, _N = b'"n'
_SYSTEM = frozenset({"system", "developer"})


def lenient(raw: msgspec.Raw | bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode one slice.

    Raises:
        UnreadableError: not of this kind, not UTF-8, or nested deeper than can be followed.
    """
    try:
        return decoder.decode(raw)
    except RecursionError:
        raise UnreadableError("too_deep") from None
    except msgspec.ValidationError:
        raise UnreadableError("unreadable_messages") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableError("not_utf8") from None


def content_of(raw: msgspec.Raw, decoder: msgspec.json.Decoder[list[T]]) -> tuple[tuple[msgspec.Raw, ...], list[T]]:
    """Read a `content` that is a string, a list of parts, or null: the string still undecoded, and the parts."""
    first = memoryview(raw)[0]
    if first == _QUOTE:
        return (raw,), []
    return (), (lenient(raw, decoder) if first != _N else [])


def text_of(raw: msgspec.Raw) -> str:
    """Decode a text, of a very long one only the beginning and the end."""
    view = memoryview(raw)
    if len(view) <= _LONG:
        return lenient(raw, STRING)
    head, tail = bytes(view[1:_END]), bytes(view[-_END:-1])
    # The cuts may be in the middle of a character or of an escape, which are at most 12 bytes long (two halves of a pair).
    return f"{_first_of(head[: len(head) - drop] for drop in range(12))} {_first_of(tail[drop:] for drop in range(12))}"


def _first_of(candidates: Iterable[bytes]) -> str:
    for inner in candidates:
        with contextlib.suppress(*_ODD):
            return STRING.decode(b'"%b"' % inner)
    raise UnreadableError("not_utf8")


def optional(fields: Fields, name: str, decoder: msgspec.json.Decoder[T]) -> T | None:
    """Decode a field that is of no consequence when it is odd: what the decoder does not take counts as absent."""
    raw = fields.get(name)
    if raw is None:
        return None
    try:
        return decoder.decode(raw)
    except _ODD:
        return None


def tools_of(fields: Fields, name: str, decoder: msgspec.json.Decoder[list[T] | None], odd: T) -> list[T]:
    """Read the tools that are offered. What cannot be read counts all the same: a request with tools must not pass for one without."""
    raw = fields.get(name)
    if raw is None:
        return []
    try:
        return decoder.decode(raw) or []
    except _ODD:
        whole = optional(fields, name, RAWS)
        return [odd] * (1 if whole is None else len(whole))


def asked(fields: Fields, name: str) -> bool:
    """Whether there is a value under a key that is not empty: neither null, false, 0 nor a list or text without anything in it."""
    value: Any = optional(fields, name, ANYTHING)
    return bool(value)


def required(fields: Fields, name: str, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode a field that must be there and be read. UnreadableError where it is not."""
    if name not in fields:
        raise UnreadableError("unreadable_messages")
    return lenient(fields[name], decoder)


def present(fields: Fields, name: str) -> bool:
    """Whether something stands under a key: null is as good as nothing."""
    raw = fields.get(name)
    return raw is not None and bytes(memoryview(raw)[:4]) != b"null"


def size_of(fields: Fields, *names: str) -> int:
    """Give the size in bytes of what stands under some keys."""
    return sum([len(memoryview(fields[name])) for name in names if name in fields])


def bounded(text: str) -> str:
    """Keep the beginning and the end of a long text."""
    return text if len(text) <= TEXT else f"{text[: TEXT // 2]}\n{text[-TEXT // 2 :]}"


def stream_flag(fields: Fields) -> bool:
    """Read `stream`. UnreadableError where it is neither true nor false nor absent."""
    raw = fields.get("stream")
    if raw is None:
        return False
    value = bytes(raw)
    if value not in {b"null", b"true", b"false"}:
        raise UnreadableError("unreadable_stream")
    return value == b"true"


_EFFORTS = {
    "minimal": Effort.LOW,
    "low": Effort.LOW,
    "medium": Effort.MEDIUM,
    "high": Effort.HIGH,
    "xhigh": Effort.HIGH,
    "max": Effort.HIGH,
}


def effort_of(word: Any, budget: Any = None) -> Effort:
    """Read the ways in which thinking is asked for: a word, or a budget in tokens."""
    if isinstance(budget, int) and not isinstance(budget, bool):
        return Effort.HIGH if budget > 8_000 else Effort.MEDIUM if budget > 2_000 else Effort.LOW
    return _EFFORTS.get(word, Effort.NONE) if isinstance(word, str) else Effort.NONE


def is_json_form(form: Any) -> bool:
    """Whether OpenAI's description of an answer's form asks for JSON."""
    return isinstance(form, dict) and form.get("type") in ("json_schema", "json_object")


def view_of(items: Sequence[Item], messages: int, conversation_bytes: int, **more: Any) -> View:
    """Put the view together from the newest items (oldest of them first) and what the dialect read elsewhere."""
    images = documents = 0
    tools_used = human_spoke = system_later = False
    last = _NOBODY
    for item in items:
        images += item.images
        documents += item.documents
        tools_used = tools_used or item.calls > 0 or item.results > 0
        if item.role in _SYSTEM:
            system_later = system_later or human_spoke
        else:
            last, human_spoke = item, True
    users = _users(items)
    return View(
        last_user_text=users[0] if users else "",
        earlier_user_texts=tuple(users[1:]),
        conversation_bytes=conversation_bytes,
        messages=messages,
        calls_in_history=tools_used,
        ends_with_tool_result=last.results > 0,
        tool_errors=sum([item.errors for item in items[-8:]]) if tools_used else 0,
        images=images,
        documents=documents,
        prefill=last.role == "assistant" and not last.calls,
        system_in_messages=system_later,
        **more,
    )


def _users(items: Sequence[Item]) -> list[str]:
    """The newest texts of the user's, newest first."""
    texts: list[str] = []
    for item in reversed(items):
        if item.texts and item.role == "user" and (text := typed(item.texts)):
            texts.append(text)
            if len(texts) > EARLIER:
                break
    return texts


def typed(texts: Sequence[msgspec.Raw]) -> str:
    """What the human wrote: the last text that an agent did not put there."""
    for raw in reversed(texts):
        text = _own_words(text_of(raw))
        if text:
            return bounded(text)
    return ""


def _own_words(text: str) -> str:
    """Give a text without the elements that agents put before and behind what the human wrote."""
    text = text.strip()
    if not text.startswith("<") and not text.endswith(">"):
        return text
    for _ in range(_MOST_ELEMENTS):
        opened = _ELEMENT.match(text)
        if opened is None or not opened[1].startswith(_INJECTED):
            break
        text = text.partition(f"</{opened[1]}")[2].partition(">")[2].lstrip()
    for _ in range(_MOST_ELEMENTS):
        closed = _CLOSED.search(text, max(0, len(text) - 60))
        if closed is None or not closed[1].startswith(_INJECTED):
            break
        text = text.rpartition(f"<{closed[1]}")[0].rstrip()
    return text


def looks_failed(raw: msgspec.Raw) -> bool:
    """Whether a tool's result tells of a failure. OpenAI's dialects have no mark for it; agents begin the text with the word."""
    return bytes(memoryview(raw)[:24]).lstrip(b'" ').lower().startswith((b"error", b"traceback"))


def openai_error(status: int, message: str, *, param: str | None = None, code: str | None = None) -> bytes:
    """Write an error body as both APIs of OpenAI have it (https://platform.openai.com/docs/guides/error-codes)."""
    kinds = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
    kind = kinds.get(status, "rate_limit_error" if status == 429 else "invalid_request_error" if status < 500 else "server_error")
    return msgspec.json.encode({"error": {"message": message, "type": kind, "param": param, "code": code}})
