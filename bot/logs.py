"""Logs go to standard error, as text or as JSON lines. Prompts and secrets never do (I33, I35)."""

import logging
import sys
from typing import Literal

_TALKATIVE = {"openai": "INFO", "discord": "INFO", "httpx2": "WARNING", "httpx": "WARNING", "aiosqlite": "WARNING"}
"""Libraries that at lower levels log whole requests or every statement, prompts and tokens included."""


def configure_logs(level: str, form: Literal["text", "json"]) -> None:
    """Set the root logger up, once, at the start of a command."""
    handler = logging.StreamHandler(sys.stderr)
    if form == "json":
        from pythonjsonlogger.json import JsonFormatter

        names = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=names))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, least in _TALKATIVE.items():
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), logging.getLevelName(least)))
