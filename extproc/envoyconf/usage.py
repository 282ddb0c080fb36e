"""How Envoy reads the tokens of an answer that it carries, in native code: one of two sources, chosen by `telemetry.usage_source`.

`ai_protocol_manager` knows the three dialects by itself and says whether it has seen a usage whole; alpha in Envoy 1.40. `to_metadata`
are two older filters which copy numbers out of JSON bodies and of server-sent events; `shell.usage` reads what they copy. Both stand
before ext_proc, so on the way back they see the answer that the client gets, and both are on only where a model answers.
"""

from __future__ import annotations

from extproc.config.model import Config
from extproc.config.runtime import COUNTS_NAMESPACE, USAGE_NAMESPACE
from extproc.core.vocabulary import Dialect
from extproc.envoyconf.parts import FROM_JSON, FROM_SSE, USAGE, Node, extension, typed

_PROTOCOLS = {
    Dialect.ANTHROPIC: "ANTHROPIC_MESSAGES",
    Dialect.OPENAI_CHAT: "OPENAI_CHAT_COMPLETIONS",
    Dialect.OPENAI_RESPONSES: "OPENAI_RESPONSES",
}
_MANAGER = "envoy.extensions.filters.http.ai_protocol_manager.v3"
_JSON = "envoy.extensions.filters.http.json_to_metadata.v3.JsonToMetadata"
_LARGEST_EVENT = 10_485_760
"""The most that Envoy allows; the last event of the Responses API repeats the whole answer."""

# Where each dialect tells its tokens (in a body, or in the data of an event) → our name for them.
_ANTHROPIC = {
    "usage.input_tokens": "fresh",
    "usage.cache_read_input_tokens": "cached",
    "usage.cache_creation_input_tokens": "written",
    "usage.output_tokens": "output",
}
_CHAT = {
    "usage.prompt_tokens": "input",
    "usage.completion_tokens": "output",
    "usage.prompt_tokens_details.cached_tokens": "cached",
    "usage.completion_tokens_details.reasoning_tokens": "reasoning",
}
_RESPONSES = {
    "usage.input_tokens": "input",
    "usage.output_tokens": "output",
    "usage.input_tokens_details.cached_tokens": "cached",
    "usage.output_tokens_details.reasoning_tokens": "reasoning",
}
_BODIES = {Dialect.ANTHROPIC: _ANTHROPIC, Dialect.OPENAI_CHAT: _CHAT, Dialect.OPENAI_RESPONSES: _RESPONSES}
_EVENTS = [
    # Messages begins with the input and ends with the output, and may correct the input there: what comes later counts. What it says
    # of the output in the beginning is left out, so that half an answer does not pass for a whole one.
    *[(f"message.{place}", name) for place, name in _ANTHROPIC.items() if name != "output"],
    *_ANTHROPIC.items(),
    *_CHAT.items(),
    *[(f"response.{place}", name) for place, name in _RESPONSES.items()],
]


def filters(config: Config) -> list[Node]:
    """Give the filters of a listener."""
    if config.telemetry.usage_source == "to_metadata":
        parser = extension(
            "envoy.content_parsers.json",
            "envoy.extensions.content_parsers.json.v3.JsonContentParser",
            rules=[{"rule": _rule(place, name)} for place, name in _EVENTS],
        )
        events = extension(
            FROM_SSE,
            "envoy.extensions.filters.http.sse_to_metadata.v3.SseToMetadata",
            response_rules={"content_parser": parser, "max_event_size": _LARGEST_EVENT},
        )
        return [{**extension(FROM_JSON, _JSON, **_body_rules(Dialect.ANTHROPIC)), "disabled": True}, events]
    usage = {"include_unconfigured_routes": False, "metadata_namespace": USAGE_NAMESPACE}
    return [extension(USAGE, f"{_MANAGER}.AiProtocolManager", response_handling={"token_usage": usage})]


def on_route(config: Config, dialect: Dialect) -> dict[str, Node]:
    """Set them up for a route whose answers are a model's, of this dialect."""
    if config.telemetry.usage_source == "to_metadata":
        return {FROM_JSON: typed(_JSON, **_body_rules(dialect))}
    return {USAGE: typed(f"{_MANAGER}.AiProtocolManagerPerRoute", response={"llm_protocol": _PROTOCOLS[dialect]})}


def there_only(config: Config, routes: list[Node]) -> list[Node]:
    """Switch them off for all other routes: streams of other things are none of their business."""
    if config.telemetry.usage_source == "to_metadata":
        for route in routes:
            filters = route.setdefault("typed_per_filter_config", {})
            if FROM_JSON not in filters:
                filters[FROM_SSE] = typed("envoy.config.route.v3.FilterConfig", disabled=True)
    return routes


def _body_rules(dialect: Dialect) -> Node:
    return {"response_rules": {"rules": [_rule(place, name) for place, name in _BODIES[dialect].items()]}}


def _rule(place: str, name: str) -> Node:
    told = {"metadata_namespace": COUNTS_NAMESPACE, "key": name, "type": "NUMBER"}
    return {"selectors": [{"key": key} for key in place.split(".")], "on_present": told}
