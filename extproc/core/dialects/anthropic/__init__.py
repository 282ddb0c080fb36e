from extproc.core.dialects.anthropic.request import Anthropic as Anthropic
