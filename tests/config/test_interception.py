from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from extproc.cli import main
from extproc.config.advice import advice
from extproc.config.certificates import unusable
from extproc.config.model import Config
from extproc.config.problems import ConfigError
from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import check_secrets, write_secrets

Loaded = Callable[..., Config]
ENVIRON = {"DRAFT_KEY": "key"}
SECTION = "intercept: {hosts: [api.anthropic.com, api.openai.com], certificates: signed}\n"


@pytest.fixture
def issued(write: Callable[[str], Path], minimal: str, tmp_path: Path) -> Path:
    """The files of a CA for both hosts, and the folder in which the configuration stands."""
    config = write(minimal + SECTION)
    argv = ["certificates", "-c", str(config), "--new-ca", "--ca", str(tmp_path / "ca.crt"), "--ca-key", str(tmp_path / "ca.key")]
    done = CliRunner().invoke(main, argv)
    assert done.exit_code == 0, done.output
    return tmp_path


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("{hosts: [api.anthropic.com]}", "expected certificates, the folder with HOST.crt and HOST.key of each host"),
        ("{hosts: [a.example.com, a.example.com], certificates: c}", "a host stands here twice"),
        ('{hosts: ["*.example.com"], certificates: c}', "expected a host's name such as api.anthropic.com"),
        ("{hosts: [API.anthropic.com], certificates: c}", "expected a host's name such as api.anthropic.com"),
        ("{hosts: [192.0.2.7], certificates: c}", "expected a host's name such as api.anthropic.com"),
        ("{hosts: [localhost], certificates: c}", "expected a host's name such as api.anthropic.com"),
        ("{listen: everywhere}", "expected an IP address and a port"),
        ("{ca: ca.crt}", "unknown key"),
    ],
)
def test_what_makes_no_sense_is_refused(loaded: Loaded, minimal: str, section: str, told: str):
    with pytest.raises(ConfigError) as raised:
        loaded(f"{minimal}intercept: {section}\n")
    assert told in str(raised.value)


def test_it_is_off_by_default(loaded: Loaded, minimal: str):
    assert loaded(minimal).intercept.hosts == []


def test_certificates_are_looked_for_beside_the_configuration(issued: Path, loaded: Loaded, minimal: str):
    config = loaded(minimal + SECTION)
    assert config.intercept.files("api.openai.com") == (issued / "signed/api.openai.com.crt", issued / "signed/api.openai.com.key")
    check_secrets(config, ENVIRON)


def test_what_no_client_would_believe_is_told(issued: Path, loaded: Loaded, minimal: str):
    signed = issued / "signed"
    (signed / "api.anthropic.com.crt").unlink()
    (signed / "api.openai.com.key").write_bytes((signed / "api.anthropic.com.key").read_bytes())
    with pytest.raises(ConfigError) as raised:
        check_secrets(loaded(minimal + SECTION), ENVIRON)
    first, second = str(raised.value).splitlines()
    assert first.endswith(f"{signed}/api.anthropic.com.crt does not exist; `extproc certificates` makes it")
    assert ":11: intercept.certificates: api.openai.com: " in second
    assert "are no certificate and its key" in second


def test_a_certificate_of_another_host_is_told(issued: Path):
    signed = issued / "signed"
    files = (signed / "api.openai.com.crt", signed / "api.openai.com.key", issued / "ca.crt")
    assert unusable("api.openai.com", *files) == ""
    assert "Hostname mismatch" in unusable("api.anthropic.com", *files)


def test_envoy_is_told_where_they_are_and_nothing_else(issued: Path, loaded: Loaded, minimal: str):
    runtime = RuntimeDir(issued / "run")
    runtime.root.mkdir()
    names = ("intercept.api.anthropic.com", "intercept.api.openai.com")
    assert write_secrets(loaded(minimal + SECTION), runtime, ENVIRON) == ("draft", *names)
    (secret,) = json.loads(runtime.secret(names[0]).read_bytes())["resources"]
    assert secret["name"] == names[0]
    assert secret["tls_certificate"] == {
        "certificate_chain": {"filename": str(issued / "signed/api.anthropic.com.crt")},
        "private_key": {"filename": str(issued / "signed/api.anthropic.com.key")},
        "watched_directory": {"path": str(issued / "signed")},
    }
    write_secrets(loaded(minimal), runtime, ENVIRON)
    assert [path.name for path in runtime.secret("draft").parent.iterdir()] == ["draft.yaml"]


def test_clients_keys_that_go_elsewhere_are_a_warning(loaded: Loaded, minimal: str):
    (told,) = [
        one
        for one in advice(loaded(minimal + "intercept: {hosts: [verify.example.com, api.openai.com], certificates: c}\n"))
        if "intercept" in one.key
    ]
    assert (told.key, told.message) == ("intercept.hosts.1", "clients' own keys for api.openai.com go to verify.example.com")
