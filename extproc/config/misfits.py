"""What is wrong between parts of a configuration that are each right by themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from extproc.config.model import Config
from extproc.config.policies import PolicySection
from extproc.config.problems import Path, Problem
from extproc.core.vocabulary import Mode

Found = Iterator[tuple[Path, str]]


def misfits(config: Config) -> list[Problem]:
    """Give a problem, with its line, for each pair of settings that cannot stand together."""
    return [config.source.problem(path, message) for look in (_policies, _admin, _state) for path, message in look(config)]


def _policies(config: Config) -> Found:
    names: dict[str, int] = {}
    for index, section in enumerate(config.policies):
        here = ("policies", str(index))
        if (first := names.setdefault(section.name, index)) != index:
            spot = config.source.spots.get(("policies", str(first), "name"))
            told = f"the one on line {spot.line}" if spot else f"number {first + 1}"
            yield (*here, "name"), f"expected a name of its own; another policy is called so, too: {told}"
        yield from _identities(config, section, (*here, "match"))
        yield from _settings(config, section, (*here, "set"))


def _identities(config: Config, section: PolicySection, here: Path) -> Found:
    match, identity = section.match, config.identity
    if match.jwt and identity.jwt_payload_header is None:
        yield (*here, "jwt"), "nobody says which header holds the payload of a verified token; set identity.jwt_payload_header"
    if identity.forwarded_certificate:
        return
    for name in ("certificate", "namespace", "service_account"):
        if getattr(match, name) is not None:
            yield (*here, name), "the client's certificate is not believed unless identity.forwarded_certificate is true"


def _settings(config: Config, section: PolicySection, here: Path) -> Found:
    told, router = section.settings, config.router
    skip = router.skip_below if told.skip_below is None else told.skip_below
    direct = router.direct_above if told.direct_above is None else told.direct_above
    if direct < skip:
        key = "direct_above" if told.direct_above is not None else "skip_below"
        yield (*here, key), f"direct_above ({direct:g}) would be below skip_below ({skip:g}); one of them is that of the section router"
    if told.daily and told.mode is Mode.OFF:
        yield (*here, "daily"), "with mode off requests are left alone, so nobody is charged for them"


def _admin(config: Config) -> Found:
    if config.admin_token_env is not None and config.admin_token_file is not None:
        yield ("admin_token_file",), "give admin_token_env or admin_token_file, not both"


def _state(config: Config) -> Found:
    given = [name for name in ("state_password_env", "state_password_file") if getattr(config, name) is not None]
    if len(given) > 1:
        yield (given[1],), f"give {given[0]} or {given[1]}, not both"
    if given and not config.state_is_redis:
        yield (given[0],), "only a state at redis:// or rediss:// takes a password"
