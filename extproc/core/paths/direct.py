"""Plan `direct` to a verify model of another dialect: a held response with that model's translated answer as its content.

    RESCUING ──2xx──▶ ANSWERING ──▶ done     DIRECT
       │ └──refused──▶ REFUSED ───▶ done     DIRECT, with verify's own error, as the client would have got it from its provider
       └──failed──────────────────▶ done     FAILED

A verify model that speaks the client's dialect is Envoy's business alone (core.session).
"""

from __future__ import annotations

from extproc.core.commands import Command, Watch
from extproc.core.paths.held import HeldPath
from extproc.core.vocabulary import Outcome, Role


class DirectPath(HeldPath):
    """A held response of which the verify model writes everything."""

    _served = _turned_down = Outcome.DIRECT

    def begin(self, at_s: float) -> list[Command]:
        """Ask the verify model the client's own question."""
        self._now_s = at_s
        self._response.lost(self._asking.lost(Role.VERIFY))
        return [self._asking.direct(at_s), Watch(self._policy.keepalive_s / 4)]
