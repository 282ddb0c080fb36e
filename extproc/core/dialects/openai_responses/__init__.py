from extproc.core.dialects.openai_responses.request import OpenAIResponses as OpenAIResponses
