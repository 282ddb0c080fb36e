"""The overlay that intercepts: what its containers may do, and that its rules and its pair agree on who is let through."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from extproc.cli import main
from tests.support.system import ROOT
from tools.k8s import programs
from tools.k8s.check import rendered

pytestmark = pytest.mark.k8s

OVERLAY = ROOT / "k8s/intercepted"
PAIR = ("cascade-bootstrap", "cascade-extproc", "cascade-envoy")


@pytest.fixture(scope="module")
def containers() -> dict[str, dict[str, Any]]:
    """The init containers by their names, in their order."""
    manifests = YAML(typ="safe").load_all(rendered(OVERLAY))
    (deployment,) = [one for one in manifests if one["kind"] == "Deployment"]
    return {one["name"]: one for one in deployment["spec"]["template"]["spec"]["initContainers"]}


def test_the_redirect_is_there_before_anything_else_runs(containers: dict[str, dict[str, Any]]):
    assert list(containers) == ["cascade-rules", "cascade-redirect", *PAIR]


def test_one_container_alone_changes_the_network(containers: dict[str, dict[str, Any]]):
    redirect = containers["cascade-redirect"]["securityContext"]
    assert redirect["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
    assert redirect["allowPrivilegeEscalation"] is False
    for name in ("cascade-rules", *PAIR):
        assert containers[name]["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert containers[name]["securityContext"]["runAsNonRoot"] is True


def test_the_pairs_user_is_the_one_that_is_let_through(containers: dict[str, dict[str, Any]], tmp_path: Path):
    users = {containers[name]["securityContext"]["runAsUser"] for name in PAIR}
    assert users == {15532}
    words = [one.replace("/var/run/cascade-redirect", str(tmp_path)) for one in containers["cascade-rules"]["args"]]
    done = CliRunner().invoke(main, [words[0], "-c", str(OVERLAY / "cascade.yaml"), *words[1:]], env={"POD_IP": "10.0.0.7"})
    assert done.exit_code == 0, done.output
    text = (tmp_path / "rules.nft").read_text()
    assert "meta skuid 15532 accept" in text
    assert text.index("ip daddr 10.0.0.0/8 accept") < text.index("redirect to :15001")


def test_its_dockerfile_has_no_findings():
    done = subprocess.run([programs.hadolint(), ROOT / "k8s/intercept/Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
