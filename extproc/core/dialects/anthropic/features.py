"""What Messages requests can hold, and what becomes of each feature in a request that is written here.

Fields are named by their path; a block by its type in brackets, `messages[].content[image].source[url]`.
"""

from __future__ import annotations

from collections.abc import Mapping

from extproc.core.features import Feature, How

FIELDS: Mapping[str, Feature] = {
    "system": Feature.SYSTEM,
    "system[].cache_control": Feature.CACHE_MARKS,
    "system[].citations": Feature.CITATIONS,
    "system[].billing": Feature.HINTS,
    "cache_control": Feature.CACHE_MARKS,
    "messages[system]": Feature.SYSTEM_LATER,
    "messages[system].output_config": Feature.EFFORT,
    "messages[assistant] last": Feature.PREFILL,
    "messages[].content[text].cache_control": Feature.CACHE_MARKS,
    "messages[].content[text].citations": Feature.CITATIONS,
    "messages[].content[text] behind tool_use": Feature.PART_ORDER,
    "messages[].content[image].source[base64]": Feature.IMAGE_DATA,
    "messages[].content[image].source[url]": Feature.IMAGE_URL,
    "messages[].content[image].source[file]": Feature.PROVIDER_FILE,
    "messages[].content[image].transformations": Feature.HINTS,
    "messages[].content[image].cache_control": Feature.CACHE_MARKS,
    "messages[].content[document].source[base64]": Feature.DOCUMENT_DATA,
    "messages[].content[document].source[text]": Feature.DOCUMENT_TEXT,
    "messages[].content[document].source[content]": Feature.DOCUMENT_TEXT,
    "messages[].content[document].source[url]": Feature.DOCUMENT_URL,
    "messages[].content[document].source[file]": Feature.PROVIDER_FILE,
    "messages[].content[document].context": Feature.DOCUMENT_TEXT,
    "messages[].content[document].citations": Feature.CITATIONS,
    "messages[].content[document].cache_control": Feature.CACHE_MARKS,
    "messages[].content[search_result]": Feature.DOCUMENT_TEXT,
    "messages[].content[search_result].citations": Feature.CITATIONS,
    "messages[].content[search_result].cache_control": Feature.CACHE_MARKS,
    "messages[].content[thinking]": Feature.SIGNED_THOUGHTS,
    "messages[].content[thinking] unsigned": Feature.THOUGHTS,
    "messages[].content[redacted_thinking]": Feature.SIGNED_THOUGHTS,
    "messages[].content[tool_use].cache_control": Feature.CACHE_MARKS,
    "messages[].content[tool_use].caller": Feature.HINTS,
    "messages[].content[tool_use].toolset_name": Feature.CLIENT_TOOLS,
    "messages[].content[tool_result].is_error": Feature.RESULT_ERROR,
    "messages[].content[tool_result].cache_control": Feature.CACHE_MARKS,
    "messages[].content[tool_result].toolset_name": Feature.CLIENT_TOOLS,
    "messages[].content[tool_result].content[]": Feature.RESULT_PARTS,
    "messages[].content[tool_result].content[tool_reference]": Feature.CLIENT_TOOLS,
    "messages[].content[hosted]": Feature.HOSTED_HISTORY,
    "messages[].content[container_upload]": Feature.PROVIDER_FILE,
    "messages[].content[other]": Feature.PROVIDER_PART,
    "tools[custom]": Feature.TOOLS,
    "tools[custom].strict": Feature.STRICT_TOOLS,
    "tools[custom].cache_control": Feature.CACHE_MARKS,
    "tools[custom].allowed_callers": Feature.HINTS,
    "tools[custom].defer_loading": Feature.HINTS,
    "tools[custom].eager_input_streaming": Feature.HINTS,
    "tools[custom].input_examples": Feature.HINTS,
    "tools[client]": Feature.CLIENT_TOOLS,
    "tools[screen]": Feature.PROVIDER_PART,
    "tools[hosted]": Feature.HOSTED_TOOLS,
    "tools[hosted] needed": Feature.HOSTED_NEEDED,
    "mcp_servers": Feature.HOSTED_NEEDED,
    "tool_choice[any]": Feature.CHOICE_REQUIRED,
    "tool_choice[tool]": Feature.CHOICE_NAMED,
    "tool_choice[none]": Feature.CHOICE_NONE,
    "tool_choice.disable_parallel_tool_use": Feature.PARALLEL,
    "max_tokens": Feature.MAX_TOKENS,
    "stop_sequences": Feature.STOP,
    "stop_sequences odd": Feature.STOP_ODD,
    "temperature": Feature.TEMPERATURE,
    "top_p": Feature.TOP_P,
    "top_k": Feature.TOP_K,
    "output_config.format": Feature.JSON_SCHEMA,
    "output_format": Feature.JSON_SCHEMA,
    "output_config.effort": Feature.EFFORT,
    "output_config.task_budget": Feature.HINTS,
    "thinking": Feature.THINKING,
    "thinking.display": Feature.THINKING_SHOWN,
    "stream": Feature.STREAM,
    "metadata.user_id": Feature.USER,
    "user_profile_id": Feature.USER,
    "workspace_id": Feature.HINTS,
    "service_tier": Feature.SERVICE_TIER,
    "speed": Feature.HINTS,
    "inference_geo": Feature.HINTS,
    "billing_policy": Feature.HINTS,
    "diagnostics": Feature.HINTS,
    "fallbacks": Feature.HINTS,
    "fallback_credit_token": Feature.HINTS,
    "block_binding": Feature.HINTS,
    "thread[create]": Feature.STORE,
    "thread[continue]": Feature.SERVER_STATE,
    "container": Feature.SERVER_STATE,
    "context_management": Feature.CONTEXT_EDITS,
    "compaction": Feature.CONTEXT_EDITS,
}
"""What this dialect's requests can hold; a field that does not stand here is `Feature.UNKNOWN`."""

_CARRIED = frozenset(
    {
        Feature.SYSTEM,
        Feature.CACHE_MARKS,
        Feature.IMAGE_DATA,
        Feature.IMAGE_URL,
        Feature.DOCUMENT_DATA,
        Feature.DOCUMENT_TEXT,
        Feature.DOCUMENT_URL,
        Feature.PART_ORDER,
        Feature.RESULT_ERROR,
        Feature.RESULT_PARTS,
        Feature.TOOLS,
        Feature.CHOICE_REQUIRED,
        Feature.CHOICE_NAMED,
        Feature.CHOICE_NONE,
        Feature.PARALLEL,
        Feature.MAX_TOKENS,
        Feature.STOP,
        Feature.STREAM,
        Feature.STREAM_USAGE,
        Feature.USER,
    }
)
_APPROXIMATED = frozenset(
    {
        Feature.STOP_ODD,
        Feature.SYSTEM_LATER,
        Feature.MESSAGE_NAME,
        Feature.PREFILL,
        Feature.HOSTED_HISTORY,
        Feature.CUSTOM_TOOLS,
        Feature.CLIENT_TOOLS,
        Feature.NAMESPACES,
        Feature.CHOICE_ALLOWED,
        Feature.JSON_OBJECT,
        Feature.JSON_SCHEMA,
        Feature.THINKING,
        Feature.EFFORT,
        Feature.THINKING_SHOWN,
    }
)
_REFUSED = frozenset(
    {
        Feature.PROVIDER_FILE,
        Feature.PROVIDER_PART,
        Feature.AUDIO,
        Feature.HOSTED_NEEDED,
        Feature.LOGIT_BIAS,
        Feature.LOGPROBS,
        Feature.SEVERAL,
        Feature.MODALITIES,
        Feature.SERVER_STATE,
        Feature.BACKGROUND,
    }
)


def _how(feature: Feature) -> How:
    if feature in _CARRIED:
        return How.CARRIED
    if feature in _APPROXIMATED:
        return How.APPROXIMATED
    return How.REFUSED if feature in _REFUSED else How.DROPPED


CARRIES: Mapping[Feature, How] = {feature: _how(feature) for feature in Feature}
