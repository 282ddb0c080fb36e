"""The wire APIs, one file each. What they share stands in `base`; `DIALECTS` is all that others need."""

from __future__ import annotations

from collections.abc import Mapping

from extproc.core.dialects.anthropic import Anthropic
from extproc.core.dialects.base import DialectSpec
from extproc.core.dialects.openai_chat import OpenAIChat
from extproc.core.dialects.openai_responses import OpenAIResponses
from extproc.core.vocabulary import Dialect

DIALECTS: Mapping[Dialect, DialectSpec] = {spec.name: spec for spec in (Anthropic(), OpenAIChat(), OpenAIResponses())}
