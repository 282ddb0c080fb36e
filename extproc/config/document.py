"""A YAML file as plain data, every value with its place in the file.

All scalars stay text: the schema, not the spelling, decides what is a number. So `mode: off` is a word, a model may be called
`4`, and a value from the environment counts like one that was typed.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from extproc.config.problems import ConfigError, Path, Problem, Source, Spot

MAX_BYTES = 262_144
"""Largest file. A full configuration has 3 KB; reading takes about a second for every 150 KB."""

MAX_DEPTH = 16
"""Deepest nesting. The schema needs 6."""

MAX_VALUES = 20_000
"""Most values after aliases are followed, so that a few nested aliases cannot fill the memory."""

_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "map", "merge", "null", "seq", "str", "timestamp", "value")
)
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$\{)|\{(?P<name>[^{}]*)(?P<end>\}?))")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HARMLESS = re.compile(r"(?!sk-)[A-Za-z0-9_.:/\[\] -]{1,24}")
"""What may be shown of a value: too short for a provider's key, and nothing that could confuse a terminal."""


@dataclass(frozen=True, slots=True)
class Document:
    """The file's content: `data` of dicts, lists, text and None, and where each value stands."""

    data: Any
    source: Source


def read(path: FilePath, environ: Mapping[str, str]) -> Document:
    """Read a file and put the environment's values in place of `${NAME}`.

    Raises:
        ConfigError: the file cannot be had, is no YAML, repeats a key, or names a variable that is not set.
    """
    file = str(path)
    text = _text(path)
    node = _compose(text, file)
    if node is None:
        raise ConfigError([Problem("", "the file is empty; it needs at least `version` and `models`", file)])
    builder = _Builder(environ, file)
    data = builder.value(node, (), node.start_mark)
    if builder.problems:
        raise ConfigError(builder.problems)
    return Document(data, builder.source)


def _text(path: FilePath) -> str:
    """The file's text; ConfigError where there is none."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError([Problem("", "no such file", file)]) from None
    except IsADirectoryError:
        raise ConfigError([Problem("", "is a folder; expected a file", file)]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise ConfigError([Problem("", f"cannot be read: {reason}", ascii(file).strip("'"))]) from None
    if len(content) > MAX_BYTES:
        raise ConfigError([Problem("", f"larger than {MAX_BYTES // 1024} KiB; that is no configuration", file)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem("", "expected UTF-8 text; this byte is none", file, line)]) from None


def _compose(text: str, file: str) -> Node | None:
    """The file's node tree, None for an empty file; ConfigError where it is no YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH + 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor used twice is legal YAML
            node: Node | None = yaml.compose(text)
            return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = _syntax_problem(error, text, file, mark)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = Problem("", "not valid YAML: a control character", file, line)
    except RecursionError:
        problem = Problem("", f"nested more than {MAX_DEPTH} levels deep", file)
    except Exception:  # the parser's assertions, for documents that it did not foresee
        problem = Problem("", "not valid YAML", file)
    raise ConfigError([problem])


def _syntax_problem(error: MarkedYAMLError, text: str, file: str, mark: StreamMark | None) -> Problem:
    """Say what the parser stumbled over, without the snippet that it likes to show (a line may hold a secret)."""
    complaint = str(error.problem or error.context or "unreadable")
    line = "" if mark is None else (text.splitlines() or [""])[min(mark.line, len(text.splitlines()) - 1)]
    if "'\\t'" in complaint:
        message = "a tab; YAML is indented with spaces"
    elif "maximum depth" in complaint:
        message = f"nested more than {MAX_DEPTH} levels deep"
    elif "another document" in complaint:
        message = "a second document begins here; expected one"
    elif "${" in line and "but got '{'" in complaint:
        message = 'not valid YAML: inside {…} and […] a variable needs quotes: "${NAME}"'
    else:
        message = f"not valid YAML: {complaint.splitlines()[0]}"
    return Problem("", message, file, None if mark is None else mark.line + 1, None if mark is None else mark.column + 1)


class _Builder:
    """Turns nodes into plain data; collects the places of all values, and the problems met."""

    def __init__(self, environ: Mapping[str, str], file: str) -> None:
        self._environ = environ
        self._spots: dict[Path, Spot] = {}
        self.source = Source(file, self._spots)
        self.problems: list[Problem] = []

    def value(self, node: Node, path: Path, mark: StreamMark) -> Any:
        """Plain data of one node. `mark` is where its key stands; aliases are followed anew for each use."""
        self._spots[path] = Spot(mark.line + 1, mark.column + 1, _found(node, path))
        if len(path) > MAX_DEPTH:  # only an alias that stands inside its own anchor comes this far
            raise ConfigError([*self.problems, self.source.problem(path[:2], f"nested more than {MAX_DEPTH} levels deep")])
        if len(self._spots) > MAX_VALUES:
            raise ConfigError([*self.problems, self.source.problem(path[:2], f"more than {MAX_VALUES} values")])
        if str(node.tag) not in _TAGS:
            self._complain(path, "a YAML tag; expected a plain value")
            return None
        if isinstance(node, MappingNode):
            return self._section(node, path)
        if isinstance(node, SequenceNode):
            return [self.value(item, (*path, str(index)), item.start_mark) for index, item in enumerate(node.value)]
        if _is_null(node):
            return None
        text = self._substituted(node.value, path)
        if not _is_text(text):
            self._complain(path, "expected Unicode text; half of a character stands here")
        return text

    def _section(self, node: MappingNode, path: Path) -> dict[str, Any]:
        section: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or not _is_text(key.value):
                line, column = key.start_mark.line + 1, key.start_mark.column + 1
                self.problems.append(Problem(".".join(path), "expected a name as the key", self.source.file, line, column))
                continue
            place = (*path, key.value)
            if key.value in section:
                message = f"this key stands here twice, first on line {self._spots[place].line}"
                line, column = key.start_mark.line + 1, key.start_mark.column + 1
                self.problems.append(Problem(".".join(place), message, self.source.file, line, column))
                continue
            section[key.value] = self.value(value, place, key.start_mark)
        return section

    def _substituted(self, text: str, path: Path) -> str:
        """Put the environment's values into a text. What they hold is not looked at again."""

        def value(match: re.Match[str]) -> str:
            name = match["name"]
            if match["escaped"]:
                return "${"
            if not match["end"]:
                self._complain(path, "`${` without its `}`; for the two characters themselves write `$${`")
            elif not _NAME.fullmatch(name):
                self._complain(path, "expected the name of an environment variable between `${` and `}`")
            elif name not in self._environ:
                self._complain(path, f"the environment variable {name} is not set")
            else:
                return self._environ[name]
            return ""

        return _VARIABLE.sub(value, text)

    def _complain(self, path: Path, message: str) -> None:
        self.problems.append(self.source.problem(path, message))


def _is_text(value: str) -> bool:
    """Whether it is free of lone surrogates, which YAML can escape and a badly encoded environment brings along."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and not node.style and node.value in _NULLS


def _found(node: Node, path: Path) -> str:
    """What a reader sees at a node, as the file has it (variables by name); nothing where it might be a secret."""
    if isinstance(node, MappingNode):
        return "a section"
    if isinstance(node, SequenceNode):
        return "a list"
    if _is_null(node):
        return "nothing"
    secret = bool(path) and path[-1].startswith(("api_key", "state_password", "admin_token"))
    if secret or not _HARMLESS.fullmatch(node.value):
        return ""
    return f"`{node.value}`"
