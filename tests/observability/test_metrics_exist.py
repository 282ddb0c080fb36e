"""Whatever dashboard and alerts ask for is really told: metrics, labels and the values that are named, on real traffic."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.observability.dashboard import RULES, grouped, questions, selectors
from tests.observability.mixed import everything, mixed

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
_ADDED = {"job", "instance", "namespace"}
"""Labels that Prometheus puts on what it reads."""
_RARE = {"cascade_decisions_dropped_total"}
"""Metrics without samples as long as all is well; they are announced, though."""

ASKED = {title: list(asked) for title, asked in questions().items()} | {rule["alert"]: [rule["expr"]] for rule in RULES}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, dict[str, set[str]]], str]]:
    with mixed(tmp_path_factory.mktemp("mixed")) as running:
        samples = everything(running)
        yield samples, running.expositions()[0]


@pytest.mark.parametrize("title", ASKED)
def test_what_is_asked_for_is_told(told: tuple[dict[str, dict[str, set[str]]], str], title: str):
    samples, exposition = told
    for expr in ASKED[title]:
        found = selectors(expr)
        assert found, expr
        for name, wanted in found:
            if name in _RARE:
                assert f"# TYPE {name.removesuffix('_total')}" in exposition
                continue
            assert name in samples
            labels = samples[name]
            for label, values in wanted.items():
                assert label in labels or label in _ADDED, f"{name} has no label {label}"
                assert set(values) <= labels.get(label, set()) or label in _ADDED, (name, label, labels[label])
        for label in grouped(expr) - _ADDED:
            assert any(label in samples[name] for name, _ in found if name in samples), f"nothing has the label {label}: {expr}"
