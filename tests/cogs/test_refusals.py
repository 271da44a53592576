"""Saying no: kindly and briefly, once an hour; how fast may be asked; in the conversation, end to end."""

from datetime import timedelta
from typing import Any

import pytest
import simcord

from bot.client import Trilo
from bot.settings import Settings
from bot.usage.budgeting.budgets import Scope
from bot.usage.tracker import UsageTracker
from cogs._questions.refusals import REACTION
from tests.cogs.helpers import SIGN, Books, Clock, Server

APRIL = "<t:1775001600:R>"
USED_UP = f"This server's AI budget for this month is used up. It is back {APRIL}.{SIGN}"
PAUSED = f"The AI is paused here until somebody who manages this server resumes it.{SIGN}"


@pytest.fixture
def extensions() -> tuple[str, ...]:
    return ("cogs.conversation", "cogs.token_stats", "cogs.budgets", "cogs.ai")


@pytest.fixture
def simcord_bot(whole_bot: Trilo, extensions: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> Trilo:
    monkeypatch.setattr("bot.client.EXTENSIONS", extensions)
    return whole_bot


@pytest.fixture
def settings(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    return settings.model_copy(update=getattr(request, "param", {"calls_per_minute_member": 0}))


async def asks(actor: simcord.MemberActor, server: Server, bot: Trilo, text: str = "hello") -> str:
    """What the bot says to a question; its reactions where it says nothing."""
    assert bot.user is not None
    question = await actor.send(server.channel, f"{bot.user.mention} {text}")
    last = server.channel.last_message
    if last.id != question.id:
        assert last.author.id == bot.user.id
        return last.content
    return "".join(str(reaction.emoji) for reaction in last.reactions)


async def calls(server: Server, tracker: UsageTracker) -> int:
    return (await tracker.reports.spend(server.guild.id, "all", "operation")).total.calls


async def test_a_refusal_is_told_once_an_hour_then_by_a_reaction(
    server: Server, bot: Trilo, books: Books, tracker: UsageTracker, clock: Clock
):
    await books.book(server.guild.id, 10**6)
    await tracker.force_flush()
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=server.guild.id, limit_usd="0.001")
    assert await asks(server.member, server, bot) == USED_UP
    for minutes in (0, 1, 58):
        clock.now += timedelta(minutes=minutes)
        assert await asks(server.member, server, bot) == REACTION
    assert await asks(server.manager, server, bot) == USED_UP
    clock.now += timedelta(minutes=2)
    assert await asks(server.member, server, bot) == USED_UP
    assert await asks(server.member, server, bot) == REACTION
    assert await calls(server, tracker) == 1


async def test_a_budget_set_by_hand_refuses_until_it_is_raised(
    server: Server, bot: Trilo, books: Books, tracker: UsageTracker
):
    """As people do it: set, confirm, ask, be refused, edit, ask, be answered, remove."""
    await books.book(server.guild.id, 0, tokens=(300, 100))
    await tracker.force_flush()
    question = (await server.manager.slash(server.channel, "budget set", limit="400 tokens", per="day")).response
    await server.manager.click(question, label="Confirm")
    refused = "This server's AI budget for today is used up. It is back <t:1773619200:R>." + SIGN
    assert await asks(server.member, server, bot) == refused
    view = (await server.manager.slash(server.channel, "budget show")).response
    form = await server.manager.click(view, label="Edit")
    await server.manager.submit_modal(
        form, {"limit": "20k tokens", "thresholds": "80", "mode": ["hard"], "unknown": ["refuse"]}
    )
    assert await asks(server.member, server, bot) not in (refused, REACTION, "")
    await server.manager.click(view, label="Remove")
    await server.manager.click(view, label="Remove")
    assert await tracker.budgets.of(server.guild.id) == []
    assert await calls(server, tracker) == 2


@pytest.mark.parametrize("text", ["Pause the AI", "pausa la IA por favor"])
async def test_asked_to_pause_it_names_the_command_and_pauses_nothing(
    server: Server, bot: Trilo, tracker: UsageTracker, text: str
):
    """I27: a model's reading of a sentence switches nothing; whoever runs the command is told how to undo it."""
    assert "`/ai pause`" in await asks(server.manager, server, bot, text)
    assert not (await tracker.settings.of(server.guild.id)).paused
    paused = (await server.manager.slash(server.channel, "ai pause")).response.content
    assert paused.endswith("`/ai resume` ends the pause.")


async def test_another_cause_is_news(server: Server, bot: Trilo, books: Books, tracker: UsageTracker):
    """A budget that is used up isn't told by a sign that stood for a pause."""
    await server.manager.slash(server.channel, "ai pause")
    assert await asks(server.member, server, bot) == PAUSED
    assert await asks(server.member, server, bot) == REACTION
    await server.manager.slash(server.channel, "ai resume")
    assert await asks(server.member, server, bot) not in (PAUSED, REACTION)
    await books.book(server.guild.id, 10**6)
    await tracker.force_flush()
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=server.guild.id, limit_usd="0.001")
    assert await asks(server.member, server, bot) == USED_UP


async def test_a_members_own_budget_is_told_as_such_and_by_role_too(server: Server, bot: Trilo, tracker: UsageTracker):
    """The roles that the asker has go along with the call."""
    guild = server.guild.id
    await tracker.budgets.set(scope=Scope.EACH_IN_ROLE, scope_id=server.managers.id, guild_id=guild, limit_tokens=300)
    own = f"Your own AI budget for this month is used up. It is back {APRIL}.{SIGN}"
    assert await asks(server.manager, server, bot) not in (own, REACTION)
    assert await asks(server.manager, server, bot) == own
    assert await asks(server.member, server, bot) not in (own, REACTION)


async def test_a_reaction_that_is_not_allowed_is_no_error(
    server: Server, bot: Trilo, tracker: UsageTracker, simcord_env: simcord.Env, caplog: pytest.LogCaptureFixture
):
    await server.manager.slash(server.channel, "ai pause")
    assert await asks(server.member, server, bot) == PAUSED
    simcord_env.inject_error("PUT", "/channels/*/reactions/*", status=403)
    assert await asks(server.member, server, bot) == ""
    assert "ERROR" not in caplog.text


FAST = "You're asking faster than I may answer: 2 a minute. Try again in {} s." + SIGN
FAST_IN_SPANISH = (
    "Preguntas más rápido de lo que puedo responder: 1 por minuto. Inténtalo de nuevo en 60 s.\n"
    "-# Si en tus próximas preguntas solo pongo ⏳, significa lo mismo."
)


@pytest.mark.parametrize("settings", [{"calls_per_minute_member": 2}], indirect=True)
async def test_a_member_may_ask_so_many_questions_a_minute(
    server: Server, bot: Trilo, tracker: UsageTracker, clock: Clock
):
    for _ in range(2):
        assert "faster" not in await asks(server.member, server, bot)
    clock.now += timedelta(seconds=40)
    assert await asks(server.member, server, bot) == FAST.format(20)
    assert await asks(server.member, server, bot) == REACTION
    assert await calls(server, tracker) == 2
    assert "faster" not in await asks(server.manager, server, bot)
    clock.now += timedelta(seconds=21)
    for _ in range(2):
        assert await asks(server.member, server, bot) not in (FAST, REACTION)
    assert await asks(server.member, server, bot) == FAST.format(60)
    assert await asks(server.member, server, bot) == REACTION
    assert await calls(server, tracker) == 5


@pytest.mark.parametrize("settings", [{"calls_per_minute_member": 1}], indirect=True)
async def test_too_fast_in_the_servers_language(server: Server, bot: Trilo, tracker: UsageTracker):
    await tracker.settings.choose(server.guild.id, language="es")
    await asks(server.member, server, bot)
    assert await asks(server.member, server, bot) == FAST_IN_SPANISH


@pytest.mark.parametrize("settings", [{"calls_per_minute_member": 2, "calls_per_minute_server": 3}], indirect=True)
async def test_a_server_may_ask_so_many_questions_a_minute(
    server: Server, bot: Trilo, tracker: UsageTracker, simcord_env: simcord.Env
):
    """What is one member's too many isn't the server's: nobody can use up a minute for all."""
    for _ in range(5):
        await asks(server.member, server, bot)
    assert await calls(server, tracker) == 2
    assert "faster" not in await asks(server.manager, server, bot)
    assert await asks(server.manager, server, bot) == (
        "This server is asking faster than I may answer: 3 a minute. Try again in 60 s." + SIGN
    )
    assert await asks(server.owner, server, bot) == REACTION
    assert await calls(server, tracker) == 3


@pytest.mark.parametrize("settings", [{"calls_per_minute_member": 0, "calls_per_minute_server": 0}], indirect=True)
async def test_no_limit_where_the_operator_wants_none(server: Server, bot: Trilo, tracker: UsageTracker):
    for _ in range(40):
        await asks(server.member, server, bot)
    assert await calls(server, tracker) == 40


@pytest.mark.parametrize("settings", [{"calls_per_minute_member": 1}], indirect=True)
async def test_asking_too_fast_costs_no_work(
    server: Server, bot: Trilo, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
):
    """After its words not even a claim is written, so that a flood doesn't reach the books."""
    claimed: list[str] = []
    claim = tracker.claims.claim

    async def counting(name: str) -> bool:
        claimed.append(name)
        return await claim(name)

    monkeypatch.setattr(tracker.claims, "claim", counting)
    told: list[Any] = [await asks(server.member, server, bot) for _ in range(5)]
    assert told[2:] == [REACTION] * 3
    assert len(claimed) == 2
