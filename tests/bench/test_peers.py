"""The floors: asked for real they answer alike, on both of our transports and on that of Go."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest

from bench import peers
from bench.bodies import body
from bench.floor import forward
from bench.peers import MissingError, go_floor
from bench.systems import process, python
from extproc.pb.envoy.service.ext_proc.v3.external_processor_pb2 import HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse
from tests.support.go import go
from tests.support.system import until

_PROCESS = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"


@pytest.fixture(scope="module")
def go_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    go()
    folder = tmp_path_factory.mktemp("go")
    yield from _serving(folder, [str(go_floor(folder)), str(folder / "s")])


@pytest.fixture(params=["grpcio", "native"])
def socket(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    yield from _serving(tmp_path, python("bench.floor", str(tmp_path / "s"), request.param))


def _serving(folder: Path, argv: list[str]) -> Iterator[Path]:
    with process(argv, folder / "log"):
        until((folder / "s").exists)
        yield folder / "s"


def _ask(socket: Path, messages: Sequence[ProcessingRequest]) -> list[ProcessingResponse]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(f"unix:{socket}", options=options) as channel:
        method = channel.stream_stream(_PROCESS, ProcessingRequest.SerializeToString, ProcessingResponse.FromString)
        return list(method(iter(messages), timeout=60))


@pytest.mark.parametrize("size", [200, 1_000_000])
def test_ours(socket: Path, size: int) -> None:
    _hold(socket, size)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", [200, 1_000_000])
def test_go(go_socket: Path, size: int) -> None:
    _hold(go_socket, size)


def _hold(socket: Path, size: int) -> None:
    content = body(size, direct=False)
    messages = [
        ProcessingRequest(request_headers=HttpHeaders()),
        ProcessingRequest(request_body=HttpBody(body=content, end_of_stream=True)),
        ProcessingRequest(response_headers=HttpHeaders()),
    ]
    headers, answer, response = _ask(socket, messages)
    assert headers.WhichOneof("response") == "request_headers"
    assert answer == ProcessingResponse.FromString(forward(content))
    assert b'"model": "draft-small"' in answer.request_body.response.body_mutation.body
    assert response.WhichOneof("response") == "response_headers"


@pytest.mark.slow
def test_a_body_without_a_model_passes(go_socket: Path) -> None:
    (told,) = _ask(go_socket, [ProcessingRequest(request_body=HttpBody(body=b"{}", end_of_stream=True))])
    assert told.request_body.response.body_mutation.body == b"{}"


def test_without_go_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="Go is not installed"):
        go_floor(tmp_path)


def test_a_build_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "go"
    program.write_text("#!/bin/sh\necho first >&2\necho 'go: no network' >&2\nexit 1\n")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(MissingError, match="go build fails: go: no network"):
        go_floor(tmp_path)
    program.write_text("#!/bin/sh\nsleep 60\n")
    monkeypatch.setattr(peers, "_BUILD_S", 0.1)
    with pytest.raises(MissingError, match=r"takes longer than 0\.1 s"):
        go_floor(tmp_path)
