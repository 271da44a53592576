"""The log: whatever is quoted in it, an entry is a line, and looks like one."""

import logging
import re
from collections.abc import Iterator

import pytest

from bot.logs import configure_logs

FORGED = "x\r\n2026-01-01 00:00:00,000 ERROR   root: forged \x1b[31m\x07\u202e"


LINE_END = "x\\r\\n"
"""How the first of it is written out."""


def failing() -> None:
    raise ValueError(FORGED)


@pytest.fixture
def root() -> Iterator[None]:
    """The root logger as it was before."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:], logger.level = handlers, level


@pytest.mark.usefixtures("root")
def test_no_text_of_anybody_forges_an_entry(capsys: pytest.CaptureFixture[str]) -> None:
    """Names, codes and errors of a provider: in a message, and in an error that a library logs with its traceback."""
    configure_logs("INFO", "text")
    logging.getLogger("discord").warning("the channel %s is gone", FORGED)
    try:
        failing()
    except ValueError:
        logging.getLogger("apprise").exception("it failed")
    first, second, *traceback = capsys.readouterr().err.removesuffix("\n").split("\n")
    written = "x\\r\\n2026-01-01 00:00:00,000 ERROR   root: forged \\x1b[31m\\x07\\u202e"
    assert re.sub(r"^[\d-]+ [\d:,]+ ", "", first) == f"WARNING discord: the channel {written} is gone"
    assert re.sub(r"^[\d-]+ [\d:,]+ ", "", second) == "ERROR   apprise: it failed"
    assert traceback[0] == "    Traceback (most recent call last):"
    assert traceback[-2:] == ["    ValueError: x\\r", f"    {written.removeprefix(LINE_END)}"]
    assert all(line.isprintable() for line in traceback)


@pytest.mark.usefixtures("root")
def test_nor_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("INFO", "json")
    logging.getLogger("discord").warning("the channel %s is gone", FORGED)
    (line,) = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert line.isprintable()
    assert '"level": "WARNING"' in line


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("library", ["uvicorn.error", "asyncio", "discord.client", "aiohttp.server"])
def test_of_what_failed_in_a_library_its_kind_and_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """I33, I35: what an error says may quote a question, or an address with a token in it."""
    for name in (library, library.partition(".")[0]):  # a stub in another test may have set up uvicorn's own log
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    configure_logs("INFO", "text")
    try:
        failing()
    except ValueError:
        logging.getLogger(library).exception("it failed\n")
    (line,) = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert re.search(rf"ERROR   {library}: it failed: ValueError at .*test_logs.py:\d+$", line)
