"""Delivers the alerts that are owed, whenever they fired: a loop over the books, so restarts and outages lose none."""

import asyncio
import logging

import discord
from discord.ext import commands, tasks

from bot.alerts.facts import read_facts
from bot.alerts.provider import ProviderWatch
from bot.client import Trilo, answer_privately
from bot.usage.alert_book import MAIN, SERVER, Owed
from bot.usage.alert_rows import Alert, AlertKind
from bot.usage.budgets import FULL, Budget
from bot.usage.errors import UsageError
from bot.words import where, words_for
from cogs._access import NOT_A_MANAGER, may_manage
from cogs._alert_channel import NoChannelError, alert_channel, everyone_reads
from cogs._alert_courier import Courier
from cogs._views.alert import AlertButton, AlertView
from cogs._views.look import NOBODY

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
AT_ONCE = 8
"""Messages to Discord on their way at once, so that a slow channel doesn't hold up the others."""


class AlertsCog(commands.Cog):
    """The bell beside the path of calls: nothing here is waited for by any of them (I20)."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot
        self._tracker = bot.services.tracker
        self._watch = ProviderWatch()
        self._courier = Courier(bot)
        self._sending: set[asyncio.Task[None]] = set()
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def cog_load(self) -> None:
        """Listen to finished calls, and to presses on alerts sent before this start."""
        self._tracker.subscribe(self._watch.see)
        self.bot.add_dynamic_items(AlertButton)
        self._loop.start()

    async def cog_unload(self) -> None:
        """Stop; what is on its way is taken up again when its lease has run out."""
        self._loop.cancel()
        for task in self._sending:
            task.cancel()
        self.bot.remove_dynamic_items(AlertButton)

    async def deliver_owed(self) -> None:
        """Take up what has fired, try everything that is due. Raises `DatabaseUnavailableError`."""
        book, settings = self._tracker.alerts, self.bot.services.settings
        await self._watch.settle(book)
        ours = self.bot.outside.operator_targets if settings.alerts_outside else []
        for alert in await book.take_up(ours, with_addresses=settings.alerts_outside):
            log.warning("%s", _log_line(alert))
        begun = [self._begin(owed) for owed in await book.due() if self._is_ours(owed) and self._is_free(owed)]
        if to_discord := [
            task for task in begun if task.get_name() in MAIN
        ]:  # what goes outside may take long, and its lease keeps it from being tried twice
            await asyncio.wait(to_discord)

    def _is_free(self, owed: Owed) -> bool:
        """An address outside Discord gets one message at a time; the next one waits for the next round."""
        return owed.target in MAIN or owed.target not in {task.get_name() for task in self._sending}

    def _begin(self, owed: Owed) -> asyncio.Task[None]:
        task = asyncio.create_task(self._deliver(owed), name=owed.target)
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
        return task

    @tasks.loop(seconds=EVERY_SECONDS)
    async def _loop(self) -> None:
        try:
            await self.deliver_owed()
        except UsageError as error:
            log.warning("alerts stay owed for now: %s", error)
        except Exception as error:  # noqa: BLE001 - one fault must not silence every later alert
            log.error("alerts can't be delivered: %s", where(error))  # noqa: TRY400

    @_loop.before_loop
    async def _wait_until_ready(self) -> None:
        await self.bot.wait_until_ready()

    @commands.Cog.listener()
    async def on_trilo_test_alert(self, interaction: discord.Interaction[Trilo], budget: Budget) -> None:
        """The Test button of a budget: show in the alert channel what an alert will look like."""
        if not interaction.response.is_done():
            await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            await answer_privately(interaction, await self._send_test(interaction, budget))
        except Exception as error:  # noqa: BLE001 - whatever fails, the person gets words
            log.error("a test alert failed: %s", where(error))  # noqa: TRY400
            await answer_privately(interaction, words_for(error))

    async def _send_test(self, interaction: discord.Interaction[Trilo], budget: Budget) -> str:
        guild = interaction.guild
        if guild is None or budget.guild_id != guild.id or not await may_manage(interaction):
            return NOT_A_MANAGER
        try:
            channel = alert_channel(guild, await self._tracker.settings.of(guild.id))
        except NoChannelError as missing:
            return f"An alert would not arrive: {missing}."
        with_members = not everyone_reads(channel)
        facts = await read_facts(self._tracker, _sample(budget, self), with_members=with_members, is_test=True)
        await channel.send(view=AlertView(facts, with_members=with_members), allowed_mentions=NOBODY)
        public = "" if with_members else " Everybody on this server can read that channel."
        return f"Sent to {channel.mention}: that is what an alert looks like.{public}"

    def _is_ours(self, owed: Owed) -> bool:
        """Whether this process has the server's shard; what isn't a server's is anybody's."""
        shards, count = self.bot.shard_ids, self.bot.shard_count
        if owed.target != SERVER or shards is None or not count:
            return True
        return (owed.alert.guild_id >> 22) % count in shards

    async def _deliver(self, owed: Owed) -> None:
        try:
            if owed.target not in MAIN:
                await self._claim_and_deliver(owed)
                return
            async with self._gate:
                await self._claim_and_deliver(owed)
        except UsageError as error:
            log.warning("alert %s stays owed for now: %s", owed.alert.id, error)
        except Exception as error:  # noqa: BLE001 - its lease runs out, and it is tried again
            log.error("alert %s to %s failed: %s", owed.alert.id, owed.target, where(error))  # noqa: TRY400

    async def _claim_and_deliver(self, owed: Owed) -> None:
        delivery = await self._tracker.alerts.claim(owed)
        if delivery is not None:
            await self._courier.deliver(owed, delivery)


def _log_line(alert: Alert) -> str:
    """The console always has it, whatever becomes of the message."""
    where_from = f"server {alert.guild_id}" if alert.guild_id else "the whole bot"
    if alert.kind is not AlertKind.BUDGET:
        return f"alert {alert.id}: {alert.kind.value} of {alert.key or 'the provider'}, met on {where_from}"
    return f"alert {alert.id}: budget {alert.budget_id} of {where_from} has reached {alert.threshold} %"


def _sample(budget: Budget, cog: AlertsCog) -> Alert:
    """An alert as this budget's highest warning before it is full, or its first, would be."""
    tracker = cog.bot.services.tracker
    threshold = max((t for t in budget.thresholds if t < FULL), default=FULL)
    now = tracker.clock()
    start = tracker.calendar(budget.guild_id).start(budget.period, now)
    used = budget.limit * threshold // FULL
    return Alert("test", budget.guild_id, AlertKind.BUDGET, budget.id, "", start, threshold, used, budget.limit, now)


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded."""
    await bot.add_cog(AlertsCog(bot))
