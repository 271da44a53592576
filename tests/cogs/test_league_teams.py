"""`/league teams`: who plays which team, changed by whoever may run the league, whatever they type."""

from collections.abc import Sequence
from typing import Any

import discord
import pytest
import simcord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo
from bot.league.league_book import LeagueBook
from bot.league.team_list import MAX_TEAMS, Team
from bot.usage.tracker import UsageTracker
from cogs._kit.access import NOT_A_COMMISSIONER, may_manage_channels, may_run_league
from cogs._league.league_team_forms import A_BOT, NO_LETTERS, NO_TEAM
from cogs._league.league_teams import GONE, NONE_YET
from tests.cogs.helpers import Server, everybody_speaks, selected, texts


class AsksWhoMay(commands.Cog):
    """Says what the checks say."""

    @app_commands.command(name="may", description="Who may")
    async def may(self, interaction: discord.Interaction[Trilo]) -> None:
        runs, manages = await may_run_league(interaction), may_manage_channels(interaction)
        await interaction.response.send_message(f"{runs} {manages}", ephemeral=True)


@pytest.fixture
async def simcord_bot(simcord_bot: Trilo) -> Trilo:
    await simcord_bot.add_cog(AsksWhoMay())
    return simcord_bot


@pytest.fixture
def book(bot: Trilo) -> LeagueBook:
    return bot.services.league_book


@pytest.fixture
async def commissioner(server: Server, tracker: UsageTracker, simcord_env: simcord.Env) -> simcord.MemberActor:
    """Somebody with nothing but the role that the server has chosen."""
    role = server.guild.create_role("Commissioner")
    await tracker.settings.choose(server.guild.id, commissioner_role_id=role.id)
    return server.guild.add_member(simcord_env.create_user("kim"), roles=[role])


async def opened(who: simcord.MemberActor, server: Server) -> simcord.ResponseMessage:
    result = await who.slash(server.channel, "league teams")
    assert result.response is not None
    assert result.response.ephemeral
    return result.response


async def submitted(
    who: simcord.MemberActor, view: simcord.ResponseMessage, custom_id: str, values: dict[str, Any]
) -> simcord.InteractionResult:
    form = await who.click(view, custom_id=custom_id)
    return await who.submit_modal(form, values)


async def pasted(who: simcord.MemberActor, view: simcord.ResponseMessage, lines: Sequence[str]) -> str:
    """What was told when these lines were pasted."""
    await submitted(who, view, "teams:paste", {"lines": "\n".join(lines)})
    return texts(view)[-1]


def labels(view: simcord.ResponseMessage) -> list[str]:
    items = discord.ui.LayoutView.from_message(view.message).walk_children()
    return [item.label or "" for item in items if isinstance(item, discord.ui.Button)]


async def test_the_first_team(server: Server, commissioner: simcord.MemberActor, book: LeagueBook):
    view = await opened(commissioner, server)
    assert texts(view) == ["## Teams", NONE_YET]
    assert labels(view) == ["Add a team", "Paste a list"]
    await submitted(commissioner, view, "teams:add", {"name": " Houston   Texans ", "player": [server.member]})
    member = server.member.id
    assert texts(view) == [
        "## Teams\n-# 1\u00a0team · each with a player",
        f"`Houston Texans` <@{member}>",
        f"✅ `Houston Texans` <@{member}>",
    ]
    assert selected(view) == ["Houston Texans"]
    assert labels(view) == ["Change", "Remove", "Add a team", "Paste a list"]
    assert await book.teams(server.guild.id) == [Team("Houston Texans", member)]


async def test_a_team_is_changed_and_removed(server: Server, commissioner: simcord.MemberActor, book: LeagueBook):
    guild = server.guild.id
    await book.set_teams(guild, [Team("Colts"), Team("Texans", server.member.id)], actor=1)
    view = await opened(commissioner, server)
    assert texts(view)[0] == "## Teams\n-# 2\u00a0teams · 1 without a player"
    assert labels(view) == ["Add a team", "Paste a list"]
    await commissioner.select(view, ["Texans"], custom_id="teams:pick")
    await submitted(commissioner, view, "teams:change", {"name": "Houston", "player": []})
    assert texts(view)[1:] == ["`Colts` nobody yet\n`Houston` nobody yet", "✅ `Houston` nobody yet"]
    await submitted(commissioner, view, "teams:change", {"name": "colts", "player": [server.member]})
    assert texts(view)[-1] == "There is a team called `Colts` already. Nothing was changed."
    await commissioner.click(view, custom_id="teams:remove")
    assert texts(view)[1:] == ["`Colts` nobody yet", "Removed `Houston`."]
    assert await book.teams(guild) == [Team("Colts")]
    changes = [(line.actor, line.facts["change"]) for line in await book.history(guild, 1)]
    assert changes == [(str(commissioner.id), "removed"), (str(commissioner.id), "changed"), ("1", "list")]


async def test_a_team_that_is_gone_is_not_made_anew(
    server: Server, commissioner: simcord.MemberActor, book: LeagueBook
):
    guild = server.guild.id
    await book.set_teams(guild, [Team("Colts"), Team("Texans")], actor=1)
    view = await opened(commissioner, server)
    await commissioner.select(view, ["Texans"], custom_id="teams:pick")
    form = await commissioner.click(view, custom_id="teams:change")
    await book.remove_team(guild, "Texans", actor=1)
    await commissioner.submit_modal(form, {"name": "Houston", "player": []})
    assert texts(view)[1:] == ["`Colts` nobody yet", GONE]
    await commissioner.select(view, ["Colts"], custom_id="teams:pick")
    await book.remove_team(guild, "Colts", actor=1)
    await commissioner.click(view, custom_id="teams:remove")
    assert texts(view) == ["## Teams", NONE_YET, GONE]


async def test_bots_and_names_without_letters(
    server: Server, commissioner: simcord.MemberActor, book: LeagueBook, simcord_env: simcord.Env
):
    """I27: a name is shown as it is, whatever Discord would make of it elsewhere."""
    other_bot = server.guild.add_member(simcord_env.create_user("other", bot=True))
    view = await opened(commissioner, server)
    await submitted(commissioner, view, "teams:add", {"name": "Texans", "player": [other_bot]})
    assert texts(view)[-1] == A_BOT
    told = await pasted(commissioner, view, ["Colts = other"])
    assert "Without a player yet, since no one member has that name: `Colts (other)`." in told
    await book.set_teams(server.guild.id, [], actor=1)
    await submitted(commissioner, view, "teams:add", {"name": "🏈", "player": []})
    assert texts(view)[-1] == NO_LETTERS
    await submitted(commissioner, view, "teams:add", {"name": "\u200b\u115f", "player": []})
    assert texts(view)[-1] == NO_LETTERS
    assert await book.teams(server.guild.id) == []
    await submitted(commissioner, view, "teams:add", {"name": "`@everyone` 🏈 **A&M**", "player": []})
    assert texts(view)[1] == "`'@everyone' 🏈 **A&M**` nobody yet"
    assert not view.message.mention_everyone


async def test_a_list_with_players_by_name(
    server: Server, commissioner: simcord.MemberActor, book: LeagueBook, simcord_env: simcord.Env
):
    """A player is whom exactly one member's name means; what isn't sure is left open and said."""
    guild = server.guild
    sam = guild.add_member(simcord_env.create_user("samuel_77"), nick="Sam")
    twins = [guild.add_member(simcord_env.create_user(f"twin{n}"), nick="Alex") for n in (1, 2)]
    await book.set_teams(guild.id, [Team("Bears", 123), Team("Jets", 9), Team("Lions", 8)], actor=1)
    view = await opened(commissioner, server)
    lines = [
        "Texans = @sam",
        "Colts: twin1",
        f"Titans = <@{server.member.id}>",
        "Raiders = Alex",
        "Browns = <@123456789012345678>",
        "Rams = s",
        "BEARS",
        "Lions = nobody I know",
        "texans = twin2",
    ]
    told = await pasted(commissioner, view, lines)
    assert told == (
        "✅ 8\u00a0teams on the list.\n"
        "Without a player yet, since no one member has that name: `Raiders (Alex)`, "
        "`Browns (<@123456789012345678>)`, `Rams (s)`, `Lions (nobody I know)`. Pick a team to change it.\n"
        "Not understood: `texans = twin2`."
    )
    assert await book.teams(guild.id) == [
        Team("BEARS", 123),
        Team("Browns"),
        Team("Colts", twins[0].id),
        Team("Lions"),
        Team("Raiders"),
        Team("Rams"),
        Team("Texans", sam.id),
        Team("Titans", server.member.id),
    ]


async def test_a_list_without_a_team_changes_nothing(
    server: Server, commissioner: simcord.MemberActor, book: LeagueBook
):
    await book.set_teams(server.guild.id, [Team("Texans", 7)], actor=1)
    view = await opened(commissioner, server)
    assert await pasted(commissioner, view, ["---", "= Sam"]) == NO_TEAM
    assert await book.teams(server.guild.id) == [Team("Texans", 7)]


async def test_college_football(server: Server, commissioner: simcord.MemberActor, book: LeagueBook):
    """136 teams: a page at a time, each found again where it is; the last that fit, and the first that doesn't."""
    view = await opened(commissioner, server)
    names = [f"Team {n:03}" for n in range(136)]
    assert await pasted(commissioner, view, names) == "✅ 136\u00a0teams on the list."
    assert texts(view)[0] == "## Teams\n-# 136\u00a0teams · 136 without a player · page 1 of 6"
    assert texts(view)[1].splitlines() == [f"`{name}` nobody yet" for name in names[:25]]
    await commissioner.click(view, label="▶")
    assert texts(view)[1].splitlines()[0] == "`Team 025` nobody yet"
    await commissioner.click(view, label="◀")
    await submitted(commissioner, view, "teams:add", {"name": "Team 137", "player": []})
    assert texts(view)[0].endswith("page 6 of 6")
    assert selected(view) == ["Team 137"]
    await book.set_teams(server.guild.id, [Team(f"T{n}") for n in range(MAX_TEAMS)], actor=1)
    await submitted(commissioner, view, "teams:add", {"name": "Texans", "player": []})
    assert texts(view)[-1] == "A server may have 200 teams. Nothing was changed."


async def test_every_press_is_checked(server: Server, commissioner: simcord.MemberActor, tracker: UsageTracker):
    """I26: whoever has lost the role meanwhile is refused, also with a form already open."""
    view = await opened(commissioner, server)
    form = await commissioner.click(view, custom_id="teams:add")
    await tracker.settings.choose(server.guild.id, commissioner_role_id=None)
    presses = [
        await commissioner.click(view, custom_id="teams:paste"),
        await commissioner.submit_modal(form, {"name": "Texans", "player": []}),
    ]
    assert [(press.response.content, press.response.ephemeral) for press in presses if press.response] == [
        (NOT_A_COMMISSIONER, True),
        (NOT_A_COMMISSIONER, True),
    ]
    assert texts(view) == ["## Teams", NONE_YET]


async def test_who_may_run_the_league(
    server: Server, commissioner: simcord.MemberActor, tracker: UsageTracker, simcord_env: simcord.Env
):
    """I26: the role, Manage Channels of the whole server, its owner; not Manage Server, nor one channel's overwrite."""
    guild = server.guild
    channels = guild.create_role("Channels", permissions=discord.Permissions(manage_channels=True))
    manager = guild.add_member(simcord_env.create_user("cm"), roles=[channels])
    admins = guild.create_role("Admins", permissions=discord.Permissions(administrator=True))
    admin = guild.add_member(simcord_env.create_user("admin"), roles=[admins])
    own = guild.create_text_channel(
        "own", overwrites={server.member: discord.PermissionOverwrite(manage_channels=True)}
    )
    people = {
        commissioner: "True False",
        manager: "True True",
        admin: "True True",
        server.owner: "True True",
        server.manager: "False False",
        server.member: "False False",
    }
    for person, expected in people.items():
        for channel in (server.channel, own):
            result = await person.slash(channel, "may")
            assert result.response is not None
            assert result.response.content == expected


async def test_a_cache_that_is_behind_gives_nobody_more(server: Server, bot: Trilo, simcord_env: simcord.Env):
    """I26: what Discord sends with a press counts, whatever the roles allowed a moment ago."""
    guild = server.guild
    role = guild.create_role("Channels", permissions=discord.Permissions(manage_channels=True))
    manager = guild.add_member(simcord_env.create_user("cm"), roles=[role])
    simcord_env.backend.get_role(guild.id, role.id).permissions = 0  # the bot hasn't heard of it yet
    result = await manager.slash(server.channel, "may")
    assert result.response is not None
    assert result.response.content == "False False"


async def test_in_spanish(server: Server, commissioner: simcord.MemberActor, monkeypatch: pytest.MonkeyPatch):
    everybody_speaks("es-MX", monkeypatch)
    view = await opened(commissioner, server)
    assert "\n".join(texts(view)) == (
        "## Equipos\n"
        "Todavía no hay ninguno. Con una lista de equipos sé a cuáles se refiere un calendario y puedo mencionar a sus "
        "jugadores.\nCon **Pegar una lista** los pones todos de una vez."
    )
    assert await pasted(commissioner, view, ["Texans", "Colts = nobody here", "Colts"]) == (
        "✅ 2\u00a0equipos en la lista.\n"
        "Aún sin jugador, porque no hay exactamente un miembro con ese nombre: `Colts (nobody here)`. Elige un equipo "
        "para cambiarlo.\nNo lo entendí: `Colts`."
    )
    assert texts(view)[:2] == [
        "## Equipos\n-# 2\u00a0equipos · 2 sin jugador",
        "`Colts` nadie todavía\n`Texans` nadie todavía",
    ]
    await commissioner.select(view, ["Texans"], custom_id="teams:pick")
    assert labels(view) == ["Cambiar", "Quitar", "Agregar un equipo", "Pegar una lista"]
