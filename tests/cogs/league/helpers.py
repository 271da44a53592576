"""A league on a server: a commissioner without Manage Channels, somebody with it, players with teams, a full week."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import discord
import simcord

from bot.client import Trilo
from bot.league.team_list import Team
from tests.cogs.helpers import Server, texts


@dataclass(frozen=True)
class League:
    server: Server
    bot: Trilo
    env: simcord.Env
    commissioner_role: simcord.RoleHandle
    commissioner: simcord.MemberActor
    """Has the commissioner role and no permission of its own."""
    builder: simcord.MemberActor
    """Has Manage Channels."""
    ann: simcord.MemberActor
    """Plays the Texans."""
    bob: simcord.MemberActor
    """Plays the Colts."""

    @property
    def guild(self) -> simcord.GuildHandle:
        return self.server.guild

    @property
    def channel(self) -> simcord.ChannelHandle:
        return self.server.channel

    @property
    def real(self) -> discord.Guild:
        """The server as the bot knows it."""
        found = self.bot.get_guild(self.guild.id)
        assert found is not None
        return found

    def layout(self) -> dict[str, list[str]]:
        """Every category with its channels, in order; `""` for channels outside any."""
        return {
            category.name if category else "": [channel.name for channel in channels]
            for category, channels in self.real.by_category()
        }

    async def say(self, who: simcord.MemberActor, text: str, **options: Any) -> simcord.ResponseMessage:
        """Mention the bot; the last message in the channel then, as a response to press on."""
        assert self.bot.user is not None
        await who.send(self.channel, f"<@{self.bot.user.id}> {text}", **options)
        return self.channel.last_message

    async def history(self) -> list[tuple[str, str, dict[str, Any]]]:
        """The audit log's lines on the league since it was made, newest first: who, what, facts."""
        lines = await self.bot.services.league_book.history(self.guild.id, 30)
        return [(line.actor, line.action, dict(line.facts)) for line in lines if line.actor != "test"]

    def fail(self, method: str, path: str, *, status: int, code: int = 0, times: int | None = 1) -> None:
        """Let Discord refuse from now on, also in the middle of what the bot is doing."""
        fault = {"method": method, "path": path, "status": status, "code": code, "message": "no", "times": times}
        self.env.backend.faults.append(fault)

    async def calls(self) -> dict[str, int]:
        """How many calls of each operation are on the books."""
        report = await self.bot.services.tracker.reports.spend(self.guild.id, "all", "operation")
        return {row.key: row.calls for row in report.rows}

    def pinged(self, message: discord.Message) -> tuple[set[int], set[int]]:
        """The members and the roles that a message was allowed to ping."""
        policy = self.env.backend.messages[message.channel.id][message.id].allowed_mentions
        return set(policy.users or ()), set(policy.roles or ())


async def make_league(server: Server, bot: Trilo, env: simcord.Env) -> League:
    guild = server.guild
    role = guild.create_role("Commissioner")
    builders = guild.create_role("Builders", permissions=discord.Permissions(manage_channels=True))
    league = League(
        server,
        bot,
        env,
        role,
        commissioner=guild.add_member(env.create_user("commish"), roles=[role]),
        builder=guild.add_member(env.create_user("builder"), roles=[builders]),
        ann=guild.add_member(env.create_user("ann")),
        bob=guild.add_member(env.create_user("bob")),
    )
    teams = [Team("Texans", league.ann.id), Team("Colts", league.bob.id), Team("Chiefs"), Team("Broncos")]
    await bot.services.league_book.set_teams(guild.id, teams, actor="test")
    await bot.services.tracker.settings.choose(guild.id, commissioner_role_id=role.id)
    return league


async def slash(league: League, command: str, who: simcord.MemberActor | None = None, **options: Any) -> Any:
    """What the bot answers to `/league …`, by default that of the one with Manage Channels."""
    return (await (who or league.builder).slash(league.channel, f"league {command}", **options)).response


def make_week(league: League, number: int, games: Sequence[str] = ("texans-vs-colts", "chiefs-vs-broncos")) -> Any:
    category = league.guild.create_category(f"Week {number}")
    for game in games:
        league.guild.create_text_channel(game, topic=f"Week {number}", category=category)
    return category


def shown(message: Any) -> str:
    """All texts of a plan, one below the other."""
    return "\n".join(texts(message))


def labels(message: Any) -> dict[str, bool]:
    """The buttons of a plan by their words, and whether each can be pressed."""
    view = discord.ui.LayoutView.from_message(getattr(message, "message", message))
    buttons = [item for item in view.walk_children() if isinstance(item, discord.ui.Button)]
    return {button.label or "": not button.disabled for button in buttons}


def menu(message: Any, custom_id: str) -> list[discord.SelectOption]:
    """The entries of a list, by its custom id; none where it isn't there."""
    view = discord.ui.LayoutView.from_message(getattr(message, "message", message))
    lists = [item for item in view.walk_children() if isinstance(item, discord.ui.Select)]
    return [option for found in lists if found.custom_id == custom_id for option in found.options]
