"""The buttons of an alert: who may press them, what they do, and what a forged id does (nothing: I26)."""

from typing import Any

import discord
import pytest
import simcord
from simcord import actors

from bot.client import Trilo
from bot.usage.budgeting.budgets import Owner
from cogs._alerts.alert_raise import NO_SUCH_BUDGET, OPERATORS
from cogs._kit.access import NOT_A_MANAGER, NOT_FOR_YOU
from tests.cogs.alerts import USD, a_budget, buttons, chooses, cog_of, deliver, spends
from tests.cogs.helpers import Books, Server, everybody_speaks, make_server, texts


@pytest.fixture
def extensions() -> tuple[str, ...]:
    return ("cogs.token_stats", "cogs.alerts")


async def an_alert(server: Server, books: Books, bot: Trilo, **options: Any) -> discord.Message:
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    await spends(books, server, "4.50")
    await a_budget(books, server, **options)
    await deliver(cog)
    return server.channel.history()[0]


async def limits(books: Books, server: Server) -> list[int]:
    return [budget.limit for budget in await books.tracker.budgets.of(server.guild.id)]


async def is_paused(books: Books, server: Server) -> bool:
    return (await books.tracker.settings.of(server.guild.id)).paused


async def forged(env: simcord.Env, actor: simcord.MemberActor, message: discord.Message, custom_id: str) -> Any:
    """A press whose id somebody wrote by hand."""
    stored = env.backend.get_message(message.channel.id, message.id)
    return await actors._component_interaction(actor, stored, {"custom_id": custom_id, "component_type": 2})


async def test_raise_the_limit(server: Server, books: Books, bot: Trilo):
    """I29: for the presser's eyes, with their name in the audit log; that it was raised, for all who saw the alert."""
    message = await an_alert(server, books, bot)
    press = await server.manager.click(message, label="Raise the limit")
    assert press.modal is not None
    sent = await server.manager.submit_modal(press, {"limit": "$10"})
    assert sent.response.ephemeral
    assert sent.response.content == "The limit is now **$10.00 a month for this server**."
    assert await limits(books, server) == [10 * USD]
    told = server.channel.history()[-1]
    assert told.content == f"{server.manager.mention} raised the limit to **$10.00 a month for this server**."
    assert told.reference.message_id == message.id
    (line, *_) = await books.tracker.settings.audit(server.guild.id)
    assert (line.actor, line.action, line.facts["limit"]) == (str(server.manager.id), "budget set", 10 * USD)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("lots", "I can't read that as a limit."),
        ("200k tokens", "This budget is counted in dollars."),
        ("$5", "That isn't more than the $5.00 it has. `/budget set` lowers it."),
        ("$20.01", "The operator's cap for this server is $20.00 a month: a budget can't go above it."),
    ],
)
async def test_what_is_no_higher_limit_is_told_in_words(server: Server, books: Books, bot: Trilo, typed, answer):
    """The operator's cap stands above all."""
    message = await an_alert(server, books, bot)
    await a_budget(books, server, "20", owner=Owner.OPERATOR)
    press = await server.manager.click(message, label="Raise the limit")
    sent = await server.manager.submit_modal(press, {"limit": typed})
    assert sent.response.content.startswith(answer)
    assert sorted(await limits(books, server)) == [5 * USD, 20 * USD]


@pytest.mark.parametrize(
    ("period", "answer"),
    [
        ("week", "The limit is now **$10.00 a month for this server**."),
        ("total", "The operator's cap for this server is $7.00 in total: a budget can't go above it."),
    ],
)
async def test_a_cap_for_less_time_leaves_room_for_more(server: Server, books: Books, bot: Trilo, period, answer):
    """$7 a week is more than $10 a month."""
    message = await an_alert(server, books, bot)
    await a_budget(books, server, "7", owner=Owner.OPERATOR, period=period)
    press = await server.manager.click(message, label="Raise the limit")
    sent = await server.manager.submit_modal(press, {"limit": "$10"})
    assert sent.response.content == answer


async def test_pause_the_ai(server: Server, books: Books, bot: Trilo):
    message = await an_alert(server, books, bot)
    press = await server.manager.click(message, label="Pause the AI")
    assert press.response.ephemeral
    assert "paused on this server" in press.response.content
    assert await is_paused(books, server)
    again = await server.manager.click(message, label="Pause the AI")
    assert again.response.content == "The AI is paused already. `/ai resume` ends that."


async def test_see_the_stats(server: Server, books: Books, bot: Trilo):
    message = await an_alert(server, books, bot)
    press = await server.manager.click(message, label="See the stats")
    assert press.response.ephemeral
    assert texts(press.response)[0].startswith("## $4.50 this month · on course to use up its $5 on 17 Mar\n")


async def test_without_the_permission_nothing_happens(server: Server, books: Books, bot: Trilo):
    """I26: checked at each press, also between opening the form and sending it."""
    message = await an_alert(server, books, bot)
    labels = ("Raise the limit", "Pause the AI", "See the stats")
    answers = {label: await server.member.click(message, label=label) for label in labels}
    contents = {label: press.response.content for label, press in answers.items()}
    assert contents == {
        "Raise the limit": NOT_A_MANAGER, "Pause the AI": NOT_A_MANAGER, "See the stats": NOT_FOR_YOU,
    }  # fmt: skip
    assert all(press.response.ephemeral for press in answers.values())
    opened = await server.manager.click(message, label="Raise the limit")
    guild = bot.get_guild(server.guild.id)
    assert guild is not None
    await guild.get_role(server.managers.id).edit(permissions=discord.Permissions.none())  # type: ignore[union-attr]
    sent = await server.manager.submit_modal(opened, {"limit": "$10"})
    assert sent.response.content == NOT_A_MANAGER
    assert await limits(books, server) == [5 * USD]
    assert not await is_paused(books, server)


async def test_a_forged_id_of_another_server_s_budget_does_nothing(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env
):
    """I26."""
    message = await an_alert(server, books, bot)
    other = make_server(simcord_env, "other")
    theirs = await a_budget(books, other, "7")
    stored = simcord_env.backend.get_message(message.channel.id, message.id)
    row = stored.components[1]["components"]
    row[0]["custom_id"] = f"alert:raise:{theirs.id}"
    press = await forged(simcord_env, server.manager, message, f"alert:raise:{theirs.id}")
    assert press.response.content == NO_SUCH_BUDGET
    assert await limits(books, other) == [7 * USD]


async def test_the_operator_s_limit_has_no_button_and_a_forged_one_is_refused(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env
):
    """I26: no button of theirs passes it."""
    message = await an_alert(server, books, bot, owner=Owner.OPERATOR)
    assert list(buttons(message)) == ["Pause the AI", "See the stats"]
    (budget,) = await books.tracker.budgets.of(server.guild.id)
    stored = simcord_env.backend.get_message(message.channel.id, message.id)
    stored.components[1]["components"][0]["custom_id"] = f"alert:raise:{budget.id}"
    press = await forged(simcord_env, server.manager, message, f"alert:raise:{budget.id}")
    assert press.response.content == OPERATORS


async def test_a_budget_removed_since_is_told(server: Server, books: Books, bot: Trilo):
    message = await an_alert(server, books, bot)
    (budget,) = await books.tracker.budgets.of(server.guild.id)
    opened = await server.manager.click(message, label="Raise the limit")
    await books.tracker.budgets.remove(budget.id, guild_id=server.guild.id)
    sent = await server.manager.submit_modal(opened, {"limit": "$10"})
    assert sent.response.content == NO_SUCH_BUDGET
    press = await server.manager.click(message, label="Raise the limit")
    assert press.response.content == NO_SUCH_BUDGET


async def test_buttons_work_after_a_restart(server: Server, books: Books, bot: Trilo):
    """The view that was sent is gone with the process; its ids say all."""
    message = await an_alert(server, books, bot)
    await bot.unload_extension("cogs.alerts")
    bot._connection._view_store._views.clear()
    await bot.load_extension("cogs.alerts")
    press = await server.manager.click(message, label="Pause the AI")
    assert "paused on this server" in press.response.content
    assert await is_paused(books, server)


async def test_the_test_button_shows_an_alert_as_it_will_be(server: Server, books: Books, bot: Trilo):
    """Nothing is written, and whoever presses learns if everybody can read along."""
    cog = cog_of(bot)
    budget = await a_budget(books, server)
    missing = await told(cog, budget, server, bot)
    assert missing == "An alert would not arrive: no channel for alerts is chosen: `/settings` does that."
    await chooses(books, server, server.channel)
    answer = await told(cog, budget, server, bot)
    assert answer == (
        f"Sent to <#{server.channel.id}>: that is what an alert looks like. "
        "Everybody on this server can read that channel."
    )
    message = server.channel.history()[-1]
    assert texts(message)[0].splitlines() == [
        "## ⚠️ 90\u00a0% of a budget is used",
        "**$5.00 a month for this server**",
        "$4.50 of $5.00 (90\u00a0%) used since 1 Mar.",
        "At 100\u00a0% further questions are refused.",
        "-# This is a test: it shows what an alert will look like here.",
    ]
    assert await books.tracker.alerts.history(server.guild.id) == []


async def test_each_in_their_language(server: Server, books: Books, bot: Trilo, monkeypatch: pytest.MonkeyPatch):
    """An alert speaks to the whole server, its buttons to whoever presses."""
    await books.tracker.settings.choose(server.guild.id, language="es", actor=server.manager.id)
    message = await an_alert(server, books, bot)
    assert texts(message)[0].splitlines()[:2] == [
        "## ⚠️ Se usó el 90\u00a0% de un presupuesto",
        "**5,00\u00a0US$ al mes para este servidor**",
    ]
    assert list(buttons(message)) == ["Subir el límite", "Pausar la IA", "Ver estadísticas"]
    in_english = await server.manager.click(message, label="Pausar la IA")
    assert in_english.response.content.startswith("⏸️ **The AI is paused on this server**")
    everybody_speaks("es-419", monkeypatch)
    paused = await server.manager.click(message, label="Pausar la IA")
    press = await server.manager.click(message, label="Subir el límite")
    sent = await server.manager.submit_modal(press, {"limit": "4"})
    assert sent.response.content == "Eso no supera el límite actual de USD\u00a05.00. Para bajarlo usa `/budget set`."
    assert paused.response.content == "La IA ya está en pausa. `/ai resume` la reanuda."


async def test_the_test_button_of_a_budget_that_was_changed_or_removed_meanwhile(
    server: Server, books: Books, bot: Trilo
):
    cog = cog_of(bot)
    await chooses(books, server, server.channel)
    shown = await a_budget(books, server)
    await a_budget(books, server, "10")
    await told(cog, shown, server, bot)
    assert texts(server.channel.history()[-1])[0].splitlines()[1:3] == [
        "**$10.00 a month for this server**",
        "$9.00 of $10.00 (90\u00a0%) used since 1 Mar.",
    ]
    await books.tracker.budgets.remove(shown.id, guild_id=server.guild.id)
    assert await told(cog, shown, server, bot) == NO_SUCH_BUDGET
    assert len(server.channel.history()) == 1


async def told(cog: Any, budget: Any, server: Server, bot: Trilo) -> str:
    """What the presser of a Test button is told; a command of theirs lends its interaction."""
    scope = discord.Object(server.guild.id)

    @bot.tree.command(name="lend", description="x", guild=scope)
    async def lend(interaction: discord.Interaction[Any]) -> None:
        await cog.on_trilo_test_alert(interaction, budget)

    await bot.tree.sync(guild=scope)
    result = await server.manager.slash(server.channel, "lend")
    bot.tree.remove_command("lend", guild=scope)
    return result.response.content
