"""Counts that Envoy's filters left in the access log, and what is no count."""

from __future__ import annotations

import pytest

from extproc.config.runtime import COUNTS_NAMESPACE, USAGE_NAMESPACE
from extproc.core.vocabulary import Usage
from extproc.pb.envoy.config.core.v3.base_pb2 import Metadata
from extproc.pb.envoy.data.ai.v3.token_usage_pb2 import TokenUsage
from extproc.shell.usage import usage_in


def copied(**counts: float | str) -> Metadata:
    made = Metadata()
    fields = made.filter_metadata[COUNTS_NAMESPACE].fields
    for name, count in counts.items():
        if isinstance(count, str):
            fields[name].string_value = count
        else:
            fields[name].number_value = count
    return made


def typed(read: int | None, written: int | None, status: TokenUsage.ExtractionStatus = TokenUsage.COMPLETE) -> Metadata:
    usage = TokenUsage(extraction_status=status)
    if read is not None:
        usage.input_tokens.value = read
    if written is not None:
        usage.output_tokens.value = written
    made = Metadata()
    made.typed_filter_metadata[USAGE_NAMESPACE].Pack(usage)
    return made


def test_nothing_there_is_nothing():
    assert usage_in(Metadata()) is None
    assert usage_in(copied()) is None


def test_copied_counts_are_brought_to_one_way_of_counting():
    assert usage_in(copied(fresh=10, cached=200, written=30, output=5)) == Usage(240, 5, 200, 30)
    assert usage_in(copied(input=240, cached=200, output=5, reasoning=3)) == Usage(240, 5, 200, 0, 3)


@pytest.mark.parametrize("counts", [{"input": 10}, {"fresh": 10, "cached": 5}])
def test_without_an_output_it_was_not_told_to_its_end(counts: dict[str, float]):
    assert usage_in(copied(**counts)) is None


@pytest.mark.parametrize("odd", [-1.0, 1e9, 1e300, float("nan"), float("inf")])
def test_what_cannot_be_a_count_is_none(odd: float):
    assert usage_in(copied(input=10, output=odd)) is None
    assert usage_in(copied(output=1, input=odd)) in {None, Usage(0, 1)}


@pytest.mark.parametrize("status", [TokenUsage.PARTIAL, TokenUsage.FAILED])
def test_half_a_usage_is_none(status: TokenUsage.ExtractionStatus):
    assert usage_in(typed(10, 5)) == Usage(10, 5)
    assert usage_in(typed(10, 5, status)) is None


def test_implausible_typed_counts_are_none():
    assert usage_in(typed(2**63, 5)) is usage_in(typed(5, 10**9)) is usage_in(typed(None, None)) is None
