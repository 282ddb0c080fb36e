"""Spans of a request: the tree, the words, and that each lies within the one above."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.core.wire.traceparent import below
from extproc.shell.marks import Begun, Told
from tests.shell.otlp.made import ENVOY, MS, ROOT, START_NS, TRACE, begun, call, record, told, way
from tests.support.collector import Span, strays, tree

CASCADE = record(outcome=Outcome.ACCEPTED, plan=Plan.CASCADE, calls=(call(), call("verify", began_ms=55, ended_ms=80)))
ENDED = Told(81 * MS, 90 * MS)
NS = st.integers(-(10**9), 10**9)


def names(spans: list[Span]) -> list[str]:
    return [one.name for one in spans]


def test_a_request_that_passed_through():
    spans = told(way(begun=begun(stream=True), sent_ns=START_NS + 5 * MS, first_ns=START_NS + 40 * MS, last_ns=START_NS + 60 * MS))
    assert tree(spans) == (("cascade SKIPPED", (("cascade.classify", ()), ("chat small", ()))),)
    root, classify, chat = spans
    assert (root.trace_id, root.span_id, root.parent_id, root.kind) == (TRACE, ROOT, ENVOY, 1)
    assert (root.start_ns, root.end_ns) == (START_NS + MS, START_NS + 100 * MS)
    assert root.attributes == {
        "cascade.outcome": "SKIPPED",
        "cascade.plan": "draft",
        "cascade.rules": ["greeting"],
        "cascade.policy": "default",
        "cascade.requested_model": "big",
        "cascade.model": "small",
        "cascade.dialect": "anthropic",
        "cascade.turn": "chat",
        "cascade.calls": 1,
        "url.path": "/v1/messages",
        "http.response.status_code": 200,
        "cascade.score": 0.25,
        "cascade.cost_usd": 0.00012,
        "cascade.baseline_cost_usd": 0.00075,
        "cascade.saved_usd": 0.00063,
    }
    assert (classify.start_ns, classify.end_ns) == (START_NS + 3 * MS, START_NS + 4 * MS)
    assert classify.attributes == {"cascade.score": 0.25, "cascade.turn": "chat"}
    assert (chat.start_ns, chat.end_ns, chat.kind, chat.span_id) == (START_NS + 5 * MS, START_NS + 60 * MS, 3, below(ROOT, 1))
    assert chat.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "deepseek",
        "gen_ai.request.model": "small",
        "gen_ai.request.stream": True,
        "gen_ai.response.time_to_first_chunk": 0.035,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.cache_creation.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 3,
        "server.address": "draft.example",
        "server.port": 443,
        "http.response.status_code": 200,
        "cascade.role": "draft",
        "cascade.cost_usd": 0.00012,
    }


def test_a_cascade():
    spans = told(way(CASCADE, begun(), ENDED))
    assert names(spans) == ["cascade ACCEPTED", "cascade.classify", "chat small", "chat big", "cascade.check", "cascade.stitch"]
    draft, verify, check, stitch = spans[2:]
    assert (draft.span_id, verify.span_id) == (below(ROOT, 1), below(ROOT, 2))
    assert verify.attributes["gen_ai.provider.name"] == "openai"
    assert verify.attributes["server.port"] == 8443
    assert (check.start_ns, check.end_ns) == (draft.end_ns, verify.start_ns)
    assert check.attributes == {"cascade.passed": True}
    assert (stitch.start_ns, stitch.end_ns) == (START_NS + 82 * MS, START_NS + 91 * MS)
    assert stitch.attributes == {"cascade.role": "draft", "cascade.model": "small"}
    assert not any(one.failed for one in spans)


def test_an_answer_says_what_it_is():
    notes = (call(), call("verify", began_ms=55, ended_ms=80, finish="calls", answer_model="big-2026"))
    verify = told(way(record(outcome=Outcome.ENHANCED, calls=notes), begun(), ENDED))[3]
    assert verify.attributes["gen_ai.response.finish_reasons"] == ["tool_call"]
    assert verify.attributes["gen_ai.response.model"] == "big-2026"
    assert verify.attributes["gen_ai.request.model"] == "big"


def test_a_failed_check_is_an_error_of_the_check_not_of_the_call():
    notes = (call(error="valid_json"), call("verify", began_ms=55, ended_ms=80))
    spans = told(way(record(outcome=Outcome.RESCUED, rules=("check_valid_json", "check_finished"), calls=notes), begun(), ENDED))
    assert [one.name for one in spans if one.failed] == ["cascade.check"]
    check = next(one for one in spans if one.failed)
    assert check.attributes == {"cascade.passed": False, "cascade.checks_failed": ["valid_json", "finished"], "error.type": "valid_json"}
    assert spans[2].attributes["cascade.rejected"] == "valid_json"


def test_a_draft_that_did_not_come_is_not_checked():
    notes = (call(error="timeout"), call("verify", began_ms=55, ended_ms=80))
    spans = told(way(record(outcome=Outcome.RESCUED, calls=notes), begun(), ENDED))
    assert "cascade.check" not in names(spans)
    assert [(one.name, one.attributes["error.type"]) for one in spans if one.failed] == [("chat small", "timeout")]


def test_a_failure_is_the_roots_too():
    notes = (call(error="reset"), call("verify", "status_529"))
    root, *below = told(way(record(outcome=Outcome.FAILED, role=None, status=529, calls=notes), begun(), Told(None, 90 * MS)))
    assert (root.failed, root.attributes["error.type"]) == (True, "529")
    assert names(below) == ["cascade.classify", "chat small", "chat big"]


def test_a_clients_own_mistake_is_an_error_of_the_call_alone():
    root, *_, chat = told(way(record(outcome=Outcome.DIRECT, role=Role.VERIFY, model="big", status=400), begun()))
    assert (root.failed, chat.failed, chat.attributes["error.type"]) == (False, True, "400")


def test_what_cost_and_usage_are_not_known_is_not_said():
    root, *_, chat = told(way(record(usage=None, cost_usd=None, baseline_usd=None), begun()))
    assert not [name for one in (root, chat) for name in one.attributes if "usd" in name or "usage" in name]


def test_of_a_client_that_left_the_record_does_not_know_the_cost_yet():
    (root, _) = told(way(record(outcome=Outcome.FAILED, role=None, status=0, cost_usd=0.0, error="downstream_remote_reset"), begun()))
    assert (root.attributes["error.type"], root.failed) == ("downstream_remote_reset", True)
    assert "cascade.cost_usd" not in root.attributes


def test_what_went_by_without_us_has_its_root_alone():
    made = record(outcome=Outcome.BYPASSED, plan=Plan.BYPASS, role=None, model="", score=None, turn="", usage=None, rules=())
    (root,) = told(way(made))
    assert (root.name, root.start_ns, root.end_ns) == ("cascade BYPASSED", START_NS, START_NS + 100 * MS)


def test_a_model_without_a_name():
    assert told(way(record(model="", role=Role.VERIFY, usage=Usage(1, 1)), begun()))[-1].name == "chat"


@given(NS, NS, NS, NS, NS, NS, NS, NS)
def test_every_span_lies_within_the_one_above_whatever_the_clocks_say(
    arrived: int, heard: int, decided: int, sent: int, last: int, answered: int, ended: int, began: int
):
    marks = Begun(ROOT, "", START_NS + arrived, heard, decided, stream=True)
    for made, end in ((record(), None), (CASCADE, Told(answered, ended))):
        notes = tuple([call(one.role, began_ms=began / MS, ended_ms=last / MS) for one in made.calls])
        changed = record(outcome=made.outcome, plan=made.plan, calls=notes)
        spans = told(way(changed, marks, end, sent_ns=START_NS + sent, last_ns=START_NS + last))
        assert strays(spans, above=ENVOY) == []
        assert START_NS <= spans[0].start_ns <= spans[0].end_ns == START_NS + 100 * MS
        assert len({one.span_id for one in spans}) == len(spans)
