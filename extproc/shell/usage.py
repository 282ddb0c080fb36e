"""The tokens of an answer that passed us by, as one of Envoy's filters has left them in the access log."""

from __future__ import annotations

from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct

from extproc.config.runtime import COUNTS_NAMESPACE, USAGE_NAMESPACE
from extproc.core.books import MOST_TOKENS, plausible
from extproc.core.vocabulary import Usage
from extproc.pb.envoy.config.core.v3.base_pb2 import Metadata
from extproc.pb.envoy.data.ai.v3.token_usage_pb2 import TokenUsage


def usage_in(metadata: Metadata) -> Usage | None:
    """Read the usage that `ai_protocol_manager` found, or else `json_to_metadata` or `sse_to_metadata`; None where there is none."""
    told = metadata.typed_filter_metadata.get(USAGE_NAMESPACE)
    if told is not None:
        return _typed(told.value)
    counts = metadata.filter_metadata.get(COUNTS_NAMESPACE)
    return _counted(counts) if counts is not None else None


def _typed(value: bytes) -> Usage | None:
    try:
        told = TokenUsage.FromString(value)
    except DecodeError:  # the message is alpha in Envoy: another release may mean another thing
        return None
    if told.extraction_status in _BROKEN_OFF or not (told.HasField("input_tokens") or told.HasField("output_tokens")):
        return None
    cached = new = 0
    if told.HasField("input_token_details"):
        read = told.input_token_details
        cached, new = read.cached_tokens.value, read.cache_creation_tokens.value
    reasoning = told.output_token_details.reasoning_tokens.value if told.HasField("output_token_details") else 0
    return plausible(Usage(told.input_tokens.value, told.output_tokens.value, cached, new, reasoning))


_BROKEN_OFF = {TokenUsage.PARTIAL, TokenUsage.FAILED}


def _counted(counts: Struct) -> Usage | None:
    """Read numbers that were copied out of an answer. Without a count of its output it was not told to its end."""
    told = {key: int(value.number_value) for key, value in counts.fields.items() if abs(value.number_value) < MOST_TOKENS}
    if "output" not in told:
        return None
    cached, written = told.get("cached", 0), told.get("written", 0)
    read = told["fresh"] + cached + written if "fresh" in told else told.get("input", 0)
    return plausible(Usage(read, told["output"], cached, written, told.get("reasoning", 0)))
