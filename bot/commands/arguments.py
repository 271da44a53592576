"""What is written on the command line, read: each raises what `argparse` tells the person."""

import argparse
from datetime import datetime

from bot.price_command import read_at


def a_guild(text: str) -> int:
    """A server's id."""
    if not text.isdecimal() or len(text) > 19 or int(text) > 2**63 - 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no server's id: turn on Developer Mode in Discord to copy one")
    return int(text)


def a_date(text: str) -> datetime:
    """An ISO 8601 date or time, UTC where it names no zone."""
    try:
        at = read_at(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).replace("`at`", "it")) from None
    assert at is not None  # noqa: S101 - only None is read as None
    return at
