"""The sample: stable, of the size that was asked for, and growing with the share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extproc.core.steps.sampling import sampled


@given(st.text())
def test_none_and_all(trace_id: str):
    assert not sampled(trace_id, 0)
    assert sampled(trace_id, 1)


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_share_keeps_the_sample(trace_id: str, one: float, other: float):
    assert sampled(trace_id, max(one, other)) >= sampled(trace_id, min(one, other))


def test_ids_that_are_counted_up_are_sampled_evenly():
    assert 400 < sum(sampled(f"{number:032x}", 0.05) for number in range(10_000)) < 600
