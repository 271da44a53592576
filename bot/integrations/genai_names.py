"""The names of OpenTelemetry's GenAI semantic conventions, as of semantic-conventions 1.44, and ours beside them.

They are in development and still change; they are all here, so that a later version is one file. A test compares them
with the package `opentelemetry-semantic-conventions`, whose own constants for them move from release to release.
"""

from bot.usage.records import Kind, OpenCall

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"

OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
TIME_TO_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHE_READ_INPUT_TOKENS = "gen_ai.usage.cache_read.input_tokens"
CACHE_CREATION_INPUT_TOKENS = "gen_ai.usage.cache_creation.input_tokens"
REASONING_OUTPUT_TOKENS = "gen_ai.usage.reasoning.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - no password
CONVERSATION_ID = "gen_ai.conversation.id"
AGENT_NAME = "gen_ai.agent.name"
SERVICE_TIER = "openai.response.service_tier"
ERROR_TYPE = "error.type"

TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105 - no password
OPERATION_DURATION = "gen_ai.client.operation.duration"
TOKEN_BUCKETS = tuple(float(4**power) for power in range(14))
DURATION_BUCKETS = tuple(0.01 * 2**power for power in range(14))
"""Seconds. Both are the boundaries that the conventions ask for."""

COST = "trilo.cost"
"""Ours, as all that follow: a metric in USD. The conventions have no name for money."""
UNPRICED_CALLS = "trilo.unpriced_calls"
COST_USD = "trilo.cost.usd"
COST_NANO_USD = "trilo.cost.nano_usd"
TRILO_OPERATION = "trilo.operation"
CALL_ID = "trilo.call.id"
GUILD_ID = "trilo.guild.id"
ESTIMATED = "trilo.estimated"
ATTEMPTS = "trilo.attempts"

_PROVIDERS = {
    "azure": "azure.ai.openai",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "x-ai": "x_ai",
}
_OPERATIONS = {Kind.EMBEDDING: "embeddings", Kind.IMAGE: "generate_content", Kind.AUDIO: "generate_content"}


def operation_name(call: OpenCall) -> str:
    """What kind of call it was, in the conventions' words: our operations have names of their own."""
    return "text_completion" if call.api == "completions" else _OPERATIONS.get(call.kind, "chat")


def provider_name(label: str) -> str:
    """A provider's name there, by its label on the record; most are the same, and an unknown host is its own."""
    return _PROVIDERS.get(label, label)
