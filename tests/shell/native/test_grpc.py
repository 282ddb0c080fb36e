"""Messages out of bytes, and what a call must look like."""

from __future__ import annotations

import pytest
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from extproc.shell.native.grpc import MessageReader, Status, StatusError, opening, prefix, trailers
from extproc.shell.native.http2.fields import BlockReader
from extproc.shell.native.server import METHOD
from tests.shell.native.wire import CALL, block, cut


@given(st.lists(st.binary(max_size=30), max_size=10), st.lists(st.integers(min_value=0), max_size=20))
def test_every_cut_gives_the_same_messages(messages: list[bytes], places: list[int]):
    data = b"".join(prefix(one) + one for one in messages)
    for pieces in (cut(data, places), [memoryview(one) for one in cut(data, places)], [bytes([one]) for one in data]):
        reader = MessageReader(100)
        assert [message for piece in pieces for message in reader.feed(piece)] == messages
        assert reader.whole


@given(st.binary(min_size=1, max_size=30), st.integers(min_value=1))
def test_a_message_that_is_cut_is_not_whole(message: bytes, at: int):
    data = prefix(message) + message
    reader = MessageReader(100)
    assert reader.feed(data[: 1 + at % (len(data) - 1)]) == []
    assert not reader.whole


def _read(pieces: list[bytes]) -> None:
    reader = MessageReader(100)
    for piece in pieces:
        reader.feed(piece)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x01\x00\x00\x00\x01x", Status.UNIMPLEMENTED),
        (b"\x02\x00\x00\x00\x01x", Status.INTERNAL),
        (b"\x00\x00\x00\x00\x65", Status.RESOURCE_EXHAUSTED),
        (b"\x00\xff\xff\xff\xff", Status.RESOURCE_EXHAUSTED),
    ],
)
def test_what_is_not_understood_has_a_status(data: bytes, status: Status):
    for pieces in ([data], [bytes([one]) for one in data]):
        with pytest.raises(StatusError) as caught:
            _read(pieces)
        assert caught.value.status is status


def _opening(**changed: str):
    fields = {**dict(CALL), **{name.replace("_", "-"): value for name, value in changed.items()}}
    path = fields.pop("path", None)
    if path:
        fields[":path"] = path
    method = fields.pop("method", None)
    if method:
        fields[":method"] = method
    return opening(BlockReader().request(1, block(fields.items()))[0], METHOD)


def test_a_call_of_ours_is_accepted():
    told = _opening(content_type="application/grpc+proto")
    assert (told.refused, told.timeout_s) == (None, None)


@pytest.mark.parametrize(
    ("value", "seconds"), [("2H", 7200), ("3M", 180), ("4S", 4), ("5m", 0.005), ("6u", 6e-6), ("7n", 7e-9), ("99999999S", 99_999_999)]
)
def test_timeouts(value: str, seconds: float):
    assert _opening(grpc_timeout=value).timeout_s == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("changed", "answer"),
    [
        ({"method": "GET"}, {":status": "405", "allow": "POST"}),
        ({"content_type": "application/json"}, {":status": "415"}),
        ({"path": "/other/Method"}, {"grpc-status": "12"}),
        ({"grpc_timeout": "1"}, {"grpc-status": "13"}),
        ({"grpc_timeout": "123456789S"}, {"grpc-status": "13"}),
        ({"grpc_timeout": "1d"}, {"grpc-status": "13"}),
    ],
)
def test_what_is_no_call_of_ours_is_told_so(changed: dict[str, str], answer: dict[str, str]):
    refused = _opening(**changed).refused
    assert refused is not None
    assert answer.items() <= dict(Decoder().decode(refused)).items()


def test_trailers():
    assert Decoder().decode(trailers(Status.OK)) == [("grpc-status", "0")]
    alone = dict(Decoder().decode(trailers(Status.UNIMPLEMENTED, "100 % no", alone=True)))
    assert alone == {
        ":status": "200",
        "content-type": "application/grpc",
        "grpc-status": "12",
        "grpc-message": "100 %25 no",
        "grpc-accept-encoding": "identity",
    }
