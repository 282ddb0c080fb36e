"""Where a request's spans belong, for every kind of origin."""

from __future__ import annotations

import pytest

from extproc.core.records import Note, Trace
from extproc.core.steps.tracing import Origin, Sampling, apart, begun, call_header, origin
from extproc.core.vocabulary import Outcome, Plan
from extproc.core.wire.traceparent import Place, place

TRACE, OTHER = "ab" * 16, "cd" * 16
CLIENT, ENVOY, FRESH = "1" * 16, "2" * 16, "3" * 16
BY_ENVOY = Place(TRACE, ENVOY, sampled=False)


def header(trace_id: str = TRACE, flags: str = "01") -> str:
    return f"00-{trace_id}-{CLIENT}-{flags}"


def test_nothing_is_known_of_a_request_without_a_trace():
    assert origin("", None, ours=False) == Origin(None, None)
    assert origin("nonsense", None, ours=False) == Origin(None, None)


def test_envoys_span_stands_between_the_client_and_us():
    assert origin(header(), BY_ENVOY, ours=True) == Origin(BY_ENVOY, decided=True)
    assert origin(header(flags="00"), BY_ENVOY, ours=True) == Origin(BY_ENVOY, decided=False)


def test_of_two_traces_the_clients_counts():
    own = header(OTHER)
    assert origin(own, BY_ENVOY, ours=False) == Origin(place(own), decided=True)


@pytest.mark.parametrize("sampled", [False, True])
def test_a_foreign_envoys_word_counts_our_own_envoy_leaves_it_to_us(sampled: bool):
    given = Place(TRACE, ENVOY, sampled)
    assert origin("", given, ours=False) == Origin(given, decided=sampled)
    assert origin("", given, ours=True) == Origin(given, decided=None)


@pytest.mark.parametrize(
    ("sampling", "decided", "kept"),
    [
        (Sampling(), None, True),
        (Sampling(), True, True),
        (Sampling(), False, False),
        (Sampling(0.0), None, False),
        (Sampling(0.0), True, True),
        (Sampling(1.0, follows=False), False, True),
        (Sampling(0.0, follows=False), True, False),
    ],
)
def test_who_decides(sampling: Sampling, decided: bool | None, kept: bool):
    assert sampling.keeps(TRACE, decided) is kept


def test_a_share_of_the_traces_is_kept_and_a_larger_share_keeps_those_too():
    ids = [f"{number * 2654435761 % (1 << 64):016x}{number:016x}" for number in range(4000)]
    tenth, half = ([one for one in ids if Sampling(share).keeps(one, None)] for share in (0.1, 0.5))
    assert 300 < len(tenth) < 500
    assert 1800 < len(half) < 2200
    assert set(tenth) <= set(half)


def test_a_kept_request_has_a_root_below_what_is_there():
    trace = begun(TRACE, FRESH, Origin(BY_ENVOY, None), Sampling(), 5.0)
    assert trace == Trace(FRESH, ENVOY, sampled=True, kept=True, began_s=5.0)
    assert begun(TRACE, FRESH, Origin(None, None), Sampling(), 5.0) == Trace(FRESH, "", sampled=True, kept=True, began_s=5.0)


def test_calls_of_a_kept_request_stand_below_spans_of_their_own():
    trace = Trace("0" * 15 + "a", ENVOY, sampled=True, kept=True, began_s=0.0)
    assert call_header(TRACE, trace, 2) == f"00-{TRACE}-{'0' * 15}c-01".encode()


def test_calls_of_a_request_that_is_not_kept_begin_no_trace():
    trace = begun(TRACE, FRESH, Origin(BY_ENVOY, decided=False), Sampling(), 5.0)
    assert trace is not None
    assert not trace.kept
    assert call_header(TRACE, trace, 1) == f"00-{TRACE}-{ENVOY}-00".encode()


def test_where_others_trace_and_we_do_not_calls_stand_below_theirs():
    given = Place(TRACE, ENVOY, sampled=True)
    trace = begun(TRACE, "", Origin(given, decided=True), None, 5.0)
    assert trace is not None
    assert not trace.kept
    assert call_header(TRACE, trace, 1) == f"00-{TRACE}-{ENVOY}-01".encode()
    assert begun(TRACE, "", Origin(None, None), None, 5.0) is None


@pytest.mark.parametrize("kept", [False, True])
def test_what_is_tried_beside_a_request_has_a_trace_of_its_own(kept: bool):
    note = Note(Outcome.DIRECT, Plan.DIRECT, "anthropic", "big", (), TRACE, trace=Trace(FRESH, ENVOY, True, kept, 1.0))
    tried = apart(note)
    assert tried.trace is not None
    assert tried.trace_id != TRACE
    assert place(call_header(tried.trace_id, tried.trace, 1).decode()) is not None
    assert (tried.trace.parent_id, tried.trace.sampled, tried.trace.kept) == ("", kept, kept)
    assert apart(note) == tried


def test_without_a_trace_there_is_none_beside_it():
    note = Note(Outcome.DIRECT, Plan.DIRECT, "anthropic", "big", (), TRACE)
    assert apart(note) is note
