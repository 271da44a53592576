"""The commands that look after the books, one module each: `add` makes its arguments, and it prints its result."""

import argparse
from typing import Protocol


class Commands(Protocol):
    """Where `argparse` takes another command; its own class for that has no public name."""

    def add_parser(self, name: str, *, help: str, description: str | None = None) -> argparse.ArgumentParser:  # noqa: A002
        """The arguments of a new command."""
