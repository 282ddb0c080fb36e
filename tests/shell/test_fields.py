"""Messages written by hand are the messages that protobuf would write."""

from __future__ import annotations

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import BodyMutation
from extproc.shell.fields import field, head, struct, tag, text, within

TEXTS = st.text(st.characters(codec="utf-8"), max_size=300)


@given(st.dictionaries(TEXTS, TEXTS, max_size=5), TEXTS)
def test_texts_are_a_struct(told: dict[str, str], name: str):
    made = Struct.FromString(struct(name, b"".join(text(key, value) for key, value in told.items())))
    assert {key: dict(value.struct_value.fields.items()) for key, value in made.fields.items()}.keys() == {name}
    assert {key: value.string_value for key, value in made.fields[name].struct_value.fields.items()} == told


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_a_length_takes_as_many_bytes_as_it_needs(size: int):
    body = b"x" * size
    assert BodyMutation.FromString(field(tag(BodyMutation, "body"), body)).body == body
    assert head(tag(BodyMutation, "body"), size) + body == BodyMutation(body=body).SerializeToString()
    assert within(b"??" + field(b"\x0a", body), b"\x0a", 2) == (2 + len(head(b"\x0a", size)), 2 + len(field(b"\x0a", body)))


@pytest.mark.parametrize("data", [b"", b"\x0a", b"\x12\x01x", b"\x0a\x80", b"\x0a" + b"\xff" * 9])
def test_what_is_no_such_field_is_nowhere(data: bytes):
    assert within(data, b"\x0a") == (0, 0)
