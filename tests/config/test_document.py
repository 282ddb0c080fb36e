from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from extproc.config.document import MAX_BYTES, MAX_DEPTH, _Builder, _compose, read
from extproc.config.problems import ConfigError

Write = Callable[[str | bytes], Path]


@pytest.fixture
def data(write: Write) -> Callable[..., Any]:
    return lambda text, **environ: read(write(text), environ).data


@pytest.fixture
def complaint(write: Write) -> Callable[..., str]:
    """What is said about a text, without the file's name."""

    def of(text: str | bytes, **environ: str) -> str:
        path = write(text)
        with pytest.raises(ConfigError) as caught:
            read(path, environ)
        return str(caught.value).replace(str(path), "F")

    return of


def test_scalars_stay_the_words_they_are(data: Callable[..., Any]) -> None:
    text = "a: off\nb: 1_000\nc: 0o17\nd: true\ne: 2024-01-01\nf: 'null'\ng: !!str 5\nh: no\n"
    expected = {"a": "off", "b": "1_000", "c": "0o17", "d": "true", "e": "2024-01-01", "f": "null", "g": "5", "h": "no"}
    assert data(text) == expected
    assert data("%YAML 1.1\n---\na: off\n") == {"a": "off"}


@pytest.mark.parametrize("null", ["", "~", "null", "Null"])
def test_nothing_is_none(data: Callable[..., Any], null: str) -> None:
    assert data(f"a: {null}") == {"a": None}


def test_anchors_are_followed_and_places_kept(write: Write) -> None:
    document = read(write("a: &price {input: 1}\nb:\n  c: *price\n"), {})
    assert document.data == {"a": {"input": "1"}, "b": {"c": {"input": "1"}}}
    assert document.source.spots["b", "c"].line == 3
    assert document.source.spots["b", "c", "input"].line == 1


def test_an_anchor_may_be_used_anew(data: Callable[..., Any]) -> None:
    assert data("a: &x 1\nb: *x\nc: &x 2\nd: *x\n") == {"a": "1", "b": "1", "c": "2", "d": "2"}


def test_a_value_stands_where_its_key_stands(write: Write) -> None:
    spots = read(write("# note\na:\n  - x\n  - b: |\n      long\n"), {}).source.spots
    assert {path: (spot.line, spot.column) for path, spot in spots.items()} == {
        (): (2, 1),
        ("a",): (2, 1),
        ("a", "0"): (3, 5),
        ("a", "1"): (4, 5),
        ("a", "1", "b"): (4, 5),
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "1"),
        ("x-${A}-${B}", "x-1-two words"),
        ("'${A}'", "1"),
        ("$${A}", "${A}"),
        ("$A and $", "$A and $"),
        ("${EMPTY}", ""),
        ("${TRICK}", "${A}"),
        ("$$${A}", "$${A}"),
    ],
)
def test_variables_are_replaced_once(data: Callable[..., Any], text: str, value: str) -> None:
    assert data(f"a: {text}", A="1", B="two words", EMPTY="", TRICK="${A}") == {"a": value}


def test_variables_are_replaced_in_values_only(data: Callable[..., Any]) -> None:
    assert data("# ${NONE}\n${A}: ${A} # ${NONE}\nlist: [x, '${A}']\n", A="1") == {"${A}": "1", "list": ["x", "1"]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("${NONE}", "F:2: a.b: the environment variable NONE is not set"),
        ("${sk-123}", "F:2: a.b: expected the name of an environment variable between `${` and `}`"),
        ("${}", "F:2: a.b: expected the name of an environment variable between `${` and `}`"),
        ("${A", "F:2: a.b: `${` without its `}`; for the two characters themselves write `$${`"),
        ("'${A ${A}'", "F:2: a.b: `${` without its `}`; for the two characters themselves write `$${`"),
    ],
)
def test_a_variable_that_cannot_be_replaced(complaint: Callable[..., str], value: str, message: str) -> None:
    assert complaint(f"a:\n  b: {value}", A="1") == message


def test_an_environment_in_another_encoding(complaint: Callable[..., str]) -> None:
    assert complaint("a: ${V}", V="caf\udce9") == "F:1: a: expected Unicode text; half of a character stands here"


def test_all_problems_of_the_text_are_told_at_once(complaint: Callable[..., str]) -> None:
    assert complaint("a: ${X}\nb: 1\na: 2\nc: !!set {}\n").splitlines() == [
        "F:1: a: the environment variable X is not set",
        "F:3: a: this key stands here twice, first on line 1",
        "F:4: c: a YAML tag; expected a plain value",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "F: the file is empty; it needs at least `version` and `models`"),
        ("# only a comment\n", "F: the file is empty; it needs at least `version` and `models`"),
        ("a:\n\tb: 1\n", "F:2: a tab; YAML is indented with spaces"),
        ("a: 1\n---\nb: 2\n", "F:2: a second document begins here; expected one"),
        ("a: {b: ${X}}", 'F:1: not valid YAML: inside {…} and […] a variable needs quotes: "${NAME}"'),
        ("a: *x", "F:1: not valid YAML: found undefined alias 'x'"),
        ('a: "x', "F:1: not valid YAML: found unexpected end of stream"),
        ("a: !!python/object:os.system {}", "F:1: a: a YAML tag; expected a plain value"),
        ("a: !secret x", "F:1: a: a YAML tag; expected a plain value"),
        ("? [a, b]\n: 1\n", "F:1: expected a name as the key"),
        ('a: "\\ud800"', "F:1: a: expected Unicode text; half of a character stands here"),
        ('"\\ud800": 1', "F:1: expected a name as the key"),
        ("a:\n  <<: {x: 1}\n  <<: {y: 1}\n", "F:3: a.<<: this key stands here twice, first on line 2"),
        ("a: b\x00", "F:1: not valid YAML: a control character"),
        ("x: 1\na: b: c", "F:2: not valid YAML: mapping values are not allowed here"),
        ("%YAML 9.9\n---\na: 1", "F:1: not valid YAML: found incompatible YAML document (version 1.* is required)"),
        (b"a: 1\nb: \xff\n", "F:2: expected UTF-8 text; this byte is none"),
        ("a: 1".encode("utf-16"), "F:1: expected UTF-8 text; this byte is none"),
        (b"\x7fELF\x02\x01\x01\x00", "F:1: not valid YAML: a control character"),
        ("[" * 5000, f"F:1: nested more than {MAX_DEPTH} levels deep"),
        ("".join(" " * depth + "a:\n" for depth in range(40)), f"F:{MAX_DEPTH + 1}: nested more than {MAX_DEPTH} levels deep"),
        ("a: &x [*x]", f"F:1: a.0: nested more than {MAX_DEPTH} levels deep"),
        (b"#" * (MAX_BYTES + 1), "F: larger than 256 KiB; that is no configuration"),
    ],
)
def test_what_is_no_configuration_file(complaint: Callable[..., str], text: str | bytes, message: str) -> None:
    assert complaint(text) == message


@pytest.mark.parametrize(
    ("error", "message"), [(AssertionError("x"), "not valid YAML"), (RecursionError(), f"nested more than {MAX_DEPTH} levels deep")]
)
def test_a_parser_that_gives_up(complaint: Callable[..., str], monkeypatch: pytest.MonkeyPatch, error: Exception, message: str) -> None:
    def give_up(_: YAML, __: str) -> None:
        raise error

    monkeypatch.setattr(YAML, "compose", give_up)
    assert complaint("a: 1") == f"F: {message}"


def test_a_few_aliases_do_not_fill_the_memory(complaint: Callable[..., str]) -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]\n" for i in range(1, 9))
    assert "more than 20000 values" in complaint(text)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "none.yaml", "no such file"),
        (tmp_path, "is a folder; expected a file"),
        (tmp_path / "x.yaml" / "y", "no such file"),
        (Path("a\0b"), "cannot be read: not a file name"),
        (Path("x" * 5000), "cannot be read: File name too long"),
    ):
        with pytest.raises(ConfigError) as caught:
            read(path, {})
        assert [problem.message for problem in caught.value.problems] == [message]


def test_a_byte_order_mark_is_no_content(data: Callable[..., Any]) -> None:
    assert data(b"\xef\xbb\xbfversion: 1\n") == {"version": "1"}


def test_a_named_pipe_is_a_file(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    try:
        os.write(writer, b"version: 1\n")
        os.close(writer)
        assert read(Path(f"/dev/fd/{reader}"), {}).data == {"version": "1"}
    finally:
        os.close(reader)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: many", "`many`"),
        ("a: ${VALUE}", ""),
        ("a: {}", "a section"),
        ("a: []", "a list"),
        ("a:", "nothing"),
        ("a: sk-short", ""),
        ("a: " + "x" * 25, ""),
        ("a: tr\u00e8s", ""),
        ("api_key: short", ""),
    ],
)
def test_only_harmless_values_are_shown(write: Write, text: str, found: str) -> None:
    assert read(write(text), {"VALUE": "hidden"}).source.spots[text.split(":")[0],].found == found


def from_text(text: str, environ: Mapping[str, str]) -> Any:
    node = _compose(text, "F")
    assert node is not None
    return _Builder(environ, "F").value(node, (), node.start_mark)


words = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), max_size=30)


@given(words)
def test_any_value_survives_by_way_of_the_environment(value: str) -> None:
    assert from_text("a: ${V}", {"V": value}) == {"a": value}


plain = words.filter(lambda word: "$" not in word)


@given(st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain, inner, max_size=3), max_leaves=10))
def test_json_is_read_as_it_is(value: Any) -> None:
    assert from_text(json.dumps({"a": value}, ensure_ascii=False), {}) == {"a": value}
