"""Delivers the alerts that are owed, whenever they fired: a loop over the books, so restarts and outages lose none."""

import asyncio
import logging
from contextlib import AbstractAsyncContextManager

import discord
from discord.ext import commands, tasks

from bot.alerts.facts import read_facts
from bot.alerts.provider import ProviderWatch
from bot.alerts.turns import Turns
from bot.client import Trilo, answer_privately
from bot.translation import _, speaking
from bot.usage.alerting.alert_book import MAIN, OPERATOR, SERVER, Owed
from bot.usage.budgeting.alert_rows import Alert, AlertKind
from bot.usage.budgeting.budgets import FULL, Budget
from bot.usage.errors import UsageError
from bot.words import where, words_for
from cogs._alerts.alert import AlertButton, AlertView
from cogs._alerts.alert_courier import Courier
from cogs._alerts.alert_raise import NO_SUCH_BUDGET
from cogs._kit.access import NOT_A_MANAGER, may_manage
from cogs._kit.channels import NoChannelError, alert_channel, everyone_reads
from cogs._kit.language import server_language
from cogs._kit.look import NOBODY

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
AT_ONCE = 8
"""Messages to Discord on their way at once, one for each server, so that a slow channel holds up no other."""


class AlertsCog(commands.Cog):
    """The bell beside the path of calls: nothing here is waited for by any of them (I20)."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot
        self._tracker = bot.services.tracker
        self._watch = ProviderWatch()
        self._courier = Courier(bot)
        self._sending: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._turns = Turns(AT_ONCE)

    async def cog_load(self) -> None:
        """Listen to finished calls, and to presses on alerts sent before this start."""
        self._tracker.subscribe(self._watch.see)
        self.bot.add_dynamic_items(AlertButton)
        self._loop.start()

    async def cog_unload(self) -> None:
        """Stop; what is on its way is taken up again when its lease has run out."""
        self._loop.cancel()
        sending = list(self._sending.values())
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)  # each ends its process first
        self.bot.remove_dynamic_items(AlertButton)

    async def deliver_owed(self) -> None:
        """Take up what has fired, begin to try everything that is due, and wait for none of it: one slow channel must
        not hold up what fires next. Raises `DatabaseUnavailableError`.
        """
        book, settings = self._tracker.alerts, self.bot.services.settings
        await self._watch.settle(book)
        ours = self.bot.outside.operator_targets if settings.alerts_outside else []
        for alert in await book.take_up(ours, with_addresses=settings.alerts_outside):
            log.warning("%s", _log_line(alert))
        for owed in await book.due():
            if self._is_ours(owed) and _way(owed) not in self._sending:
                self._begin(owed)

    def _begin(self, owed: Owed) -> None:
        way = _way(owed)
        self._sending[way] = task = asyncio.create_task(self._deliver(owed))
        task.add_done_callback(lambda _: self._sending.pop(way))

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
            return _(NOT_A_MANAGER)
        try:
            channel = alert_channel(guild, await self._tracker.settings.of(guild.id))
        except NoChannelError as missing:
            return _("An alert would not arrive: {problem}.", problem=missing)
        budgets = await self._tracker.budgets.of(guild.id)
        current = next((found for found in budgets if found.id == budget.id), None)
        if current is None:
            return _(NO_SUCH_BUDGET)
        with_members = not everyone_reads(channel)
        facts = await read_facts(self._tracker, _sample(current, self), with_members=with_members, is_test=True)
        with speaking(await server_language(self.bot, guild)):
            view = AlertView(facts, with_members=with_members)
        await channel.send(view=view, allowed_mentions=NOBODY)
        public = "" if with_members else _("Everybody on this server can read that channel.")
        told = _("Sent to {channel}: that is what an alert looks like.", channel=channel.mention)
        return f"{told} {public}".rstrip()

    def _is_ours(self, owed: Owed) -> bool:
        """Whether this process has the server's shard; what goes to the operator is anybody's."""
        to_operator = owed.target == OPERATOR or owed.target in self.bot.outside.operator_targets
        return to_operator or self.bot.has_shard_of(owed.alert.guild_id)

    async def _deliver(self, owed: Owed) -> None:
        try:
            async with self._turn(owed):  # before the claim, whose lease runs
                await self._claim_and_deliver(owed)
        except UsageError as error:
            log.warning("alert %s stays owed for now: %s", owed.alert.id, error)
        except Exception as error:  # noqa: BLE001 - its lease runs out, and it is tried again
            log.error("alert %s to %s failed: %s", owed.alert.id, owed.target, where(error))  # noqa: TRY400

    def _turn(self, owed: Owed) -> AbstractAsyncContextManager[None]:
        if owed.target in MAIN:
            return self._turns.take(owed.alert.guild_id if owed.target == SERVER else OPERATOR)
        return self.bot.outside.turn(owed.target, owed.alert.guild_id)

    async def _claim_and_deliver(self, owed: Owed) -> None:
        delivery = await self._tracker.alerts.claim(owed)
        if delivery is not None:
            await self._courier.deliver(owed, delivery)


def _way(owed: Owed) -> tuple[str, str]:
    """What is under way once at a time: a message to Discord; to an address outside, whichever message it is."""
    return (owed.alert.id if owed.target in MAIN else "", owed.target)


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
