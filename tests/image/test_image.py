"""The Dockerfile, built step by step in a clean root, and what comes out of it at work: as uid 65532 on a read-only root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from extproc.simulator import Profile, Simulator
from tests.image.confined import RUNTIME, Confined
from tests.support.background import Background
from tests.support.system import free_ports, until
from tools.image.build import Image, build, missing

pytestmark = [pytest.mark.image, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image]:
    reason = missing()
    assert not reason, f"the image cannot be built here: {reason}"
    return build(["sidecar", "laptop"], tmp_path_factory.mktemp("image"))


@pytest.fixture
def urls() -> dict[str, str]:
    names = ("listen", "admin", "envoy_admin")
    return {name: f"127.0.0.1:{port}" for name, port in zip(names, free_ports(3), strict=True)}


@pytest.fixture
def providers() -> Iterator[dict[str, Any]]:
    with Background(Simulator(Profile(name="draft"))) as draft, Background(Simulator(Profile(name="verify"))) as verify:
        yield {
            "draft": {"model": "draft-small", "dialect": "anthropic", "base_url": draft.url},
            "verify": {"dialect": "anthropic", "base_url": verify.url},
        }


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def healthcheck(image: Image, url: str, folder: Path) -> int:
    """Run the image's own health check against an address."""
    test = image.config["Healthcheck"]["Test"]
    assert test[0] == "CMD"
    folder.mkdir()
    return Confined(image, {}, folder).run("env", f"CASCADE_HEALTH={url}", *test[1:]).returncode


def test_the_laptop_image_serves_traffic(images: dict[str, Image], urls: dict[str, str], providers: dict[str, Any], tmp_path: Path):
    image = images["laptop"]
    inside = Confined(image, {"version": 1, **urls, "models": providers}, tmp_path)
    with inside.started():
        until(lambda: answers(f"http://{urls['admin']}/readyz"), 60)
        for words, outcome in (("Hello!", "SKIPPED"), ("Design a lock-free queue and prove it.", "DIRECT")):
            body = {"model": "claude-opus-4-8", "max_tokens": 64, "messages": [{"role": "user", "content": words}]}
            response = httpx.post(f"http://{urls['listen']}/v1/messages", json=body, headers={"x-api-key": "k"})
            assert (response.status_code, response.headers["x-cascade-outcome"]) == (200, outcome)
        assert healthcheck(image, f"http://{urls['admin']}/readyz", tmp_path / "health") == 0
    assert healthcheck(image, f"http://{urls['admin']}/readyz", tmp_path / "gone") != 0


def test_the_sidecar_image_serves_what_the_manifests_ask_of_it(
    images: dict[str, Image], urls: dict[str, str], providers: dict[str, Any], tmp_path: Path
):
    inside = Confined(images["sidecar"], {"version": 1, **urls, "models": providers}, tmp_path)
    done = inside.run("extproc", "envoy-config", "--output", "/var/run/cascade-extproc/envoy.yaml")
    assert done.returncode == 0, done.stderr
    assert "ext_proc" in (tmp_path / "runtime/envoy.yaml").read_text()
    with inside.started():
        until(lambda: answers(f"http://{urls['admin']}/healthz"), 60)
        sockets = sorted((tmp_path / "runtime").glob("*.sock"))
        assert [path.name for path in sockets] == ["records-0.sock", "worker-0.sock"]
        assert {path.stat().st_uid for path in sockets} == {65532}
        # There is no Envoy in this image: it is a container of its own.
        assert httpx.get(f"http://{urls['admin']}/readyz").status_code == 503


@pytest.mark.parametrize("target", ["sidecar", "laptop"])
def test_it_is_confined(images: dict[str, Image], target: str, tmp_path: Path):
    inside = Confined(images[target], {}, tmp_path)
    assert images[target].config["User"] == "65532:65532"
    script = (
        f"id -u; id -G; for place in /x /opt/cascade/x /etc/x; do touch $place 2>/dev/null && echo written; done; touch /tmp/x /{RUNTIME}/x"
    )
    done = inside.run("sh", "-c", script)
    assert (done.stdout.split(), done.returncode) == (["65532", "65532"], 0), done.stderr


@pytest.mark.parametrize("target", ["sidecar", "laptop"])
def test_nothing_that_builds_is_left(images: dict[str, Image], target: str):
    tree = images[target].tree
    names = {name for folder, _, found in os.walk(tree) if "/doc/" not in folder for name in found}
    assert not names & {"gcc", "cc", "g++", "make", "ld", "go", "pip", "pip3", "protoc"}
    assert not list((tree / "opt/cascade/lib").glob("python3*/site-packages/pip*"))
    assert ("envoy" in names) is (target == "laptop")
    owned = [path for path in (tree / "opt").rglob("*") if not path.is_symlink() and path.stat().st_uid != 0]
    assert not owned, "the user could change its own program"


def test_it_says_what_it_is(images: dict[str, Image]):
    labels = images["sidecar"].config["Labels"]
    assert labels["org.opencontainers.image.title"] == "cascade-extproc"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert images["sidecar"].command() == ["extproc", "serve"]
    assert images["laptop"].command() == ["extproc", "up"]
