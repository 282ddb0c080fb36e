"""Inputs that were thought of: `python -m fuzz.seeds FOLDER` writes them, a folder for each target."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from hpack import Encoder

from extproc.core.vocabulary import PATHS, Dialect
from extproc.shell.native.grpc import prefix
from extproc.shell.native.http2 import frames
from extproc.shell.native.http2.frames import END_HEADERS, END_STREAM, PADDED, frame
from extproc.shell.native.server import METHOD
from extproc.simulator.answer import compose
from extproc.simulator.dialects import SPEAKERS
from extproc.simulator.profile import Profile

_CORPUS: Final = Path(__file__).parents[1] / "tests" / "corpus"
_OF_FILE: Final = {"an": Dialect.ANTHROPIC, "oc": Dialect.OPENAI_CHAT, "or": Dialect.OPENAI_RESPONSES}
_LONGEST: Final = 4096
_CALL: Final = [(":method", "POST"), (":scheme", "http"), (":path", METHOD.decode()), (":authority", "extproc"), ("te", "trailers")]
_GRPC: Final = ("content-type", "application/grpc")
_TRACE: Final = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")


def seeds() -> Mapping[str, list[bytes]]:
    """Give them by target."""
    requests = list(_requests())
    bodies = [body for _, body in requests]
    answers = list(_answers(requests))
    return {
        "http2": [bytes([how]) + data for data in _conversations() for how in (1, 9, 0xFB)],
        "calls": [bytes([how]) + data for data in _conversations() for how in (0, 1, 2, 7, 15)],
        "sse": [b"\x02" + data for _, data in answers if data.startswith((b"event", b"data"))] + [b"\0data: a\r\rdata: b\n\r\n: c\n\n"],
        "json": [*bodies, b"[1, [2], {}]", b'{"a":[1,"x"],"a b":{"c":[]}}'],
        "inflate": list(_compressed()),
        "requests": [bytes([list(PATHS.values()).index(dialect)]) + body for dialect, body in requests],
        "answers": [bytes([list(SPEAKERS).index(dialect)]) + data for dialect, data in answers],
    }


def _requests() -> Iterator[tuple[Dialect, bytes]]:
    for file in sorted(_CORPUS.glob("*.json")):
        if len(body := file.read_bytes()) < _LONGEST:
            yield _OF_FILE[file.name[:2]], body


def _answers(requests: Sequence[tuple[Dialect, bytes]]) -> Iterator[tuple[Dialect, bytes]]:
    """What our simulated providers answer to them."""
    for dialect, body in requests[::3]:
        speaker = SPEAKERS[dialect]
        try:
            ask = speaker.read(body)
        except Exception:
            continue
        answer = compose(ask, Profile(words=6), 0)
        yield dialect, speaker.document(ask, answer)
        yield dialect, b"".join([event.data for event in speaker.events(ask, answer)])


def _compressed() -> Iterator[bytes]:
    content = b"a text that is compressed " * 20
    bare = zlib.compressobj(wbits=-15)
    yield b"\x00" + gzip.compress(content, mtime=0)
    yield b"\x00" + gzip.compress(b"", mtime=0) + gzip.compress(content, mtime=0)
    yield b"\x00" + gzip.compress(bytes(1 << 17), mtime=0)
    yield b"\x01" + zlib.compress(content)
    yield b"\x01" + bare.compress(content) + bare.flush()
    yield b"\x02" + content


def _conversations() -> Iterator[bytes]:
    """Frames behind the greeting."""
    hello = prefix(b"hello") + b"hello"
    call = _headers(1, [*_CALL, _GRPC])
    end = frame(frames.DATA, END_STREAM, 1, b"")
    yield call + frame(frames.DATA, 0, 1, hello * 2) + end
    yield call + frame(frames.DATA, 0, 1, hello[:7]) + frame(frames.DATA, PADDED, 1, b"\x02" + hello[7:] + b"\0\0") + end
    yield _headers(1, [*_CALL, _GRPC, _TRACE]) + _headers(3, [*_CALL, _GRPC, _TRACE]) + frame(frames.DATA, END_STREAM, 3, hello)
    yield (
        call
        + frames.window_update(1, 100)
        + frames.settings({4: 5, 5: 20_000})
        + frame(frames.DATA, 0, 1, hello)
        + frames.window_update(0, 9)
    )
    yield call + frames.reset(1, 8) + frame(frames.PING, 0, 0, b"12345678") + frame(frames.PRIORITY, 0, 1, bytes(5))
    yield _headers(1, [*_CALL, _GRPC, ("grpc-timeout", "1n")]) + frame(frames.DATA, 0, 1, hello) + frame(frames.GOAWAY, 0, 0, bytes(8))
    yield _headers(1, [*_CALL, _GRPC, ("content-length", "10")]) + frame(frames.DATA, 0, 1, hello) + _headers(1, [("a", "b")], END_STREAM)
    block = _block([*_CALL, _GRPC])
    yield frame(frames.HEADERS, 0, 1, block[:9]) + frame(frames.CONTINUATION, END_HEADERS, 1, block[9:]) + end
    yield _headers(1, [*_CALL, ("content-type", "text/plain")]) + _headers(3, [(":method", "GET"), *_CALL[1:]])
    yield call + frame(frames.DATA, 0, 1, b"\x01\0\0\0\x05hello") + _headers(3, [*_CALL, _GRPC]) + frame(frames.DATA, 0, 3, b"\0\xff\0\0\0")


def _block(fields: Sequence[tuple[str, str]]) -> bytes:
    encoder = Encoder()
    encoder.header_table_size = 0
    written: bytes = encoder.encode(fields)
    return written.removeprefix(b"\x20")


def _headers(stream_id: int, fields: Sequence[tuple[str, str]], flags: int = 0) -> bytes:
    return frame(frames.HEADERS, END_HEADERS | flags, stream_id, _block(fields))


def write(root: Path) -> None:
    """Write them."""
    for target, inputs in seeds().items():
        folder = root / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(inputs):
            (folder / f"seed-{number:03}").write_bytes(data)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
