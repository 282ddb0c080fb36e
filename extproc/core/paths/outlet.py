"""The client's end of a held exchange: Envoy's placeholder comes in, our response goes out in its place.

The response may be known before Envoy has announced its placeholder; then it waits here. Bodies go out in full duplex, streamed or not.
"""

from __future__ import annotations

from extproc.core.commands import Command, EndWithTrailers, Hold, Leave, Pairs, Reply, SendBody, StartResponse
from extproc.core.events import ResponseHeaders
from extproc.core.records import Note

_CHUNK = 62_000
"""Bytes of body in one message. Envoy advises at most 64 KiB; the inference gateway of Kubernetes uses this number too."""

_NOT_OURS = (":", "x-envoy-")
"""Response headers that Envoy does not let a processor take away."""


def removable(event: ResponseHeaders) -> tuple[str, ...]:
    """Name the headers of a response that ours must not inherit."""
    return tuple(sorted(name for name in event.headers.names() if not name.startswith(_NOT_OURS)))


def chunks(data: bytes) -> list[SendBody]:
    """Cut a piece of body into what Envoy takes at once."""
    return [SendBody(data[start : start + _CHUNK]) for start in range(0, len(data), _CHUNK)]


class Outlet:
    """Where the response goes out."""

    def __init__(self) -> None:
        self.started = False
        """Status and headers are on their way and cannot be taken back."""
        self.sent = False
        """Some of the body is on its way."""
        self.last_s = 0.0
        """When the client was last sent anything."""
        self.trailers = False
        """Envoy has told of trailers, which are to be answered in place of the end."""
        self._bodiless = False
        self._names: tuple[str, ...] | None = None
        self._waiting: list[Command] = []

    def placeholder(self, event: ResponseHeaders, seconds: float) -> list[Command]:
        """Envoy announces its placeholder: begin, where the response is known already, or hold for so many seconds at most."""
        self._names = removable(event)
        self._bodiless = event.end
        waiting, self._waiting = self._waiting, []
        return (self._out(waiting) if waiting else []) or [Hold(seconds)]

    def start(self, status: int, headers: Pairs, note: Note, at_s: float, *, pending: bool = False) -> list[Command]:
        """Send status and headers. `pending`: the outcome is not known yet."""
        self.started = True
        self.last_s = at_s
        return self._out([StartResponse(status, headers, (), note, pending)])

    def open_with(self, data: bytes) -> list[Command]:
        """Send what makes the headers leave and says nothing."""
        return self._out([SendBody(data)])

    def send(self, data: bytes, at_s: float) -> list[Command]:
        """Send a piece of body."""
        if not data:
            return []
        self.last_s, self.sent = at_s, True
        return self._out([*chunks(data)])

    def finish(self, note: Note, last: bytes = b"") -> list[Command]:
        """Send the last piece, and what is known now. The exchange is over."""
        *more, end = chunks(last) or [SendBody(b"")]
        if self.trailers:
            return self._out([*more, SendBody(end.data, note=note), EndWithTrailers(), Leave()])
        return self._out([*more, SendBody(end.data, end=True, note=note), Leave()])

    def _out(self, commands: list[Command]) -> list[Command]:
        if self._names is None or (self._bodiless and not isinstance(commands[-1], Leave)):
            self._waiting += commands
            return []
        if self._bodiless:
            return _at_once([*self._waiting, *commands])
        return [self._with_names(command) for command in commands]

    def _with_names(self, command: Command) -> Command:
        if isinstance(command, StartResponse) and self._names:
            return StartResponse(command.status, command.headers, self._names, command.note, command.pending)
        return command


def _at_once(commands: list[Command]) -> list[Command]:
    """Put a whole response into one message: Envoy drops bodies in full duplex where its own response had none."""
    (start,) = (command for command in commands if isinstance(command, StartResponse))
    sent = [command for command in commands if isinstance(command, SendBody)]
    return [Reply(start.status, start.headers, b"".join([one.data for one in sent]), sent[-1].note or start.note), Leave()]
