"""What the tests of alerts share: a budget that fires, the cog, what arrived where."""

import asyncio
from decimal import Decimal
from typing import Any

import discord
import simcord

from bot.client import Trilo
from bot.usage.alerting.alert_book import MAIN
from bot.usage.budgeting.budgets import Budget
from bot.usage.records import NANO_USD_PER_USD
from cogs.alerts import AlertsCog
from tests.cogs.helpers import Books, Server

USD = NANO_USD_PER_USD


def cog_of(bot: Trilo) -> AlertsCog:
    """The cog, its own loop stopped: tests say when it runs."""
    cog: Any = bot.get_cog("AlertsCog")
    cog._loop.cancel()
    return cog


async def deliver(cog: AlertsCog) -> None:
    """A round of its loop, until what it began on Discord has ended."""
    await cog.deliver_owed()
    if to_discord := [task for (_, target), task in cog._sending.items() if target in MAIN]:
        await asyncio.wait(to_discord)


async def outside_done(cog: AlertsCog) -> None:
    """Return when every message on its way outside Discord has arrived or failed."""
    if cog._sending:
        await asyncio.wait(set(cog._sending.values()))


async def spends(books: Books, server: Server, usd: str, **options: Any) -> None:
    """A call on the server's channel, by its member."""
    given = {"channel": server.channel.id, "user": server.member.id, **options}
    await books.book(server.guild.id, int(Decimal(usd) * USD), **given)
    await books.tracker.force_flush()


async def a_budget(books: Books, server: Server, limit: str = "5", **options: Any) -> Budget:
    """A budget of the server, which fires at once what its running period has passed already."""
    given = {"scope": "guild", "guild_id": server.guild.id, "limit_usd": limit, "actor": server.manager.id, **options}
    return await books.tracker.set_budget(**given)


async def chooses(books: Books, server: Server, channel: simcord.ChannelHandle | None) -> None:
    """The server's choice of where alerts go."""
    chosen = channel.id if channel else None
    await books.tracker.settings.choose(server.guild.id, alert_channel_id=chosen, actor=server.manager.id)


def buttons(message: discord.Message) -> dict[str, str]:
    """Its buttons' labels and ids."""
    view = discord.ui.LayoutView.from_message(message)
    items = [item for item in view.walk_children() if isinstance(item, discord.ui.Button)]
    return {item.label or "": item.custom_id or "" for item in items}


def dms(env: simcord.Env, person: simcord.MemberActor) -> list[discord.Message]:
    """What the bot has sent somebody by direct message."""
    return simcord.UserHandle(env, env.backend.get_user(person.id)).dm_channel.history()


def private_channel(server: Server, name: str = "admins") -> simcord.ChannelHandle:
    """A channel that only those who may manage the server, and the bot, can read."""
    me = server.guild.me
    assert me is not None
    return server.guild.create_text_channel(
        name,
        overwrites={
            server.guild.default_role: discord.PermissionOverwrite(view_channel=False),
            server.managers: discord.PermissionOverwrite(view_channel=True),
            me: discord.PermissionOverwrite(view_channel=True, send_messages=True),
        },
    )
