from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.config.load import ConfigError, load
from extproc.config.model import Config
from extproc.config.runtime import RuntimeDir
from extproc.config.secrets import admin_token, check_secrets, config_hash, redact, write_secrets

KEY = "sk-0123456789abcdef"
Loaded = Callable[..., Config]


@pytest.fixture
def runtime(tmp_path: Path) -> RuntimeDir:
    return RuntimeDir(tmp_path / "run")


@pytest.fixture
def by_file(minimal: str) -> str:
    return minimal.replace("api_key_env: DRAFT_KEY", "api_key_file: draft.key")


def injected(runtime: RuntimeDir, cluster: str) -> str:
    """The header's value in an SDS file."""
    (secret,) = json.loads(runtime.secret(cluster).read_bytes())["resources"]
    assert secret["@type"] == "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
    assert secret["name"] == cluster
    value: str = secret["generic_secret"]["secret"]["inline_string"]
    return value


def test_envoy_gets_a_file_for_each_cluster(loaded: Loaded, minimal: str, runtime: RuntimeDir) -> None:
    config = loaded(minimal.replace("DRAFT_KEY\n", "DRAFT_KEY\n    dialects: {openai_chat: {}}\n"))
    assert write_secrets(config, runtime, {"DRAFT_KEY": f" {KEY}\n"}) == ("draft", "draft_openai_chat")
    assert injected(runtime, "draft") == KEY
    assert injected(runtime, "draft_openai_chat") == f"Bearer {KEY}"


def test_only_the_owner_can_read_them(loaded: Loaded, minimal: str, runtime: RuntimeDir) -> None:
    folder = runtime.secret("draft").parent
    folder.mkdir(parents=True, mode=0o755)
    before = os.umask(0)
    try:
        write_secrets(loaded(minimal), runtime, {"DRAFT_KEY": KEY})
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(runtime.secret("draft").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["draft.yaml"]


def test_a_changed_key_replaces_its_file_in_one_step(write: Callable[[str], Path], by_file: str, runtime: RuntimeDir) -> None:
    path = write(by_file)
    source = path.parent / "draft.key"
    config = load(path, {})
    source.write_text("one\n")
    assert write_secrets(config, runtime, {}) == ("draft",)
    with runtime.secret("draft").open("rb") as held:
        assert write_secrets(config, runtime, {}) == ()
        source.write_text("two\n")
        assert write_secrets(config, runtime, {}) == ("draft",)
        assert b"one" in held.read()  # a reader of the old file keeps the old file
    assert injected(runtime, "draft") == "two"


def test_a_broken_source_keeps_its_file_and_holds_up_no_other(write: Callable[[str], Path], by_file: str, runtime: RuntimeDir) -> None:
    path = write(by_file + "    api_key_env: VERIFY_KEY\n")
    source = path.parent / "draft.key"
    config = load(path, {})
    source.write_text("one")
    write_secrets(config, runtime, {"VERIFY_KEY": "one"})
    source.unlink()
    with pytest.raises(ConfigError, match="does not exist"):
        write_secrets(config, runtime, {"VERIFY_KEY": "two"})
    assert (injected(runtime, "draft"), injected(runtime, "verify")) == ("one", "two")


def test_a_file_of_an_earlier_configuration_is_removed(loaded: Loaded, minimal: str, runtime: RuntimeDir) -> None:
    write_secrets(loaded(minimal), runtime, {"DRAFT_KEY": KEY})
    write_secrets(loaded(minimal.replace("api_key_env: DRAFT_KEY", "api_key: forward")), runtime, {})
    assert list(runtime.secret("draft").parent.iterdir()) == []


def test_a_file_that_cannot_be_written_leaves_nothing_behind(loaded: Loaded, minimal: str, runtime: RuntimeDir) -> None:
    runtime.secret("draft").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_secrets(loaded(minimal), runtime, {"DRAFT_KEY": KEY})
    assert [path.name for path in runtime.secret("draft").parent.iterdir()] == ["draft.yaml"]


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "the environment variable DRAFT_KEY is not set"),
        ({"DRAFT_KEY": ""}, "the key is empty"),
        ({"DRAFT_KEY": " \n"}, "the key is empty"),
        ({"DRAFT_KEY": "a\nb"}, "expected the key alone"),
        ({"DRAFT_KEY": "a\x00b"}, "expected the key alone"),
        ({"DRAFT_KEY": f"Bearer {KEY}"}, "expected the key alone"),
        ({"DRAFT_KEY": "schlüssel"}, "expected the key alone"),
        ({"DRAFT_KEY": "x" * 8193}, "expected the key alone"),
    ],
)
def test_a_variable_without_a_usable_key(loaded: Loaded, minimal: str, environ: dict[str, str], message: str) -> None:
    config = loaded(minimal)
    with pytest.raises(ConfigError) as caught:
        check_secrets(config, environ)
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (7, "models.draft.api_key_env")
    assert problem.message.startswith(message)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the file named here does not exist (a relative path counts from the configuration's folder)"),
        (b"", "the key is empty"),
        (b"\xff\xfe", "the file named here holds no text"),
        (b"x" * 99_999, "expected the key alone"),
    ],
)
def test_a_file_without_a_usable_key(write: Callable[[str], Path], by_file: str, content: bytes | None, message: str) -> None:
    path = write(by_file)
    if content is not None:
        (path.parent / "draft.key").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        check_secrets(load(path, {}), {})
    (problem,) = caught.value.problems
    assert (problem.line, problem.key) == (7, "models.draft.api_key_file")
    assert problem.message.startswith(message)


def test_a_folder_is_no_key(write: Callable[[str], Path], by_file: str) -> None:
    path = write(by_file)
    (path.parent / "draft.key").mkdir()
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        check_secrets(load(path, {}), {})


def test_a_key_in_the_place_of_its_name_is_not_repeated(loaded: Loaded, minimal: str) -> None:
    with pytest.raises(ConfigError, match="the environment variable named here is not set") as caught:
        check_secrets(loaded(minimal.replace("DRAFT_KEY", "gsk_0123abc")), {})
    assert "gsk_0123abc" not in str(caught.value)


def test_all_missing_keys_are_told_once_each(loaded: Loaded, minimal: str) -> None:
    text = (
        minimal.replace("DRAFT_KEY\n", "DRAFT_KEY\n    dialects: {openai_chat: {}, openai_responses: {api_key_env: OTHER}}\n")
        + "    api_key_env: VERIFY_KEY\n"
    )
    with pytest.raises(ConfigError) as caught:
        check_secrets(loaded(text), {})
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (7, "models.draft.api_key_env"),
        (8, "models.draft.dialects.openai_responses.api_key_env"),
        (12, "models.verify.api_key_env"),
    ]


def test_nothing_secret_is_shown(loaded: Loaded, minimal: str) -> None:
    config = loaded(
        minimal + "runtime_dir: 'x://user:pw@host/a?key=1#f'\nrouter: {rules: {own: {weight: 1, words: ['http://[', 'a://b@c']}}}\n",
        DRAFT_KEY=KEY,
    )
    shown = redact(config)
    assert shown["models"]["draft"]["api_key_env"] == "DRAFT_KEY"
    assert shown["runtime_dir"] == "x://host/a"
    assert shown["router"]["rules"]["own"]["words"] == ["http://[", "a://c"]
    assert json.loads(json.dumps(shown)) == shown
    assert KEY not in json.dumps(shown)


def test_the_hash_names_what_is_configured(loaded: Loaded, minimal: str) -> None:
    first = config_hash(loaded(minimal))
    assert len(first) == 12
    assert int(first, 16) >= 0
    assert config_hash(loaded("# the same\n" + minimal + "mode: enforce\n")) == first
    assert config_hash(loaded(minimal + "mode: off\n")) != first


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({}, "the environment variable TOKEN is not set"),
        ({"TOKEN": ""}, "the key is empty"),
        ({"TOKEN": "short"}, "expected at least 16 characters"),
        ({"TOKEN": "0123456789 abcdef"}, "expected the key alone"),
    ],
)
def test_an_admin_token_that_is_none_is_told(loaded: Callable[..., Config], minimal: str, held: dict[str, str], told: str) -> None:
    config = loaded(minimal + "admin_token_env: TOKEN\n")
    with pytest.raises(ConfigError) as caught:
        admin_token(config, held)
    (problem,) = caught.value.problems
    assert (problem.key, told in problem.message) == ("admin_token_env", True)
    assert admin_token(config, {"TOKEN": "0123456789abcdef"}) == "0123456789abcdef"
