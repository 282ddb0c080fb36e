"""Routes: LLM calls by path, dialect and target; everything else to the origin, without the processor or a size limit.

A request that fails open carries no target header, so its route is the verify model's, as if we did not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extproc.config.endpoints import Endpoint, Upstream, endpoints
from extproc.config.model import Config
from extproc.config.runtime import METADATA_NAMESPACE, PROBE_PATH, TARGET_HEADER
from extproc.core.dialects import DIALECTS
from extproc.core.steps.policies import CERTIFICATE_HEADER, PLAN_HEADER
from extproc.core.vocabulary import COUNT_PATH, HELD, PATHS, TRACER_HEADER, Dialect, Mode, Role
from extproc.envoyconf import usage
from extproc.envoyconf.clusters import ORIGIN
from extproc.envoyconf.local_replies import INTERRUPTED
from extproc.envoyconf.parts import EXT_PROC, SIZE_LIMIT, Node, patience_s, seconds, typed

_CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization", "cookie")
_PRIVATE = (
    TARGET_HEADER,
    PLAN_HEADER,
    CERTIFICATE_HEADER,
    TRACER_HEADER,
    "x-cascade-id",
    "x-forwarded-proto",
    "x-request-id",
    "x-envoy-external-address",
    "x-envoy-internal",
)
"""Headers that only Envoy and we exchange. A provider has no use for them, and the client's address is none of its business."""
_TOLD = {"outcome": "outcome", "model": "model", "rules": "rules", "trace-id": "trace_id"}


def client_routes(config: Config) -> list[Node]:
    """Give the routes of the client listener, first match first."""
    return [
        _probe(),
        *_upgrades(config),
        *_llm_calls(config, processed=is_processed(config)),
        *_count_tokens(config),
        *_rest(config),
    ]


def is_processed(config: Config) -> bool:
    """Whether any request is our business: in mode `off` only where a policy says otherwise."""
    return config.mode is not Mode.OFF or any(section.settings.mode not in {None, Mode.OFF} for section in config.policies)


def processed_paths(config: Config) -> tuple[str, ...]:
    """Name the paths of LLM calls that are handed to the processor."""
    verifies = _served(config, Role.VERIFY)
    return tuple(
        path for path, dialect in PATHS.items() if is_processed(config) and (config.models.verify.translate or dialect in verifies)
    )


def intercepted_routes(config: Config, host: str, cluster: str) -> list[Node]:
    """Give the routes of calls to a provider by its own name: what is no LLM call goes on to it, with whatever credential it carries."""
    rest = _bypass(config, f"{host} /", {"prefix": "/"}, _action(config, cluster, Upstream(host, 443, True, "")), forward=True)
    return [*_upgrades(config), *_llm_calls(config, processed=is_processed(config)), *_count_tokens(config), rest]


def egress_routes(config: Config) -> list[Node]:
    """Give the routes of the listener for our own calls: the same, by the target header, and never through the processor."""
    return list(_llm_calls(config, processed=False))


def origin_of(config: Config) -> Upstream:
    """Say where requests go that are no LLM call."""
    return Upstream.of(config.origin.base_url if config.origin else config.models.verify.base_url)


def _probe() -> Node:
    """Answered by the processor when it is in the path; what Envoy answers without it is the bad news."""
    return {
        "name": "probe",
        "match": {"path": PROBE_PATH},
        "direct_response": {"status": 503},
        "typed_per_filter_config": {EXT_PROC: _PROCESSED},
    }


def _upgrades(config: Config) -> Iterator[Node]:
    """WebSocket requests hang in a processor that buffers bodies (envoy#47081), so they pass it by."""
    is_upgrade = {"name": "upgrade", "string_match": {"exact": "websocket", "ignore_case": True}}
    for dialect, endpoint in _served(config, Role.VERIFY).items():
        path = next(path for path, of in PATHS.items() if of is dialect)
        match = {"path": path, "headers": [is_upgrade]}
        yield _bypass(config, f"{path} upgrade", match, _to_endpoint(config, endpoint, path), endpoint.forward)


def _llm_calls(config: Config, *, processed: bool) -> Iterator[Node]:
    drafts, verifies = _served(config, Role.DRAFT), _served(config, Role.VERIFY)
    is_post = {"name": ":method", "string_match": {"exact": "POST"}}
    to_draft = {"name": TARGET_HEADER, "string_match": {"exact": str(Role.DRAFT)}}
    held = {"name": TARGET_HEADER, "string_match": {"exact": HELD}}
    translated = config.models.verify.translate
    held_paths = processed_paths(config) if processed else ()
    for path, dialect in PATHS.items():
        if path in held_paths:
            yield _held(f"{path} {HELD}", {"path": path, "headers": [is_post, held]}, dialect)
        if dialect in drafts:
            yield _llm(config, path, {"path": path, "headers": [is_post, to_draft]}, drafts[dialect], processed=processed)
        if dialect in verifies:
            yield _llm(config, path, {"path": path, "headers": [is_post]}, verifies[dialect], processed=processed)
        elif processed and translated:
            # Without the processor nobody can translate, so what fails open is told to come again.
            yield _held(f"{path} untranslated", {"path": path, "headers": [is_post]}, dialect)


def _held(name: str, match: Node, dialect: Dialect) -> Node:
    """A request whose response is the processor's from its first byte to its last; this error stands in until then, and if it dies."""
    body = DIALECTS[dialect].error(503, INTERRUPTED).decode()
    told = _told({name: f"%DYNAMIC_METADATA({METADATA_NAMESPACE}:{key})%" for name, key in _TOLD.items()})
    told["response_headers_to_add"].append(_header("content-type", "application/json"))
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": 503, "body": {"inline_string": body}},
        **told,
        "typed_per_filter_config": {EXT_PROC: _PROCESSED},
    }


def _llm(config: Config, path: str, match: Node, endpoint: Endpoint, *, processed: bool) -> Node:
    action = _to_endpoint(config, endpoint, path)
    if endpoint.role is not Role.DRAFT:
        # Only what certainly was not processed is tried again: a second answer would cost a second time.
        action["retry_policy"] = {"retry_on": "connect-failure,refused-stream", "num_retries": 2}
    elif processed:
        # Silence counts per try, so a draft that streams for long is not cut; a silent one becomes a 504 that we can replace.
        # Our own calls watch for silence themselves: of two clocks with the same time, now one and now the other would say why.
        action["retry_policy"] = {"num_retries": 0, "per_try_idle_timeout": seconds(config.draft.timeout_s)}
    filters = usage.on_route(config, endpoint.dialect)
    if processed:
        filters[EXT_PROC] = _PROCESSED
    return {
        "name": f"{path} {endpoint.role}",
        "match": match,
        "route": action,
        "request_headers_to_remove": _removed(config, forward=endpoint.forward),
        # Envoy's usage filter does not read compressed answers, and a compressor would hold tokens back.
        "request_headers_to_add": [_header("accept-encoding", "identity")],
        **_told({name: f"%DYNAMIC_METADATA({METADATA_NAMESPACE}:{key})%" for name, key in _TOLD.items()}),
        "typed_per_filter_config": filters,
    }


# The processor hears only of routes that say so. If it were on for all, Envoy would also hold the answer to a request without a
# route (headers too large, not HTTP) for it, and close the connection before that answer is out.
_PROCESSED = typed("envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute", overrides={})
# What is not buffered need not be small: file uploads, and WebSockets, whose bytes add up over hours.
_UNLIMITED = typed("envoy.config.route.v3.FilterConfig", disabled=True)


def _count_tokens(config: Config) -> Iterator[Node]:
    """To the verify model where it counts in this dialect; else the processor asks the draft model, or estimates."""
    verify, draft = (_served(config, role).get(Dialect.ANTHROPIC) for role in (Role.VERIFY, Role.DRAFT))
    if verify is not None:
        yield _bypass(config, COUNT_PATH, {"path": COUNT_PATH}, _to_endpoint(config, verify, COUNT_PATH), verify.forward)
    elif config.models.verify.translate and is_processed(config):
        if draft is not None:
            match = {"path": COUNT_PATH, "headers": [{"name": TARGET_HEADER, "string_match": {"exact": str(Role.DRAFT)}}]}
            yield _bypass(config, f"{COUNT_PATH} draft", match, _to_endpoint(config, draft, COUNT_PATH), draft.forward)
        yield _held(COUNT_PATH, {"path": COUNT_PATH}, Dialect.ANTHROPIC)


def _rest(config: Config) -> Iterator[Node]:
    upstream = origin_of(config)
    verify = config.models.verify
    # A key of our own is never injected here: it would open the provider's whole API to every client.
    forward = config.origin.api_key == "forward" if config.origin else verify.api_key_env is None and verify.api_key_file is None
    for prefix in ("/v1/", "/") if upstream.root else ("/",):
        action = _action(config, ORIGIN, upstream)
        rewritten = upstream.path(prefix.rstrip("/")) + "/"
        if rewritten != prefix:
            action["prefix_rewrite"] = rewritten
        yield _bypass(config, f"origin {prefix}", {"prefix": prefix}, action, forward)


def _bypass(config: Config, name: str, match: Node, action: Node, forward: bool) -> Node:
    return {
        "name": name,
        "match": match,
        "route": action,
        "request_headers_to_remove": _removed(config, forward=forward),
        **_told({"outcome": "BYPASSED"}),
        "typed_per_filter_config": {SIZE_LIMIT: _UNLIMITED},
    }


def _to_endpoint(config: Config, endpoint: Endpoint, path: str) -> Node:
    action = _action(config, endpoint.cluster, endpoint.upstream)
    target = endpoint.upstream.path(path)
    if target != path:
        action["prefix_rewrite"] = target  # on an exact path this replaces the path and keeps the query
    return action


def _action(config: Config, cluster: str, upstream: Upstream) -> Node:
    return {
        "cluster": cluster,
        "timeout": "0s",  # an answer may stream for as long as it comes
        "idle_timeout": seconds(patience_s(config)),
        "host_rewrite_literal": upstream.authority,
    }


def _served(config: Config, role: Role) -> dict[Dialect, Endpoint]:
    return {endpoint.dialect: endpoint for endpoint in endpoints(config) if endpoint.role is role}


def _removed(config: Config, *, forward: bool) -> list[str]:
    told = config.identity.jwt_payload_header
    return [*_PRIVATE, *((told.lower(),) if told else ()), *(() if forward else _CREDENTIALS)]


def _told(values: dict[str, str]) -> dict[str, Any]:
    """Our response headers; an upstream's of the same names are removed first, and an empty value adds no header."""
    names = [f"x-cascade-{name}" for name in _TOLD]
    return {
        "response_headers_to_remove": names,
        "response_headers_to_add": [_header(f"x-cascade-{name}", value) for name, value in values.items()],
    }


def _header(name: str, value: str) -> Node:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
