"""Breaks an answer as a profile asks. Pure: a script of bytes and an ending; the server carries it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from extproc.simulator.profile import Profile
from extproc.simulator.sse import Frame


class Ending(Enum):
    """What happens behind the last byte of a script."""

    DONE = "done"
    RESET = "reset"
    STALL = "stall"


@dataclass(frozen=True, slots=True)
class Script:
    """What goes out after the response headers."""

    frames: Sequence[Frame]
    ending: Ending = Ending.DONE
    length: int | None = None
    """Value of the content-length header; None for a stream."""
    pause: int | None = None
    """After this many frames comes a pause."""


def stream(frames: Sequence[Frame], profile: Profile, error_event: Callable[[int], Frame]) -> Script:
    """The script of a stream. `error_event` makes the event for an error after so many events."""
    if profile.malformed:
        frames = _broken(frames)
    if profile.cut is not None:
        return Script(frames[: profile.cut], Ending.RESET, pause=profile.pause)
    if profile.stall is not None:
        return Script(frames[: profile.stall], Ending.STALL, pause=profile.pause)
    if profile.end is not None:
        return Script(frames[: profile.end], pause=profile.pause)
    if profile.error is not None:
        sent = frames[: profile.error]
        return Script([*sent, error_event(len(sent))], pause=profile.pause)
    return Script(frames, pause=profile.pause)


def body(whole: Frame, profile: Profile) -> Script:
    """The script of a body that is not streamed; one that does not end well stops in its middle."""
    length = len(whole.data)
    half = whole._replace(data=whole.data[: length // 2])
    if profile.malformed:
        return Script([half], length=length // 2)
    if profile.cut is not None or profile.end is not None:
        return Script([half], Ending.RESET, length)
    if profile.stall is not None:
        return Script([half], Ending.STALL, length)
    if profile.pause is not None:
        return Script([half, Frame(whole.data[length // 2 :])], length=length, pause=1)
    return Script([whole], length=length)


def _broken(frames: Sequence[Frame]) -> Sequence[Frame]:
    """Cut the JSON of the middle event short; the events around it stay whole."""
    middle = len(frames) // 2
    frame = frames[middle]
    return [*frames[:middle], frame._replace(data=frame.data[: len(frame.data) * 2 // 3] + b"\n\n"), *frames[middle + 1 :]]
