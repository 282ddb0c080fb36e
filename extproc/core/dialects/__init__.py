"""The wire APIs, a folder each.

What each must give stands in `contract`, what their request sides share in `base`; `DIALECTS` is all that others need.
"""

from __future__ import annotations

from collections.abc import Mapping

from extproc.core.dialects.anthropic import Anthropic
from extproc.core.dialects.contract import DialectSpec
from extproc.core.dialects.openai_chat import OpenAIChat
from extproc.core.dialects.openai_responses import OpenAIResponses
from extproc.core.vocabulary import Dialect

DIALECTS: Mapping[Dialect, DialectSpec] = {spec.name: spec for spec in (Anthropic(), OpenAIChat(), OpenAIResponses())}
