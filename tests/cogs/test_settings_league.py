"""The page League of `/settings`."""

from dataclasses import replace

import discord

from bot.client import Trilo
from bot.league.team_list import Team
from bot.usage.budgeting.server_settings import ServerSettings
from bot.usage.tracker import UsageTracker
from tests.cogs.helpers import Server, settings_page, texts


async def test_everything_is_off_and_empty_at_first(server: Server, tracker: UsageTracker):
    """I16: a server that has chosen nothing has its defaults."""
    assert texts(await settings_page(server, "league")) == [
        "## Settings: League",
        "**Commissioners**\n-# This role may use `/league`, as people with Manage Channels may.",
        (
            "**Private game channels: off**\n"
            "-# Only the two players and whoever runs the league see a game's channel. Each new week can differ."
        ),
        "**Tag the players: off**\n-# Mentions the two players in their game's new channel. Each new week can differ.",
        "**Channel for announcements**\n-# Where an advance is announced unless you name another channel.",
        "**Teams: none yet**\n-# `/league teams` shows and changes who plays which.",
    ]
    assert await tracker.settings.of(server.guild.id) == ServerSettings(server.guild.id)


async def test_all_of_it_chosen(server: Server, tracker: UsageTracker, bot: Trilo):
    """What is chosen is on the books at once, with who chose it, and nothing else changes."""
    view = await settings_page(server, "league")
    await server.manager.select(view, [server.managers], custom_id="settings:commissioner")
    assert texts(view)[-1] == f"<@&{server.managers.id}> may run the league now."
    await server.manager.click(view, custom_id="settings:private_games")
    assert texts(view)[-1] == "Private game channels are on."
    await server.manager.click(view, custom_id="settings:tag_players")
    assert texts(view)[-1] == "Tagging players is on."
    await server.manager.select(view, [server.channel], custom_id="settings:announcements")
    assert texts(view)[-1] == f"Announcements go to <#{server.channel.id}>."
    await bot.services.league_book.set_teams(server.guild.id, [Team("Texans"), Team("Colts")], actor=1)
    await server.manager.click(view, custom_id="settings:tag_players")
    assert texts(view)[2].startswith("**Private game channels: on**")
    assert texts(view)[3].startswith("**Tag the players: off**")
    assert texts(view)[-2].startswith("**Teams: 2\u00a0teams**")
    chosen = replace(
        ServerSettings(server.guild.id),
        commissioner_role_id=server.managers.id,
        private_games=True,
        announce_channel_id=server.channel.id,
    )
    assert await tracker.settings.of(server.guild.id) == chosen
    changes = [line for line in await tracker.settings.audit(server.guild.id) if line.action == "settings"]
    assert [(line.actor, dict(line.facts)) for line in changes] == [
        (str(server.manager.id), {"tag_players": 0}),
        (str(server.manager.id), {"announce_channel_id": server.channel.id}),
        (str(server.manager.id), {"tag_players": 1}),
        (str(server.manager.id), {"private_games": 1}),
        (str(server.manager.id), {"commissioner_role_id": server.managers.id}),
    ]


async def test_taken_back(server: Server, tracker: UsageTracker):
    guild = server.guild.id
    await tracker.settings.choose(guild, commissioner_role_id=5, announce_channel_id=server.channel.id)
    view = await settings_page(server, "league")
    await server.manager.select(view, [], custom_id="settings:commissioner")
    assert texts(view)[-1] == "No role may run the league now."
    await server.manager.select(view, [], custom_id="settings:announcements")
    assert texts(view)[-1] == "Announcements have no channel now."
    assert await tracker.settings.of(guild) == ServerSettings(guild)


async def test_everyone_is_no_commissioner(server: Server, tracker: UsageTracker):
    """I27: a slip of the finger doesn't hand the league to all members."""
    view = await settings_page(server, "league")
    await server.manager.select(view, [server.guild.default_role], custom_id="settings:commissioner")
    assert texts(view)[-1] == "That role is everyone's: all members could run the league. Nothing was changed."
    assert (await tracker.settings.of(server.guild.id)).commissioner_role_id is None


async def test_a_channel_that_we_may_not_write_in(server: Server, tracker: UsageTracker):
    guild = server.guild
    mute = guild.create_text_channel(
        "mute", overwrites={guild.me: discord.PermissionOverwrite(send_messages=False, view_channel=True)}
    )
    view = await settings_page(server, "league")
    await server.manager.select(view, [mute], custom_id="settings:announcements")
    problem = f"I may not write in <#{mute.id}>: give me View Channel and Send Messages there"
    assert texts(view)[-1] == f"Nothing was changed: {problem}."
    assert (await tracker.settings.of(guild.id)).announce_channel_id is None
