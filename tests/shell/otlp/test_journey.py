"""A request's way, out of its access-log entry: where its spans stand, whether there are any, when things happened."""

from __future__ import annotations

import msgspec
import pytest

from extproc.core.records import Note
from extproc.core.steps.tracing import Sampling
from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.core.wire.traceparent import below
from extproc.shell.otlp.journey import calls
from tests.shell.otlp.made import CLIENT, ENVOY, MS, ROOT, START_NS, TRACE, begun, call, entry, noted, record, travelled, way

OTHER = "cd" * 16
NOTED = noted(Note(Outcome.SKIPPED, Plan.DRAFT, "anthropic", "small", ("greeting",), TRACE, "big", "chat", 0.25))


def marked(parent_id: str = CLIENT) -> dict[str, str]:
    return {**NOTED, "trace": msgspec.json.encode([ROOT, parent_id, START_NS + MS, 2 * MS, 3 * MS, True]).decode()}


def test_the_root_stands_below_the_span_that_envoy_names():
    made = travelled(entry(marked(), tag=f"{TRACE} {ENVOY} -"))
    assert (made.trace_id, made.root_id, made.parent_id) == (TRACE, ROOT, ENVOY)
    assert made.begun is not None
    assert made.begun.stream


@pytest.mark.parametrize("tag", ["", f"{OTHER} {ENVOY} -", "- - -"])
def test_or_else_below_the_one_that_we_were_told_of(tag: str):
    assert travelled(entry(marked(), tag=tag)).parent_id == CLIENT


def test_what_was_decided_without_marks_is_not_traced():
    assert travelled(entry(NOTED, tag=f"{TRACE} {ENVOY} 00-{TRACE}-{CLIENT}-01")).root_id == ""


@pytest.mark.parametrize(
    ("header", "sampling", "kept"),
    [
        ("-", Sampling(), True),
        ("-", Sampling(0.0), False),
        (f"00-{TRACE}-{CLIENT}-01", Sampling(0.0), True),
        (f"00-{TRACE}-{CLIENT}-00", Sampling(), False),
        (f"00-{OTHER}-{CLIENT}-00", Sampling(), True),
    ],
)
def test_what_went_by_without_us_has_a_root_where_envoy_keeps_its_trace(header: str, sampling: Sampling, kept: bool):
    made = travelled(entry(tag=f"{TRACE} {ENVOY} {header}"), sampling)
    assert (made.record.outcome, made.record.trace_id) == (Outcome.BYPASSED, TRACE)
    assert (made.trace_id, made.root_id, made.parent_id) == ((TRACE, below(ENVOY, 1), ENVOY) if kept else ("", "", ""))


@pytest.mark.parametrize("tag", ["", "- - -", "nonsense", f"{TRACE} short -"])
def test_without_envoys_spans_what_went_by_has_none(tag: str):
    made = travelled(entry(tag=tag))
    assert (made.root_id, made.record.trace_id) == ("", "")


def test_it_ends_with_the_last_byte_or_else_when_envoy_is_done_with_it():
    assert travelled(entry(time_to_last_downstream_tx_byte=70.0)).end_ns == START_NS + 70 * MS
    assert travelled(entry()).end_ns == START_NS + 100 * MS


def test_a_call_that_envoy_carried_has_envoys_times():
    times = {"time_to_first_upstream_tx_byte": 5.0, "time_to_first_upstream_rx_byte": 40.0, "time_to_last_upstream_rx_byte": 60.0}
    (made,) = calls(travelled(entry(marked(), **times)))
    assert (made.began_ns, made.first_ns, made.ended_ns) == (START_NS + 5 * MS, START_NS + 40 * MS, START_NS + 60 * MS)
    assert (made.role, made.model, made.dialect, made.stream) == (Role.DRAFT, "small", "anthropic", True)


def test_a_call_that_could_not_be_made_has_no_length():
    (made,) = calls(travelled(entry(marked(), status=503, flags="upstream_connection_failure")))
    assert made.began_ns == made.ended_ns == START_NS + 100 * MS
    assert made.error == "upstream_connection_failure"


def test_an_error_is_named_by_its_status():
    (made,) = calls(travelled(entry(marked(), status=429)))
    assert made.error == "429"


def test_our_own_calls_count_from_the_arrival():
    made = calls(way(record(calls=(call(), call("verify", "status_503"))), begun(arrived_ms=10)))
    assert [(one.number, one.role, one.error) for one in made] == [(1, "draft", ""), (2, "verify", "503")]
    assert (made[0].began_ns, made[0].first_ns, made[0].ended_ns) == (START_NS + 15 * MS, START_NS + 16 * MS, START_NS + 60 * MS)


def test_a_draft_that_failed_its_checks_is_a_call_that_served():
    notes = (call(error="valid_json"), call("verify"))
    made = calls(way(record(outcome=Outcome.RESCUED, role=Role.VERIFY, rules=("check_valid_json",), calls=notes), begun()))
    assert [(one.error, one.rejected) for one in made] == [("", "valid_json"), ("", "")]


def test_of_the_draft_of_a_rescue_that_envoy_carried_envoy_knows_when_it_began():
    notes = (call(error="status_503", began_ms=0, ended_ms=30), call("verify", began_ms=31))
    made = calls(way(record(outcome=Outcome.RESCUED, calls=notes), begun(), sent_ns=START_NS + 5 * MS))
    assert (made[0].began_ns, made[0].ended_ns) == (START_NS + 5 * MS, START_NS + 31 * MS)


def test_who_answered_nobody_called():
    assert calls(way(record(outcome=Outcome.BYPASSED, plan=Plan.BYPASS, role=None, usage=None))) == []
    (made,) = calls(way(record(outcome=Outcome.BYPASSED, plan=Plan.BYPASS, role=Role.VERIFY, model="", usage=Usage(1, 2))))
    assert (made.role, made.model, made.usage) == ("verify", "", Usage(1, 2))
