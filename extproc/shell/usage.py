"""The tokens of an answer that passed us by, as one of Envoy's filters has left them in the access log."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from extproc.config.runtime import USAGE_NAMESPACE
from extproc.core.vocabulary import Usage
from extproc.pb.envoy.config.core.v3.base_pb2 import Metadata
from extproc.pb.envoy.data.ai.v3.token_usage_pb2 import TokenUsage


def usage_in(metadata: Metadata) -> Usage | None:
    """Read the usage of `ai_protocol_manager`; None where it found none."""
    told = metadata.typed_filter_metadata.get(USAGE_NAMESPACE)
    return _typed(told.value) if told is not None else None


def _typed(value: bytes) -> Usage | None:
    try:
        told = TokenUsage.FromString(value)
    except DecodeError:  # the message is alpha in Envoy: another release may mean another thing
        return None
    if not told.HasField("input_tokens") and not told.HasField("output_tokens"):
        return None
    read = told.input_token_details
    cached, new = read.cached_tokens.value, read.cache_creation_tokens.value
    return Usage(told.input_tokens.value, told.output_tokens.value, cached, new, told.output_token_details.reasoning_tokens.value)
