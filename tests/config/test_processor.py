"""The sidecar on the network: mutual TLS, or this machine alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from extproc.cli import main
from extproc.config.model import Config
from extproc.config.problems import ConfigError
from extproc.config.usable import check_usable
from tests.support.authority import Authority

MODEL = {"dialect": "anthropic", "base_url": "https://models.example.com"}
MODELS = {"draft": {"model": "small", **MODEL}, "verify": MODEL}


def config(**processor: Any) -> Config:
    return Config.model_validate({"version": 1, "models": MODELS, "processor": processor})


@pytest.mark.parametrize("address", ["0.0.0.0:9443", "[::]:9443", "10.0.0.1:9443"])
def test_other_machines_need_tls(address: str):
    with pytest.raises(ValidationError, match="expected tls"):
        config(listen=address)


@pytest.mark.parametrize("address", ["127.0.0.1:9443", "[::1]:9443"])
def test_this_machine_does_not(address: str):
    assert config(listen=address).processor.listen == address


def problems(tls: dict[str, str]) -> list[str]:
    try:
        check_usable(config(listen="0.0.0.0:9443", tls=tls), {})
    except ConfigError as error:
        return [f"{problem.key}: {problem.message}" for problem in error.problems]
    return []


def test_what_cannot_be_used_is_told(tmp_path: Path):
    one, other = (Authority(tmp_path / name).issue(tmp_path / f"{name}-files") for name in ("one", "other"))
    assert problems(one) == []
    assert problems({**one, "key_file": str(tmp_path / "none")}) == [
        "processor.tls.key_file: the file named here cannot be read: No such file or directory"
    ]
    assert problems({**one, "key_file": other["key_file"]}) == [
        "processor.tls.certificate_file: expected a certificate in PEM, and in key_file its key"
    ]
    assert problems({**one, "ca_file": one["key_file"]}) == ["processor.tls.ca_file: expected certificates in PEM"]


def test_an_envoy_elsewhere_needs_it_too(tmp_path: Path):
    file = tmp_path / "cascade.yaml"
    file.write_text(Config.model_validate({"version": 1, "models": MODELS}).model_dump_json(by_alias=True, exclude_unset=True))
    for args, told in ((["sidecar:9443"], "processor.tls"), (["sidecar"], "HOST:PORT")):
        result = CliRunner().invoke(main, ["envoy-config", "--config", str(file), "--processor", *args])
        assert (result.exit_code, told in result.stderr) == (2, True), result.stderr
