"""Discord's subscriptions: who has bought PREMIUM_SKU_ID, a person for themselves or for a whole server.

An event only says that something changed: what holds now is then read from Discord, so that it doesn't matter which
events were missed, came twice or in another order. At each start, and every few hours, everything is read anew.
"""

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime

import discord
from discord.ext import commands, tasks

from bot.client import Trilo
from bot.discord_failures import DISCORD_FAILED
from bot.usage.budgeting.quotas import SubscriptionTier
from bot.usage.budgeting.tier_grants import Source
from bot.usage.errors import UsageError
from bot.words import where

log = logging.getLogger(__name__)

READ_ANEW_HOURS = 6.0
_FOR_GOOD = datetime.max.replace(tzinfo=UTC)


class SubscriptionsCog(commands.Cog):
    """Keeps the books' premium tiers as Discord has them."""

    def __init__(self, bot: Trilo, sku_id: int) -> None:
        self.bot = bot
        self._sku = discord.Object(sku_id)
        self._tracker = bot.services.tracker
        self._grants = bot.services.tracker.quotas.grants
        self._reading = asyncio.Lock()
        """From asking Discord until it is on the books: else what was true a moment ago might be written last."""

    async def cog_load(self) -> None:
        """Called by discord.py once the bot is logged in."""
        self._read_anew.start()

    async def cog_unload(self) -> None:
        """Called by discord.py when the bot closes."""
        self._read_anew.cancel()

    @commands.Cog.listener()
    async def on_entitlement_create(self, entitlement: discord.Entitlement) -> None:
        """Somebody subscribed."""
        await self._changed(entitlement)

    @commands.Cog.listener()
    async def on_entitlement_update(self, entitlement: discord.Entitlement) -> None:
        """A subscription was renewed, or will end, or has."""
        await self._changed(entitlement)

    @commands.Cog.listener()
    async def on_entitlement_delete(self, entitlement: discord.Entitlement) -> None:
        """A subscription was taken back: refunded, or removed by Discord."""
        await self._changed(entitlement)

    async def _changed(self, entitlement: discord.Entitlement) -> None:
        if entitlement.sku_id != self._sku.id:
            return
        try:
            async with self._reading:
                await self._read_one(entitlement.guild_id, entitlement.user_id)
        except (*DISCORD_FAILED, UsageError) as error:
            log.error("a subscription isn't on the books before the next reading: %s", where(error))  # noqa: TRY400 - I33

    async def _read_one(self, guild_id: int | None, user_id: int | None) -> None:
        """What a server has, or a person."""
        if guild_id is not None:
            found = self.bot.entitlements(skus=[self._sku], guild=discord.Object(guild_id), exclude_ended=True)
            await self._settle_server(guild_id, [each async for each in found])
        elif user_id is not None:
            found = self.bot.entitlements(skus=[self._sku], user=discord.Object(user_id), exclude_ended=True)
            await self._settle_person(str(user_id), [each async for each in found])

    async def read_anew(self) -> None:
        """Make the books agree with Discord. Raises `DISCORD_FAILED` and `UsageError`.

        What another process gave while the list was being read stays: its event has come there, or its turn is the next
        time.
        """
        async with self._reading:
            await self._read_all()

    async def _read_all(self) -> None:
        began = self._tracker.clock()
        people: dict[str, list[discord.Entitlement]] = {}
        servers: dict[int, list[discord.Entitlement]] = {}
        async for each in self.bot.entitlements(limit=None, skus=[self._sku], exclude_ended=True):
            if each.guild_id is not None:
                servers.setdefault(each.guild_id, []).append(each)
            elif each.user_id is not None:
                people.setdefault(str(each.user_id), []).append(each)
        held_by_people, held_by_servers = await self._grants.held_by(Source.ENTITLEMENT, before=began)
        for user_id in {*people, *held_by_people}:
            await self._settle_person(user_id, people.get(user_id, []))
        for guild_id in {*servers, *held_by_servers}:
            await self._settle_server(guild_id, servers.get(guild_id, []))
        await self._grants.expire_servers()

    @tasks.loop(hours=READ_ANEW_HOURS)
    async def _read_anew(self) -> None:
        try:
            await self.read_anew()
        except (*DISCORD_FAILED, UsageError) as error:
            log.error("subscriptions can't be read just now: %s", where(error))  # noqa: TRY400 - I33

    async def _settle_person(self, user_id: str, entitlements: Iterable[discord.Entitlement]) -> None:
        held, until = self._holds(entitlements)
        if held:
            await self._grants.grant_person(user_id, SubscriptionTier.PREMIUM, Source.ENTITLEMENT, until=until)
        else:
            await self._grants.take_back_person(user_id, Source.ENTITLEMENT)

    async def _settle_server(self, guild_id: int, entitlements: Iterable[discord.Entitlement]) -> None:
        held, until = self._holds(entitlements)
        if held:
            await self._grants.grant_server(guild_id, SubscriptionTier.PREMIUM, Source.ENTITLEMENT, until=until)
        else:
            await self._grants.take_back_server(guild_id, Source.ENTITLEMENT)

    def _holds(self, entitlements: Iterable[discord.Entitlement]) -> tuple[bool, datetime | None]:
        """Whether any of them holds now, and the end of the last one (None: no end is known)."""
        now = self._tracker.clock()
        ends = [
            each.ends_at or _FOR_GOOD
            for each in entitlements
            if not each.deleted
            and (each.starts_at is None or each.starts_at <= now)
            and (each.ends_at or _FOR_GOOD) > now
        ]
        last = max(ends, default=now)
        return bool(ends), None if last == _FOR_GOOD else last


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded. Without PREMIUM_SKU_ID there is nothing to keep."""
    sku_id = bot.services.settings.premium_sku_id
    if sku_id is not None:
        await bot.add_cog(SubscriptionsCog(bot, sku_id))
