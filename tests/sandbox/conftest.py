"""The stand-in model and a client for it."""

from collections.abc import AsyncIterator

import pytest
from openai import AsyncOpenAI

from bot.sandbox.stand_in_model import StandInModel


@pytest.fixture
async def model() -> AsyncIterator[StandInModel]:
    async with StandInModel(latency=0, token_delay=0) as running:
        yield running


@pytest.fixture
async def client(model: StandInModel) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="sandbox", base_url=model.base_url, max_retries=0) as connected:
        yield connected
