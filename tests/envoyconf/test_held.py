"""The route of requests whose response is the processor's own: what Envoy answers until then, and if it never comes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from extproc.core.vocabulary import PATHS, Dialect
from extproc.envoyconf import untyped
from extproc.envoyconf.parts import EXT_PROC
from tests.envoyconf.variants import VARIANTS, made

Node = dict[str, Any]
OURS = {"x-cascade-outcome", "x-cascade-model", "x-cascade-rules", "x-cascade-trace-id"}


def routes(name: str, folder: Path, listener: int = 0) -> list[Node]:
    of = untyped(*made(name, folder))
    manager = of["static_resources"]["listeners"][listener]["filter_chains"][0]["filters"][0]["typed_config"]
    found: list[Node] = manager["route_config"]["virtual_hosts"][0]["routes"]
    return found


def held(name: str, folder: Path) -> list[Node]:
    return [one for one in routes(name, folder) if one["name"].endswith(" held")]


@pytest.mark.parametrize("name", VARIANTS)
def test_a_request_is_held_where_verify_serves_its_dialect_or_is_translated_to(name: str, tmp_path: Path):
    names = {one["name"] for one in routes(name, tmp_path)}
    translated = VARIANTS[name]["models"]["verify"].get("translate", True)
    served = {path for path in PATHS if translated or f"{path} verify" in names}
    expected = set() if VARIANTS[name].get("mode") == "off" else {f"{path} held" for path in served}
    assert {one for one in names if one.endswith(" held")} == expected


def test_our_own_calls_are_never_held(tmp_path: Path):
    assert not any(one["name"].endswith(" held") for one in routes("all dialects", tmp_path, 1))


def test_it_is_reached_by_the_target_header_alone_and_stands_before_the_models(tmp_path: Path):
    found = routes("all dialects", tmp_path)
    names = [one["name"] for one in found]
    to_held = {"name": "x-cascade-target", "string_match": {"exact": "held"}}
    assert [one["name"] for one in found if to_held in one["match"].get("headers", [])] == [f"{path} held" for path in PATHS]
    assert all(names.index(f"{path} held") < names.index(f"{path} draft") < names.index(f"{path} verify") for path in PATHS)


def test_until_the_processor_answers_it_is_an_error_in_the_dialect(tmp_path: Path):
    for one in held("all dialects", tmp_path):
        told = json.loads(one["direct_response"]["body"]["inline_string"])
        assert one["direct_response"]["status"] == 503
        assert (told.get("type") == "error") == (PATHS[one["match"]["path"]] is Dialect.ANTHROPIC)
        assert told["error"]["type"] in {"api_error", "server_error"}
        assert "interrupted" in told["error"]["message"]


def test_it_tells_its_kind_and_what_the_processor_knew(tmp_path: Path):
    for one in held("all dialects", tmp_path):
        added = {each["header"]["key"]: each["header"]["value"] for each in one["response_headers_to_add"]}
        assert added.keys() == OURS | {"content-type"}
        assert added["content-type"] == "application/json"
        assert all("DYNAMIC_METADATA" in added[name] for name in OURS)


def test_the_processor_is_in_its_path_and_no_provider_is(tmp_path: Path):
    for one in held("all dialects", tmp_path):
        assert "overrides" in one["typed_per_filter_config"][EXT_PROC]
        assert {"route", "redirect", "non_forwarding_action"} & one.keys() == set()
