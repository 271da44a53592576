"""Posts the reports that servers have asked for: each period once, also after a restart or an outage."""

import asyncio
import hashlib
import logging

import discord
from discord.ext import commands, tasks

from bot.alerts.turns import Turns
from bot.client import Trilo
from bot.discord_failures import DISCORD_FAILED
from bot.operation_titles import title_of
from bot.translation import speaking
from bot.usage.alerting.deliveries import Delivery
from bot.usage.alerting.scheduled_reports import DueReport
from bot.usage.budgeting.budgets import Budget, Scope
from bot.usage.errors import UsageError
from bot.words import where
from cogs._kit.channels import NoChannelError, everyone_reads, writable
from cogs._kit.language import server_language
from cogs._kit.look import NOBODY
from cogs._kit.names import Names, Reader, can_view
from cogs._spend.report import ReportFacts, read_report, report_view

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
AT_ONCE = 8
"""Reports on their way at once, one for each server."""
REFUSED_TRIES = 10
"""So many times, over an hour, a channel that is gone or closed to us is tried before the report is left out."""


class ReportsCog(commands.Cog):
    """A loop over the books: what is owed stands there, so it doesn't matter when it runs."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot
        self._reports = bot.services.tracker.scheduled_reports
        self._turns = Turns(AT_ONCE)

    async def cog_load(self) -> None:
        """Begin, once the bot knows its servers."""
        self._loop.start()

    async def cog_unload(self) -> None:
        """Stop; a report on its way is taken up again when its lease has run out."""
        self._loop.cancel()

    async def post_due(self) -> None:
        """Post every report that is due on this process's servers, side by side: no slow channel holds up another's.

        Raises `DatabaseUnavailableError`.
        """
        found = [(self.bot.get_guild(due.guild_id), due) for due in await self._reports.due()]
        async with asyncio.TaskGroup() as posting:
            for guild, due in found:
                if guild is not None and not guild.unavailable:
                    # Else it is another process's, one we have left, or one that Discord has lost sight of for now.
                    posting.create_task(self._claim_and_post(guild, due))

    async def _claim_and_post(self, guild: discord.Guild, due: DueReport) -> None:
        async with self._turns.take(guild.id):
            try:
                delivery = await self._reports.claim(due)
                if delivery is not None:
                    await self._post(guild, due, delivery)
            except UsageError as error:
                log.warning("the report of server %d waits: %s", guild.id, error)

    @tasks.loop(seconds=EVERY_SECONDS)
    async def _loop(self) -> None:
        try:
            await self.post_due()
        except UsageError as error:
            log.warning("reports wait for now: %s", error)
        except Exception as error:  # noqa: BLE001 - one fault must not silence every later report
            log.error("reports can't be posted: %s", where(error))  # noqa: TRY400

    @_loop.before_loop
    async def _wait_until_ready(self) -> None:
        await self.bot.wait_until_ready()

    async def _post(self, guild: discord.Guild, due: DueReport, delivery: Delivery) -> None:
        try:
            await self._send(guild, due)
        except (NoChannelError, discord.Forbidden, discord.NotFound) as refused:
            await self._reports.failed(delivery, type(refused).__name__)
            if delivery.attempts >= REFUSED_TRIES:
                log.warning("the report of server %d is left out: its channel can't be written in", guild.id)
                await self._reports.posted(due, delivery)
        except DISCORD_FAILED as error:
            log.warning("the report of server %d waits: %s", guild.id, where(error))
            await self._reports.failed(delivery, "Discord was out of reach")
        except Exception as error:  # noqa: BLE001 - one faulty report must not starve the servers after it
            log.error("the report of server %d failed: %s", guild.id, where(error))  # noqa: TRY400
            await self._reports.failed(delivery, type(error).__name__)
        else:
            await self._reports.posted(due, delivery)

    async def _send(self, guild: discord.Guild, due: DueReport) -> None:
        channel = writable(guild, due.channel_id)
        reader = guild.default_role if everyone_reads(channel) else None
        facts = await read_report(self.bot.services.tracker, due, with_members=reader is None)
        hidden = {one.budget.id for one in facts.standings if _is_hidden(guild, one.budget, reader)}
        with speaking(await server_language(self.bot, guild)):
            names = await _names(guild, facts, reader)
            view = report_view(facts, names, hidden)
        await channel.send(view=view, nonce=_nonce(due), allowed_mentions=NOBODY)


async def _names(guild: discord.Guild, facts: ReportFacts, reader: Reader | None) -> dict[str, str]:
    """Names for the rows. `reader` is everybody's role, where everybody reads the report: then no member is named, and
    no channel that not everybody can view.
    """
    names = Names(guild)
    found = {row.key: title_of(row.key) for row in facts.operations.rows}
    found |= names.channels([row.key for row in facts.channels.rows], reader)
    return found | await names.members([row.key for row in facts.members.rows] if facts.members else [])


def _is_hidden(guild: discord.Guild, budget: Budget, reader: Reader | None) -> bool:
    """Whether the reader isn't told what a budget is for, by the same rule as names in the rows."""
    if reader is None:
        return False
    if budget.scope is Scope.CHANNEL:
        return not can_view(guild, budget.scope_id, reader)
    return budget.scope is Scope.USER


def _nonce(due: DueReport) -> str:
    """The same for every try at this report, so that Discord drops a repeat."""
    return hashlib.sha256(due.event_id.encode()).hexdigest()[:25]


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(ReportsCog(bot))
