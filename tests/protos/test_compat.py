"""Our trimmed .proto files against Envoy's own definitions.

Two references: the descriptors that the Envoy binary carries (complete, of the very version that runs) and the package
`envoy-data-plane` (another project's reading of the same files). Ours may say less than either, never anything else.
"""

from __future__ import annotations

import importlib.metadata
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import betterproto2
import grpc_tools
import pytest
from envoy_data_plane.message_pool import default_message_pool
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parents[2] / "protos"
NAMES = sorted(path.relative_to(PROTOS).as_posix() for path in PROTOS.rglob("*.proto"))

# New in Envoy 1.40, and envoy-data-plane 2.2 is generated from an older one: the binary alone vouches for these.
NOT_IN_ENVOY_DATA_PLANE = {"envoy/data/ai/v3/token_usage.proto", "envoy/type/ai/v3/llm_protocol.proto"}

each_file = pytest.mark.parametrize("name", NAMES)
each_peer_file = pytest.mark.parametrize("name", [name for name in NAMES if name not in NOT_IN_ENVOY_DATA_PLANE])


def loaded(name: str) -> FileDescriptor:
    """What our generated module of one .proto file defines."""
    found: FileDescriptor = import_module("extproc.pb." + name.removesuffix(".proto").replace("/", ".") + "_pb2").DESCRIPTOR
    return found


def as_message(file: FileDescriptor) -> FileDescriptorProto:
    found = FileDescriptorProto()
    file.CopyToProto(found)
    return found


# --- against the Envoy binary ------------------------------------------------------------------------------------------

Facts = dict[str, tuple[object, ...]]


def facts(file: FileDescriptorProto) -> Facts:
    """Everything in a file that shapes bytes on the wire or names in code, by full name."""
    found: Facts = {file.name: (file.package, file.syntax)}
    for enum in file.enum_type:
        found[f"{file.package}.{enum.name}"] = ("enum", *((value.name, value.number) for value in enum.value))
    for service in file.service:
        for rpc in service.method:
            streams = (rpc.client_streaming, rpc.server_streaming)
            found[f"{file.package}.{service.name}.{rpc.name}"] = ("rpc", rpc.input_type, rpc.output_type, *streams)
    for message in file.message_type:
        found |= message_facts(message, f"{file.package}.{message.name}")
    return found


def message_facts(message: DescriptorProto, full_name: str) -> Facts:
    found: Facts = {full_name: ("message", message.options.map_entry)}
    for field in message.field:
        oneof = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None
        label, kind = FieldDescriptorProto.Label.Name(field.label), FieldDescriptorProto.Type.Name(field.type)
        found[f"{full_name}.{field.name}"] = (field.number, label, kind, field.type_name, oneof, field.proto3_optional)
    for enum in message.enum_type:
        found[f"{full_name}.{enum.name}"] = ("enum", *((value.name, value.number) for value in enum.value))
    for nested in message.nested_type:
        found |= message_facts(nested, f"{full_name}.{nested.name}")
    return found


@pytest.mark.envoy
@each_file
def test_all_that_we_say_is_in_the_envoy_binary(name: str, envoy_file: Callable[[str], FileDescriptorProto]) -> None:
    ours, theirs = facts(as_message(loaded(name))), facts(envoy_file(name))
    assert ours == {full_name: theirs.get(full_name) for full_name in ours}


def test_the_generated_modules_say_what_the_proto_files_say(tmp_path: Path) -> None:
    out = tmp_path / "all.binpb"
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    assert protoc.main(["protoc", f"-I{PROTOS}", f"-I{well_known}", f"--descriptor_set_out={out}", *NAMES]) == 0
    written = {file.name: facts(file) for file in FileDescriptorSet.FromString(out.read_bytes()).file}
    assert written == {name: facts(as_message(loaded(name))) for name in NAMES}


# --- against envoy-data-plane ------------------------------------------------------------------------------------------


class Field(NamedTuple):
    """One field in terms that protobuf and betterproto2 share; `types` are those of key and value for a map."""

    name: str
    cardinality: str
    oneof: str | None
    types: tuple[str, ...]


def canonical(full_name: str) -> str:
    """A type's name without what betterproto2 does to names (HTTPAccessLogEntry.HTTPVersion: HttpAccessLogEntryHttpVersion)."""
    return full_name.replace(".", "").lower()


def our_type(field: FieldDescriptor) -> str:
    described = field.message_type or field.enum_type
    if described:
        return canonical(described.full_name)
    return FieldDescriptorProto.Type.DESCRIPTOR.values_by_number[field.type].name.removeprefix("TYPE_").lower()


def our_fields(message: Descriptor) -> dict[int, Field]:
    found = {}
    for field in message.fields:
        oneof = field.containing_oneof.name if field.containing_oneof else None
        if field.message_type and field.message_type.GetOptions().map_entry:
            cardinality, types = "map", tuple(our_type(part) for part in field.message_type.fields)
        else:
            cardinality = "repeated" if field.is_repeated else "optional" if field.has_presence else "plain"
            types = (our_type(field),)
        found[field.number] = Field(field.name, cardinality, oneof, types)
    return found


def peer_name(found: type) -> str:
    return canonical(found.__module__.removeprefix("envoy_data_plane.") + found.__name__)


def peer_type(meta: betterproto2.FieldMetadata, resolved: type) -> str:
    if meta.proto_type in {betterproto2.TYPE_MESSAGE, betterproto2.TYPE_ENUM}:
        return peer_name(meta.unwrap() if meta.unwrap else resolved)
    return meta.proto_type


def peer_fields(message: type[betterproto2.Message]) -> dict[int, Field]:
    known = betterproto2.ProtoClassMetadata(message)
    found = {}
    types: tuple[str, ...]
    for name, meta in known.meta_by_field_name.items():
        if meta.map_meta:
            key, value = meta.map_meta
            cardinality, types = "map", (key.proto_type, peer_type(value, known.cls_by_field[f"{name}.value"]))
        else:
            cardinality = "repeated" if meta.repeated else "optional" if meta.optional else "plain"
            types = (peer_type(meta, known.cls_by_field[name]),)
        found[meta.number] = Field(name, cardinality, meta.group, types)
    return found


def peer_module(package: str) -> Any:
    """The module of one protobuf package; importing it also fills the message pool."""
    return import_module(f"envoy_data_plane.{package}")


def messages(parent: FileDescriptor | Descriptor) -> list[Descriptor]:
    """All messages of a file, nested ones too; a map's entries belong to their field."""
    direct = parent.message_types_by_name.values() if isinstance(parent, FileDescriptor) else parent.nested_types
    return [found for message in direct if not message.GetOptions().map_entry for found in (message, *messages(message))]


@each_peer_file
def test_envoy_data_plane_has_the_same_fields(name: str) -> None:
    peer_module(loaded(name).package)
    for message in messages(loaded(name)):
        ours = our_fields(message)
        theirs = peer_fields(default_message_pool.url_to_type[f"type.googleapis.com/{message.full_name}"])
        assert ours == {number: theirs.get(number) for number in ours}, message.full_name


@each_peer_file
def test_envoy_data_plane_has_the_same_enums(name: str) -> None:
    file = loaded(name)
    classes = vars(peer_module(file.package)).values()
    theirs = {peer_name(found): found for found in classes if inspect.isclass(found) and issubclass(found, betterproto2.Enum)}
    for enum in [*file.enum_types_by_name.values(), *(enum for message in messages(file) for enum in message.enum_types)]:
        values = {value.proto_name or value.name: value.value for value in theirs[canonical(enum.full_name)]}
        assert {value.name: value.number for value in enum.values} == values, enum.full_name


def test_what_envoy_data_plane_lacks_is_still_lacking_there() -> None:
    with pytest.raises(ModuleNotFoundError):
        peer_module("envoy.data.ai.v3")
    with pytest.raises(ModuleNotFoundError):
        peer_module("envoy.type.ai.v3")
    assert set(NAMES) >= NOT_IN_ENVOY_DATA_PLANE


def test_xds_protos_is_not_installed() -> None:
    # It overwrites modules of opentelemetry-proto in site-packages and breaks OTLP without an error.
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("xds-protos")
