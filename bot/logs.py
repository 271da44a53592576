"""Logs go to standard error, as text or as JSON lines. Prompts and secrets never do (I33, I35)."""

import logging
import sys
from typing import Literal

_TALKATIVE = {
    "openai": logging.INFO,
    "discord": logging.INFO,
    "httpx2": logging.WARNING,
    "httpcore2": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "posthog": logging.ERROR,
    "urllib3": logging.INFO,
}
"""Libraries that at lower levels log whole requests or every statement, prompts and tokens included, or each event that
they drop."""
_BESIDE_THE_POINT = ("voice will NOT be supported", "This may cause state related issues.")
"""Ends of warnings that don't concern Trilo: it doesn't speak, and has the intent that simcord's own probe lacks."""


def configure_logs(level: str, form: Literal["text", "json"]) -> None:
    """Set the root logger up, once, at the start of a command."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_fit_to_print)
    if form == "json":
        from pythonjsonlogger.json import JsonFormatter

        names = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=names))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, least in _TALKATIVE.items():
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), least))


def _is_fit_to_print(record: logging.LogRecord) -> bool:
    """A second look, at the way out: a library may set its own level back (openai does, for OPENAI_LOG=debug)."""
    if record.levelno < _TALKATIVE.get(record.name.partition(".")[0], 0):
        return False
    return not str(record.msg).endswith(_BESIDE_THE_POINT)
