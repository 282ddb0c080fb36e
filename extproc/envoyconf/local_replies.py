"""What Envoy itself answers on LLM paths, in the dialect of the path."""

from __future__ import annotations

from extproc.config.model import Config
from extproc.config.runtime import METADATA_NAMESPACE
from extproc.core.vocabulary import Dialect, Outcome
from extproc.envoyconf.parts import Node, extension

ENDS = {Dialect.ANTHROPIC: "messages", Dialect.OPENAI_CHAT: "chat/completions", Dialect.OPENAI_RESPONSES: "responses"}
"""How the paths of LLM calls end."""
INTERRUPTED = "The gateway was interrupted; please try again."

# The processor has gone in the midst of a response, before any of it was out. Envoy has a status for that, and no words.
_BROKEN_OFF: Node = {
    "extension_filter": extension(
        "envoy.access_loggers.extension_filters.cel",
        "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
        expression="response.code == 503 && response.code_details.startsWith('ext_proc_error')",
    )
}

# To Envoy the processor's immediate response is a local reply, too. It has its dialect already, so this mapper takes it and does nothing.
_OURS: Node = {
    "filter": {
        "metadata_filter": {
            "matcher": {
                "filter": METADATA_NAMESPACE,
                "path": [{"key": "outcome"}],
                "value": {"string_match": {"safe_regex": {"regex": f"{Outcome.RESCUED}|{Outcome.FAILED}"}}},
            },
            "match_if_key_not_found": False,
        }
    }
}


def local_replies(config: Config) -> Node:
    """Envoy's own errors on LLM paths, in the dialect of the path; the first that fits."""
    too_large = f"The request is larger than {config.limits.max_body_bytes} bytes, the most that this gateway takes."
    failed = "%LOCAL_REPLY_BODY%"
    refused = "The gateway refused the request: %RESPONSE_CODE_DETAILS%."  # for these Envoy has no words of its own
    return {
        "mappers": [
            *_mappers((_BROKEN_OFF, "api_error", "server_error", INTERRUPTED)),
            _OURS,
            *_mappers(
                (_status("EQ", 413), "request_too_large", "invalid_request_error", too_large),
                (_status("EQ", 504), "timeout_error", "server_error", failed),
                (_status("GE", 500), "api_error", "server_error", failed),
                (_status("GE", 400), "invalid_request_error", "invalid_request_error", refused),
            ),
        ]
    }


def _mappers(*kinds: tuple[Node, str, str, str]) -> list[Node]:
    """Give those of all dialects, by kinds of error: which, its Anthropic name, its OpenAI name, its message."""
    return [
        _mapper(path, which, _error_body(of_anthropic, of_openai, message, anthropic=dialect is Dialect.ANTHROPIC))
        for dialect, path in ENDS.items()
        for which, of_anthropic, of_openai, message in kinds
    ]


def _status(relation: str, status: int) -> Node:
    return {"status_code_filter": {"comparison": {"op": relation, "value": {"default_value": status, "runtime_key": "cascade.none"}}}}


def _error_body(of_anthropic: str, of_openai: str, message: str, *, anthropic: bool) -> Node:
    if anthropic:
        return {"type": "error", "error": {"type": of_anthropic, "message": message}}
    return {"error": {"message": message, "type": of_openai, "param": None, "code": None}}


def _mapper(path: str, which: Node, body: Node) -> Node:
    # By then the path may have been rewritten for the provider; its end stays.
    on_path = {"header_filter": {"header": {"name": ":path", "string_match": {"safe_regex": {"regex": rf"[^?]*/{path}(\?.*)?"}}}}}
    return {
        "filter": {"and_filter": {"filters": [on_path, which]}},
        "body_format_override": {"json_format": body, "content_type": "application/json"},
    }
