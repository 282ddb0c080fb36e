from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from extproc.config.advice import advice
from extproc.config.load import load
from extproc.config.model import Config, Strict
from extproc.config.policy import policy
from extproc.config.secrets import redact
from extproc.core.steps.classify import RULES

FOLDER = Path(__file__).parents[2] / "examples"
ENVIRON = {"POD_IP": "10.0.0.7", "OTLP_HOST": "jaeger"}
CONFIGS = sorted(FOLDER.glob("*.yaml"))
FULL = FOLDER / "cascade.yaml"
POLICIES = FOLDER / "policies.yaml"

NOT_IN_THE_EXAMPLE: set[str] = set()
"""Keys that the commented example leaves out on purpose."""


def sections(kind: type[BaseModel] = Strict) -> set[type[BaseModel]]:
    return {section for direct in kind.__subclasses__() for section in (direct, *sections(direct))}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_an_example_is_valid(path: Path) -> None:
    config = load(path, ENVIRON)
    known = [rule.name for rule in RULES]
    assert policy(config, known).draft_models.keys() <= policy(config, known).verify_models.keys()
    assert {warning.key for warning in advice(config)} <= {"admin"}
    assert Config.model_validate_json(config.model_dump_json(by_alias=True)) == config  # as workers read it


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_an_example_names_its_schema(path: Path) -> None:
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    named = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
    assert named
    assert (FOLDER / named[1]).is_file()


def test_the_commented_examples_show_every_key() -> None:
    shown = {key for path in (FULL, POLICIES) for key in re.findall(r"([a-z_]+):", path.read_text(encoding="utf-8"))}
    keys = {field.alias or name for kind in sections() for name, field in kind.model_fields.items()}
    assert keys - shown == NOT_IN_THE_EXAMPLE


def test_the_commented_example_shows_the_defaults() -> None:
    shown = redact(load(FULL, {}))
    least: dict[str, Any] = {"version": 1, "models": shown["models"]}
    assert redact(Config.model_validate(least)) == shown


def test_the_rules_that_its_comments_weigh_exist() -> None:
    text = FULL.read_text(encoding="utf-8")
    commented = re.findall(r"^  #  ([a-z_]+): [0-9.]+$", text, re.MULTILINE)
    assert commented
    assert set(commented) <= {rule.name for rule in RULES}
