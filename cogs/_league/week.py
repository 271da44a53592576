"""Creating a week: its category, a channel for each game, and in each the players' tags; all of it or nothing (I32)."""

from collections.abc import Collection
from typing import Any

import discord

from bot.league.tagging import Guests, Tag, players_of, tag_for
from bot.league.team_list import Row
from bot.league.week_plan import WeekPlan
from bot.translation import _, speaking
from cogs._league.layouts import Progress
from cogs._league.making import made_once, posted_once
from cogs._league.undo import all_or_nothing


async def create_week(
    guild: discord.Guild,
    plan: WeekPlan,
    *,
    commissioner_role_id: int | None,
    mentionable: Collection[int],
    reason: str,
    progress: Progress,
) -> tuple[discord.CategoryChannel, list[discord.TextChannel]]:
    """Carry the plan out. `mentionable` are the roles that the person may mention; others are named without a ping.

    Raises `TakenBackError`.
    """
    channels: list[discord.TextChannel] = []
    total = 1 + len(plan.rows)
    async with all_or_nothing() as undo:
        category = await made_once(guild, plan.title, guild.create_category(plan.title, reason=reason))
        undo.add(_("the category {name}", name=category.name), category.delete)
        await progress(1, total)
        for row in plan.rows:
            overwrites = _private(guild, row, plan.guests, commissioner_role_id) if plan.private else {}
            making = guild.create_text_channel(
                row.channel, category=category, topic=_topic(plan, row), overwrites=overwrites, reason=reason
            )
            channel = await made_once(guild, row.channel, making, category=category)
            undo.add(f"#{channel.name}", channel.delete)
            channels.append(channel)
            with speaking(plan.language):
                tag = tag_for(row, plan.guests) if plan.tag else None
            if tag is not None:
                await posted_once(channel, tag.text, pings(tag, mentionable))
            await progress(1 + len(channels), total)
    return category, channels


def pings(tag: Tag, mentionable: Collection[int]) -> discord.AllowedMentions:
    """Whom a tag really mentions: the members, and of the roles those that the person may mention."""
    return discord.AllowedMentions(
        everyone=False,
        users=[discord.Object(user_id) for user_id in tag.user_ids],
        roles=[discord.Object(role_id) for role_id in tag.role_ids if role_id in mentionable],
    )


def roles_to_mention(guild: discord.Guild, *permissions: discord.Permissions) -> frozenset[int]:
    """The roles that may be mentioned with any of these permissions, the person's and ours: never everyone's (I27)."""
    every = all(held.mention_everyone for held in permissions)
    return frozenset(role.id for role in guild.roles if not role.is_default() and (role.mentionable or every))


def _private(
    guild: discord.Guild, row: Row, guests: Guests, commissioner_role_id: int | None
) -> dict[Any, discord.PermissionOverwrite]:
    """Only the players, the guests, whoever runs the league and the bot itself see the channel.

    Manage Channels is enough for that: permissions that we hold ourselves can be given while a channel is created.
    """
    seen = discord.PermissionOverwrite(view_channel=True, send_messages=True, read_message_history=True)
    overwrites: dict[Any, discord.PermissionOverwrite] = {
        guild.default_role: discord.PermissionOverwrite(view_channel=False),
        guild.me: seen,
    }
    for role in guild.roles[1:]:  # all but everyone's
        runs = role.id == commissioner_role_id or (role.permissions.manage_channels and not role.managed)
        if runs or role.id in guests.roles:
            overwrites[role] = seen
    for user_id in (*players_of(row), *guests.members):
        overwrites[discord.Object(user_id, type=discord.Member)] = seen
    return overwrites


def _topic(plan: WeekPlan, row: Row) -> str:
    return f"{plan.title}: {row.away.name} vs {row.home.name}"
