"""What events say of output items, taken into the row of an answer's parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from extproc.core.answers import Form, Opened, Part
from extproc.core.dialects.openai_responses import events as ev
from extproc.core.dialects.openai_responses.output import is_called, kind_of, opening, rest_of, said_in, text_opening, wholes
from extproc.core.dialects.openai_responses.parts import Growing, Row
from extproc.core.errors import MalformedError


class Taking:
    """Takes the events between the first and the last. Deltas, `…done` events and whole items may each be there or not."""

    def __init__(self) -> None:
        self.row = Row()
        self.refused = False
        """The model declined, in a part of its own kind."""
        self.called = False
        """The client has something to run."""
        self._newest: tuple[tuple[object, ...], Growing] | None = None
        """What the newest delta named, and the part that it meant: most of them mean the same one as the one before."""

    def take(self, event: ev.Event) -> None:
        """Take an event. MalformedError where a call goes on that has not begun."""
        if isinstance(event, ev.TextDelta):
            self._text_delta(event)
        else:
            self._newest = None
            self._TAKEN[type(event)](self, event)

    def take_whole(self, given: dict[str, Any], index: int | None, item_id: str = "") -> None:
        """Take an item that is whole: of its parts, what has not come yet."""
        item = self.row.item(kind_of(given), index, item_id)
        for one in wholes(given):
            part = self.row.part(item, one.at, self._noted(one.opened))
            part.fill(one.text)
            part.finish(one.signature)
        for part in item.parts.values():
            part.finish()
        item.id = item_id or item.id
        item.done = True
        self.called = self.called or is_called(given)

    def _item_added(self, event: ev.ItemAdded) -> None:
        kind = kind_of(event.item)
        if kind is Part.OTHER:
            return
        item = self.row.item(kind, event.output_index, event.item_id)
        item.raw = rest_of(event.item)
        if kind is not Part.TEXT:
            self.row.part(item, 0, opening(kind, event.item))

    def _item_done(self, event: ev.ItemDone) -> None:
        self.take_whole(event.item, event.output_index, event.item_id)

    def _part_added(self, event: ev.PartAdded) -> None:
        if (said := said_in(event.part)) is not None:
            self._text(event, said[0])

    def _part_done(self, event: ev.PartDone) -> None:
        if (said := said_in(event.part)) is not None:
            part = self._text(event, said[0])
            part.fill(said[1])
            part.finish()

    def _text_delta(self, event: ev.TextDelta) -> None:
        named = (event.output_index, event.item_id, event.content_index)
        if self._newest is None or self._newest[0] != named:
            self._newest = named, self._text(event, "output_text")
        self._newest[1].say(event.delta)

    def _text_done(self, event: ev.TextDone) -> None:
        self._text(event, "output_text").fill(event.text or "")

    def _refusal_delta(self, event: ev.RefusalDelta) -> None:
        self._text(event, "refusal").say(event.delta)

    def _refusal_done(self, event: ev.RefusalDone) -> None:
        self._text(event, "refusal").fill(event.refusal or "")

    def _call_delta(self, event: ev.ArgumentsDelta | ev.InputDelta) -> None:
        self._call(event).say(event.delta)

    def _arguments_done(self, event: ev.ArgumentsDone) -> None:
        self._call(event).fill(event.arguments or "")

    def _input_done(self, event: ev.InputDone) -> None:
        self._call(event).fill(event.input or "")

    def _thought_delta(self, event: ev.SummaryDelta | ev.ThoughtDelta) -> None:
        """A thought is one text, whose paragraphs come with an index each."""
        if not event.delta:
            return
        item = self.row.item(Part.THINKING, event.output_index, event.item_id)
        part = self.row.part(item, 0, opening(Part.THINKING, item.raw))
        place = (type(event).__name__, event.summary_index, event.content_index)
        if not part.empty and place != item.place:
            part.say("\n\n")
        part.say(event.delta)
        item.place = place

    def _text(self, event: ev.Inside, kind: str) -> Growing:
        """The part of a message that an event speaks of."""
        item = self.row.item(Part.TEXT, event.output_index, event.item_id)
        return self.row.part(item, event.content_index or 0, self._noted(text_opening(kind, item.raw)))

    def _noted(self, opened: Opened) -> Opened:
        self.refused = self.refused or opened.form is Form.REFUSAL
        return opened

    def _call(self, event: ev.Inside) -> Growing:
        item = self.row.item(Part.CALL, event.output_index, event.item_id)
        if not item.parts:
            raise MalformedError("call_without_item")
        return item.parts[0]

    _TAKEN: ClassVar[Mapping[type[ev.Event], Callable[[Taking, Any], None]]] = {
        ev.ItemAdded: _item_added,
        ev.ItemDone: _item_done,
        ev.PartAdded: _part_added,
        ev.PartDone: _part_done,
        ev.TextDone: _text_done,
        ev.RefusalDelta: _refusal_delta,
        ev.RefusalDone: _refusal_done,
        ev.ArgumentsDelta: _call_delta,
        ev.ArgumentsDone: _arguments_done,
        ev.InputDelta: _call_delta,
        ev.InputDone: _input_done,
        ev.SummaryDelta: _thought_delta,
        ev.ThoughtDelta: _thought_delta,
    }
