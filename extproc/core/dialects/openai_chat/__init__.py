from extproc.core.dialects.openai_chat.request import OpenAIChat as OpenAIChat
