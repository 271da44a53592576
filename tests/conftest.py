"""For every test: what the bot sends must be valid."""

from collections.abc import Iterator

import pytest

from tests.discord_description import Sent, all_valid


@pytest.fixture(autouse=True)
def everything_sent() -> Iterator[Sent]:
    """Everything a bot inside simcord sends is checked against Discord's description; a wrong body fails its test."""
    with all_valid() as sent:
        yield sent
