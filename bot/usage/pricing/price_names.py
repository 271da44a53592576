"""Which model a name means. Strict: a name is known, or it is unknown; nothing is matched by a loose prefix (I9).

genai-prices decides by clauses, many of them loose (`starts_with: claude-3-5-sonnet`, `contains: nova-lite`), so that
to it `claude-3-5-sonnet-of-mine` is Claude 3.5 Sonnet. Here its answer is only taken when the name is one of:

1. the model's id, or a literal of one of its `equals` clauses;
2. what an anchored regular expression of its clauses (`^…$`) describes;
3. one of its names or of its loose clauses' literals, followed by nothing but suffixes that mark a version of the
   same model: a date, `-latest`, `-preview`, `-exp`, `-001`, `-v1:0`; for `contains` and `ends_with` also preceded by
   the path a cloud puts before it (`models/`, `publishers/google/models/`, `us.`, `us.anthropic.`, a Bedrock ARN);
4. a fine-tuned model, `ft:BASE:…` or `BASE.ft-…`, whose BASE is itself a known name and whose own price is listed.

Measured over genai-prices 0.2.3: all 3,528 ids and `equals` literals that it prices itself are accepted.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo

PROVIDER_ALIASES = {
    "amazon_bedrock": "aws",
    "azure_ai": "azure",
    "azure_openai": "azure",
    "bedrock": "aws",
    "cohere_chat": "cohere",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "mistralai": "mistral",
    "models": "google",
    "moonshot": "moonshotai",
    "together_ai": "together",
    "vertex_ai": "google",
    "voyage": "voyageai",
    "xai": "x-ai",
}
"""Other words for genai-prices' provider ids, as LiteLLM, OpenRouter and LangChain write them; Gemini's API says
`models/…`."""

MAKERS = (
    "openai",
    "anthropic",
    "google",
    "mistral",
    "cohere",
    "deepseek",
    "x-ai",
    "moonshotai",
    "perplexity",
    "voyageai",
    "minimax",
    "zai",
    "aws",
)
"""Whose names need no provider beside them. Hosts of other people's models are never guessed: their prices differ."""

_DATE = r"20\d\d-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])"
_SHORT_DATE = r"(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])|2[3-9](?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])-20\d\d"
_SUFFIXES = re.compile(rf"(?:[-@](?:{_DATE}|{_SHORT_DATE}|latest|preview|exp|default|00\d)|-v\d(?::\d)?|:\d){{0,4}}")
_SNAPSHOT = re.compile(r"(.+?)[-@](20\d\d)-?(\d\d)-?(\d\d)")
_VENDORS = "ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshotai|nvidia|openai|qwen|writer|zai"
_CLOUD_PATHS = {
    "google": re.compile(r"(?:(?:projects/[^/]+/locations/[^/]+/)?publishers/(?:google|anthropic)/)?models/()"),
    "aws": re.compile(
        r"(?:arn:aws[a-z-]*:bedrock:[^/]*:(?:foundation-model|inference-profile)/)?"
        rf"(?:(?:us|eu|apac|jp|au|ca|in|sa|us-gov|global)\.)?((?:{_VENDORS})\.)?"
    ),
}
"""Their one group is what some clauses name as a part of the model's name: `amazon.` of `us.amazon.nova-lite-v1:0`."""
_FINE_TUNED_TAIL = re.compile(r"[0-9a-f]{16,}(?:-[0-9a-z-]+)?")


def normal(name: str) -> str:
    """The form in which names are compared: trimmed, lower case."""
    return name.strip().lower()


def snapshot_family(name: str) -> str | None:
    """`gpt-4o` of `gpt-4o-2024-08-06` or `gpt-4o-20240806`; None where no real date stands at the end."""
    found = _SNAPSHOT.fullmatch(name)
    if found is None:
        return None
    try:
        date(int(found[2]), int(found[3]), int(found[4]))
    except ValueError:
        return None
    return found[1]


def dashed(name: str) -> str:
    """`gpt-4o-2024-05-13` of `gpt-4o-20240513`, the one snapshot spelt in two ways; other names as they are."""
    family = snapshot_family(name)
    if family is None or name[-3] == "-":
        return name
    return f"{family}-{name[-8:-4]}-{name[-4:-2]}-{name[-2:]}"


def fine_tuned_base(name: str) -> str | None:
    """`gpt-4o-mini-2024-07-18` of `ft:gpt-4o-mini-2024-07-18:org::id`; None for any other name."""
    if not name.startswith("ft:"):
        return None
    return name.split(":")[1]


def spellings(model: str, provider: str | None) -> Iterator[tuple[str, str | None]]:
    """The (name, provider) pairs that a caller's words may stand for, the likeliest first.

    A provider that is given wins. The only exception is `openai` with a name that carries another provider's prefix
    (`azure/gpt-4o`): OpenAI's client talks to every compatible server, and OpenAI's own names have no slash.
    """
    name = normal(model)
    known = _provider_id(provider) if provider is not None else None
    head, slash, rest = name.partition("/")
    prefix = _provider_id(head) if slash and rest else None
    yield name, known
    if known is not None and prefix == known:
        yield rest, known
    elif prefix is not None and known in (None, "openai", "litellm"):
        yield rest, prefix
        yield name, prefix


def strictly_names(info: "ModelInfo", name: str, provider: str) -> bool:
    """Whether `name`, which a clause of `info` matched, really names it, by the rules 1 to 3 above."""
    words = _Vocabulary(info)
    if name in words.literals or any(pattern.fullmatch(name) for pattern in words.patterns):
        return True
    if any(name.startswith(stem) and _SUFFIXES.fullmatch(name, len(stem)) for stem in words.stems):
        return True
    path = _CLOUD_PATHS.get(provider)
    led = path.match(name) if path else None
    return led is not None and any(
        name.startswith(stem, start) and _SUFFIXES.fullmatch(name, start + len(stem))
        for stem in words.inner
        for start in {led.end(), led.start(1)} - {-1}
    )


def strictly_fine_tuned(info: "ModelInfo", name: str) -> bool:
    """Whether `info` lists a price for the fine-tuned `name`, given that its base is known (rule 4)."""
    stems = _Vocabulary(info).stems
    if name.startswith("ft:"):
        return any(stem.startswith("ft:") and name.startswith(stem) for stem in stems)
    return any(
        stem.endswith(".ft") and name.startswith(f"{stem}-") and _FINE_TUNED_TAIL.fullmatch(name, len(stem) + 1)
        for stem in stems
    )


def _provider_id(word: str) -> str:
    word = normal(word)
    return PROVIDER_ALIASES.get(word, word)


class _Vocabulary:
    """What the clauses of a model say, sorted by how far each may be trusted."""

    def __init__(self, info: "ModelInfo") -> None:
        self.literals = {info.id.lower()}
        self.patterns: list[re.Pattern[str]] = []
        self.inner: list[str] = []
        loose = [info.id.lower()]
        clauses: list[Any] = [info.match]
        while clauses:
            for kind, words in vars(clauses.pop()).items():
                if kind in ("or_", "and_"):
                    clauses.extend(words)
                elif kind == "equals":
                    self.literals.add(words.lower())
                elif kind == "regex":
                    self._add_pattern(words)
                else:
                    loose.append(words.lower())
                    if kind != "starts_with":
                        self.inner.append(words.lower())
        self.stems = [stem.rstrip("-@") for stem in (*self.literals, *loose)]

    def _add_pattern(self, regex: str) -> None:
        if regex.startswith("^") and regex.endswith("$"):
            self.patterns.append(re.compile(regex))
