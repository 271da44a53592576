"""The `[Token Usage]` line: one a call, on standard output, written by a thread so that a slow pipe holds up nobody."""

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from bot.usage.money import format_console_cost
from bot.usage.records import UsageRecord

log = logging.getLogger(__name__)
QUEUE_LIMIT = 100_000
"""Lines a stuck standard output may hold back before further ones are counted instead of kept."""


def console_line(record: UsageRecord) -> str:
    """The line for one booked call: tokens, cost in USD with five decimals, duration in milliseconds.

    After that, where it applies, the server and whether the counts are estimated.
    """
    settled = record.settlement
    attribution = record.call.attribution
    line = (
        f"[Token Usage] {attribution.operation} | {record.model} | "
        f"In: {settled.usage.input_tokens} Out: {settled.usage.output_tokens} | "
        f"Cost: {format_console_cost(settled.price.cost_nano_usd)} | {settled.duration_ms}ms"
    )
    if attribution.guild_id:
        line += f" | guild {attribution.guild_id}"
    if settled.estimated:
        line += " | estimated"
    return line if line.isprintable() else "".join(c if c.isprintable() else "?" for c in line)


class Console:
    """Prints the lines of booked calls in order. `skipped` counts those that standard output would not take."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self.skipped = 0
        self._write = write or _write_stdout
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._print_forever, name="console", daemon=True)
        self._thread.start()

    def show(self, records: Sequence[UsageRecord]) -> None:
        """Queue the lines of some booked calls."""
        if self._lines.qsize() > QUEUE_LIMIT:
            self.skipped += len(records)
            return
        self._lines.put("".join(f"{console_line(record)}\n" for record in records))

    def close(self, patience_seconds: float = 2.0) -> None:
        """Print what is queued and stop; a stuck pipe is given up after the patience."""
        self._lines.put(None)
        self._thread.join(patience_seconds)

    def _print_forever(self) -> None:
        while (lines := self._lines.get()) is not None:
            try:
                self._write(lines)
            except (OSError, ValueError) as error:
                if not self.skipped:
                    log.warning("standard output takes no lines: %s", error)
                self.skipped += lines.count("\n")


def _write_stdout(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
