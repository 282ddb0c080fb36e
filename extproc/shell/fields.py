"""Protobuf's wire format, as far as what is written for every request needs it: message objects cost several times their bytes.

A field is a tag (its number and kind), a length and its content; messages that follow each other are one message, and the order of
fields is free (https://protobuf.dev/programming-guides/encoding/). Numbers are taken from the generated messages.
"""

from __future__ import annotations

from functools import lru_cache

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct, Value


def tag(message: type[Message], name: str) -> bytes:
    """Give the tag of a field that has a length (texts, bytes, messages) and whose number is below 16."""
    return bytes((message.DESCRIPTOR.fields_by_name[name].number << 3 | 2,))


def head(tag: bytes, size: int) -> bytes:
    """Give what stands before a content of some bytes: the tag, and the length in groups of seven bits, the lowest first."""
    if size < 1 << 14:
        return tag + _SHORT[size] if size < 1 << 7 else tag + bytes((size & 0x7F | 0x80, size >> 7))
    made = bytearray(tag)
    while size > 0x7F:
        made.append(size & 0x7F | 0x80)
        size >>= 7
    made.append(size)
    return bytes(made)


def field(tag: bytes, content: bytes) -> bytes:
    """Give a whole field."""
    return head(tag, len(content)) + content


def within(data: bytes, tag: bytes, at: int = 0) -> tuple[int, int]:
    """Give where the content of a field begins and ends that is to stand at an offset; (0, 0) where another stands there, or none."""
    if not data.startswith(tag, at):
        return 0, 0
    at += len(tag)
    size = shift = 0
    for byte in data[at : at + _LONGEST]:
        at += 1
        if byte < 1 << 7:
            return at, at + (size | byte << shift)
        size |= (byte & 0x7F) << shift
        shift += 7
    return 0, 0


def text(key: str, value: str) -> bytes:
    """Give a `google.protobuf.Struct` that holds a text under a key. Several in a row are one."""
    content = value.encode()
    return _entry(key, _TEXT, len(content)) + content


def struct(key: str, inner: bytes) -> bytes:
    """Give a `google.protobuf.Struct` that holds another under a key."""
    return _entry(key, _STRUCT, len(inner)) + inner


@lru_cache(maxsize=4_096)
def _entry(key: str, kind: bytes, size: int) -> bytes:
    """What stands before the content of an entry of a map from texts to values."""
    value = head(kind, size)
    before = field(_KEY, key.encode()) + head(_VALUE, len(value) + size) + value
    return head(_ENTRY, len(before) + size) + before


_LONGEST = 5
"""Bytes of a length; a message has at most 2 GiB."""
_SHORT = [bytes((size,)) for size in range(1 << 7)]
_ENTRY, _TEXT, _STRUCT = tag(Struct, "fields"), tag(Value, "string_value"), tag(Value, "struct_value")
_KEY, _VALUE = b"\x0a", b"\x12"
"""Fields of an entry of a map."""
