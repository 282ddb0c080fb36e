"""Events of an answer → pieces, and an answer that came in one body → pieces."""

from __future__ import annotations

from extproc.core.answers import Began, Counted, Ended, Piece, Stop, Stopped
from extproc.core.dialects.openai_responses import events as ev
from extproc.core.dialects.openai_responses.output import erred, usage_of
from extproc.core.dialects.openai_responses.taking import Taking
from extproc.core.errors import MalformedError
from extproc.core.wire.sse import SseEvent

_STATUSES: dict[type[ev.Event], str] = {ev.Completed: "completed", ev.Incomplete: "incomplete", ev.Failed: "failed"}
_REASONS = {"max_output_tokens": Stop.LENGTH, "content_filter": Stop.REFUSAL}


class Reader:
    """Reads one streamed answer. Whatever a server sends twice, as deltas and whole, is told once."""

    def __init__(self) -> None:
        self._taking = Taking()
        self._begun = self._over = False

    def read(self, event: SseEvent) -> list[Piece]:
        """Give the pieces of the next event. MalformedError where it is not what the dialect says."""
        data = event.data.strip()
        if not data or data == b"[DONE]" or self._over:
            return []
        said = ev.event_of(data)
        if said is None:
            return []
        if isinstance(said, ev.OfResponse):
            status = _STATUSES.get(type(said))
            return self._begin(said.response) if status is None else self.conclude(said.response, status)
        if isinstance(said, ev.Failure):
            self._over = True
            return [*self._rest(), erred(said.error or {"code": said.code, "message": said.message})]
        self._taking.take(said)
        pieces = self._taking.row.tell()
        return [*self._begin(ev.Response()), *pieces] if pieces else []

    def conclude(self, response: ev.Response, status: str) -> list[Piece]:
        """Read the response object at the end of an answer, and in it the items where no event had told of any."""
        pieces = self._begin(response)
        for index, item in enumerate([] if self._taking.row.items else ev.items_of(response) or []):
            self._taking.take_whole(item, index)
        pieces += self._rest()
        if (usage := usage_of(response.usage)) is not None:
            pieces.append(Counted(usage))
        self._over = True
        return [*pieces, erred(response.error)] if status == "failed" else [*pieces, Stopped(self._stop(response, status)), Ended()]

    def _begin(self, response: ev.Response) -> list[Piece]:
        if self._begun:
            return []
        self._begun = True
        return [Began(response.id or "", response.model or "")]

    def _rest(self) -> list[Piece]:
        self._taking.row.finish()
        return self._taking.row.tell()

    def _stop(self, response: ev.Response, status: str) -> Stop:
        if status == "incomplete":
            details = response.incomplete_details
            return _REASONS.get(str(details.get("reason")), Stop.OTHER) if isinstance(details, dict) else Stop.OTHER
        if self._taking.refused:
            return Stop.REFUSAL
        return Stop.CALLS if self._taking.called else Stop.END


def whole(body: bytes) -> list[Piece]:
    """Read an answer that is not streamed. MalformedError where it is none, or one that is still to come."""
    response = ev.response_of(body)
    if response.status == "failed" or (response.status is None and response.error):
        return Reader().conclude(response, "failed")
    if response.status not in {None, "completed", "incomplete"} or ev.items_of(response) is None:
        raise MalformedError("unfinished")
    return Reader().conclude(response, response.status or "completed")
