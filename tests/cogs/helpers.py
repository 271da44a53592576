"""What the tests of the cogs share: a clock, the books, a server, and what a message says."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import discord
import pytest
import simcord
from simcord import actors, interactions

from bot.sandbox import live
from bot.usage.ids import new_id
from bot.usage.records import Attribution, Kind, OpenCall, Price, Settlement, Status, Usage
from bot.usage.tracker import UsageTracker

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)
"""A Sunday noon in the middle of a month of 31 days: 14.5 days of it are over."""
SIGN = "\n-# If I only put ⏳ on your next questions, it means the same."
"""Below a refusal in words, which is followed by nothing but the sign."""
OWNER_GUILD = 1456074443980800006
"""The id that simcord gives to the first server beside the extensions of `tests/cogs/owner`: it counts commands and
servers in the same row of ids, from the start of its own time.
"""


class Clock:
    """The books' clock, which tests may set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class Books:
    """Puts calls on the books as the door does: admitted, then settled."""

    def __init__(self, tracker: UsageTracker, clock: Clock) -> None:
        self.tracker = tracker
        self.clock = clock

    async def book(
        self,
        guild_id: int,
        cost: int | None,
        *,
        days_ago: int = 0,
        operation: str = "general_conversation",
        model: str = "gpt-4o-mini",
        user: object = None,
        channel: int | None = None,
        thread: int | None = None,
        status: Status = Status.OK,
        estimated: bool = False,
        tokens: tuple[int, int] = (100, 20),
    ) -> None:
        usage = Usage(input_tokens=tokens[0], output_tokens=tokens[1])
        price = Price(cost, "test" if cost is not None else "unknown")
        user_id, session_id = (None if one is None else str(one) for one in (user, thread))
        who = Attribution(operation, guild_id, channel, user_id, session_id)
        started_at = self.clock.now - timedelta(days=days_ago)
        call = OpenCall(new_id(), Kind.LLM, "chat", started_at, who, "openai", model, usage, price)
        await self.tracker.ledger.admit(call)
        self.tracker.ledger.settle(call, Settlement(status, usage, price, 900, model, estimated=estimated))


SHOWN_TO_EVERYBODY = ("token-stats", "budget", "ai", "settings")
"""Commands whose Discord-side hint is overridden, as a server's admins can: their own checks must hold."""


@dataclass(frozen=True)
class Server:
    """A server with somebody who may manage it and somebody who may not, though both are shown its commands."""

    guild: simcord.GuildHandle
    channel: simcord.ChannelHandle
    managers: simcord.RoleHandle
    owner: simcord.MemberActor
    manager: simcord.MemberActor
    member: simcord.MemberActor


def make_server(env: simcord.Env, name: str) -> Server:
    owner_user = env.create_user(f"{name}_owner")
    guild = env.create_guild(name, owner=owner_user)
    channel = guild.create_text_channel("general")
    managers = guild.create_role("Managers", permissions=discord.Permissions(manage_guild=True))
    owner = guild.add_member(owner_user)
    manager = guild.add_member(env.create_user(f"{name}_manager"), roles=[managers])
    member = guild.add_member(env.create_user(f"{name}_member"))
    for name in SHOWN_TO_EVERYBODY:
        if (command := env.backend.find_command(name, guild.id, type=1)) is not None:
            guild.set_command_permissions(int(command["id"]), {guild.default_role: True})
    return Server(guild, channel, managers, owner, manager, member)


def texts(message: simcord.ResponseMessage | discord.Message | None) -> list[str]:
    """The texts of a message, whether it has components or only content."""
    assert message is not None
    if not message.components:
        return [message.content]
    view = discord.ui.LayoutView.from_message(getattr(message, "message", message))
    return [item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)]


def mention(env: simcord.Env) -> str:
    """How the bot is spoken to."""
    assert env.bot.user is not None
    return f"<@{env.bot.user.id}>"


def everybody_speaks(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever uses a command or presses has chosen that language in Discord; simcord's people speak English."""
    with live.everybody_speaks(language):
        spoken = interactions.base_payload
    monkeypatch.setattr(interactions, "base_payload", spoken)


async def a_month(books: Books, server: Server) -> None:
    """$0.00512 and $0.01 this month, $0.02 in February."""
    guild, channel, user = server.guild.id, server.channel.id, server.member.id
    await books.book(guild, 5_120_000, channel=channel, user=user, tokens=(1024, 256), model="gpt-4o")
    await books.book(guild, 10_000_000, days_ago=3, operation="setup_full_guide", channel=channel, user=user)
    await books.book(guild, 20_000_000, days_ago=28, channel=channel, user=user)


def selected(message: simcord.ResponseMessage) -> list[str]:
    view = discord.ui.LayoutView.from_message(message.message)
    selects = [item for item in view.walk_children() if isinstance(item, discord.ui.Select)]
    return [option.value for select in selects for option in select.options if option.default]


def chosen(message: simcord.ResponseMessage) -> dict[str, list[int]]:
    """The channels and roles that each list shows as chosen, by the list's custom id."""
    view = discord.ui.LayoutView.from_message(message.message)
    lists = [
        item for item in view.walk_children() if isinstance(item, discord.ui.ChannelSelect | discord.ui.RoleSelect)
    ]
    return {item.custom_id: [value.id for value in item.default_values] for item in lists}


async def refusal(press: simcord.InteractionResult) -> str:
    """What a refused press was answered with, for the presser alone."""
    assert press.acknowledged
    answer = press.followups[0] if press.followups else press.response
    assert answer is not None
    assert answer.ephemeral
    return answer.content


async def by_hand(
    who: simcord.MemberActor, shown: simcord.ResponseMessage, custom_id: str, *values: str
) -> simcord.InteractionResult:
    """A press, or a choice of these values, on a message whose controls Discord shows somebody else."""
    stored = who._env.backend.get_message(shown.channel_id, shown.id)
    data = {"custom_id": custom_id, "component_type": 3, "values": list(values)} if values else {}
    return await actors._component_interaction(who, stored, data or {"custom_id": custom_id, "component_type": 2})


async def settings_page(server: Server, page: str = "alerts") -> simcord.ResponseMessage:
    """`/settings` at one of its pages, as the manager sees it."""
    shown = (await server.manager.slash(server.channel, "settings")).response
    assert shown is not None
    assert shown.ephemeral
    if page != "alerts":
        await server.manager.select(shown, [page], custom_id="settings:page")
    return shown
