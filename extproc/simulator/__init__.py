"""Simulated providers, for the demo, the tests and the benches: one HTTP server that speaks all three dialects.

server      the HTTP server: `Simulator` and `serve`
exchange    one request: what came, what went out, bytes read and sent
profile     what a provider is like, and how its settings are read
dialects    the three dialects behind one contract; which request is for which
anthropic, openai_chat, openai_responses     request → ask, answer → JSON or events (`openai`: what two of them share)
ask         what is understood of a request
answer      what is answered to it: thought, text, calls, usage
judge       a draft that is to be judged, and the verdict
faults      an answer → what is left of it
text, sample, tokens, ids, sse     wording, values for schemas, estimates, identifiers, events

All but `server` and `exchange` is pure. The answer is a function of the request and the profile (and, for `created`, the clock).
"""

from __future__ import annotations

from extproc.simulator.exchange import Exchange
from extproc.simulator.profile import Profile
from extproc.simulator.server import Simulator

__all__ = ["Exchange", "Profile", "Simulator"]
