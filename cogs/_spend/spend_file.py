"""A period's calls as a file, CSV or JSON Lines, for whoever looks at a server's spend."""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator
from typing import IO, cast

import discord

from bot.client import Trilo, answer_privately
from bot.translation import _, mark
from bot.usage.reporting.export import Format, export_text
from bot.usage.reporting.reports import Days
from bot.usage.reporting.single_calls import bounds
from bot.usage.tracker import UsageTracker
from cogs._kit.look import NOBODY
from cogs._spend.spend import Choice

IN_MEMORY = 4 << 20
"""Bytes beyond which what is written goes to a file on disk."""
WORDS = mark("Every call of these days, oldest first; times are UTC. No text of a message is in it.")
NOTHING = mark("There is no single call on the books in these days, so there is nothing to export.")
TOO_LARGE = mark(
    "That would be more than the {most} MB that Discord takes as a file here. Choose a shorter period, "
    "then press that again."
)


async def send_file(
    interaction: discord.Interaction[Trilo], tracker: UsageTracker, guild: discord.Guild, choice: Choice, form: Format
) -> None:
    """Answer an acknowledged press with the file, to the person alone, or with words where there is none.

    Raises `DatabaseUnavailableError`.
    """
    period = choice.period
    days = period if isinstance(period, Days) else await tracker.reports.days(guild.id, period)
    first, after = bounds(days, await tracker.reports.zone(guild.id))
    await tracker.force_flush()
    pages = export_text(tracker.database, form, guild_id=guild.id, since=first, until=after)
    most = interaction.filesize_limit
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        size = await _write(pages, file, most)
        if size == 0:
            await answer_privately(interaction, _(NOTHING))
            return
        if size > most:
            await answer_privately(interaction, _(TOO_LARGE, most=most // 1024**2))
            return
        file.seek(0)
        of_days = f"until-{days.last}" if days.first.year == 1 else f"{days.first}-to-{days.last}"
        sent = discord.File(cast("io.BufferedIOBase", file), f"calls-{of_days}.{form}")
        await interaction.followup.send(_(WORDS), file=sent, ephemeral=True, allowed_mentions=NOBODY)


async def _write(pages: AsyncIterator[str], file: IO[bytes], most: int) -> int:
    """Write the text, in a thread; how many bytes it took. Stops beyond `most`."""
    size = 0
    async for text in pages:
        size += await asyncio.to_thread(file.write, text.encode())
        if size > most:
            break
    return size
