"""Where the spans of a request belong: in which trace, below whose span, and whether they are made at all. Pure."""

from __future__ import annotations

from hashlib import blake2b

import msgspec
from msgspec.structs import replace

from extproc.core.records import Note, Trace
from extproc.core.wire.traceparent import Place, below, place, written


class Sampling(msgspec.Struct, frozen=True, gc=False):
    """Which requests are traced (OpenTelemetry's samplers `always_on`, `always_off`, `traceidratio`, and each with `parentbased_`)."""

    share: float = 1.0
    """Of the traces, by their ids."""
    follows: bool = True
    """Whoever has begun the trace decides for us, too."""

    def keeps(self, trace_id: str, decided: bool | None) -> bool:
        """Say whether a request's spans are made; `decided`: what the one who has begun the trace wants, None where that is us."""
        if self.follows and decided is not None:
            return decided
        if self.share >= 1.0:
            return True
        # Envoy's own arithmetic, so that of one trace both keep their spans or neither does.
        return int.from_bytes(bytes.fromhex(trace_id[:16]), "little") % 1_000_000 < round(self.share * 1e6)


class Origin(msgspec.Struct, frozen=True, gc=False):
    """What is there of a trace when a request arrives."""

    above: Place | None
    """The span above ours."""
    decided: bool | None
    """Whether the trace is to be kept; None where nobody outside has said so."""


def origin(own: str, given: Place | None, *, ours: bool) -> Origin:
    """Say what a request's trace has been so far.

    Args:
        own: the client's `traceparent`, or nothing.
        given: Envoy's span, which the stream was opened with. Where Envoy joins the client's trace, this stands below the client's
            span and above ours; where the two are of different traces, the client's word counts.
        ours: that Envoy runs on our bootstrap. Then the stream's own span is never kept and says nothing of the trace
            (`emit_client_span: false`), and Envoy samples as we do.
    """
    sent = place(own)
    if sent is None:
        return Origin(given, None if ours or given is None else given.sampled)
    return Origin(sent if given is None or given.trace_id != sent.trace_id else given, sent.sampled)


def begun(trace_id: str, span_id: str, origin: Origin, sampling: Sampling | None, at_s: float, *, content: bool = False) -> Trace | None:
    """Begin to trace a request.

    Args:
        trace_id: of the trace that it belongs to.
        span_id: fresh, for our own root span.
        origin: what is there already.
        sampling: None where nobody takes spans of ours.
        at_s: when the request arrived.
        content: spans are to tell what was asked and answered.

    Returns:
        None where there is no trace that anybody keeps or refuses to keep.
    """
    above = origin.above
    if sampling is not None and sampling.keeps(trace_id, origin.decided):
        return Trace(span_id, above.span_id if above else "", sampled=True, kept=True, began_s=at_s, content=content)
    if above is not None:
        # Our calls go on below the same span: others may keep the trace, and nobody is to begin another one for them.
        return Trace(above.span_id, "", sampled=sampling is None and above.sampled, kept=False, began_s=at_s)
    return None


def call_header(trace_id: str, trace: Trace, number: int) -> bytes:
    """Give the `traceparent` of a request's call, by its number among its calls, from 1."""
    return written(trace_id, below(trace.span_id, number) if trace.kept else trace.span_id, sampled=trace.sampled)


def apart(note: Note) -> Note:
    """Give the note of what is tried beside a request (mode `shadow`): in a trace of its own, for it ends long after the request."""
    if (trace := note.trace) is None:
        return note
    name = blake2b(f"{note.trace_id}{trace.span_id}".encode(), digest_size=24).hexdigest()
    return replace(note, trace_id=name[:32], trace=replace(trace, span_id=name[32:], parent_id="", sampled=trace.kept))
