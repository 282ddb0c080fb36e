"""What is allowed in a configuration but probably not meant. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from extproc.config.endpoints import Endpoint, Upstream, endpoints
from extproc.config.model import Config
from extproc.config.policies import Match
from extproc.config.problems import Problem
from extproc.core.vocabulary import Mode, Role


def advice(config: Config) -> tuple[Problem, ...]:
    """Give a warning for each doubtful setting, with its line."""
    about = (_addresses, _credentials, _interception, _dialects, _router, _shadow, _prices, _policies, _state, _telemetry)
    found = [told for look in about for told in look(config)]
    return tuple(config.source.problem(tuple(key.split(".")), message) for key, message in found)


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, by its name or address alone."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _addresses(config: Config) -> Iterator[tuple[str, str]]:
    if ip_address(config.listen.rpartition(":")[0].strip("[]")).is_unspecified:
        yield "listen", "every network of this machine can send requests, and injected keys pay for them"
    if not (is_loopback(config.admin.rpartition(":")[0]) or config.admin_token_env or config.admin_token_file):
        yield (
            "admin",
            "decisions and metrics can be read from other machines; say in admin_token_file or admin_token_env what they must bring",
        )
    if not is_loopback(config.envoy_admin.rpartition(":")[0]):
        yield "envoy_admin", "other machines can control and stop this Envoy; there is no password"


def _credentials(config: Config) -> Iterator[tuple[str, str]]:
    called = endpoints(config)
    verify_hosts = {endpoint.upstream.host for endpoint in called if endpoint.role is Role.VERIFY}
    for endpoint in called:
        place = _place(config, endpoint)
        open_wire = not endpoint.upstream.tls and not is_loopback(endpoint.upstream.host)
        if open_wire and (endpoint.secret or endpoint.forward):
            yield f"{place}.base_url", f"the key travels unencrypted to {endpoint.upstream.host}"
        if endpoint.role is Role.DRAFT and endpoint.forward and endpoint.upstream.host not in verify_hosts:
            yield f"{place}.api_key", f"the client's own key goes to {endpoint.upstream.host}, which is not where the client sent it"


def _interception(config: Config) -> Iterator[tuple[str, str]]:
    """Clients' own keys go where the client sent them, or to the model that stands in for it."""
    forwarded = {endpoint.upstream.host for endpoint in endpoints(config) if endpoint.role is Role.VERIFY and endpoint.forward}
    for index, host in enumerate(config.intercept.hosts):
        if forwarded and host not in forwarded:
            yield f"intercept.hosts.{index}", f"clients' own keys for {host} go to {' and '.join(sorted(forwarded))}"


def _place(config: Config, endpoint: Endpoint) -> str:
    model = config.models.draft if endpoint.role is Role.DRAFT else config.models.verify
    further = f".dialects.{endpoint.dialect}" if endpoint.dialect in model.dialects else ""
    return f"models.{endpoint.role}{further}"


def _dialects(config: Config) -> Iterator[tuple[str, str]]:
    called = endpoints(config)
    verified = {endpoint.dialect for endpoint in called if endpoint.role is Role.VERIFY}
    for endpoint in called:
        if endpoint.role is Role.DRAFT and endpoint.dialect not in verified and not config.models.verify.translate:
            yield _place(config, endpoint), f"no draft is ever made in {endpoint.dialect}, because the verify model does not serve it"


def _router(config: Config) -> Iterator[tuple[str, str]]:
    if config.router.skip_below == config.router.direct_above:
        yield "router.direct_above", "the same as skip_below: no score is between them, so none asks for the plan cascade"


def _shadow(config: Config) -> Iterator[tuple[str, str]]:
    """What shadow mode spends is nobody's wish before the share is in the file."""
    if config.mode is not Mode.SHADOW or "shadow_sample" in config.model_fields_set:
        return
    if any(endpoint.forward for endpoint in endpoints(config) if endpoint.role is Role.VERIFY):
        share = f"{config.shadow_sample:.0%}"
        yield "mode", f"on {share} of the requests drafts are judged with the clients' own keys; say shadow_sample ({share}, or 0 for none)"


def _prices(config: Config) -> Iterator[tuple[str, str]]:
    for role, model in ((Role.DRAFT, config.models.draft), (Role.VERIFY, config.models.verify)):
        if model.price_usd_per_mtok is None:
            yield f"models.{role}", "without price_usd_per_mtok its costs, and what is saved, stay unknown"


def _policies(config: Config) -> Iterator[tuple[str, str]]:
    priced = all(model.price_usd_per_mtok is not None for model in (config.models.draft, config.models.verify))
    every = None
    for index, section in enumerate(config.policies):
        if every is not None:
            yield f"policies.{index}", f"never applies, as {every} before it is for every request"
        if section.match == Match() and every is None:
            every = section.name
        if section.settings.daily and section.settings.daily.usd is not None and not priced:
            yield f"policies.{index}.set.daily.usd", "without price_usd_per_mtok of both models it is not known what is spent"


def _state(config: Config) -> Iterator[tuple[str, str]]:
    host = urlsplit(config.state).hostname or ""
    if config.state.startswith("redis://") and (config.state_password_env or config.state_password_file) and not is_loopback(host):
        yield "state", f"the password travels unencrypted to {host}"
    if config.state or config.runtime_dir:
        return
    for index, section in enumerate(config.policies):
        if section.settings.daily:
            yield f"policies.{index}.set.daily", "what is spent is forgotten when the sidecar ends; say in `state` where it is to be kept"
            return


def _telemetry(config: Config) -> Iterator[tuple[str, str]]:
    endpoint = config.telemetry.otlp_endpoint
    upstream = Upstream.of(endpoint) if endpoint else None
    if config.telemetry.capture_content and upstream and not upstream.tls and not is_loopback(upstream.host):
        yield "telemetry.capture_content", f"prompts and answers travel unencrypted to {upstream.host}"
