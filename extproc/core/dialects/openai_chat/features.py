"""What Chat Completions requests can hold, and what becomes of each feature in a request that is written here.

Fields are named by their path; a message by its role and a part by its type in brackets, `messages[].content[file].file_id`.
What servers other than OpenAI's have added is read as well, but only what all of them take is written.
"""

from __future__ import annotations

from collections.abc import Mapping

from extproc.core.features import Feature, How

FIELDS: Mapping[str, Feature] = {
    "messages[system]": Feature.SYSTEM,
    "messages[system] later": Feature.SYSTEM_LATER,
    "messages[assistant] last": Feature.PREFILL,
    "messages[].name": Feature.MESSAGE_NAME,
    "messages[].cache_control": Feature.CACHE_MARKS,
    "messages[].content[].cache_control": Feature.CACHE_MARKS,
    "messages[].content[].prompt_cache_breakpoint": Feature.CACHE_MARKS,
    "messages[].content[image_url].image_url": Feature.IMAGE_URL,
    "messages[].content[image_url].image_url data:": Feature.IMAGE_DATA,
    "messages[].content[image_url].detail": Feature.IMAGE_DETAIL,
    "messages[].content[file].file_data": Feature.DOCUMENT_DATA,
    "messages[].content[file].file_data text": Feature.DOCUMENT_TEXT,
    "messages[].content[file].file_id": Feature.PROVIDER_FILE,
    "messages[].content[input_audio]": Feature.AUDIO,
    "messages[].content[other]": Feature.PROVIDER_PART,
    "messages[assistant].audio": Feature.AUDIO,
    "messages[assistant].annotations": Feature.CITATIONS,
    "messages[assistant].reasoning_content": Feature.THOUGHTS,
    "messages[assistant].reasoning": Feature.THOUGHTS,
    "messages[assistant].reasoning_details": Feature.SIGNED_THOUGHTS,
    "messages[assistant].thinking_blocks": Feature.SIGNED_THOUGHTS,
    "messages[assistant].prefix": Feature.PREFILL,
    "messages[assistant].tool_calls[custom]": Feature.CUSTOM_TOOLS,
    "messages[assistant].function_call": Feature.TOOLS,
    "messages[tool].content[]": Feature.RESULT_PARTS,
    "tools[function]": Feature.TOOLS,
    "tools[function].strict": Feature.STRICT_TOOLS,
    "tools[function].cache_control": Feature.CACHE_MARKS,
    "tools[custom]": Feature.CUSTOM_TOOLS,
    "tools[hosted]": Feature.HOSTED_TOOLS,
    "tools[hosted] needed": Feature.HOSTED_NEEDED,
    "functions": Feature.TOOLS,
    "web_search_options": Feature.HOSTED_NEEDED,
    "tool_choice[required]": Feature.CHOICE_REQUIRED,
    "tool_choice[function]": Feature.CHOICE_NAMED,
    "tool_choice[none]": Feature.CHOICE_NONE,
    "tool_choice[allowed_tools]": Feature.CHOICE_ALLOWED,
    "function_call": Feature.CHOICE_NAMED,
    "function_call[required]": Feature.CHOICE_REQUIRED,
    "function_call[none]": Feature.CHOICE_NONE,
    "parallel_tool_calls": Feature.PARALLEL,
    "max_tokens": Feature.MAX_TOKENS,
    "max_completion_tokens": Feature.MAX_TOKENS,
    "stop": Feature.STOP,
    "stop odd": Feature.STOP_ODD,
    "temperature": Feature.TEMPERATURE,
    "top_p": Feature.TOP_P,
    "top_k": Feature.TOP_K,
    "seed": Feature.SEED,
    "frequency_penalty": Feature.PENALTIES,
    "presence_penalty": Feature.PENALTIES,
    "logit_bias": Feature.LOGIT_BIAS,
    "logprobs": Feature.LOGPROBS,
    "n": Feature.SEVERAL,
    "modalities": Feature.MODALITIES,
    "audio": Feature.MODALITIES,
    "response_format[json_object]": Feature.JSON_OBJECT,
    "response_format[json_schema]": Feature.JSON_SCHEMA,
    "response_format[other]": Feature.PROVIDER_PART,
    "verbosity": Feature.VERBOSITY,
    "reasoning_effort": Feature.EFFORT,
    "reasoning": Feature.EFFORT,
    "thinking": Feature.THINKING,
    "enable_thinking": Feature.THINKING,
    "stream": Feature.STREAM,
    "stream_options.include_usage": Feature.STREAM_USAGE,
    "stream_options.include_obfuscation": Feature.STREAM_OPTIONS,
    "user": Feature.USER,
    "safety_identifier": Feature.USER,
    "metadata": Feature.METADATA,
    "prompt_cache_key": Feature.CACHE_KEY,
    "prompt_cache_options": Feature.CACHE_MARKS,
    "prompt_cache_retention": Feature.CACHE_MARKS,
    "prediction": Feature.HINTS,
    "moderation": Feature.HINTS,
    "service_tier": Feature.SERVICE_TIER,
    "store": Feature.STORE,
}
"""What this dialect's requests can hold; a field that does not stand here is `Feature.UNKNOWN`."""

_CARRIED = frozenset(
    {
        Feature.SYSTEM,
        Feature.IMAGE_DATA,
        Feature.IMAGE_URL,
        Feature.IMAGE_DETAIL,
        Feature.DOCUMENT_DATA,
        Feature.TOOLS,
        Feature.CHOICE_REQUIRED,
        Feature.CHOICE_NAMED,
        Feature.CHOICE_NONE,
        Feature.PARALLEL,
        Feature.MAX_TOKENS,
        Feature.STOP,
        Feature.TEMPERATURE,
        Feature.TOP_P,
        Feature.SEED,
        Feature.PENALTIES,
        Feature.LOGIT_BIAS,
        Feature.JSON_OBJECT,
        Feature.JSON_SCHEMA,
        Feature.STREAM,
        Feature.STREAM_USAGE,
    }
)
_APPROXIMATED = frozenset(
    {
        Feature.STOP_ODD,
        Feature.SYSTEM_LATER,
        Feature.DOCUMENT_TEXT,
        Feature.MESSAGE_NAME,
        Feature.PREFILL,
        Feature.THOUGHTS,
        Feature.HOSTED_HISTORY,
        Feature.PART_ORDER,
        Feature.RESULT_ERROR,
        Feature.RESULT_PARTS,
        Feature.CUSTOM_TOOLS,
        Feature.CLIENT_TOOLS,
        Feature.NAMESPACES,
        Feature.STRICT_TOOLS,
        Feature.CHOICE_ALLOWED,
        Feature.VERBOSITY,
        Feature.THINKING,
        Feature.EFFORT,
        Feature.USER,
    }
)
_REFUSED = frozenset(
    {
        Feature.DOCUMENT_URL,
        Feature.PROVIDER_FILE,
        Feature.PROVIDER_PART,
        Feature.AUDIO,
        Feature.HOSTED_NEEDED,
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
