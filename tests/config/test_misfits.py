"""Settings that are each right by themselves, and wrong together: told by line and key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from extproc.config.load import ConfigError, load
from extproc.config.model import Config

Write = Callable[[str | bytes], Path]
Loaded = Callable[..., Config]

POLICIES = """\
policies:
  - name: first
    match: {headers: {x-team: red}}
    set: {plan: draft}
  - name: %s
    match:
      %s
    set:
      %s
"""
"""Begins on line 12 of a file; the second policy's conditions stand on line 18, its settings on line 20."""


def complaint(write: Write, text: str) -> str:
    path = write(text)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    (problem,) = caught.value.problems
    return str(problem).removeprefix(f"{path}:")


@pytest.mark.parametrize(
    ("name", "match", "settings", "said"),
    [
        (
            "first",
            "path: /v1/*",
            "plan: direct",
            "16: policies.1.name: expected a name of its own; another policy is called so, too: the one on line 13",
        ),
        (
            "second",
            "jwt: {group: eng}",
            "plan: direct",
            "18: policies.1.match.jwt: nobody says which header holds the payload of a verified token; set identity.jwt_payload_header",
        ),
        (
            "second",
            "namespace: team-a",
            "plan: direct",
            "18: policies.1.match.namespace: the client's certificate is not believed unless identity.forwarded_certificate is true",
        ),
        (
            "second",
            "path: /v1/*",
            "skip_below: 0.9",
            "20: policies.1.set.skip_below: direct_above (0.85) would be below skip_below (0.9); one of them is that of the section router",
        ),
        (
            "second",
            "path: /v1/*",
            "{mode: 'off', daily: {usd: 1}}",
            "20: policies.1.set.daily: with mode off requests are left alone, so nobody is charged for them",
        ),
        (
            "second",
            "path: /v1/*",
            "models: {draft: keep}",
            "20: policies.1.set.models.draft: expected the draft model's name (`keep` would ask its provider for the client's model)"
            "; found `keep`",
        ),
    ],
)
def test_policies(write: Write, minimal: str, name: str, match: str, settings: str, said: str):
    assert complaint(write, minimal + "\n" + POLICIES % (name, match, settings)) == said


def test_identities_that_are_believed(loaded: Loaded, minimal: str):
    given = minimal + "identity: {jwt_payload_header: x-jwt, forwarded_certificate: true}\n"
    config = loaded(given + POLICIES % ("second", "{jwt: {group: eng}, certificate: 'spiffe://*', service_account: a}", "plan: direct"))
    assert config.policies[1].match.service_account == "a"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "state: redis://r\nstate_password_env: A\nstate_password_file: b",
            "13: state_password_file: give state_password_env or state_password_file, not both",
        ),
        ("state_password_env: A", "11: state_password_env: only a state at redis:// or rediss:// takes a password"),
    ],
)
def test_the_password_of_a_state(write: Write, minimal: str, more: str, said: str):
    assert complaint(write, minimal + more + "\n") == said


@pytest.mark.parametrize("url", ["redis://redis", "rediss://r.example.com:6380/3", "redis://user@[::1]:6379/0", "redis://10.0.0.1:1/"])
def test_a_redis(loaded: Loaded, minimal: str, url: str):
    config = loaded(minimal + f'state: "{url}"\n')
    assert (config.state, config.state_is_redis) == (url, True)


@pytest.mark.parametrize(
    "url",
    ["://:secret99@r", "://u:secret99@r", "://", "://r:0", "://r:x", "://r/a", "://r?password=secret99", "-sentinel://r"],
)
def test_what_is_no_redis_or_holds_a_password(write: Write, minimal: str, url: str):
    said = complaint(write, minimal + f'state: "redis{url}"\n')
    assert said.startswith("11: state: expected a file, or a URL such as redis://redis.example.com:6379/0; the password stands in")
    assert "secret99" not in said


def test_a_password_in_the_place_of_its_variables_name_is_not_repeated(write: Write, minimal: str):
    said = complaint(write, minimal + "state: redis://r\nstate_password_env: secret 99\n")
    assert said.startswith("12: state_password_env: expected the name of an environment variable")
    assert "99" not in said


def test_a_state_in_a_file_counts_from_the_configurations_folder(write: Write, minimal: str):
    path = write(minimal + "state: kept/state.sqlite\n")
    config = load(path, {})
    assert (config.state, config.state_is_redis) == (str(path.parent / "kept/state.sqlite"), False)


def test_one_source_for_the_admin_token(write: Write, minimal: str) -> None:
    assert "give admin_token_env or admin_token_file, not both" in complaint(write, minimal + "admin_token_env: T\nadmin_token_file: t\n")
