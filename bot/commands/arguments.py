"""What is written on the command line, read: each raises what `argparse` tells the person."""

import argparse
from collections.abc import Callable
from datetime import UTC, datetime


def a_guild(text: str) -> int:
    """A server's id."""
    if not text.isdecimal() or len(text) > 19 or int(text) > 2**63 - 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no server's id: turn on Developer Mode in Discord to copy one")
    return int(text)


def a_port(text: str) -> int:
    """A port to listen at."""
    if not text.isdecimal() or len(text) > 5 or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: choose from 1 to 65535")
    return int(text)


def number_of_days(fewest: int, most: int) -> Callable[[str], int]:
    """What reads one between these bounds."""

    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > 5 or not fewest <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} isn't a number of days from {fewest} to {most}")
        return int(text)

    return read


def a_date(text: str) -> datetime:
    """An ISO 8601 date or time, UTC where it names no zone."""
    try:
        return read_at(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).replace("`at`", "it")) from None


def read_at(value: object) -> datetime:
    """The same, wherever it was read. Raises `ValueError` with words."""
    try:
        at = datetime.fromisoformat(value)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"`at` must be an ISO 8601 date or time, not {value!r}") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
