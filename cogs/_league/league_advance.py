"""From what somebody asks for to an announcement on the screen; see `_league_planning` for what is raised."""

from dataclasses import dataclass

import discord

from bot.league.advance_plan import MESSAGE_MOST, AdvancePlan
from bot.league.limits import ANNOUNCEMENT_ROLES
from bot.league.when import understand_when
from bot.usage.budgeting.server_settings import ServerSettings
from bot.usage.reporting.receipts import Receipt, receipt
from cogs._kit.asker import Asker
from cogs._kit.channels import may_write
from cogs._kit.language import server_language
from cogs._league.advance_form import not_understood
from cogs._league.advance_plan import AdvancePlanView
from cogs._league.league_planning import channels_named, roles_named


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parts of an announcement as they were typed or read; ids as far as they are known already."""

    week: int | None = None
    when: str = ""
    message: str = ""
    channel_ids: tuple[int, ...] = ()
    role_ids: tuple[int, ...] = ()
    question: str = ""


async def plan_advance(asker: Asker, wanted: Wanted) -> AdvancePlanView:
    """From a command's options. A time that the rules don't understand is read by a model."""
    settings = await asker.client.services.tracker.settings.of(asker.guild.id)
    now = asker.client.services.tracker.clock()
    if wanted.when and understand_when(wanted.when, zone=settings.time_zone, now=now) is None:
        return await _read(asker, settings, f"The next advance is: {wanted.when}", wanted)
    return await _view(asker, settings, wanted, Receipt())


async def plan_advance_from(asker: Asker, text: str) -> AdvancePlanView:
    """From plain language: what the message itself mentions counts as mentioned, names as far as they are clear."""
    settings = await asker.client.services.tracker.settings.of(asker.guild.id)
    message = asker.replies_to
    wanted = Wanted(
        channel_ids=tuple(channel.id for channel in message.channel_mentions) if message else (),
        role_ids=tuple(role.id for role in message.role_mentions if _may_be_named(role)) if message else (),
    )
    return await _read(asker, settings, text, wanted)


async def _read(asker: Asker, settings: ServerSettings, text: str, given: Wanted) -> AdvancePlanView:
    """What a model makes of a text, where nothing else was given."""
    services, guild = asker.client.services, asker.guild
    with receipt() as paper:
        async with asker.tracking():
            read = await services.league_commands.read_advance(
                text,
                now=services.tracker.clock(),
                zone=settings.time_zone,
                channels=[channel.name for channel in guild.text_channels if may_write(channel, asker.user)],
                roles=[role.name for role in guild.roles if _may_be_named(role)],
            )
    wanted = Wanted(
        week=given.week if given.week is not None else read.week,
        when=read.when or given.when,
        message=given.message or read.message or "",
        channel_ids=given.channel_ids or tuple(channels_named(guild, read.channels)),
        role_ids=given.role_ids or tuple(roles_named(guild, read.roles)),
        question=read.question or "",
    )
    return await _view(asker, settings, wanted, paper)


async def _view(asker: Asker, settings: ServerSettings, wanted: Wanted, paper: Receipt) -> AdvancePlanView:
    now = asker.client.services.tracker.clock()
    at = understand_when(wanted.when, zone=settings.time_zone, now=now) if wanted.when else None
    usual = (settings.announce_channel_id,) if settings.announce_channel_id is not None else ()
    view = AdvancePlanView(
        asker,
        AdvancePlan(
            week=wanted.week,
            at=at,
            channel_ids=wanted.channel_ids or usual,
            role_ids=wanted.role_ids[:ANNOUNCEMENT_ROLES],
            message=wanted.message[:MESSAGE_MOST],
            language=await server_language(asker.client, asker.guild),
        ),
        zone=settings.time_zone,
        when=wanted.when if at is None else "",
        questions=[not_understood(wanted.when)] if wanted.when and at is None else [],
        receipt=paper,
        shows_money=await asker.sees_money(),
    )
    view.question = wanted.question
    return view


def _may_be_named(role: discord.Role) -> bool:
    return not role.is_default() and not role.is_bot_managed()
