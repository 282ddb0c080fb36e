"""Which requests of many are looked at more closely: a share of them, chosen by their trace ids."""

from __future__ import annotations

from hashlib import blake2b

_BYTES = 8


def sampled(trace_id: str, share: float) -> bool:
    """Say whether a request is in the sample; all requests of one trace are, or none. A higher share keeps the sample of a lower one.

    Args:
        trace_id: what names the request; hashed, because a client's own ids may be anything but random.
        share: of all traces, from 0 (none) to 1 (all).
    """
    place = int.from_bytes(blake2b(trace_id.encode(), digest_size=_BYTES).digest())
    return place < share * (1 << 8 * _BYTES)
