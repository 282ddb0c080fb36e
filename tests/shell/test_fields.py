"""Messages written by hand are the messages that protobuf would write."""

from __future__ import annotations

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import BodyMutation
from extproc.shell.fields import field, head, struct, tag, text

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
