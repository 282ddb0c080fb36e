from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extproc.config.load import ConfigError, load
from extproc.config.model import Config
from extproc.core.vocabulary import Dialect, Mode

Write = Callable[[str | bytes], Path]
Loaded = Callable[..., Config]

FULL = (Path(__file__).parents[2] / "examples" / "cascade.yaml").read_text(encoding="utf-8")


def outcome(path: Path, environ: dict[str, str]) -> Config | ConfigError:
    """A configuration or what is wrong with it; anything else is a failure."""
    try:
        return load(path, environ)
    except ConfigError as error:
        return error


@pytest.fixture
def complaints(write: Write) -> Callable[..., list[str]]:
    """What is said about a text, a line each, without the file's name."""

    def of(text: str, **environ: str) -> list[str]:
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            load(path, environ)
        assert str(caught.value).count(str(path)) == len(caught.value.problems)
        return str(caught.value).replace(f"{path}:", "").splitlines()

    return of


def test_everything_but_the_models_has_a_default(loaded: Loaded, minimal: str) -> None:
    config = loaded(minimal)
    assert (config.listen, config.workers, config.mode) == ("127.0.0.1:10000", 1, Mode.ENFORCE)
    assert config.router.skip_below == 0.35
    assert config.models.verify.model == "keep"


def test_off_is_a_word(loaded: Loaded, minimal: str) -> None:
    assert loaded(minimal + "mode: off\n").mode is Mode.OFF


def test_values_from_the_environment_count_as_typed(loaded: Loaded, minimal: str) -> None:
    config = loaded(minimal + "workers: ${N}\nmode: ${MODE}\ntelemetry: {capture_content: '${YES}'}\n", N="4", MODE="off", YES="true")
    assert (config.workers, config.mode, config.telemetry.capture_content) == (4, Mode.OFF, True)


def test_a_model_may_be_called_by_a_number(loaded: Loaded, minimal: str) -> None:
    assert loaded(minimal.replace("model: small", "model: 4")).models.draft.model == "4"


def test_a_key_file_counts_from_the_configurations_folder(write: Write, minimal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(minimal.replace("api_key_env: DRAFT_KEY", "api_key_file: keys/draft"))
    monkeypatch.chdir(path.parent)
    for way in (path, Path("cascade.yaml"), "cascade.yaml"):
        assert load(way, {}).models.draft.api_key_file == str(path.parent / "keys" / "draft")
    write(minimal.replace("api_key_env: DRAFT_KEY", "api_key_file: /keys/draft"))
    assert load(path, {}).models.draft.api_key_file == "/keys/draft"


def test_a_configuration_remembers_its_lines(loaded: Loaded, minimal: str) -> None:
    config = loaded(minimal)
    assert config.source.problem(("models", "draft", "api_key_env"), "").line == 7
    assert config.model_copy(update={"workers": 2}).source.problem(("models", "draft"), "").line == 3
    assert Config.model_validate_json(config.model_dump_json()) == config


def test_the_same_settings_in_another_form_are_the_same(loaded: Loaded, minimal: str) -> None:
    assert loaded(minimal) == loaded("# note\n" + minimal + "mode: enforce\n")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("lisen: x", "lisen: unknown key; did you mean `listen`?"),
        ("mode: on", "mode: expected one of enforce, shadow or off; found `on`"),
        ("workers: many", "workers: expected a whole number; found `many`"),
        ("workers: 1.5", "workers: expected a whole number; found `1.5`"),
        ("workers: 0", "workers: expected a number of at least 1; found `0`"),
        ("workers: true", "workers: expected a whole number; found `true`"),
        ("workers: [1]", "workers: expected a whole number; found a list"),
        ("workers:", "workers: expected a whole number; found nothing"),
        ("workers: " + "9" * 5000, "workers: expected a smaller number"),
        ("drain_s: .inf", "drain_s: expected a number; found `.inf`"),
        ("drain_s: nan", "drain_s: expected a number; found `nan`"),
        ("drain_s: -0", "drain_s: expected a number above 0; found `-0`"),
        ("router: 1", "router: expected a section of `key: value` lines; found `1`"),
        ("telemetry: {capture_content: 2}", "telemetry.capture_content: expected true or false; found `2`"),
        ("transport: http", "transport: expected grpcio or native; found `http`"),
        ("policies: [a]", "policies.0: expected a section of `key: value` lines; found `a`"),
    ],
)
def test_each_mistake_has_its_line(complaints: Callable[..., list[str]], minimal: str, line: str, message: str) -> None:
    assert complaints(minimal.replace("version: 1", f"version: 1\n{line}", 1)) == [f"2: {message}"]


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "message"),
    [
        ("version: 1", "version: 2", 1, "version", "expected 1; found `2`"),
        ("version: 1\n", "", 1, "version", "missing: version of this format: 1"),
        (
            "model: small",
            "model: keep",
            4,
            "models.draft.model",
            "expected the draft model's name (`keep` would ask its provider for the client's model); found `keep`",
        ),
        ("    model: small\n", "", 3, "models.draft.model", "missing: name at the provider"),
        (
            "dialect: anthropic\n    base_url: https://verify.example.com\n",
            "base_url: https://verify.example.com\n",
            8,
            "models.verify.dialect",
            "missing: wire API that the provider speaks at `base_url`",
        ),
        (
            "https://draft.example.com",
            "draft.example.com",
            6,
            "models.draft.base_url",
            "expected a URL such as https://api.example.com; found `draft.example.com`",
        ),
        ("https://draft.example.com", "", 6, "models.draft.base_url", "expected text; found nothing"),
        ("api_key_env: DRAFT_KEY", "api_key_envs: X", 7, "models.draft.api_key_envs", "unknown key; did you mean `api_key_env`?"),
        (
            "api_key_env: DRAFT_KEY",
            "dialects: {openai_chat: {bse_url: x}}",
            7,
            "models.draft.dialects.openai_chat.bse_url",
            "unknown key; did you mean `base_url`?",
        ),
        (
            "api_key_env: DRAFT_KEY",
            "dialects: {gemini: {}}",
            7,
            "models.draft.dialects.gemini",
            "expected one of anthropic, openai_chat or openai_responses",
        ),
        (
            "api_key_env: DRAFT_KEY",
            "dialects: {anthropic: {}}",
            7,
            "models.draft.dialects",
            "anthropic is the model's own dialect; under `dialects` stand the further ones",
        ),
        (
            "api_key_env: DRAFT_KEY",
            "api_key_env: A\n    api_key_file: b",
            3,
            "models.draft",
            "give one of api_key, api_key_env and api_key_file, not several",
        ),
        (
            "api_key_env: DRAFT_KEY",
            "price_usd_per_mtok: {input: 1}",
            7,
            "models.draft.price_usd_per_mtok.output",
            "missing: US dollars per million output tokens",
        ),
    ],
)
def test_each_mistake_of_the_models(loaded: Loaded, minimal: str, old: str, new: str, line: int, key: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(minimal.replace(old, new, 1))
    assert [(problem.line, problem.key, problem.message) for problem in caught.value.problems] == [(line, key, message)]


@pytest.mark.parametrize(
    ("router", "message"),
    [
        ("skip_below: 0.9", "1: router.direct_above: expected a number not below skip_below (0.9)"),
        ("direct_above: 0.2", "1: router.direct_above: expected a number not below skip_below (0.35); found `0.2`"),
        ("rules: {a_rule: x}", "1: router.rules.a_rule: expected a number; found `x`"),
        ("rules: {A rule: 1}", "1: router.rules.A rule: expected a rule name in small letters, digits and `_`"),
        ("rules: {weight: {weight: 2, words: [a]}}", "1: router.rules.weight.weight: expected a number of at most 1; found `2`"),
        ("rules: {words: {weight: 1}}", "1: router.rules.words.words: missing: words or phrases, any case"),
        ("rules: {own: {weight: 1, words: []}}", "1: router.rules.own.words: expected 1 or more entries; found a list"),
        ("rules: {own: {weight: 1, words: [a, ' ']}}", "1: router.rules.own.words.1: expected a word or phrase; found ` `"),
        ("rules: {own: {wight: 1, weight: 1, words: [a]}}", "1: router.rules.own.wight: unknown key; did you mean `weight`?"),
        ("qqq: 1", "1: router.qqq: unknown key; known here: skip_below, direct_above, tools, rules, refusal_memory_s"),
    ],
)
def test_each_mistake_of_the_router(complaints: Callable[..., list[str]], minimal: str, router: str, message: str) -> None:
    assert complaints(f"router: {{{router}}}\n{minimal}") == [message]


def test_all_mistakes_are_told_at_once(complaints: Callable[..., list[str]], minimal: str) -> None:
    lines = complaints(minimal.replace("anthropic", "antropic") + "workers: x\nfoo: 1\n")
    assert [line.split(":")[0] for line in lines] == ["5", "9", "11", "12"]


@pytest.mark.parametrize("text", ["[1, 2]", "just words", "- a\n- b\n", "42"])
def test_the_file_is_a_section(complaints: Callable[..., list[str]], text: str) -> None:
    assert complaints(text)[0].startswith("1: expected a section of `key: value` lines; found ")


@pytest.mark.parametrize("value", ["sk-live-0123456789", "${KEY}", "abc"])
def test_a_literal_secret_is_refused_unseen(complaints: Callable[..., list[str]], minimal: str, value: str) -> None:
    lines = complaints(minimal.replace("api_key_env: DRAFT_KEY", f"api_key: {value}"), KEY="sk-live-0123456789")
    expected = "a secret never stands in this file; name its source with api_key_env or api_key_file, or write `forward`"
    assert lines == [f"7: models.draft.api_key: {expected}"]


LEAK = "sk-live-Zr8Qf3Lw9Tn2Xv7Bh4Kd6Mp1Cs5Jy0Gg"
VALUES = [line for line in FULL.splitlines() if not line.lstrip().startswith("#") and line.partition(":")[2].partition(" #")[0].strip()]


@pytest.mark.parametrize("line", VALUES)
@pytest.mark.parametrize(
    "leak", [LEAK, "${LEAK}", "'a ${LEAK}'", f"[{LEAK}]", f"{{x: {LEAK}}}", f"{LEAK}: {LEAK}", f"'{LEAK}", f"!{LEAK}x y"]
)
def test_no_error_repeats_what_may_be_a_secret(write: Write, line: str, leak: str) -> None:
    found = outcome(write(FULL.replace(line, f"{line.partition(':')[0]}: {leak}", 1)), {"LEAK": LEAK})
    if isinstance(found, ConfigError):
        assert LEAK not in f"{found} {found.__context__!r} {found.__cause__!r}"
    else:  # any text is right here: a model's name, a path
        assert LEAK in found.model_dump_json()


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_a_configuration_or_a_configuration_error(content: bytes) -> None:
    loads_or_complains(content)


YAML_BITS = st.sampled_from(
    [*"{}[]:,-#&*!|>'\"%@`?~ \n\t\r", "\n  ", ": ", "- ", "---\n", "<<", "${", "}", "$${A}", "a", "version: 1\n", "models:\n"]
)


@settings(deadline=None)
@given(st.lists(YAML_BITS, max_size=40).map("".join))
def test_anything_like_yaml_is_a_configuration_or_a_configuration_error(text: str) -> None:
    loads_or_complains(text.encode())


LINES = FULL.splitlines(keepends=True)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1), st.lists(YAML_BITS, max_size=3).map("".join), st.integers(0, 60))
def test_a_spoilt_example_is_a_configuration_or_a_configuration_error(gone: int, spoilt: int, bit: str, at: int) -> None:
    lines = list(LINES)
    lines[spoilt] = lines[spoilt][:at] + bit + lines[spoilt][at:]
    lines[gone] = ""
    loads_or_complains("".join(lines).encode())


@pytest.fixture(scope="module", autouse=True)
def scratch(tmp_path_factory: pytest.TempPathFactory) -> None:
    """One file for all examples that Hypothesis makes."""
    global SCRATCH
    SCRATCH = tmp_path_factory.mktemp("any") / "cascade.yaml"


SCRATCH = Path()


def loads_or_complains(content: bytes) -> None:
    SCRATCH.write_bytes(content)
    found = outcome(SCRATCH, {"A": "1"})
    if isinstance(found, ConfigError):
        last = len(content.decode(errors="replace").splitlines()) + 1
        assert found.problems
        assert all(problem.message.isprintable() and problem.file and 1 <= (problem.line or 1) <= last for problem in found.problems)
    else:
        assert Dialect.ANTHROPIC in {found.models.draft.dialect, *found.models.draft.dialects}
