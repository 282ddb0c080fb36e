"""What the draft provider refused lately, so that it is not asked again and again for what it cannot do."""

from __future__ import annotations

from dataclasses import dataclass

from extproc.core.vocabulary import Effort, Request

Kind = tuple[str, ...]
"""A kind of request: its dialect and the features that a provider may not know. Never content."""

ANY: Kind = ("any",)
"""All requests: failures that say nothing about the request (5xx, 429, no connection, bad credential)."""

_REFUSALS = frozenset({400, 404, 405, 413, 415, 422, 501})
_AFTER = {False: 2, True: 3}
"""How many failures in a row are believed: 2 refusals of one kind, 3 of the provider as a whole."""
_OUTAGE_S = 15.0
"""An outage is forgotten sooner than a refusal: it ends by itself."""


def kind_of(request: Request) -> Kind:
    """Name the kind of a request: dialect and the features that draft providers are known to refuse."""
    view = request.view
    features = (
        ("tools", view.tools > 0),
        ("images", view.images > 0),
        ("documents", view.documents > 0),
        ("system_in_messages", view.system_in_messages),
        ("thinking", view.effort is not Effort.NONE),
        ("json_schema", view.json_schema),
    )
    return (str(request.dialect), *(name for name, present in features if present))


@dataclass(slots=True)
class _Failures:
    count: int
    until_s: float


class RefusalMemory:
    """Counts a provider's failures in a row by kind of request; one instance per worker."""

    def __init__(self, remember_s: float) -> None:
        self._remember_s = remember_s
        self._failures: dict[Kind, _Failures] = {}  # bounded: 3 dialects times 2^6 features

    def failed(self, request: Request, status: int, at_s: float) -> None:
        """Take note of an answer with status >= 400 (Envoy's own 503 and 504 count as such)."""
        whole = status not in _REFUSALS
        key = ANY if whole else kind_of(request)
        entry = self._failures.setdefault(key, _Failures(0, 0.0))
        entry.count += 1
        if entry.count >= _AFTER[whole]:
            entry.until_s = at_s + (min(_OUTAGE_S, self._remember_s) if whole else self._remember_s)

    def succeeded(self, request: Request) -> None:
        """Take note of an answer below 400: all is forgiven."""
        if self._failures:
            self._failures.pop(kind_of(request), None)
            self._failures.pop(ANY, None)

    def blocks(self, request: Request, at_s: float) -> bool:
        """Say whether the draft provider should be left alone; after the time is up, the next request is the test."""
        if not self._failures:
            return False
        entries = (self._failures.get(kind_of(request)), self._failures.get(ANY))
        return any(entry is not None and entry.until_s > at_s for entry in entries)
