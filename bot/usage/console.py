"""The `[Token Usage]` line: one a call, on standard output, written by a thread so that a slow pipe holds up nobody."""

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from bot.usage.money import format_console_cost
from bot.usage.records import Kind, UsageRecord

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
    return printable(line)


def printable(text: str) -> str:
    """A line as a terminal may have it: callers choose names, and some characters command a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


class Console:
    """Prints the lines of booked calls in order. `skipped` counts those that standard output would not take."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self.skipped = 0
        self._shown = self._taken = 0
        self._refused = False
        self._write = write or _write_stdout
        self._batches: SimpleQueue[Sequence[UsageRecord] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._print_forever, name="console", daemon=True)
        self._thread.start()

    def show(self, records: Sequence[UsageRecord]) -> None:
        """Queue the lines of some booked calls. A payment's fee took no tokens and has none."""
        if self._shown - self._taken + len(records) > QUEUE_LIMIT:
            self.skipped += len(records)
            return
        self._shown += len(records)
        self._batches.put(records)

    def close(self, patience_seconds: float = 2.0) -> None:
        """Print what is queued and stop; a stuck pipe is given up after the patience."""
        self._batches.put(None)
        self._thread.join(patience_seconds)

    def _print_forever(self) -> None:
        while (records := self._batches.get()) is not None:
            try:
                calls = (record for record in records if record.call.kind is not Kind.PAYMENT)
                self._write("".join(f"{console_line(record)}\n" for record in calls))
            except Exception as error:  # noqa: BLE001 - no trouble with the output may end the thread
                self.skipped += len(records)
                if not self._refused:
                    self._refused = True
                    log.warning("standard output takes no lines: %s", type(error).__name__)
            self._taken += len(records)


def _write_stdout(text: str) -> None:
    """What the output's encoding lacks becomes a question mark, as in a terminal of a time before emoji."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()
