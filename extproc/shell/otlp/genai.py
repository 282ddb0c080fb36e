"""Names of OpenTelemetry's GenAI conventions (open-telemetry/semantic-conventions-genai, in development), and who serves a model.

They are a table of our own: the package of conventions calls every one of them deprecated since they have moved to another repository.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from extproc.config.endpoints import Endpoint
from extproc.core.vocabulary import Dialect

OPERATION = "gen_ai.operation.name"
CHAT = "chat"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
STREAM = "gen_ai.request.stream"
RESPONSE_MODEL = "gen_ai.response.model"
FINISH_REASONS = "gen_ai.response.finish_reasons"
FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
"""Seconds, of streamed answers."""
INPUT_TOKENS = "gen_ai.usage.input_tokens"
"""Cached tokens included."""
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE = "gen_ai.usage.cache_creation.input_tokens"
REASONING = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - a name
SYSTEM = "gen_ai.system_instructions"
INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
SERVER = "server.address"
PORT = "server.port"
ERROR = "error.type"
STATUS = "http.response.status_code"

_PROVIDERS = (
    ("openai.azure.com", "azure.ai.openai"),
    ("services.ai.azure.com", "azure.ai.inference"),
    ("openai.com", "openai"),
    ("anthropic.com", "anthropic"),
    ("deepseek.com", "deepseek"),
    ("amazonaws.com", "aws.bedrock"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("mistral.ai", "mistral_ai"),
    ("groq.com", "groq"),
    ("x.ai", "x_ai"),
    ("perplexity.ai", "perplexity"),
    ("cohere.com", "cohere"),
    ("moonshot.ai", "moonshot_ai"),
)
"""Ends of host names, and the conventions' name of who serves there."""


@dataclass(frozen=True, slots=True)
class Server:
    """Who answers a call."""

    provider: str
    host: str
    port: int


Servers = Mapping[tuple[str, str], Server]
"""By role and dialect."""


def servers(endpoints: Iterable[Endpoint]) -> Servers:
    """Tell who serves the models; under the dialect `""` who serves a role at all."""
    made: dict[tuple[str, str], Server] = {}
    for endpoint in endpoints:
        server = Server(provider(endpoint.upstream.host, endpoint.dialect), endpoint.upstream.host, endpoint.upstream.port)
        made[str(endpoint.role), str(endpoint.dialect)] = server
        made.setdefault((str(endpoint.role), ""), server)
    return made


def provider(host: str, dialect: Dialect) -> str:
    """Name a provider by its host; of an unknown one what its API is like says as much as its telemetry needs."""
    named = next((name for end, name in _PROVIDERS if host == end or host.endswith(f".{end}")), "")
    return named or ("anthropic" if dialect is Dialect.ANTHROPIC else "openai")
