from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from ruamel.yaml import YAML

from extproc.cli import main

CONFIG = """\
version: 1
workers: 2
models:
  draft: {model: small, dialect: anthropic, base_url: "https://draft.example.com", api_key_env: DRAFT_KEY}
  verify: {dialect: anthropic, base_url: "https://verify.example.com"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cascade.yaml"
    path.write_text(CONFIG)
    return path


def run(file: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["envoy-config", "--config", str(file), *more], env={"DRAFT_KEY": "sk-never-shown"})


def sockets(bootstrap: dict[str, Any]) -> list[str]:
    (cluster,) = (one for one in bootstrap["static_resources"]["clusters"] if one["name"] == "extproc")
    return [one["endpoint"]["address"]["pipe"]["path"] for one in cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]]


def test_it_prints_yaml(file: Path):
    result = run(file)
    assert result.exit_code == 0
    assert sockets(YAML(typ="safe").load(result.stdout)) == [f"/var/run/cascade-extproc/worker-{index}.sock" for index in range(2)]
    assert "sk-never-shown" not in result.output


def test_json_says_the_same(file: Path):
    assert json.loads(run(file, "--json").stdout) == YAML(typ="safe").load(run(file).stdout)


def test_the_number_of_workers_and_the_folder_can_be_chosen(file: Path):
    told = json.loads(run(file, "--json", "--workers", "3", "--runtime-dir", "/somewhere/private").stdout)
    assert sockets(told) == [f"/somewhere/private/worker-{index}.sock" for index in range(3)]


def test_the_folder_of_the_configuration_is_the_default(file: Path):
    file.write_text(CONFIG + "runtime_dir: /run/mine\n")
    assert sockets(json.loads(run(file, "--json").stdout))[0] == "/run/mine/worker-0.sock"


@pytest.mark.parametrize("workers", ["0", "65", "many"])
def test_a_wrong_number_of_workers_is_a_usage_error(file: Path, workers: str):
    result = run(file, "--workers", workers)
    assert result.exit_code == 2
    assert "--workers" in result.stderr
    assert result.stdout == ""


def test_a_wrong_configuration_is_told_with_its_line(file: Path):
    file.write_text(CONFIG.replace("workers: 2", "workers: 99"))
    result = run(file)
    assert result.exit_code != 0
    assert "cascade.yaml:2" in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_a_missing_file_is_told(tmp_path: Path):
    result = run(tmp_path / "none.yaml")
    assert result.exit_code != 0
    assert "none.yaml" in result.stderr
    assert result.stdout == ""
