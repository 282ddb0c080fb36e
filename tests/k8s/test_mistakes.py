"""Planted mistakes: each is refused by the layer that the docs name, and by none before it. Nothing is told of what is right."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.k8s.cluster import Cluster, created, pod
from tests.support.system import ROOT, until
from tools.k8s.check import envoy_takes, overlays, promtool_says, refused, rendered
from tools.k8s.mistakes import MISTAKES, Layer, Mistake

K8S = ROOT / "k8s"


def of(*layers: Layer) -> list[object]:
    return [pytest.param(one, id=one.what) for one in MISTAKES if one.layer in layers]


@cache
def right(overlay: str) -> str:
    return rendered(K8S / overlay)


def planted(mistake: Mistake) -> str:
    assert mistake.right in right(mistake.overlay)
    return right(mistake.overlay).replace(mistake.right, mistake.wrong)


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """What the schemas have against each mistake, and against what is right."""
    mistakes = {_number(one): planted(one) for one in MISTAKES if one.layer is not Layer.PROMTOOL}
    return refused({**mistakes, **{path.name: right(path.name) for path in overlays()}})


def _number(mistake: Mistake) -> str:
    return f"mistake-{MISTAKES.index(mistake)}"


@pytest.mark.k8s
@pytest.mark.parametrize("mistake", of(Layer.SCHEMA))
def test_the_schemas_refuse(told: dict[str, str], mistake: Mistake):
    assert _number(mistake) in told


@pytest.mark.k8s
@pytest.mark.parametrize("mistake", of(Layer.SERVER, Layer.POD, Layer.TRANSLATOR))
def test_the_schemas_do_not_see(told: dict[str, str], mistake: Mistake):
    assert _number(mistake) not in told


@pytest.mark.k8s
def test_nothing_is_told_of_what_is_right(told: dict[str, str]):
    assert [text for name, text in told.items() if not name.startswith("mistake-")] == []


@pytest.mark.k8s
@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool on PATH (Debian: prometheus)")
@pytest.mark.parametrize("mistake", of(Layer.PROMTOOL))
def test_promtool_refuses(mistake: Mistake, tmp_path: Path):
    text = (K8S / mistake.overlay).read_text()
    rules = tmp_path / "alerts.yaml"
    rules.write_text(text)
    assert promtool_says(rules) == ""
    assert mistake.right in text
    rules.write_text(text.replace(mistake.right, mistake.wrong))
    assert promtool_says(rules) != ""


@pytest.mark.k8s
def test_a_configuration_that_cannot_be_used_is_told():
    text = (ROOT / "k8s/config/cascade.yaml").read_text()
    assert envoy_takes(text) == ""
    assert "cascade.yaml:3: listen" in envoy_takes(text.replace("listen: 127.0.0.1:10000", "listen: not-an-address:10000"))


@pytest.mark.cluster
@pytest.mark.parametrize("mistake", of(Layer.SERVER))
def test_the_api_server_refuses(extended: Cluster, mistake: Mistake):
    done = extended.apply(planted(mistake), "--dry-run=server")
    assert done.returncode != 0
    assert "is invalid" in done.stderr, done.stderr


@pytest.mark.cluster
@pytest.mark.parametrize("mistake", of(Layer.POD, Layer.TRANSLATOR))
def test_the_api_server_does_not_see(extended: Cluster, mistake: Mistake):
    done = extended.apply(planted(mistake), "--dry-run=server")
    assert done.returncode == 0, done.stderr


@pytest.mark.cluster
@pytest.mark.parametrize("mistake", of(Layer.POD))
def test_no_pod_is_made(cluster: Cluster, mistake: Mistake):
    kind = "kind: MutatingAdmissionPolicy\n"
    (spec,) = [YAML(typ="safe").load(one)["spec"] for one in planted(mistake).split("---\n") if kind in one]
    cluster.mutate("trial", spec)
    try:
        until(lambda: created(cluster, pod("trial")).returncode != 0, 60)
    finally:
        cluster.kubectl("delete", "mutatingadmissionpolicy,mutatingadmissionpolicybinding", "trial")
        until(lambda: created(cluster, pod("trial")).returncode == 0, 60)  # the next one begins without it
