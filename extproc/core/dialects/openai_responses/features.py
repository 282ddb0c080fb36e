"""What requests can hold, and what becomes of each feature in a request that is written here.

Fields are named by their path; an item of the input by its type in brackets, `input[message].content[input_image]`.
"""

from __future__ import annotations

from collections.abc import Mapping

from extproc.core.features import Feature, How

FIELDS: Mapping[str, Feature] = {
    "instructions": Feature.SYSTEM,
    "input[system]": Feature.SYSTEM,
    "input[system] later": Feature.SYSTEM_LATER,
    "input[assistant] last": Feature.PREFILL,
    "input[assistant] behind calls": Feature.PART_ORDER,
    "input[].content[input_image].image_url": Feature.IMAGE_URL,
    "input[].content[input_image].image_url data:": Feature.IMAGE_DATA,
    "input[].content[input_image].detail": Feature.IMAGE_DETAIL,
    "input[].content[input_image].file_id": Feature.PROVIDER_FILE,
    "input[].content[input_file].file_data": Feature.DOCUMENT_DATA,
    "input[].content[input_file].file_data text": Feature.DOCUMENT_TEXT,
    "input[].content[input_file].file_url": Feature.DOCUMENT_URL,
    "input[].content[input_file].file_id": Feature.PROVIDER_FILE,
    "input[].content[input_audio]": Feature.AUDIO,
    "input[].content[].annotations": Feature.CITATIONS,
    "input[].content[].detail": Feature.IMAGE_DETAIL,
    "input[].content[].prompt_cache_breakpoint": Feature.CACHE_MARKS,
    "input[].content[other]": Feature.PROVIDER_PART,
    "input[function_call_output].output[]": Feature.RESULT_PARTS,
    "input[custom_tool_call]": Feature.CUSTOM_TOOLS,
    "input[client call]": Feature.CLIENT_TOOLS,
    "input[tool_search]": Feature.HINTS,
    "input[reasoning].summary": Feature.THOUGHTS,
    "input[reasoning].encrypted_content": Feature.SIGNED_THOUGHTS,
    "input[hosted call]": Feature.HOSTED_HISTORY,
    "input[compaction]": Feature.SERVER_STATE,
    "input[item_reference]": Feature.SERVER_STATE,
    "input[other]": Feature.PROVIDER_PART,
    "tools[function]": Feature.TOOLS,
    "tools[function].strict": Feature.STRICT_TOOLS,
    "tools[function].allowed_callers": Feature.HINTS,
    "tools[function].async": Feature.HINTS,
    "tools[function].defer_loading": Feature.HINTS,
    "tools[function].output_schema": Feature.HINTS,
    "tools[custom]": Feature.CUSTOM_TOOLS,
    "tools[custom].allowed_callers": Feature.HINTS,
    "tools[custom].async": Feature.HINTS,
    "tools[custom].defer_loading": Feature.HINTS,
    "tools[client]": Feature.CLIENT_TOOLS,
    "tools[namespace]": Feature.NAMESPACES,
    "tools[hosted]": Feature.HOSTED_TOOLS,
    "tools[hosted] needed": Feature.HOSTED_NEEDED,
    "tools[screen]": Feature.HOSTED_NEEDED,
    "tool_choice[required]": Feature.CHOICE_REQUIRED,
    "tool_choice[none]": Feature.CHOICE_NONE,
    "tool_choice[function]": Feature.CHOICE_NAMED,
    "tool_choice[allowed_tools]": Feature.CHOICE_ALLOWED,
    "parallel_tool_calls": Feature.PARALLEL,
    "max_tool_calls": Feature.HOSTED_TOOLS,
    "max_output_tokens": Feature.MAX_TOKENS,
    "temperature": Feature.TEMPERATURE,
    "top_p": Feature.TOP_P,
    "top_logprobs": Feature.LOGPROBS,
    "text.format[json_object]": Feature.JSON_OBJECT,
    "text.format[json_schema]": Feature.JSON_SCHEMA,
    "text.format[other]": Feature.PROVIDER_PART,
    "text.verbosity": Feature.VERBOSITY,
    "reasoning.effort": Feature.EFFORT,
    "reasoning.summary": Feature.THINKING_SHOWN,
    "reasoning.generate_summary": Feature.THINKING_SHOWN,
    "reasoning.context": Feature.HINTS,
    "reasoning.mode": Feature.HINTS,
    "include": Feature.THINKING_SHOWN,
    "include[logprobs]": Feature.LOGPROBS,
    "stream": Feature.STREAM,
    "stream_options": Feature.STREAM_OPTIONS,
    "user": Feature.USER,
    "safety_identifier": Feature.USER,
    "metadata": Feature.METADATA,
    "client_metadata": Feature.METADATA,
    "prompt_cache_key": Feature.CACHE_KEY,
    "prompt_cache_retention": Feature.CACHE_MARKS,
    "prompt_cache_options": Feature.CACHE_MARKS,
    "service_tier": Feature.SERVICE_TIER,
    "store": Feature.STORE,
    "previous_response_id": Feature.SERVER_STATE,
    "conversation": Feature.SERVER_STATE,
    "prompt": Feature.SERVER_STATE,
    "truncation": Feature.CONTEXT_EDITS,
    "context_management": Feature.CONTEXT_EDITS,
    "background": Feature.BACKGROUND,
    "background_options": Feature.HINTS,
    "moderation": Feature.HINTS,
    "access_programs": Feature.HINTS,
    "image": Feature.HINTS,
}
"""What this dialect's requests can hold; a field that does not stand here is `Feature.UNKNOWN`."""

_CARRIED = frozenset(
    {
        Feature.SYSTEM,
        Feature.SYSTEM_LATER,
        Feature.IMAGE_DATA,
        Feature.IMAGE_URL,
        Feature.IMAGE_DETAIL,
        Feature.DOCUMENT_DATA,
        Feature.DOCUMENT_URL,
        Feature.PART_ORDER,
        Feature.RESULT_PARTS,
        Feature.TOOLS,
        Feature.CUSTOM_TOOLS,
        Feature.CHOICE_REQUIRED,
        Feature.CHOICE_NAMED,
        Feature.CHOICE_NONE,
        Feature.CHOICE_ALLOWED,
        Feature.PARALLEL,
        Feature.MAX_TOKENS,
        Feature.TEMPERATURE,
        Feature.TOP_P,
        Feature.JSON_OBJECT,
        Feature.JSON_SCHEMA,
        Feature.VERBOSITY,
        Feature.STREAM,
        Feature.STREAM_USAGE,
        Feature.METADATA,
    }
)
_APPROXIMATED = frozenset(
    {
        Feature.DOCUMENT_TEXT,
        Feature.MESSAGE_NAME,
        Feature.PREFILL,
        Feature.RESULT_ERROR,
        Feature.HOSTED_HISTORY,
        Feature.NAMESPACES,
        Feature.CLIENT_TOOLS,
        Feature.STRICT_TOOLS,
        Feature.STOP,
        Feature.STOP_ODD,
        Feature.THINKING,
        Feature.EFFORT,
        Feature.THINKING_SHOWN,
        Feature.USER,
        Feature.CACHE_KEY,
        Feature.SERVICE_TIER,
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
