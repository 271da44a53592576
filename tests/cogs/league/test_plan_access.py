"""Who sees, writes and pings what through a plan: nobody more than they might themselves, nor we more than we may."""

import copy
from dataclasses import replace
from typing import Any

import discord
import simcord

from bot.client import INVITE_PERMISSIONS
from cogs._kit import private
from cogs._league.week import roles_to_mention
from tests.cogs.league.helpers import League, labels, make_week, shown, slash

CLOSED = discord.PermissionOverwrite(view_channel=False)
OPEN = discord.PermissionOverwrite(view_channel=True)


async def test_where_history_is_hidden_the_plan_stands_alone(league: League):
    """Discord lets nobody answer a message that they can't read: the plan comes without pointing at it."""
    shut = simcord.backend.models.channel.Overwrite(
        target_id=league.real.me.id, type=1, allow=0, deny=discord.Permissions(read_message_history=True).value
    )
    league.env.backend.edit_channel(league.channel.id, {}, overwrites=[shut])
    make_week(league, 7)
    message = await league.say(league.builder, "tag the players of week 7")
    assert shown(message).startswith("## Tag the players of Week 7")
    assert message.reference is None


async def test_a_role_is_pinged_only_where_the_person_might_themselves(league: League):
    """I27: Mention Everyone in the channel they ask from isn't Mention Everyone in the one it is posted in."""
    role = league.guild.create_role("Owners")
    us = league.guild.roles[league.bot.user.name]  # type: ignore[union-attr]
    everywhere = discord.Permissions(INVITE_PERMISSIONS) | discord.Permissions(mention_everyone=True)
    league.env.backend.edit_role(league.guild.id, us.id, {"permissions": everywhere.value})
    loud = {league.commissioner_role: discord.PermissionOverwrite(mention_everyone=True)}
    asked_in = league.guild.create_text_channel("bots", overwrites=loud)
    result = await league.commissioner.slash(asked_in, "league advance", week=8, channels="#general", roles="Owners")
    assert f"Doesn't ping <@&{role.id}>" in shown(result.response)
    result = await league.commissioner.slash(asked_in, "league advance", week=8, channels="#bots", roles="Owners")
    assert f"Pings <@&{role.id}>." in shown(result.response)
    result = await league.commissioner.slash(asked_in, "league create", week=7, games="Texans vs Colts")
    await league.commissioner.click(result.response, custom_id="plan:tag")
    await league.commissioner.select(result.response, [role], custom_id="plan:guests")
    assert f"<@&{role.id}> won't be pinged" in shown(result.response)


async def test_everyones_role_is_never_to_be_mentioned(league: League):
    """I27: not even where both of us might."""
    every = discord.Permissions.all()
    assert roles_to_mention(league.real, every, every) == {role.id for role in league.real.roles[1:]}


async def test_a_role_that_we_cant_ping_is_said_not_to_be(league: League):
    """The person may mention it, we may not."""
    role = league.guild.create_role("Owners")
    view = await slash(league, "create", league.server.owner, week=7, games="Texans vs Colts")
    await league.server.owner.click(view, custom_id="plan:tag")
    await league.server.owner.select(view, [role], custom_id="plan:guests")
    assert f"<@&{role.id}> won't be pinged: that role may not be mentioned." in shown(view)


async def test_whoever_runs_the_league_sees_and_can_delete_private_channels(league: League):
    """Also without a commissioner role: whoever may manage channels here made them, and takes them away again."""
    await league.bot.services.tracker.settings.choose(league.guild.id, commissioner_role_id=None)
    view = await slash(league, "create", week=7, games="Texans vs Colts", private=True)
    await league.builder.click(view, custom_id="plan:go")
    [channel] = league.real.categories[0].text_channels
    allowed = {target.id for target, over in channel.overwrites.items() if over.view_channel}
    assert allowed == {league.ann.id, league.bob.id, league.guild.roles["Builders"].id, league.real.me.id}
    view = await slash(league, "delete", weeks="7")
    await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == {"": ["general"]}


async def test_whom_the_league_is_run_by_when_it_is_made_sees_private_channels(league: League):
    """Not who ran it when the plan was shown."""
    view = await slash(league, "create", week=7, games="Texans vs Colts", private=True)
    officers = league.guild.create_role("Officers")
    await league.bot.services.tracker.settings.choose(league.guild.id, commissioner_role_id=officers.id)
    await league.builder.click(view, custom_id="plan:go")
    [channel] = league.real.categories[0].text_channels
    allowed = {target.id for target, over in channel.overwrites.items() if over.view_channel}
    assert allowed & {officers.id, league.commissioner_role.id} == {officers.id}


async def test_what_couldnt_be_closed_again_isnt_built(league: League):
    """Without View Channels we can't take it from others either: what was private would be seen by all."""
    closed = {league.guild.default_role: CLOSED, league.guild.me: OPEN}
    league.guild.create_text_channel("secret", category=league.guild.create_category("Week 3"), overwrites=closed)
    owner = league.server.owner
    view = await slash(league, "delete", owner, weeks="3")
    await owner.click(view, custom_id="plan:go")
    us = league.guild.roles[league.bot.user.name].id  # type: ignore[union-attr]
    blind = {"permissions": INVITE_PERMISSIONS & ~discord.Permissions(view_channel=True).value}
    everyone = {"permissions": discord.Permissions(send_messages=True).value}
    [choice] = await owner.autocomplete(league.channel, "league restore", "snapshot", "")
    view = await slash(league, "restore", owner, snapshot=choice["value"])
    league.env.backend.edit_role(league.guild.id, us, blind)
    league.env.backend.edit_role(league.guild.id, league.guild.id, everyone)
    await owner.click(view, custom_id="plan:go")
    assert "I need the **View Channels** permission" in shown(view)
    assert league.layout() == {"": ["general"]}


async def test_nobody_tags_where_they_may_not_write(league: League):
    """I27: nobody says through us what they may not say themselves; nor do we where we may not."""
    category, closed = league.guild.create_category("Week 7"), discord.PermissionOverwrite(send_messages=False)
    ours = {league.guild.default_role: closed, league.guild.me: discord.PermissionOverwrite(send_messages=True)}
    league.guild.create_text_channel("texans-vs-colts", category=category, overwrites=ours)
    league.guild.create_text_channel("colts-vs-texans", category=category, overwrites={league.guild.me: closed})
    view = await slash(league, "tag", league.commissioner, week="7")
    assert "Left out: `texans-vs-colts`, `colts-vs-texans`." in shown(view)
    assert labels(view)["Tag in 0\xa0channels"] is False


async def test_what_the_person_may_is_looked_at_anew_at_the_press(league: League):
    """I27: what we knew of them when the plan was shown stands still; nobody tells us of other members' roles."""
    writers = league.guild.create_role("Writers")
    speak = discord.PermissionOverwrite(send_messages=True)
    shut = {league.guild.default_role: discord.PermissionOverwrite(send_messages=False), league.guild.me: speak}
    news = league.guild.create_text_channel("news", overwrites={**shut, writers: speak})
    ken = league.guild.add_member(league.env.create_user("ken"), roles=[league.commissioner_role, writers])
    view = await slash(league, "advance", ken, week=8, channels="#news")
    live: Any = private._open[view.id]
    live.asker = replace(live.asker, user=copy.copy(live.asker.user))
    league.env.backend.remove_member_role(league.guild.id, ken.id, writers.id)
    await ken.click(view, custom_id="plan:go")
    assert f"You can't write in <#{news.id}> yourself, so I don't for you." in shown(view)
    assert news.last_message is None


async def test_hidden_categories_and_channels_are_named_to_nobody_who_cant_see_them(league: League, model_says: Any):
    """I26: neither while somebody types, nor in a plan, nor to the model that reads for them."""
    week, hidden = league.guild.create_category("Week 7"), league.guild.create_category("Staff")
    closed = simcord.backend.models.channel.Overwrite(
        target_id=league.guild.id, type=0, allow=0, deny=discord.Permissions(view_channel=True).value
    )
    league.env.backend.edit_channel(hidden.id, {}, overwrites=[closed])
    league.guild.create_text_channel("about-ann", category=week, overwrites={league.guild.default_role: CLOSED})
    for command, option in (("delete", "weeks"), ("tag", "week")):
        choices = await league.ann.autocomplete(league.channel, f"league {command}", option, "")
        assert [choice["name"] for choice in choices] == ["Week 7"]
    view = await slash(league, "tag", league.commissioner, week="7")
    assert "Left out" not in shown(view)
    told: list[str] = []
    real = league.bot.services.league_commands.read_advance

    async def read(text: str, *, channels: Any, **facts: Any) -> Any:
        told.extend(channels)
        return await real(text, channels=channels, **facts)

    league.bot.services.league_commands.read_advance = read  # type: ignore[method-assign]
    await slash(league, "advance", league.commissioner, week=8, when="when the moon is full")
    assert told == ["general"]


async def test_we_say_where_we_may_not_write(league: League):
    """Before the press, not after it."""
    shut = {league.guild.me: discord.PermissionOverwrite(send_messages=False)}
    news = league.guild.create_text_channel("news", overwrites=shut)
    view = await slash(league, "advance", week=8, channels="#news")
    assert f"I may not write in <#{news.id}>: I need View Channel and Send Messages there." in shown(view)
    assert labels(view)["Post it"] is False
