"""Who serves a base address: the label on the record, and the provider that prices are looked up under."""

from functools import lru_cache
from typing import NamedTuple

import httpx2

_HOSTS = {
    "openai.com": "openai",
    "openai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
    "openrouter.ai": "openrouter",
    "googleapis.com": "google",
    "anthropic.com": "anthropic",
    "groq.com": "groq",
    "mistral.ai": "mistral",
    "deepseek.com": "deepseek",
    "x.ai": "x-ai",
    "together.xyz": "together",
    "fireworks.ai": "fireworks",
    "perplexity.ai": "perplexity",
    "cohere.com": "cohere",
    "cohere.ai": "cohere",
    "novita.ai": "novita",
}


class Provider(NamedTuple):
    """`label` is stored with the record; `price_id` is None where only the model's name can tell the price."""

    label: str
    price_id: str | None


def provider_of(base_url: httpx2.URL) -> Provider:
    """The provider behind an address; a host we don't know is its own label."""
    return _provider_of_host(base_url.host)


def price_id_of(label: str) -> str | None:
    """The provider that the prices of a record with that label are looked up under."""
    return label if label in _HOSTS.values() else None


@lru_cache(maxsize=256)
def _provider_of_host(host: str) -> Provider:
    for suffix, name in _HOSTS.items():
        if host == suffix or host.endswith("." + suffix):
            return Provider(name, name)
    return Provider(host or "unknown", None)
