"""Takes one owed alert to one target: a server's channel, the operator's direct messages, or an address outside."""

import logging
from collections import Counter

import discord

from bot.alerts.facts import read_facts
from bot.alerts.outside import NotSentError
from bot.client import Trilo
from bot.discord_failures import DISCORD_FAILED
from bot.translation import ENGLISH, speaking
from bot.usage.alerting.alert_book import LOG, MAIN, OPERATOR, SERVER, Owed
from bot.usage.alerting.deliveries import Delivery
from bot.usage.budgeting.alert_rows import Alert
from bot.usage.budgeting.budgets import BOT
from cogs._alerts.alert import AlertView
from cogs._alerts.alert_text import heading, plain_text
from cogs._kit.channels import NoChannelError, Writable, alert_channel, everyone_reads
from cogs._kit.language import server_language
from cogs._kit.look import NOBODY

log = logging.getLogger(__name__)

REFUSED_TRIES = 4
"""So many times a channel that is missing or closed to us is tried (0, 30 s, 1½ and 3½ minutes after the alert) before
something else stands in for it. Outages of Discord are waited for."""
PERHAPS_TRIES = 3
"""So many messages may have arrived at an address that never says so; then it is left alone, lest it get twenty."""
NONCE_LENGTH = 25
_UNKNOWN_MESSAGE = 10008
"""Discord's code for a nonce whose message somebody has deleted already."""
_TOO_MANY = 429
_SERVER_ERROR = 500


class _RefusedError(Exception):
    """The target doesn't take it, and waiting won't help by itself."""


class Courier:
    """Delivers claimed alerts, and writes down how each try ended."""

    def __init__(self, bot: Trilo) -> None:
        self._bot = bot
        self._tracker = bot.services.tracker
        self._perhaps: Counter[tuple[str, str]] = Counter()

    async def deliver(self, owed: Owed, delivery: Delivery) -> None:
        """One try. Raises `DatabaseUnavailableError`; the lease then runs out, and the alert is taken up again."""
        book = self._tracker.alerts
        try:
            how = await self._try(owed, delivery)
        except (_RefusedError, NoChannelError) as refused:
            await book.failed(delivery, str(refused))
        except NotSentError as error:
            log.info("alert %s: an address outside Discord failed: %s", owed.alert.id, error)
            is_last = error.perhaps and self._is_last(delivery)
            await book.failed(delivery, str(error), is_last=is_last)
            await self._tell_of_dead(owed.target)
        except DISCORD_FAILED as error:
            log.warning("alert %s: Discord is out of reach (%s), trying again", owed.alert.id, type(error).__name__)
            await book.failed(delivery, "Discord was out of reach")
        else:
            self._perhaps.pop((delivery.event_id, delivery.target), None)
            await book.delivered(delivery, how)

    def _is_last(self, delivery: Delivery) -> bool:
        """Counts a message that may have arrived; whether it was the last that we take the chance with."""
        key = (delivery.event_id, delivery.target)
        self._perhaps[key] += 1
        if self._perhaps[key] < PERHAPS_TRIES:
            return False
        del self._perhaps[key]
        return True

    async def _try(self, owed: Owed, delivery: Delivery) -> str:
        if owed.target not in MAIN:
            return await self._send_outside(owed.alert, owed.target)
        try:
            if owed.target == OPERATOR:
                return await self._tell_operator(owed.alert)
            return await self._tell_server(owed.alert)
        except (_RefusedError, NoChannelError) as refused:
            if delivery.attempts < REFUSED_TRIES:
                raise
            return await self._fall_back(owed, str(refused))

    async def _tell_server(self, alert: Alert) -> str:
        guild = self._bot.get_guild(alert.guild_id)
        if guild is None:
            raise _RefusedError("the bot isn't on that server any more")
        if guild.unavailable:
            raise ConnectionError("Discord has lost sight of that server for now")
        channel = alert_channel(guild, await self._tracker.settings.of(guild.id))
        with_members = not everyone_reads(channel)
        tag = await server_language(self._bot, guild)
        await self._send(channel, alert, with_members=with_members, tag=tag)
        return f"channel {channel.id}"

    async def _tell_operator(self, alert: Alert) -> str:
        """By direct message to everybody who runs the bot; one of a team is enough."""
        trouble, is_told = None, False
        for owner_id in await self._owner_ids():
            try:
                is_told |= await self._is_told(owner_id, alert)
            except DISCORD_FAILED as error:
                trouble = error  # whoever was told already must not be told again because of it
        if is_told:
            return "owner"
        raise trouble or _RefusedError("none of the bot's owners takes direct messages from it")

    async def _fall_back(self, owed: Owed, problem: str) -> str:
        """The server's owner, where it chose that; the log has it in any case."""
        alert = owed.alert
        guild = self._bot.get_guild(alert.guild_id) if owed.target == SERVER else None
        if guild is not None and (await self._tracker.settings.of(guild.id)).alert_owner:
            tag = await server_language(self._bot, guild)
            if await self._is_told(guild.owner_id or 0, alert, server=guild.name, tag=tag):
                return "owner"
        log.warning("alert %s of server %d reached nobody on Discord: %s", alert.id, alert.guild_id, problem)
        return LOG

    async def _owner_ids(self) -> list[int]:
        ids = self._bot.owner_ids or ({self._bot.owner_id} if self._bot.owner_id else set())
        if not ids:
            application = await self._bot.application_info()
            team = application.team.members if application.team else []
            ids = {member.id for member in team} or {application.owner.id}
        return sorted(ids)

    async def _is_told(self, user_id: int, alert: Alert, *, server: str = "", tag: str = ENGLISH) -> bool:
        """By direct message; False where that person takes none, or has deleted their account."""
        try:
            person = self._bot.get_user(user_id) or await self._bot.fetch_user(user_id)
            await self._send(person, alert, with_members=True, server=server, tag=tag)
        except (_RefusedError, discord.NotFound):
            return False
        return True

    async def _send(
        self,
        where: Writable | discord.User,
        alert: Alert,
        *,
        with_members: bool,
        server: str = "",
        tag: str = ENGLISH,
    ) -> None:
        """In a server's language, the operator's being English.

        With the alert's id as nonce, which discord.py sends with `enforce_nonce`: Discord drops a repeat of it.
        """
        facts = await read_facts(self._tracker, alert, with_members=with_members)
        with speaking(tag):
            view = AlertView(facts, with_members=with_members, server=server)
        try:
            await where.send(view=view, nonce=alert.id[:NONCE_LENGTH], allowed_mentions=NOBODY)
        except discord.HTTPException as error:
            if error.status >= _SERVER_ERROR or error.status == _TOO_MANY:
                raise
            if error.code != _UNKNOWN_MESSAGE:
                raise _RefusedError(f"Discord doesn't let me write there (code {error.code})") from None

    async def _send_outside(self, alert: Alert, target: str) -> str:
        guild = self._bot.get_guild(alert.guild_id)
        is_ours = target in self._bot.outside.operator_targets
        if guild is None and not is_ours:
            raise NotSentError("the bot isn't on that server any more")
        facts = await read_facts(self._tracker, alert)
        name = guild.name if guild else "" if alert.guild_id == BOT else str(alert.guild_id)
        with speaking(ENGLISH if guild is None or is_ours else await server_language(self._bot, guild)):
            title, text = f"Trilo: {heading(facts)}", plain_text(facts, name)
        await self._bot.outside.send(target, title, text)
        return "outside"

    async def _tell_of_dead(self, target: str) -> None:
        """A line in the log when an address stops taking what it is owed, not at each try; `/owner health` has it."""
        for label, trouble in await self._bot.outside.dead_targets(self._tracker.alerts):
            if trouble.target == target and (trouble.messages, trouble.attempts) == (1, 1):
                log.warning("alerts don't reach %s: %s", label, trouble.problem)
