"""Logs go to standard error, as text or as JSON lines. Prompts and secrets never do (I33, I35)."""

import logging
import sys
from typing import Any, Literal

_TALKATIVE = {
    "openai": logging.INFO,
    "discord": logging.INFO,
    "httpx2": logging.WARNING,
    "markdown_it": logging.INFO,
    "httpcore2": logging.WARNING,
    "aiosqlite": logging.WARNING,
    "posthog": logging.ERROR,
    "urllib3": logging.INFO,
}
"""Libraries that at lower levels log whole requests or every statement, prompts and tokens included, or each event that
they drop."""
_OUTSPOKEN = ("aiohttp", "asyncio", "discord", "uvicorn")
"""Libraries that log what fails with all that it says: an interaction's token in an address, what a request told."""
_BESIDE_THE_POINT = ("voice will NOT be supported", "This may cause state related issues.")
"""Ends of warnings that don't concern Trilo: it doesn't speak, and has the intent that simcord's own probe lacks."""


def configure_logs(level: str, form: Literal["text", "json"]) -> None:
    """Set the root logger up, once, at the start of a command."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_fit_to_print)
    handler.addFilter(_without_traceback)
    if form == "json":
        from pythonjsonlogger.json import JsonFormatter

        names = {"asctime": "time", "levelname": "level", "name": "logger"}
        handler.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=names))
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, least in _TALKATIVE.items():
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), least))


class _TextFormatter(logging.Formatter):
    """One line an entry, whatever is quoted in it, and a traceback's lines set in: nothing forges an entry, nor paints
    the operator's terminal. In JSON that is so anyway.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return _printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        return "\n".join(f"    {_printable(line)}" for line in super().formatException(ei).split("\n"))


def _printable(text: str) -> str:
    """The text, with what can't be seen written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _is_fit_to_print(record: logging.LogRecord) -> bool:
    """A second look, at the way out: a library may set its own level back (openai does, for OPENAI_LOG=debug)."""
    if record.levelno < _TALKATIVE.get(record.name.partition(".")[0], 0):
        return False
    return not str(record.msg).endswith(_BESIDE_THE_POINT)


def _without_traceback(record: logging.LogRecord) -> bool:
    """Of what failed in a library its kind and line, as of any error: what it says may quote anything (I33, I35)."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None and record.name.partition(".")[0] in _OUTSPOKEN:
        from bot.words import where  # by now whatever that imports is there

        record.msg, record.args = "%s: %s", (record.getMessage().partition("\n")[0], where(error))
        record.exc_info = record.exc_text = None
    return True
