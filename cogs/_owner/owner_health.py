"""The view of `/owner health`: what runs, whether it reaches Discord and its books, and what needs somebody's hand."""

import asyncio
import math
import platform
from collections.abc import Iterator, Sequence
from datetime import datetime
from time import perf_counter

import discord
from discord.utils import format_dt

from bot.alerts.outside import Outside
from bot.client import Trilo
from bot.figures import counted
from bot.usage.alerting.deliveries import Trouble
from bot.usage.errors import UsageError
from bot.usage.health import database_bytes, version
from bot.usage.records import SpendLine
from bot.usage.tracker import UsageTracker
from bot.words import words_for
from cogs._kit.controls import Press
from cogs._kit.look import separated
from cogs._kit.tables import plain, shorten
from cogs._owner.owner import OwnerView

SHOWN = 5
"""Of each kind of trouble, in one answer."""
ADDRESS_COLUMNS = 80
_SLOW_SECONDS = 0.1
"""A turn of the event loop beyond this holds up everybody."""


class HealthView(OwnerView):
    """Sections on Discord, the books, prices and alerts. What can't be read says so, and the rest stands."""

    def __init__(self, interaction: discord.Interaction[Trilo], started_at: datetime) -> None:
        super().__init__(interaction, "/owner health")
        self._started_at = started_at
        self._loop_seconds = 0.0
        self._stored = ""

    async def load(self) -> None:
        """Measure a turn of the event loop, and ask the database, which may be away."""
        began = perf_counter()
        await asyncio.sleep(0)
        self._loop_seconds = perf_counter() - began
        try:
            self._stored = await _stored(self.tracker, self._bot.outside)
        except UsageError as error:
            self._stored = f"⚠️ {words_for(error)}"

    def draw(self) -> None:
        """What this process knows first, then what the books say."""
        texts = [self._heading(), _discord_words(self._bot), _books_words(self.tracker), self._stored]
        self.frame(*separated(texts))
        self.add_item(discord.ui.ActionRow(Press("Refresh", self.redraw, custom_id="owner-health:refresh")))

    def _heading(self) -> str:
        turn = f"{self._loop_seconds * 1000:.2f} ms"
        slow = "⚠️ " if self._loop_seconds > _SLOW_SECONDS else ""
        return (
            f"## Trilo {version()}\n"
            f"-# Up since {format_dt(self._started_at, 'R')} · discord.py {discord.__version__} · "
            f"Python {platform.python_version()} · {slow}event loop: {turn} a turn"
        )


def _discord_words(bot: Trilo) -> str:
    """Servers, shards and the slowest of them, those that aren't connected by number."""
    shards = sorted(bot.shards.values(), key=lambda shard: shard.id)
    down = [shard.id for shard in shards if shard.is_closed() or shard.is_ws_ratelimited()]
    latencies = [(shard.latency, shard.id) for shard in shards if math.isfinite(shard.latency)]
    lines = [f"**Discord** · {counted(len(bot.guilds), 'server')} on {counted(len(shards), 'shard')}"]
    if latencies:
        slowest, number = max(latencies)
        mean = sum(latency for latency, _ in latencies) / len(latencies)
        lines.append(f"Latency {mean * 1000:.0f} ms on average; the slowest is shard {number}, {slowest * 1000:.0f} ms")
    if down:
        named = ", ".join(map(str, down[:SHOWN])) + (" …" if len(down) > SHOWN else "")
        lines.append(f"⚠️ Not connected, or held back by Discord: shard {named}")
    return "\n".join(lines)


def _books_words(tracker: UsageTracker) -> str:
    """What is being written, and everything that ever went wrong with that in this process."""
    ledger = tracker.ledger
    written = f"last written {format_dt(ledger.written_at, 'R')}" if ledger.written_at else "nothing written yet"
    waiting = counted(ledger.queue_length, "entry", "entries")
    lines = [f"**Books** · {written} · {waiting} waiting · {counted(len(tracker.calls), 'call')} in flight"]
    if ledger.is_away:
        lines.append("⚠️ **The database takes nothing just now**: what leaves is kept until it is back.")
    troubles = [
        (ledger.faults, "transaction", "failed and was tried again"),
        (ledger.journalled, "call", "left with the journal alone, to be booked from there"),
        (ledger.unrecorded, "call", "left before it was on record anywhere"),
        (ledger.dropped, "call", "never got on the books"),
        (ledger.unreadable, "line", "of a journal couldn't be read"),
    ]
    told = [f"⚠️ {counted(count, one)} {what}" for count, one, what in troubles if count]
    return "\n".join([*lines, *(told or ["Nothing has gone wrong since the start."])])


async def _stored(tracker: UsageTracker, outside: Outside) -> str:
    """Size, prices, and the addresses that alerts don't reach. Raises `DatabaseUnavailableError`."""
    size = await database_bytes(tracker.database)
    kind = "PostgreSQL" if tracker.database.shared else "SQLite"
    models = await tracker.reports.spend(None, "30d", "model")
    unpriced = [row for row in models.rows if row.unpriced_calls]
    dead = await outside.dead_targets(tracker.alerts)
    return "\n".join(
        [
            f"**Database** · {kind}, {_size(size)}",
            f"**Prices** · {await asyncio.to_thread(tracker.prices.described)}",
            *_unpriced(unpriced),
            f"**Alerts** · {'not all arrive' if dead else 'no address refuses them'}",
            *_unreached(dead),
        ]
    )


def _unpriced(rows: Sequence[SpendLine]) -> Iterator[str]:
    if not rows:
        yield "Every model of the last 30 days has a price."
        return
    named = [f"`{shorten(plain(row.key), 40)}` ({counted(row.unpriced_calls, 'call')})" for row in rows[:SHOWN]]
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    yield f"⚠️ Without a price in the last 30 days: {', '.join(named)}{more}. `/owner prices` says what to do."


def _unreached(dead: Sequence[tuple[str, Trouble]]) -> Iterator[str]:
    """Addresses that alerts don't reach, longest first."""
    if not dead:
        return
    oldest = sorted(dead, key=lambda found: found[1].since)
    named = [
        f"`{shorten(label, ADDRESS_COLUMNS)}` (since {format_dt(trouble.since, 'd')})"
        for label, trouble in oldest[:SHOWN]
    ]
    more = f" and {len(oldest) - SHOWN:,} more" if len(oldest) > SHOWN else ""
    yield f"⚠️ Alerts don't reach: {', '.join(named)}{more}"


def _size(size: int) -> str:
    """`340 KB`, `12.3 MB`, `1.2 GB`."""
    if size < 10**6:
        return f"{size / 10**3:.0f} KB"
    return f"{size / 10**6:.1f} MB" if size < 10**9 else f"{size / 10**9:.1f} GB"
