"""Whatever dashboard and alerts ask for is really told: metrics, labels and the values that are named, on real traffic."""

from __future__ import annotations

import pytest

from tests.observability.dashboard import RULES, grouped, questions, selectors
from tests.observability.mixed import Samples, everything, mixed

pytestmark = [pytest.mark.envoy, pytest.mark.slow]
_ADDED = {"job", "instance", "namespace"}
"""Labels that Prometheus puts on what it reads."""

ASKED = {title: list(asked) for title, asked in questions().items()} | {rule["alert"]: [rule["expr"]] for rule in RULES}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    with mixed(tmp_path_factory.mktemp("mixed")) as running:
        return everything(running)


@pytest.mark.parametrize("title", ASKED)
def test_what_is_asked_for_is_told(told: Samples, title: str):
    for expr in ASKED[title]:
        found = selectors(expr)
        assert found, expr
        for name, wanted in found:
            assert name in told
            labels = told[name]
            for label, values in wanted.items():
                assert label in labels or label in _ADDED, f"{name} has no label {label}"
                assert set(values) <= labels.get(label, set()) or label in _ADDED, (name, label, labels[label])
        for label in grouped(expr) - _ADDED:
            assert any(label in told[name] for name, _ in found), f"nothing has the label {label}: {expr}"
