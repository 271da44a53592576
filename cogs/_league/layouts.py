"""Categories as Discord has them now, copied into a layout, and built again from one."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, cast, get_args

import discord

from bot.league.layout import CategoryCopy, ChannelCopy, ChannelKind, Layout, Overwrite
from bot.translation import _
from cogs._league.making import made_once
from cogs._league.undo import Undo

Progress = Callable[[int, int], Awaitable[None]]
"""Told how many steps of how many are done."""


def copy_of(categories: Iterable[discord.CategoryChannel]) -> Layout:
    """The layout of categories as they are now."""
    return Layout(categories=[_category(category) for category in categories])


def channel_copy(channel: discord.abc.GuildChannel) -> ChannelCopy:
    """One channel as it is now."""
    return ChannelCopy(
        name=channel.name,
        kind=_kind(channel),
        position=channel.position,
        topic=getattr(channel, "topic", None),
        nsfw=bool(getattr(channel, "nsfw", False)),
        slowmode_seconds=getattr(channel, "slowmode_delay", 0) or 0,
        user_limit=getattr(channel, "user_limit", 0) or 0,
        overwrites=_overwrites(channel),
    )


async def rebuild(guild: discord.Guild, layout: Layout, undo: Undo, progress: Progress, *, reason: str) -> list[int]:
    """Make the categories and channels anew, each step on `undo`. Returns the new categories' ids, in order.

    Raises `discord.HTTPException`.
    """
    made, done, total = [], 0, layout.channels + len(layout.categories)
    for copy in layout.categories:
        category = await made_once(guild, copy.name, make_category(guild, copy, reason=reason))
        undo.add(_("the category {name}", name=category.name), category.delete)
        made.append(category.id)
        await progress(done := done + 1, total)
        for channel in copy.channels:
            making = make_channel(guild, category, channel, reason=reason)
            created = await made_once(guild, channel.name, making, category=category)
            undo.add(f"#{created.name}", created.delete)
            await progress(done := done + 1, total)
    return made


async def make_category(guild: discord.Guild, copy: CategoryCopy, *, reason: str) -> discord.CategoryChannel:
    """The category alone, where it was. Raises `discord.HTTPException`."""
    overwrites = _targets(guild, copy.overwrites)
    return await guild.create_category(copy.name, overwrites=overwrites, position=copy.position, reason=reason)


async def make_channel(
    guild: discord.Guild, category: discord.CategoryChannel, copy: ChannelCopy, *, reason: str, in_place: bool = False
) -> discord.abc.GuildChannel:
    """One channel of a layout in a category, at the end or, `in_place`, where it was. Raises `discord.HTTPException`.

    Permissions that the bot doesn't hold itself it may not set either: those are left out.
    """
    options: dict[str, Any] = {
        "category": category,
        "overwrites": _targets(guild, copy.overwrites),
        "reason": reason,
        **({"position": copy.position} if in_place else {}),
    }
    texts: dict[str, Any] = {
        **({"topic": copy.topic} if copy.topic else {}),
        **({"nsfw": True} if copy.nsfw else {}),
        **({"slowmode_delay": copy.slowmode_seconds} if copy.slowmode_seconds else {}),
    }
    match copy.kind:
        case "voice":
            return await guild.create_voice_channel(copy.name, user_limit=copy.user_limit, **options)
        case "stage_voice":
            return await guild.create_stage_channel(copy.name, **options)
        case "forum" | "media":
            return await guild.create_forum(copy.name, media=copy.kind == "media", **texts, **options)
        case "text" | "news":
            return await guild.create_text_channel(copy.name, news=copy.kind == "news", **texts, **options)


def lacking(guild: discord.Guild) -> list[str]:
    """What the bot needs before it builds anything, a sentence each. Without View Channels it couldn't close a channel
    to others either.
    """
    ours = guild.me.guild_permissions
    needed = {_("Manage Channels"): ours.manage_channels, _("View Channels"): ours.view_channel}
    return [
        _("I need the **{permission}** permission: Server Settings → Roles → my role.", permission=name)
        for name, has in needed.items()
        if not has
    ]


def lost_overwrites(guild: discord.Guild, layout: Layout) -> int:
    """How many permissions for roles and members can't be set again: the role is gone, or the bot lacks them."""
    held = guild.me.guild_permissions.value
    every = [
        overwrite
        for category in layout.categories
        for overwrites in (category.overwrites, *(channel.overwrites for channel in category.channels))
        for overwrite in overwrites
    ]
    return sum(_target(guild, one) is None or one.within(held) != one for one in every)


def _category(category: discord.CategoryChannel) -> CategoryCopy:
    return CategoryCopy(
        name=category.name,
        position=category.position,
        overwrites=_overwrites(category),
        channels=[channel_copy(channel) for channel in category.channels],
    )


def _kind(channel: discord.abc.GuildChannel) -> ChannelKind:
    name = channel.type.name
    return cast("ChannelKind", name) if name in get_args(ChannelKind) else "text"


def _overwrites(channel: discord.abc.GuildChannel) -> list[Overwrite]:
    found = []
    for target, overwrite in channel.overwrites.items():
        allow, deny = overwrite.pair()
        is_role = isinstance(target, discord.Role) or getattr(target, "type", None) is discord.Role
        found.append(Overwrite(target_id=target.id, is_role=is_role, allow=allow.value, deny=deny.value))
    return found


def _targets(guild: discord.Guild, overwrites: Iterable[Overwrite]) -> dict[Any, discord.PermissionOverwrite]:
    held = guild.me.guild_permissions.value
    found = {}
    for overwrite in overwrites:
        target, part = _target(guild, overwrite), overwrite.within(held)
        if target is not None:
            found[target] = discord.PermissionOverwrite.from_pair(
                discord.Permissions(part.allow), discord.Permissions(part.deny)
            )
    return found


def _target(guild: discord.Guild, overwrite: Overwrite) -> discord.Role | discord.Object | None:
    if overwrite.is_role:
        return guild.get_role(overwrite.target_id)
    return discord.Object(overwrite.target_id, type=discord.Member)
