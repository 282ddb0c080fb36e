"""The operator's file on its way to the workers: what is applied, what is refused, what is said of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from extproc.app.reloading import FileWatch, Reloader
from extproc.app.reloads import Follower, Reloads, read
from extproc.config.load import load
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import config_hash, write_secrets

TEXT = """\
version: 1
models:
  draft: {model: small, dialect: anthropic, base_url: https://draft.example.com, api_key_file: key}
  verify: {dialect: anthropic, base_url: https://verify.example.com}
"""
KEY = "sk-0123456789"


class Reloading:
    """A reloader, what it said, and what a worker made of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "cascade.yaml"
        self.path.write_text(TEXT)
        (folder / "key").write_text(KEY)
        self.runtime = RuntimeDir(folder / "run")
        self.runtime.root.mkdir()
        self.said: list[str] = []
        config = load(self.path, {})
        write_secrets(config, self.runtime, {})
        self.reloader = Reloader(config, self.runtime, {}, self.said.append)
        self.applied: list[Config] = []
        self.told: list[Reloads] = []
        self.follower = Follower(self.runtime, self.applied.append, self.told.append)

    def look(self, *, asked: bool = False) -> list[str]:
        """Let time go by until the file has come to rest and the worker has looked; gives what was said."""
        before = len(self.said)

        async def looks() -> None:
            for _ in range(3):
                await self.reloader.look(asked=asked)

        asyncio.run(looks())
        self.follower.look()
        return [line.replace(str(self.path), "cascade.yaml") for line in self.said[before:]]


@pytest.fixture
def reloading(tmp_path: Path) -> Reloading:
    made = Reloading(tmp_path)
    assert made.look() == []
    assert made.applied == []
    return made


def test_a_change_is_applied(reloading: Reloading):
    reloading.path.write_text(TEXT + "router: {skip_below: 0.1}\n")
    (line,) = reloading.look()
    (config,) = reloading.applied
    assert config.router.skip_below == 0.1
    assert line == f"cascade.yaml: in use for new requests (hash {config_hash(config)})"
    assert reloading.told == [Reloads({"applied": 1})]
    assert reloading.runtime.config.stat().st_mode & 0o777 == 0o600
    assert reloading.look() == []


def test_a_wrong_file_changes_nothing_and_is_told_once(reloading: Reloading):
    old = config_hash(reloading.reloader.config)
    reloading.path.write_text(TEXT + "router: {skip_below: low}\nlisen: 1\n")
    expected = [
        f"the configuration file cannot be used; in use is still the one before it (hash {old}):",
        "cascade.yaml:5: router.skip_below: expected a number; found `low`",
        "cascade.yaml:6: lisen: unknown key; did you mean `listen`?",
    ]
    assert reloading.look() == expected
    assert reloading.look() == []
    os.utime(reloading.path)
    assert reloading.look() == []  # the same content
    assert reloading.applied == []
    (told,) = reloading.told
    assert (told.results, told.pending) == ({"invalid": 1}, "invalid")
    assert told.notice.replace(str(reloading.path), "cascade.yaml") == "\n".join(expected)
    reloading.path.write_text(TEXT)
    assert reloading.look() == [f"cascade.yaml: says what is in use already (hash {old})"]
    assert reloading.told[-1] == Reloads({"invalid": 1, "unchanged": 1})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("router: {rules: {nope: 1}}\n", "5: router.rules.nope: no built-in rule has this name; known here"),
        ("state: redis://r\nstate_password_env: NOPE\n", "6: state_password_env: the environment variable NOPE is not set"),
        ("policies: [{name: a, match: {namespace: x}, set: {}}]\n", "5: policies.0.match.namespace: the client's certificate"),
    ],
)
def test_what_only_the_whole_has_wrong(reloading: Reloading, more: str, said: str):
    reloading.path.write_text(TEXT + more)
    assert reloading.look()[1].startswith(f"cascade.yaml:{said}")
    assert reloading.applied == []


def test_a_file_that_is_gone_and_comes_back(reloading: Reloading):
    reloading.path.unlink()
    assert reloading.look()[1:] == ["cascade.yaml: no such file"]
    reloading.path.write_text(TEXT + "shadow_sample: 1\n")
    assert "in use for new requests" in reloading.look()[0]


def test_nothing_is_applied_of_a_file_that_needs_a_restart(reloading: Reloading):
    reloading.path.write_text(TEXT.replace("draft.example.com", "other.example.com") + "listen: 127.0.0.1:1\nshadow_sample: 1\n")
    old = config_hash(reloading.reloader.config)
    assert reloading.look() == [
        f"the configuration file takes effect after a restart; in use is still the one before it (hash {old}):",
        "cascade.yaml:5: listen: takes effect after a restart",
        "cascade.yaml:3: models.draft.base_url: takes effect after a restart",
    ]
    assert reloading.applied == []
    assert reloading.told[-1].pending == "restart"
    reloading.path.write_text(TEXT + "shadow_sample: 1\n")
    assert "in use for new requests" in reloading.look()[0]
    assert reloading.told[-1] == Reloads({"restart": 1, "applied": 1})


def test_the_swap_of_a_config_map(tmp_path: Path):
    """Kubernetes writes a folder anew and turns one link to it (`..data`); the file's own link stays as it is."""
    mounted = tmp_path / "mounted"

    def put(name: str, text: str) -> None:
        (mounted / name).mkdir(parents=True)
        (mounted / name / "cascade.yaml").write_text(text)
        (mounted / name / "key").write_text(KEY)
        (mounted / "new").symlink_to(name)
        (mounted / "new").replace(mounted / "..data")

    put("..2026_1", TEXT)
    for name in ("cascade.yaml", "key"):
        (mounted / name).symlink_to(f"..data/{name}")
    runtime = RuntimeDir(tmp_path)
    said: list[str] = []
    config = load(mounted / "cascade.yaml", {})
    write_secrets(config, runtime, {})
    reloader = Reloader(config, runtime, {}, said.append)

    async def look() -> None:
        for _ in range(3):
            await reloader.look()

    asyncio.run(look())
    put("..2026_2", TEXT + "mode: shadow\n")
    asyncio.run(look())
    assert reloader.config.mode == "shadow"
    assert len(said) == 1


def test_who_asks_is_told_what_is(reloading: Reloading):
    assert "says what is in use already" in reloading.look(asked=True)[0]


def test_key_files_are_kept_up_to_date_and_trouble_is_told_once(reloading: Reloading):
    def secret() -> str:
        return reloading.runtime.secret("draft").read_text()

    reloading.reloader._freshen_secrets()
    assert KEY in secret()
    (reloading.path.parent / "key").write_text("")
    for _ in range(3):
        reloading.reloader._freshen_secrets()
    assert KEY in secret()
    (reloading.path.parent / "key").write_text("sk-new")
    reloading.reloader._freshen_secrets()
    assert "sk-new" in secret()
    told = [line.partition(": ")[0] for line in reloading.said]
    assert told == ["keys are not up to date", "the key of draft has changed"]
    assert not any("sk-" in line for line in reloading.said)


def test_counts_go_on_where_the_runtime_folder_stays(reloading: Reloading):
    reloading.path.write_text(TEXT + "shadow_sample: 1\n")
    reloading.look()
    again = Reloader(load(reloading.path, {}), reloading.runtime, {}, reloading.said.append)
    assert again._results == {"applied": 1}
    reloading.runtime.reload.write_text("another release's")
    assert read(reloading.runtime) == Reloads()


def test_a_configuration_that_is_from_no_file_is_not_watched(tmp_path: Path):
    config = Config.model_validate_json(load(written(tmp_path), {}).model_dump_json())
    reloader = Reloader(config, RuntimeDir(tmp_path), {}, lambda _: None)
    asyncio.run(reloader.look(asked=True))
    assert reloader.config is config


def written(folder: Path) -> Path:
    path = folder / "cascade.yaml"
    path.write_text(TEXT)
    return path


@pytest.mark.parametrize("spoil", ["{", "[]", '{"version": 1}'])
def test_a_worker_stays_with_what_it_has_where_it_cannot_read_what_comes(reloading: Reloading, spoil: str, capfd: Any):
    reloading.runtime.config.write_text(spoil)
    reloading.follower.look()
    assert reloading.applied == []
    assert "cannot be used" in capfd.readouterr().out


def test_a_file_counts_when_it_has_come_to_rest(tmp_path: Path):
    path = tmp_path / "file"
    path.write_text("a")
    watch = FileWatch(path)
    assert [watch.changed() for _ in range(3)] == [False, True, False]
    path.write_text("ab")
    assert not watch.changed()
    path.write_text("abc")
    assert [watch.changed() for _ in range(3)] == [False, True, False]
    path.write_text("abcd")
    assert watch.changed(at_once=True)
    assert not watch.changed()
    path.touch()
    assert [watch.changed() for _ in range(3)] == [False] * 3
    path.unlink()
    assert [watch.changed() for _ in range(3)] == [False, True, False]


def test_a_hang_up_asks_for_a_look_unless_the_terminal_is_gone(reloading: Reloading, monkeypatch: pytest.MonkeyPatch):
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *told: killed.append(told))
    reloader = reloading.reloader
    with monkeypatch.context() as patched:
        patched.setattr(reloader, "_terminal", True)
        patched.setattr("extproc.app.reloading._on_terminal", lambda: False)
        reloader._hung_up()
    assert [number for _, number in killed] == [15]
    assert not reloader._wake.is_set()
    monkeypatch.setattr(reloader, "_terminal", False)
    reloader._hung_up()
    assert reloader._wake.is_set()


def test_what_nobody_foresaw_is_trouble_of_that_file_alone(reloading: Reloading, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("extproc.app.reloading._EVERY_S", 0.01)
    real: Callable[..., Any] = reloading.reloader._read

    def odd(path: Path) -> Any:
        monkeypatch.setattr(reloading.reloader, "_read", real)
        raise KeyError("odd")

    monkeypatch.setattr(reloading.reloader, "_read", odd)

    async def story() -> None:
        chore = asyncio.create_task(reloading.reloader.run())
        reloading.path.write_text(TEXT + "shadow_sample: 1\n")
        async with asyncio.timeout(20):
            while len(reloading.said) < 2:  # noqa: ASYNC110 - there is nothing that would tell
                await asyncio.sleep(0.01)
            assert reloading.said[1] == f"{reloading.path}: KeyError"
            reloading.path.write_text(TEXT + "shadow_sample: 0.5\n")
            while reloading.reloader.config.shadow_sample != 0.5:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        chore.cancel()
        await asyncio.gather(chore, return_exceptions=True)

    asyncio.run(story())
