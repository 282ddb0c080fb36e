from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from extproc.config.model import Config, KeywordRule, Strict

MODELS: dict[str, Any] = {
    "draft": {"model": "small", "dialect": "anthropic", "base_url": "https://d.example.com"},
    "verify": {"dialect": "anthropic", "base_url": "https://v.example.com"},
}


def config(**keys: Any) -> Config:
    return Config.model_validate({"version": 1, "models": MODELS, **keys})


def sections(kind: type[BaseModel] = Strict) -> list[type[BaseModel]]:
    return [section for direct in kind.__subclasses__() for section in (direct, *sections(direct))]


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        config().__setattr__("workers", 2)


def test_every_key_is_described() -> None:
    undescribed = [f"{kind.__name__}.{name}" for kind in sections() for name, field in kind.model_fields.items() if not field.description]
    assert undescribed == []


def test_numbers_carry_their_unit() -> None:
    named = {name for kind in sections() for name in kind.model_fields if name.startswith(("max_", "timeout", "keepalive", "drain"))}
    units = ("_s", "_bytes", "_usd", "_calls", "_connections", "_tokens", "_rows")
    assert {name for name in named if not name.endswith(units)} == set()


def test_a_rule_is_a_weight_or_words() -> None:
    rules = config(router={"rules": {"a": 0.2, "b": {"weight": -0.1, "words": ["x"]}}}).router.rules
    assert rules == {"a": 0.2, "b": KeywordRule(weight=-0.1, words=["x"])}


def test_it_survives_the_way_to_a_worker() -> None:
    original = config(
        mode="off", router={"rules": {"a": 0.2, "b": {"weight": 1, "words": ["x"]}}}, origin={"base_url": "https://o.example.com"}
    )
    assert Config.model_validate_json(original.model_dump_json(by_alias=True)) == original


@pytest.mark.parametrize(
    "wrong",
    [
        {"workers": 0},
        {"workers": 65},
        {"mode": "on"},
        {"version": 2},
        {"drain_s": float("nan")},
        {"limits": {"max_body_bytes": 1}},
        {"x": 1},
    ],
)
def test_what_is_not_accepted(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**wrong)


def test_errors_hold_no_values() -> None:
    with pytest.raises(ValidationError) as caught:
        config(admin="sk-secret")
    assert "sk-secret" not in str(caught.value)


def test_one_source_for_a_key() -> None:
    for sources in ({"api_key": "forward", "api_key_env": "A"}, {"api_key_env": "A", "api_key_file": "b"}):
        with pytest.raises(ValidationError, match="not several"):
            config(models={**MODELS, "verify": {**MODELS["verify"], **sources}})


def test_an_instruction_has_places_for_the_draft_and_the_accept_word() -> None:
    whole = "Say {accept_word} where this is right: {draft}"
    assert config(verify={"instruction": whole}).verify.instruction == whole
    for text, missing in (("Is it right?", "no {draft} and no {accept_word}"), ("{draft}, right?", "no {accept_word}")):
        with pytest.raises(ValidationError, match=missing):
            config(verify={"instruction": text})
