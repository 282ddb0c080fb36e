from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType

import click
import pytest
from click.testing import CliRunner, Result

from extproc.cli import frame, main
from extproc.config.load import ConfigError, Problem

Doing = Callable[[Callable[[], object]], None]


def run(*args: str) -> Result:
    return CliRunner().invoke(main, args)


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Doing:
    """Puts a function in the place of `extproc serve`."""

    def put(action: Callable[[], object]) -> None:
        module = ModuleType("a_command")
        module.__dict__["command"] = click.command()(lambda: action())
        monkeypatch.setitem(sys.modules, "a_command", module)
        monkeypatch.setitem(frame.COMMANDS, "serve", ("a_command", "does what the test says"))

    return put


def fails(error: BaseException) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize("name", list(frame.COMMANDS))
def test_every_command_is_there_and_has_help(name: str) -> None:
    result = run(name, "-h")
    assert result.exit_code == 0, result.stderr
    assert "--debug" in result.stdout
    assert main.get_command(click.Context(main), name) is main.get_command(click.Context(main), name)
    assert result.stdout.count("--debug") == 1


def test_help_lists_all_commands_without_importing_them() -> None:
    result = subprocess.run(
        [sys.executable, "-c", "import sys; from extproc.cli import main; main(['--help'], standalone_mode=False); print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    *shown, modules = result.stdout.splitlines()
    for name, (module, line) in frame.COMMANDS.items():
        assert any(row.split()[:1] == [name] and line in row for row in shown)
        assert module not in modules.split()
    assert not {"grpc", "envoy_data_plane", "pydantic", "ruamel.yaml"} & set(modules.split())


@pytest.mark.parametrize("name", ["check", "schema"])
def test_light_commands_import_nothing_heavy(name: str) -> None:
    code = f"import sys; from extproc.cli import main; main.get_command(None, '{name}'); print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"grpc", "envoy_data_plane", "aiohttp", "httpx", "opentelemetry"} & set(result.stdout.split())


def test_version() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"extproc {frame.version()}\n")


def test_nothing_asked_for() -> None:
    result = run()
    assert result.exit_code == 2
    assert "Commands:" in result.stderr


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (["chek"], "error: No such command 'chek'."),
        (["--colour"], "error: No such option"),
        (["schema", "--colour"], "error: No such option"),
        (["schema", "x"], "error: Got unexpected extra argument"),
    ],
)
def test_bad_usage(args: list[str], line: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    assert result.stderr.startswith(line)
    assert result.stderr.splitlines()[-1].startswith("Try 'extproc")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "code", "stderr"),
    [
        (ConfigError([Problem("a", "wrong", "c.yaml", 3)]), 2, "error: c.yaml:3: a: wrong\n"),
        (
            ConfigError([Problem("a", "x", "c", 1), Problem("b", "y", "c", 2)]),
            2,
            "error: 2 problems in the configuration\nc:1: a: x\nc:2: b: y\n",
        ),
        (click.UsageError("no"), 2, "error: no\nTry 'extproc serve --help'.\n"),
        (click.ClickException("no"), 1, "error: no\n"),
        (FileNotFoundError(2, "No such file or directory", "x.json"), 1, "error: x.json: No such file or directory\n"),
        (OSError(98, "Address already in use"), 1, "error: Address already in use\n"),
        (OSError("odd"), 1, "error: odd\n"),
        (BrokenPipeError(32, "Broken pipe"), 1, "error: Broken pipe\n"),
        (RuntimeError("no luck"), 1, "error: RuntimeError: no luck\n"),
        (ValueError(), 1, "error: ValueError\n"),
        (KeyboardInterrupt(), 130, ""),
        (click.Abort(), 130, ""),
        (SystemExit(7), 7, ""),
        (click.exceptions.Exit(3), 3, ""),
    ],
)
def test_errors_are_one_line_and_an_exit_code(command: Doing, error: BaseException, code: int, stderr: str) -> None:
    command(fails(error))
    result = run("serve")
    assert (result.exit_code, result.stderr, result.stdout) == (code, stderr, "")


@pytest.mark.parametrize("args", [("--debug", "serve"), ("serve", "--debug")])
def test_a_traceback_on_demand_only(command: Doing, args: tuple[str, ...]) -> None:
    command(fails(RuntimeError("no luck")))
    first, *more = run(*args).stderr.splitlines()
    assert first == "error: RuntimeError: no luck"
    assert more[0] == "Traceback (most recent call last):"
    assert run("serve").stderr == "error: RuntimeError: no luck\n"


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (2, 2), (True, 0), ("text", 0)])
def test_a_command_may_return_its_exit_code(command: Doing, returned: object, code: int) -> None:
    command(lambda: returned)
    assert run("serve").exit_code == code


def test_without_standalone_mode_errors_are_raised(command: Doing) -> None:
    command(fails(RuntimeError("no luck")))
    with pytest.raises(RuntimeError, match="no luck"):
        main(["serve"], standalone_mode=False)


def test_a_reader_that_leaves_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run([sys.executable, "-m", "extproc", "schema"], stdout=writer, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (1, b"")


def test_it_runs_as_a_module() -> None:
    result = subprocess.run([sys.executable, "-m", "extproc", "nothing"], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr == "error: No such command 'nothing'.\nTry 'extproc --help'.\n"
