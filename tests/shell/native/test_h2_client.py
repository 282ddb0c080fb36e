"""The h2 library as a second client: whatever it sends, however it is cut, the call is the same."""

from __future__ import annotations

import asyncio

import h2.config
import h2.connection
import h2.events
import h2.settings
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.shell.exchange import Stream
from extproc.shell.native.grpc import prefix
from extproc.shell.native.server import NativeServer
from tests.shell.native.wire import CALL, cut


class Pipe:
    """Both ends in one process, without a socket: what the client sends is cut, what the server writes is read at once."""

    def __init__(self, server: NativeServer, places: list[int], window: int) -> None:
        self._peer = server.peer()
        self._places = places
        self.client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding=None))
        self.client.initiate_connection()
        self.client.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.got: dict[int, bytearray] = {}
        self.trailers: dict[int, dict[bytes, bytes]] = {}
        self._peer.connection_made(self)  # type: ignore[arg-type]

    def writelines(self, parts: list[bytes]) -> None:
        for event in self.client.receive_data(b"".join(parts)):
            if isinstance(event, h2.events.DataReceived):
                self.got.setdefault(event.stream_id, bytearray()).extend(event.data)
                self.client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.TrailersReceived | h2.events.ResponseReceived):
                self.trailers.setdefault(event.stream_id, {}).update(dict(event.headers))

    def is_closing(self) -> bool:
        return False

    def flush(self) -> None:
        """Send what the client has to send, until nobody has anything left to say."""
        while data := self.client.data_to_send():
            for piece in cut(data, self._places):
                self._peer.data_received(piece)


async def _echo(stream: Stream) -> None:
    while (message := await stream.read()) is not None:
        await stream.write(message)


ACTS = st.sampled_from(["call", "message", "reset", "end", "ping", "settings"])
MESSAGES = st.lists(st.integers(0, 60) | st.just(30_000), max_size=4)
CALLS = st.lists(st.tuples(MESSAGES, st.integers(1, 20), st.integers(0, 255), st.booleans()), min_size=1, max_size=4)


@settings(deadline=None)
@given(CALLS, st.lists(st.integers(min_value=0), max_size=8), st.integers(500, 100_000))
def test_calls_come_back_whole(calls: list[tuple[list[int], int, int, bool]], places: list[int], window: int):
    """Each call has messages of some sizes in a number of frames, padding, and perhaps trailers; all are under way at once."""

    async def main() -> Pipe:
        pipe = Pipe(NativeServer(_echo, 1 << 20), places, window)
        sends = []
        for number, (sizes, parts, padding, trailers) in enumerate(calls):
            stream_id = 2 * number + 1
            pipe.client.send_headers(stream_id, CALL)
            data = _messages(sizes)
            size = len(data) // parts + 1
            sends.append([(stream_id, data[at : at + size], padding) for at in range(0, len(data), size)] + [(stream_id, None, trailers)])
        while any(sends):
            for send in sends:
                if send:
                    _send(pipe, *send.pop(0))
            pipe.flush()
        return pipe

    pipe = asyncio.run(main())
    for number, (sizes, *_) in enumerate(calls):
        assert bytes(pipe.got.get(2 * number + 1, b"")) == _messages(sizes)
        assert pipe.trailers[2 * number + 1][b"grpc-status"] == b"0"


def _messages(sizes: list[int]) -> bytes:
    return b"".join(prefix(bytes(size)) + bytes([size % 251]) * size for size in sizes)


def _send(pipe: Pipe, stream_id: int, data: bytes | None, more: int) -> None:
    if data is None and more:
        pipe.client.send_headers(stream_id, [("x-trailer", "1")], end_stream=True)
    elif data is None:
        pipe.client.end_stream(stream_id)
    else:
        largest = min(pipe.client.max_outbound_frame_size, pipe.client.local_flow_control_window(stream_id)) - 300
        for at in range(0, len(data), largest):
            pipe.client.send_data(stream_id, data[at : at + largest], pad_length=more or None)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["call", "message", "reset", "end", "ping", "settings"]), max_size=30),
    st.lists(st.integers(min_value=0), max_size=8),
)
def test_no_order_of_things_leaves_anything_behind(acts: list[str], places: list[int]):
    """Calls that are opened, used, reset and ended in any order: h2 sees no breach of protocol, and at the end no call is left."""

    async def main() -> int:
        server = NativeServer(_echo, 1 << 20)
        pipe = Pipe(server, places, 65_535)
        streams: list[int] = []
        for act in acts:
            _act(pipe, streams, act)
            pipe.flush()
        for stream_id in streams:
            pipe.client.reset_stream(stream_id)
        pipe.flush()
        (peer,) = server.peers
        return len(peer._calls)

    assert asyncio.run(main()) == 0


def _act(pipe: Pipe, streams: list[int], act: str) -> None:
    client = pipe.client
    if act == "ping":
        client.ping(b"12345678")
    elif act == "settings":
        client.update_settings({h2.settings.SettingCodes.MAX_FRAME_SIZE: 20_000})
    elif act == "call":
        streams.append(client.get_next_available_stream_id())
        client.send_headers(streams[-1], CALL)
    elif streams and act == "message":
        client.send_data(streams[-1], prefix(b"hello") + b"hello")
    elif streams and act == "reset":
        client.reset_stream(streams.pop(0))
    elif streams and act == "end":
        client.end_stream(streams.pop(0))
