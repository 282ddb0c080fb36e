"""What we offer the peer, and what we bear from it. The peer is an Envoy of the same machine and user."""

from __future__ import annotations

from typing import Final

STREAM_WINDOW: Final = 16 << 20
"""Bytes of one stream that may be under way unread. Above the usual body, so that a request never waits for our word to go on;
finite, so that a call which does not read holds its peer back."""

CONNECTION_WINDOW: Final = 1 << 30
"""The streams hold back on their own; this only has to be out of the way."""

FRAME_BYTES: Final = 16_384
"""Largest frame that we accept: the default, as Envoy sends none that are larger, whatever it is offered."""

STREAMS: Final = 4096
"""Streams at a time on one connection; Envoy opens a further connection for more."""

FIELD_BYTES: Final = 64 << 10
"""Header list of one request. The headers of a client's request come in a message, not in here."""

CONTINUATIONS: Final = 32
"""Frames that one header block may come in."""

PERIOD_S: Final = 10.0
"""The floods below are counted in periods of this length."""

RESETS: Final = 10_000
"""Streams that end by an error in a period. A client that leaves costs one; a thousand a second for ten seconds are no clients."""

IDLE_FRAMES: Final = 5_000
"""Frames that move nothing (PING, SETTINGS, PRIORITY, empty DATA, unknown types) in a period. Envoy and gRPC send a few a second."""

HELD_FRAMES: Final = 16_384
"""Frames that wait for a peer that does not read. One that sends on and on all the same is up to no good."""

REMEMBERED: Final = 1024
"""Streams whose end is remembered, to know a frame that was under way from one that comes after the end."""
