"""Envoy's access log becomes records, whatever stands in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from extproc.config.runtime import METADATA_NAMESPACE, USAGE_NAMESPACE
from extproc.core.policy import Price
from extproc.core.records import Record
from extproc.core.vocabulary import Outcome, Plan, Role, Usage
from extproc.pb.envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry
from extproc.pb.envoy.data.ai.v3.token_usage_pb2 import TokenUsage
from extproc.pb.envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from extproc.shell.accesslog import receive, record_of

PRICES = {Role.DRAFT: Price(1.0, 2.0, 0.1, 1.0), Role.VERIFY: Price(10.0, 20.0, 1.0, 12.5)}


def entry(path: str = "/v1/messages?beta=true", **note: str) -> HTTPAccessLogEntry:
    made = HTTPAccessLogEntry()
    made.request.path = path
    made.request.request_body_bytes = 120
    made.response.response_code.value = 200
    common = made.common_properties
    common.start_time.FromMicroseconds(1_700_000_000_250_000)
    common.time_to_first_downstream_tx_byte.FromMilliseconds(40)
    common.time_to_last_downstream_tx_byte.FromMilliseconds(900)
    if note:
        names = ("outcome", "trace_id", "rules", "model", "held", "plan", "dialect", "turn", "score", "wanted", "requested_model")
        note["more"] = " ".join([{"held": "2" if note.get("calls") else "", **note}.get(name, "") for name in names])
    for key, value in note.items():
        common.metadata.filter_metadata[METADATA_NAMESPACE].fields[key].string_value = value
    return made


def with_usage(made: HTTPAccessLogEntry) -> HTTPAccessLogEntry:
    usage = TokenUsage()
    usage.input_tokens.value = 1000
    usage.output_tokens.value = 50
    usage.input_token_details.cached_tokens.value = 400
    usage.input_token_details.cache_creation_tokens.value = 100
    usage.output_token_details.reasoning_tokens.value = 7
    made.common_properties.metadata.typed_filter_metadata[USAGE_NAMESPACE].Pack(usage)
    return made


def skipped() -> HTTPAccessLogEntry:
    note = {
        "outcome": "SKIPPED",
        "plan": "draft",
        "dialect": "anthropic",
        "model": "small",
        "rules": "a,b",
        "trace_id": "t",
        "score": "0.100",
    }
    return with_usage(entry(**note, requested_model="asked", turn="chat"))


def test_a_skipped_request_is_priced_as_draft_and_against_verify():
    record = record_of(skipped(), PRICES)
    assert (record.outcome, record.plan, record.role, record.model) == (Outcome.SKIPPED, Plan.DRAFT, Role.DRAFT, "small")
    assert (record.path, record.rules, record.score) == ("/v1/messages", ("a", "b"), 0.1)
    assert (record.at, record.duration_s, record.first_byte_s) == (1_700_000_000.25, 0.9, 0.04)
    assert record.usage == Usage(1000, 50, 400, 100, 7)
    assert record.cost_usd == 0.00074
    assert record.baseline_usd == 0.00765


def test_without_a_price_or_usage_costs_are_unknown_not_zero():
    assert record_of(skipped(), {Role.DRAFT: None, Role.VERIFY: None}).cost_usd is None
    assert record_of(entry(outcome="DIRECT", plan="direct"), PRICES).cost_usd is None


@pytest.mark.parametrize("outcome", ["DIRECT", "SKIPPED"])
def test_an_error_costs_nothing_and_would_not_have(outcome: str):
    made = entry(outcome=outcome, plan="direct")
    made.response.response_code.value = 429
    record = record_of(made, PRICES)
    assert (record.cost_usd, record.baseline_usd) == (0, 0)
    assert record_of(made, {}).cost_usd is record_of(made, {}).baseline_usd is None


def test_what_went_by_to_the_verify_model_has_its_cost_and_saved_nothing():
    record = record_of(with_usage(entry()), PRICES)
    assert (record.outcome, record.role, record.cost_usd, record.baseline_usd) == (Outcome.BYPASSED, Role.VERIFY, 0.00765, 0.00765)
    plain = record_of(entry("/v1/models"), PRICES)
    assert (plain.role, plain.cost_usd, plain.baseline_usd) == (None, None, None)


def test_a_request_that_went_by_without_us_says_so():
    record = record_of(entry(), PRICES)
    assert (record.outcome, record.rules, record.dialect) == (Outcome.BYPASSED, ("processor_absent",), "anthropic")
    other = record_of(entry("/v1/models"), PRICES)
    assert (other.outcome, other.rules, other.dialect) == (Outcome.BYPASSED, (), "")


def test_a_rewritten_path_is_told_as_the_client_sent_it():
    made = entry("/anthropic/v1/messages")
    made.common_properties.route_name = "/v1/messages verify"
    assert record_of(made, PRICES).path == "/v1/messages"


def test_a_rescue_costs_what_verify_costs():
    record = record_of(with_usage(entry(outcome="RESCUED", plan="draft")), PRICES)
    assert record.cost_usd == record.baseline_usd == 0.00765


def test_words_of_another_release_are_no_error():
    record = record_of(entry(outcome="DREAMT", plan="wish"), PRICES)
    assert (record.outcome, record.plan) == (Outcome.BYPASSED, Plan.BYPASS)


def test_a_usage_message_of_another_release_is_no_usage():
    made = entry(outcome="DIRECT", plan="direct")
    made.common_properties.metadata.typed_filter_metadata[USAGE_NAMESPACE].value = b"\xff\xff"
    assert record_of(made, PRICES).usage is None


def test_a_client_that_left_is_told():
    made = entry()
    made.response.ClearField("response_code")
    made.common_properties.response_flags.downstream_connection_termination = True
    record = record_of(made, PRICES)
    assert (record.status, record.error) == (0, "downstream_connection_termination")


def test_only_the_clients_log_makes_records_and_the_name_is_remembered():
    async def run(log_name: str) -> list[Record]:
        records: list[Record] = []

        async def messages() -> AsyncIterator[bytes]:
            first = StreamAccessLogsMessage()
            first.identifier.log_name = log_name
            first.http_logs.log_entry.append(skipped())
            yield first.SerializeToString()
            second = StreamAccessLogsMessage()
            second.http_logs.log_entry.extend([entry(), entry()])
            yield second.SerializeToString()

        await receive(messages(), PRICES, records.extend)
        return records

    assert len(asyncio.run(run("client"))) == 3
    assert asyncio.run(run("egress")) == []


DRAFT_CALL = ["draft", "small", 200, "", 0.0, 0.1, 0.5, {"input": 1000, "output": 100}, 0.002]
VERIFY_CALL = ["verify", "big", 200, "", 0.5, 0.6, 0.9, {"input": 1200, "output": 300, "cached_input": 500}, 0.02]


def held(outcome: str, *calls: object, **note: str) -> Record:
    """The record of a response that was ours; what Envoy has counted of it does not matter."""
    made = entry(outcome=outcome, plan="cascade", dialect="anthropic", calls=json.dumps(calls), **note)
    return record_of(with_usage(made), PRICES)


def test_calls_of_our_own_are_told_one_by_one_and_cost_what_they_cost():
    record = held("ENHANCED", DRAFT_CALL, VERIFY_CALL)
    first, second = record.calls
    assert (first.role, first.model, first.usage, first.cost_usd) == (Role.DRAFT, "small", Usage(1000, 100), 0.002)
    assert (second.began_s, second.first_s, second.ended_s) == (0.5, 0.6, 0.9)
    assert (record.outcome, record.role, record.usage) == (Outcome.ENHANCED, Role.VERIFY, second.usage)
    assert record.cost_usd == 0.022


@pytest.mark.parametrize(("outcome", "output"), [("ENHANCED", 300), ("ACCEPTED", 100), ("FALLBACK", 100)])
def test_the_verify_model_alone_would_have_read_the_clients_question_and_written_the_answer(outcome: str, output: int):
    assert held(outcome, DRAFT_CALL, VERIFY_CALL).baseline_usd == (500 * 10 + 500 * 1 + output * 20) / 1e6


def test_a_held_rescue_is_what_verify_alone_would_have_been():
    assert held("RESCUED", DRAFT_CALL, VERIFY_CALL).baseline_usd == (700 * 10 + 500 * 1 + 300 * 20) / 1e6


def test_a_failure_has_no_answer_and_yet_its_cost():
    record = held("FAILED", DRAFT_CALL, [*VERIFY_CALL[:3], "reset", *VERIFY_CALL[4:]])
    assert (record.role, record.usage, record.baseline_usd) == (None, None, 0)
    assert (record.cost_usd, record.calls[1].error) == (0.022, "reset")


def test_where_one_call_is_of_unknown_cost_so_is_the_request():
    assert held("ENHANCED", DRAFT_CALL, [*VERIFY_CALL[:8], None]).cost_usd is None


@pytest.mark.parametrize("told", ["", "{}", "[[1]]", "[", '[["draft"]]'])
def test_calls_of_another_release_are_none(told: str):
    record = record_of(with_usage(entry(outcome="ENHANCED", plan="cascade", calls=told)), PRICES)
    assert (record.calls, record.usage) == ((), Usage(1000, 50, 400, 100, 7))
