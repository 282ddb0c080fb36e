"""What the demonstration sends: every outcome, in JSON and as a stream, over the dialects."""

from __future__ import annotations

import json

import pytest

from extproc.core.policy import Policy
from extproc.core.steps.accept import accept
from extproc.core.steps.classify import classify
from extproc.core.steps.plan import plan
from extproc.core.vocabulary import PATHS, Dialect, Outcome, Plan
from extproc.demo.samples import SAMPLES, Sample

POLICY = Policy(draft_models=dict.fromkeys(Dialect, "small"), verify_models=dict.fromkeys(Dialect))
ASKED = [sample for sample in SAMPLES if isinstance(sample.body, dict)]


def test_every_outcome_is_shown():
    assert {sample.outcome for sample in SAMPLES} == set(Outcome)


@pytest.mark.parametrize("stream", [False, True])
def test_every_dialect_is_spoken_streamed_and_whole(stream: bool):
    assert {PATHS[sample.path] for sample in ASKED if sample.stream is stream} == set(Dialect)


@pytest.mark.parametrize("sample", ASKED, ids=lambda sample: sample.title)
def test_a_sample_is_planned_as_it_says(sample: Sample):
    request = accept(sample.path, "", json.dumps(sample.body).encode())
    assert plan(request, classify(request, POLICY), POLICY).plan is sample.plan


def test_titles_are_not_alike():
    assert len({sample.title for sample in SAMPLES}) == len(SAMPLES)


def test_only_what_is_drafted_is_made_to_fail():
    assert all(sample.plan in {Plan.DRAFT, Plan.CASCADE} for sample in SAMPLES if sample.steer)
