"""The look at a server: what is missing there, and the buttons that mend it for whoever may press them."""

from typing import Any

import discord
import pytest
import simcord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo
from bot.league.team_list import Team
from bot.translation import speaking, translated
from bot.usage.tracker import UsageTracker
from cogs._kit.access import NOT_A_COMMISSIONER, NOT_A_MANAGER
from cogs._settings.server_look import Fix, Missing, look_at
from cogs._settings.server_look_view import FixButton, FixesView
from tests.cogs.helpers import Server, everybody_speaks, texts

NO_CHANNEL = "no channel for alerts is chosen: `/settings` does that"
NO_ROLE = "No commissioner role is chosen, so only people with Manage Channels can run the league."
NEEDED = discord.Permissions(
    manage_channels=True,
    send_messages=True,
    embed_links=True,
    attach_files=True,
    read_message_history=True,
    view_channel=True,
)


class Looks(commands.Cog):
    """Stands in for the answer to a question on setting up."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(FixButton)

    @app_commands.command(name="look", description="Look")
    async def look(self, interaction: discord.Interaction[Trilo]) -> None:
        assert interaction.guild is not None
        missing = await look_at(self.bot, interaction.guild)
        await interaction.response.send_message("Missing", view=FixesView(missing))


@pytest.fixture
async def simcord_bot(simcord_bot: Trilo) -> Trilo:
    await simcord_bot.add_cog(Looks(simcord_bot))
    return simcord_bot


def guild_of(bot: Trilo, server: Server) -> discord.Guild:
    guild = bot.get_guild(server.guild.id)
    assert guild is not None
    return guild


async def seen(bot: Trilo, server: Server) -> dict[str, Missing]:
    return {missing.kind: missing for missing in await look_at(bot, guild_of(bot, server))}


async def set_up(bot: Trilo, server: Server) -> None:
    """All that can be set up."""
    tracker, guild = bot.services.tracker, server.guild.id
    await tracker.settings.choose(
        guild,
        commissioner_role_id=server.managers.id,
        alert_channel_id=server.channel.id,
        announce_channel_id=server.channel.id,
    )
    await tracker.settings.set_time_zone(guild, "America/New_York")
    await bot.services.league_book.set_teams(guild, [Team("Texans")], actor=1)


async def grant(env: simcord.Env, bot: Trilo, server: Server, permissions: discord.Permissions) -> None:
    """What the bot's own roles allow it on the server."""
    for role in guild_of(bot, server).me.roles:
        env.backend.edit_role(server.guild.id, role.id, {"permissions": permissions.value})


async def test_a_new_server(server: Server, bot: Trilo):
    """Nothing is set up yet: everything that matters is said, each with what mends it."""
    assert await look_at(bot, guild_of(bot, server)) == [
        Missing(
            "commissioner",
            f"{NO_ROLE} Make one in Server Settings → Roles, then choose it in `/settings`, under League.",
            Fix.LEAGUE,
        ),
        Missing(
            "alerts",
            f"Alerts on what AI costs reach no channel ({NO_CHANNEL}).",
            Fix.ALERTS,
        ),
        Missing("announcements", "No channel for announcements of an advance is chosen.", Fix.LEAGUE),
        Missing(
            "teams",
            "I don't know your teams yet. With them I can tell which ones a schedule means: "
            "`/league teams` takes a list.",
            Fix.TEAMS,
        ),
        Missing(
            "time zone",
            "Days and advances are counted in UTC. If your league lives elsewhere, choose its time zone.",
            Fix.TIME,
        ),
    ]


async def test_a_new_server_in_spanish(server: Server, bot: Trilo):
    with speaking("es-419"):
        missing = await look_at(bot, guild_of(bot, server))
        buttons = [item.item.label for item in FixesView(missing).children if isinstance(item, FixButton)]
    assert [one.words for one in missing] == [
        (
            "No hay ningún rol de comisionado elegido, así que solo quienes tienen Gestionar canales pueden llevar la "
            "liga. Crea uno en Ajustes del servidor → Roles y elígelo en `/settings`, en Liga."
        ),
        f"Las alertas sobre el costo de la IA no llegan a ningún canal ({translated(NO_CHANNEL, 'es')}).",
        "No hay ningún canal elegido para anunciar los avances.",
        (
            "Todavía no conozco tus equipos. Con ellos puedo saber a cuáles se refiere un calendario: dame la lista en "
            "`/league teams`."
        ),
        "Los días y los avances se cuentan en UTC. Si tu liga vive en otra zona horaria, elígela.",
    ]
    assert buttons == ["Ajustes de la liga", "Elegir el canal de alertas", "Equipos", "Elegir la zona horaria"]


async def test_nothing_is_missing(server: Server, bot: Trilo):
    await set_up(bot, server)
    assert await look_at(bot, guild_of(bot, server)) == []


async def test_a_role_that_looks_like_it(server: Server, bot: Trilo, tracker: UsageTracker, simcord_env: simcord.Env):
    """A role that was chosen and deleted since is none, and a bot's own role is nobody's to have."""
    server.guild.create_role("League `Commish` 🏈")
    bots = server.guild.create_role("Commissioner")
    simcord_env.backend.edit_role(server.guild.id, bots.id, {"managed": True, "position": 50})
    await tracker.settings.choose(server.guild.id, commissioner_role_id=123)
    assert (await seen(bot, server))["commissioner"].words == (
        f"{NO_ROLE} Your role `League 'Commish' 🏈` looks like one: choose it in `/settings`, under League."
    )


async def test_channels_that_are_gone_or_closed(server: Server, bot: Trilo, tracker: UsageTracker):
    """I20: an alert that would reach nobody is said before it is due."""
    guild = server.guild
    closed = guild.create_text_channel(
        "closed", overwrites={guild.me: discord.PermissionOverwrite(send_messages=False)}
    )
    await set_up(bot, server)
    await tracker.settings.choose(guild.id, alert_channel_id=123, announce_channel_id=closed.id)
    assert await look_at(bot, guild_of(bot, server)) == [
        Missing(
            "alerts",
            "Alerts on what AI costs reach no channel (the channel is gone: choose another in `/settings`).",
            Fix.ALERTS,
        ),
        Missing(
            "announcements",
            f"I can't announce an advance (I may not write in <#{closed.id}>: give me View Channel and Send Messages "
            "there).",
            Fix.LEAGUE,
        ),
    ]


async def test_permissions(server: Server, bot: Trilo, simcord_env: simcord.Env):
    """Each is named, with what it is for and where to switch it on; no more is asked for than is needed."""
    await set_up(bot, server)
    await grant(simcord_env, bot, server, NEEDED)
    assert await look_at(bot, guild_of(bot, server)) == []
    await grant(simcord_env, bot, server, NEEDED & ~discord.Permissions(manage_channels=True, embed_links=True))
    assert await look_at(bot, guild_of(bot, server)) == [
        Missing(
            "permissions",
            "I lack **Manage Channels** (to create and delete a week's channels), **Embed Links** (to show links). "
            "Switch it on in Server Settings → Roles → my role → Permissions.",
        )
    ]


async def test_permissions_that_a_channel_takes_away(server: Server, bot: Trilo, tracker: UsageTracker):
    guild = server.guild
    await set_up(bot, server)
    narrow = guild.create_text_channel(
        "narrow", overwrites={guild.me: discord.PermissionOverwrite(embed_links=False, attach_files=False)}
    )
    await tracker.settings.choose(guild.id, alert_channel_id=narrow.id, announce_channel_id=narrow.id)
    assert await look_at(bot, guild_of(bot, server)) == [
        Missing(
            "permissions",
            f"In <#{narrow.id}> I lack **Embed Links**, **Attach Files**. "
            f"Switch it on in <#{narrow.id}> → Edit Channel → Permissions.",
        )
    ]


async def test_a_server_that_is_nearly_full(server: Server, bot: Trilo):
    """Categories count."""
    await set_up(bot, server)
    here = len(guild_of(bot, server).channels)
    for number in range(460 - here):
        server.guild.create_text_channel(f"game-{number}")
    assert await look_at(bot, guild_of(bot, server)) == []
    server.guild.create_category("Week 30")
    assert await look_at(bot, guild_of(bot, server)) == [
        Missing("channels", "This server has 461 of the 500 channels that Discord allows. `/league delete` makes room.")
    ]


async def answered(server: Server) -> discord.Message:
    """The answer below which the buttons are, for everybody to see."""
    result = await server.member.slash(server.channel, "look")
    assert result.response is not None
    assert not result.response.ephemeral
    return result.response.message


async def pressed(who: simcord.MemberActor, message: discord.Message, label: str) -> Any:
    """What the presser was shown, and nobody else."""
    press = await who.click(message, label=label)
    assert press.response is not None
    assert press.response.ephemeral
    return press.response


async def test_each_fix_once(server: Server, bot: Trilo):
    message = await answered(server)
    (row,) = message.components
    assert isinstance(row, discord.ActionRow)
    assert [button.label for button in row.children if isinstance(button, discord.Button)] == [
        "League settings",
        "Choose the alert channel",
        "Teams",
        "Choose the time zone",
    ]
    assert FixesView([Missing("permissions", "I lack something.")]).children == []


async def test_a_fix_opens_the_thing_itself(server: Server, bot: Trilo, tracker: UsageTracker):
    """I26: it isn't the asker who presses; the alert channel is stored at one more tap."""
    message = await answered(server)
    pages = {
        "League settings": "## Settings: League",
        "Choose the time zone": "## Settings: Time zone and reports",
        "Choose the alert channel": "## Settings: Alerts",
    }
    for label, heading in pages.items():
        view = await pressed(server.manager, message, label)
        assert texts(view)[0] == heading
    await server.manager.select(view, [server.channel], custom_id="settings:alerts")
    assert (await tracker.settings.of(server.guild.id)).alert_channel_id == server.channel.id
    assert texts(await pressed(server.owner, message, "Teams"))[0] == "## Teams"


async def test_others_get_words(server: Server, bot: Trilo):
    """I26: checked at the press; Manage Server alone doesn't run the league."""
    message = await answered(server)
    for label in ("League settings", "Choose the time zone", "Choose the alert channel"):
        assert (await pressed(server.member, message, label)).content == NOT_A_MANAGER
    assert (await pressed(server.manager, message, "Teams")).content == NOT_A_COMMISSIONER


async def test_whoever_presses_is_told_in_their_own_language(
    server: Server, bot: Trilo, monkeypatch: pytest.MonkeyPatch
):
    message = await answered(server)
    everybody_speaks("es-419", monkeypatch)
    told = (await pressed(server.member, message, "League settings")).content
    assert told == "Solo quienes tienen el permiso Gestionar servidor pueden hacer eso."
    assert texts(await pressed(server.manager, message, "League settings"))[0] == "## Ajustes: Liga"


async def test_buttons_work_after_a_restart(server: Server, bot: Trilo, simcord_env: simcord.Env):
    message = await answered(server)
    anew = Trilo(bot.services, shard_count=1)
    await anew.add_cog(Looks(anew))
    await simcord_env.restart_bot(anew)
    assert texts(await pressed(server.manager, message, "League settings"))[0] == "## Settings: League"


async def test_books_out_of_reach(server: Server, bot: Trilo, tracker: UsageTracker):
    """I23, I33: words for the person."""
    message = await answered(server)
    await tracker.database.close()
    view = await pressed(server.manager, message, "League settings")
    assert (
        view.content == "My database is out of reach just now, so I can't look that up. Please try again in a minute."
    )
