"""The commands for interception: certificates, and redirect rules."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from extproc.cli import main
from extproc.config.certificates import unusable

HOSTS = ("api.anthropic.com", "api.openai.com")
CONFIG = """\
version: 1
models:
  draft: {model: small, dialect: anthropic, base_url: https://draft.example.com}
  verify: {dialect: anthropic, base_url: https://api.anthropic.com}
"""


def run(folder: Path, command: str, *words: str) -> Result:
    return CliRunner().invoke(main, [command, "-c", str(folder / "cascade.yaml"), *words])


def issue(folder: Path, *words: str) -> Result:
    return run(folder, "certificates", "--ca", str(folder / "ca.crt"), "--ca-key", str(folder / "ca.key"), *words)


def serial(path: Path) -> str:
    return subprocess.run(["openssl", "x509", "-noout", "-serial", "-in", str(path)], capture_output=True, text=True, check=True).stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    hosts = ", ".join(HOSTS)
    (tmp_path / "cascade.yaml").write_text(f"{CONFIG}intercept: {{hosts: [{hosts}], certificates: signed, listen: '0.0.0.0:15001'}}\n")
    return tmp_path


def test_an_authority_and_certificates_that_clients_believe(folder: Path):
    assert issue(folder, "--new-ca").exit_code == 0
    for host in HOSTS:
        files = (folder / f"signed/{host}.crt", folder / f"signed/{host}.key")
        assert unusable(host, *files, folder / "ca.crt") == ""
        assert unusable(host, *files, Path("/etc/ssl/certs/ca-certificates.crt")) != ""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*.key")}
    assert modes == dict.fromkeys(["ca.key", *[f"{host}.key" for host in HOSTS]], 0o600)
    assert sorted(path.name for path in (folder / "signed").iterdir()) == sorted(
        f"{host}.{kind}" for host in HOSTS for kind in ("crt", "key")
    )


def test_they_are_renewed_by_the_same_authority(folder: Path):
    issue(folder, "--new-ca")
    authority, before = (folder / "ca.crt").read_bytes(), serial(folder / "signed/api.openai.com.crt")
    assert issue(folder, "--days", "7").exit_code == 0
    assert serial(folder / "signed/api.openai.com.crt") != before
    assert (folder / "ca.crt").read_bytes() == authority


def test_an_authority_is_never_overwritten(folder: Path):
    issue(folder, "--new-ca")
    again = issue(folder, "--new-ca")
    assert again.exit_code == 2
    assert "ca.crt exists" in again.output


def test_an_authority_for_other_hosts_is_told_at_once(folder: Path):
    issue(folder, "--new-ca")
    text = (folder / "cascade.yaml").read_text()
    (folder / "cascade.yaml").write_text(text.replace("[api.anthropic.com", "[other.example.com"))
    done = issue(folder)
    assert done.exit_code == 1
    assert "permitted subtree violation" in done.output
    assert not (folder / "signed/other.example.com.crt").exists()


def test_the_bundle_is_the_systems_and_ours(folder: Path, monkeypatch: pytest.MonkeyPatch):
    (folder / "system.pem").write_text("-----the system's-----")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "system.pem"))
    assert issue(folder, "--new-ca", "--bundle", str(folder / "bundle.pem")).exit_code == 0
    assert (folder / "bundle.pem").read_text() == "-----the system's-----\n" + (folder / "ca.crt").read_text()


@pytest.mark.parametrize("command", ["certificates", "redirect-rules"])
def test_without_hosts_there_is_nothing_to_do(tmp_path: Path, command: str):
    (tmp_path / "cascade.yaml").write_text(CONFIG)
    done = issue(tmp_path) if command == "certificates" else run(tmp_path, command, "--mode", "gateway")
    assert done.exit_code == 2
    assert "intercept.hosts is empty" in done.output


def test_rules_as_a_file(folder: Path):
    words = ("--mode", "pod", "--uid", "65532", "--exempt", "10.0.0.0/8")
    printed = run(folder, "redirect-rules", *words).stdout
    assert run(folder, "redirect-rules", *words, "--output", str(folder / "rules")).stdout == ""
    assert (folder / "rules").read_text() == printed
    assert "    ip daddr 10.0.0.0/8 accept\n    meta nfproto ipv4 tcp dport 443 redirect to :15001\n" in printed


@pytest.mark.parametrize(
    ("words", "told"), [(["--mode", "pod"], "--uid"), (["--mode", "gateway", "--exempt", "ten"], "does not appear to be")]
)
def test_rules_that_would_not_do(folder: Path, words: list[str], told: str):
    done = run(folder, "redirect-rules", *words)
    assert done.exit_code == 2
    assert told in done.output
