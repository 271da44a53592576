"""Posting an announcement in several channels, or a tag in each game's: everywhere or nowhere (I32)."""

from collections.abc import Collection, Iterable

import discord

from bot.league.advance_plan import AdvancePlan, announcement
from bot.league.tagging import Tag
from bot.translation import _
from cogs._kit.channels import Writable
from cogs._league.layouts import Progress
from cogs._league.making import posted_once
from cogs._league.undo import all_or_nothing
from cogs._league.week import pings


async def announce(
    channels: Iterable[Writable], plan: AdvancePlan, mentionable: Collection[int], progress: Progress
) -> list[discord.Message]:
    """Post it in each channel, mentioning those of its roles that may be. Raises `TakenBackError`."""
    tag = Tag(announcement(plan), role_ids=plan.role_ids)
    return await post([(channel, tag) for channel in channels], mentionable, progress)


async def post(
    tags: Collection[tuple[Writable, Tag]], mentionable: Collection[int], progress: Progress
) -> list[discord.Message]:
    """Post each text in its channel. Raises `TakenBackError`; who was pinged by then has been pinged."""
    posted: list[discord.Message] = []
    async with all_or_nothing() as undo:
        for channel, tag in tags:
            message = await posted_once(channel, tag.text, pings(tag, mentionable))
            undo.add(_("a message in {channel}", channel=channel.mention), message.delete)
            posted.append(message)
            await progress(len(posted), len(tags))
    return posted
