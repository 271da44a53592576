"""Restoring what was deleted: all of it, as it was, but for messages and for what the bot may not set."""

from typing import Any
from unittest.mock import AsyncMock, Mock

import discord
import pytest

from bot.league.layout import CategoryCopy, ChannelCopy, Layout
from cogs._league.layouts import channel_copy, make_channel
from cogs._league.plan import PlanView
from cogs.league import NO_SNAPSHOT
from tests.cogs.league.helpers import League, make_week, shown, slash


async def test_what_was_deleted_can_be_built_again(league: League):
    """Names, order, topics and permissions: all but the messages."""
    closed = {league.guild.default_role: discord.PermissionOverwrite(view_channel=False, send_messages=False)}
    category = make_week(league, 3)
    league.guild.create_text_channel("secret", topic="Only us", category=category, overwrites={
        **closed, league.guild.me: discord.PermissionOverwrite(view_channel=True, manage_channels=True),
        league.server.managers: discord.PermissionOverwrite(view_channel=True, mention_everyone=True),
        league.ann: discord.PermissionOverwrite(view_channel=True),
        league.guild.roles["Builders"]: discord.PermissionOverwrite(view_channel=True),
    })  # fmt: skip
    before = league.layout()
    secret = next(channel for channel in league.real.text_channels if channel.name == "secret")
    overwrites = {target.id: over for target, over in secret.overwrites.items()}
    await league.builder.click(await slash(league, "delete", weeks="week 3"), custom_id="plan:go")
    assert league.layout() == {"": ["general"]}
    [choice] = await league.builder.autocomplete(league.channel, "league restore", "snapshot", "week 3")
    result = await league.builder.slash(league.channel, "league restore", snapshot=choice["value"])
    view = result.response
    assert "## Restore 1\xa0category\n**Week 3** (3\xa0channels)\n- `texans-vs-colts`" in shown(view)
    assert "1\xa0permission can't be set again" in shown(view)  # Mention Everyone, which we never ask for
    await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == before
    again = next(channel for channel in league.real.text_channels if channel.name == "secret")
    assert again.topic == "Only us"
    managers = league.server.managers.id
    kept = {target.id: over for target, over in again.overwrites.items()}
    assert {key: over for key, over in kept.items() if key != managers} == {
        key: over for key, over in overwrites.items() if key != managers
    }
    assert kept[managers].pair() == (discord.Permissions(view_channel=True), discord.Permissions.none())
    assert [action for _, action, _ in await league.history()] == ["league restored", "league deleted"]


async def test_another_servers_snapshot_is_none(league: League):
    """I26: an id written by hand, of somebody else's channels, shows and builds nothing."""
    theirs = Layout(categories=[CategoryCopy(name="Their week", position=1)]).model_dump()
    book = league.bot.services.league_book
    kept = {guild_id: await book.keep_snapshot(guild_id, theirs, actor=1) for guild_id in (league.guild.id, 4711)}
    assert shown(await slash(league, "restore", snapshot=kept[league.guild.id])).startswith("## Restore 1\xa0category")
    assert shown(await slash(league, "restore", snapshot=kept[4711])) == NO_SNAPSHOT


async def test_each_kind_of_channel_comes_back_as_it_was(league: League):
    """Slow mode, seats, rules: what a channel's kind has besides its name and topic."""
    category, make = make_week(league, 3, []), league.env.backend.create_channel
    make(league.guild.id, "late", parent_id=category.id, rate_limit_per_user=30)
    make(league.guild.id, "news", type=5, parent_id=category.id, position=2)
    make(league.guild.id, "talk", type=2, parent_id=category.id, user_limit=4, position=3)
    make(league.guild.id, "trades", type=15, parent_id=category.id, topic="Rules", position=4)

    def kept() -> list[dict[str, Any]]:
        [found] = league.real.categories
        copies = [copy.model_dump(exclude={"position", "overwrites"}) for copy in map(channel_copy, found.channels)]
        return sorted(copies, key=lambda copy: copy["name"])

    before = kept()
    assert [(copy["name"], copy["kind"]) for copy in before] == [
        ("late", "text"), ("news", "news"), ("talk", "voice"), ("trades", "forum"),
    ]  # fmt: skip
    assert (before[0]["slowmode_seconds"], before[2]["user_limit"]) == (30, 4)
    await league.builder.click(await slash(league, "delete", weeks="3"), custom_id="plan:go")
    [choice] = await league.builder.autocomplete(league.channel, "league restore", "snapshot", "")
    result = await league.builder.slash(league.channel, "league restore", snapshot=choice["value"])
    await league.builder.click(result.response, custom_id="plan:go")
    assert kept() == before


async def test_an_age_limit_comes_back(league: League, monkeypatch: pytest.MonkeyPatch):
    """What was kept from the young stays so. The Discord of the tests has no age limits: the wish is looked at."""
    make = AsyncMock()
    monkeypatch.setattr(discord.Guild, "create_text_channel", make)
    await make_channel(league.real, Mock(), ChannelCopy(name="late", kind="text", position=1, nsfw=True), reason="r")
    assert make.await_args is not None
    assert make.await_args.kwargs["nsfw"] is True


async def test_a_role_that_is_gone_is_left_out_and_told(league: League):
    """The rest comes back all the same."""
    guests = league.guild.create_role("Guests")
    category = make_week(league, 3, [])
    over = {guests: discord.PermissionOverwrite(view_channel=True)}
    league.guild.create_text_channel("lounge", category=category, overwrites=over)
    await league.builder.click(await slash(league, "delete", weeks="3"), custom_id="plan:go")
    league.env.backend.delete_role(league.guild.id, guests.id)
    [choice] = await league.builder.autocomplete(league.channel, "league restore", "snapshot", "")
    view = (await league.builder.slash(league.channel, "league restore", snapshot=choice["value"])).response
    assert "1\xa0permission can't be set again: a role is gone, or I don't have them myself." in shown(view)
    await league.builder.click(view, custom_id="plan:go")
    [lounge] = league.real.categories[0].channels
    assert (lounge.name, lounge.overwrites) == ("lounge", {})


async def test_a_restoration_that_fails_leaves_nothing(league: League, monkeypatch: pytest.MonkeyPatch):
    """I32: neither the category nor the channels made by then."""
    make_week(league, 3)
    await league.builder.click(await slash(league, "delete", weeks="3"), custom_id="plan:go")
    [choice] = await league.builder.autocomplete(league.channel, "league restore", "snapshot", "")
    result = await league.builder.slash(league.channel, "league restore", snapshot=choice["value"])

    async def progress(_view: PlanView, done: int, total: int) -> None:
        assert total == 3
        if done == 2:
            league.fail("POST", "/guilds/*/channels", status=400, code=30013)

    monkeypatch.setattr(PlanView, "progress", progress)
    press = await league.builder.click(result.response, custom_id="plan:go")
    assert press.followups[0].content.startswith("This server has as many channels as Discord allows: 500.")
    assert len(league.env.errors) == 1
    assert league.layout() == {"": ["general"]}
