"""For every test: what the bot sends must be valid."""

import os
from collections.abc import Iterator

import pytest

from tests.discord_description import Sent, all_valid


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests wait for timers, processes and disks a third of their time."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def everything_sent() -> Iterator[Sent]:
    """Everything a bot inside simcord sends is checked against Discord's description; a wrong body fails its test."""
    with all_valid() as sent:
        yield sent
