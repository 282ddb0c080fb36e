"""The real client of grpcio against both servers: what is above them cannot tell one from the other."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.shell.native.serving import LARGEST, Call, Serving, client, serving
from tests.support.system import until


@pytest.fixture(params=["native", "grpcio"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(tmp_path: Path, transport: str) -> Iterator[Serving]:
    with serving(tmp_path, transport) as running:
        yield running
        assert not running.errors


@pytest.fixture
def call(server: Serving) -> Iterator[Call]:
    with client(server) as calling:
        yield calling


def _code(answers) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        list(answers)
    return caught.value.code()


def _endless() -> tuple[Iterator[bytes], queue.Queue[bytes | None]]:
    """Messages as they are put into a queue; None ends them."""
    said: queue.Queue[bytes | None] = queue.Queue()
    return iter(said.get, None), said


@pytest.mark.parametrize("what", ["echo", "sleepy"])
@pytest.mark.parametrize("size", [0, 1, 4090, 16_379, 16_380, 100_000, 1_000_000])
def test_messages_of_any_size_come_back(call: Call, what: str, size: int):
    messages = [bytes([number]) * size for number in range(3)]
    answers = call(messages, what)
    assert list(answers) == messages
    assert answers.code() is grpc.StatusCode.OK


def test_twenty_megabytes_come_back(call: Call):
    message = bytes(range(256)) * 80_000
    assert list(call([message, b"", message])) == [message, b"", message]


def test_no_message_at_all(call: Call):
    answers = call([])
    assert list(answers) == []
    assert answers.code() is grpc.StatusCode.OK


def test_messages_one_by_one(call: Call):
    messages, say = _endless()
    answers = call(messages)
    for number in range(50):
        say.put(b"%d" % number)
        assert next(answers) == b"%d" % number
    say.put(None)
    assert list(answers) == []


@pytest.mark.parametrize("what", ["echo", "sleepy"])
def test_a_thousand_calls_at_once(server: Serving, call: Call, what: str):
    says, answers = [], []
    for _ in range(1000):
        messages, say = _endless()
        answers.append(call(messages, what))
        says.append(say)
        say.put(b"first")
    assert {next(one) for one in answers} == {b"first"}
    assert server.told[f"{what} begun"] == 1000
    for say in says:
        say.put(b"second")
        say.put(None)
    assert [list(one) for one in answers] == [[b"second"]] * 1000


def test_an_early_end_is_clean(call: Call):
    messages, say = _endless()
    answers = call(messages, "early")
    say.put(b"x")
    assert list(answers) == [b"x"]
    assert answers.code() is grpc.StatusCode.OK
    say.put(None)


@pytest.mark.parametrize("what", ["silent", "echo"])
def test_a_handler_that_ends_ends_the_call(call: Call, what: str):
    answers = call([b"x"], what)
    list(answers)
    assert answers.code() is grpc.StatusCode.OK


def test_a_handler_that_fails_is_reported_and_not_told(tmp_path: Path, transport: str):
    with serving(tmp_path, transport) as server, client(server) as call:
        answers = call([b"x"], "failing")
        assert _code(answers) is grpc.StatusCode.INTERNAL
        assert "told to nobody" not in answers.details()
        assert [str(one["exception"]) for one in server.errors] == ["told to nobody"]
        assert list(call([b"x"])) == [b"x"]


@pytest.mark.parametrize("what", ["patient", "waiting"])
def test_a_client_that_cancels(server: Serving, call: Call, what: str):
    messages, say = _endless()
    answers = call(messages, what)
    say.put(b"x")
    until(lambda: server.told[f"{what} begun"])
    answers.cancel()
    until(lambda: server.told[f"{what} ended" if what == "patient" else f"{what} cancelled"])
    say.put(None)
    assert list(call([b"y"])) == [b"y"]


@pytest.mark.parametrize("seen", [0, 1, 3])
def test_a_cancel_in_the_middle_of_a_large_answer(server: Serving, call: Call, seen: int):
    answers = call([b"x"], "pouring")
    until(lambda: server.told["pouring begun"])
    for _ in range(seen):
        next(answers)
    answers.cancel()
    until(lambda: server.told["pouring ended"] + server.told["pouring cancelled"])
    assert list(call([b"y"])) == [b"y"]


def test_a_deadline(server: Serving, call: Call):
    assert _code(call([b"x"], "waiting", timeout=0.2)) is grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: server.told["waiting cancelled"])
    assert list(call([b"y"], timeout=20)) == [b"y"]


def test_a_client_that_does_not_read_makes_the_writer_wait(server: Serving):
    with client(server, ("grpc.http2.bdp_probe", 0)) as call:  # with it, the client's window grows as fast as we pour
        answers = call([b"x"], "pouring")
        next(answers)
        seen = -1
        while seen != server.told["poured"]:  # until it stands still
            seen = server.told["poured"]
            threading.Event().wait(0.3)
        assert seen < 10
        assert len(list(answers)) == 49


def test_a_handler_that_does_not_read_makes_the_client_wait(server: Serving, call: Call):
    sent = 0

    def messages() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(50):
            yield bytes(1 << 20)
            sent += 1

    answers = call(messages(), "deaf")
    seen = -1
    while seen != sent:
        seen = sent
        threading.Event().wait(0.3)
    assert seen < 40
    assert server.loop is not None
    server.loop.call_soon_threadsafe(server.go_on.set)
    assert list(answers) == [b"%d" % (50 << 20)]


def test_what_is_too_large_or_unknown(server: Serving, call: Call):
    assert _code(call([bytes(LARGEST + (1 << 20) + 1)])) is grpc.StatusCode.RESOURCE_EXHAUSTED
    with grpc.insecure_channel(f"unix:{server.socket}") as channel:
        assert _code(channel.stream_stream("/a.B/C")(iter([b"x"]))) is grpc.StatusCode.UNIMPLEMENTED
    assert list(call([b"y"])) == [b"y"]


def test_only_grpcio_understands_compressed_messages(call: Call, transport: str):
    answers = call([b"x" * 100], compression=grpc.Compression.Gzip)
    if transport == "grpcio":
        assert list(answers) == [b"x" * 100]
    else:
        assert _code(answers) is grpc.StatusCode.UNIMPLEMENTED
    assert list(call([b"y"])) == [b"y"]
