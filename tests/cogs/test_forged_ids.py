"""Presses whose ids somebody made up, on every control that outlives a restart; and those on what didn't (I26, I29)."""

import logging
from collections.abc import Iterator
from typing import Any

import discord
import pytest
import simcord
from simcord import actors
from simcord.components import walk_components

from bot.client import Trilo
from bot.usage.tracker import UsageTracker
from cogs._kit import form
from cogs._kit.access import NOT_A_COMMISSIONER, NOT_A_MANAGER, NOT_FOR_YOU
from cogs._settings.first_contact import HelloView, ServerHello
from cogs._settings.server_look import Fix, Missing
from cogs._settings.server_look_view import FixesView
from cogs.dead_presses import GONE
from tests.cogs.alerts import a_budget
from tests.cogs.helpers import Books, Server, make_server, texts
from tests.cogs.league.conftest import settings, simcord_bot  # noqa: F401 - the whole bot

HUGE = "9" * 40
NO = (NOT_A_MANAGER, NOT_FOR_YOU, NOT_A_COMMISSIONER, "That works on a server only.")
EDITS = (
    "",
    ":",
    "{0}:",
    "{0}x",
    " {0}",
    "{0}\n",
    "{0}:" + HUGE,
    "-{0}",
    "\u0663{0}",
    "../{0}",
    "{0}%00\0",
    "{0}{0}",
)
"""What becomes of an id that was shown."""


@pytest.fixture(autouse=True)
def nothing_failed(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert [one.getMessage() for one in caplog.get_records("call") if one.levelno >= logging.ERROR] == []


async def forged(who: Any, message: Any, custom_id: str, *, put_there: bool = False, **data: Any) -> Any:
    """A press with an id, and perhaps values, of somebody's own making; `put_there`: as if the message had it."""
    stored = who._env.backend.get_message(message.channel_id, message.id)
    shown = next(one for one in walk_components(stored.components) if one.get("custom_id"))
    before = shown["custom_id"]
    shown["custom_id"] = custom_id if put_there else before
    try:
        given = {"custom_id": custom_id, "component_type": 2, **data}
        return await actors._component_interaction(who, stored, given)
    finally:
        shown["custom_id"] = before


def as_seen(env: simcord.Env, message: discord.Message) -> simcord.ResponseMessage:
    return simcord.ResponseMessage(env, env.backend.get_message(message.channel.id, message.id))


async def said(press: Any) -> str:
    """The words, for the presser alone, and nothing else."""
    assert press.acknowledged
    assert press.modal is None
    (answer,) = [one for one in (press.response, *press.followups) if one is not None and one.ephemeral]
    return "\n".join(texts(answer))


async def state(tracker: UsageTracker, server: Server) -> Any:
    guild_id = server.guild.id
    return (
        await tracker.budgets.of(guild_id),
        await tracker.settings.of(guild_id),
        await tracker.settings.audit(guild_id),
    )


def controls(message: Any) -> list[dict[str, Any]]:
    stored = message._env.backend.get_message(message.channel_id, message.id)
    return [one for one in walk_components(stored.components) if "custom_id" in one]


async def test_ids_that_nobody_was_shown(server: Server, books: Books, standing: list[simcord.ResponseMessage]) -> None:
    """Whoever presses them, they do nothing, in words."""
    before = await state(books.tracker, server)
    shown = {one["custom_id"] for message in standing for one in controls(message)}
    assert {custom_id.split(":")[0] for custom_id in shown} == {"alert", "fix", "hello"}
    made_up = {edit.format(custom_id) for custom_id in shown for edit in EDITS} - shown
    made_up |= {custom_id.rpartition(":")[0] for custom_id in shown} | {f"alert:raise:{HUGE[:32]}", "settings:zone"}
    assert len(made_up) > 50
    for custom_id in sorted(made_up):
        assert await said(await forged(server.manager, standing[0], custom_id)) == GONE, custom_id
    assert await state(books.tracker, server) == before


async def test_ids_of_another_place(
    server: Server, books: Books, bot: Trilo, standing: list[simcord.ResponseMessage], simcord_env: simcord.Env
) -> None:
    """Pressed by who may not, on a server that they are none of, and in a direct message."""
    before = await state(books.tracker, server)
    shown = [one["custom_id"] for message in standing for one in controls(message)]
    other = make_server(simcord_env, "other")
    theirs: Any = bot.get_channel(other.channel.id)
    there = await theirs.send(view=HelloView(ServerHello("<@1>", None, to_team=False, has_alerts=True)))
    person = simcord_env.create_user("stranger")
    written = await (await bot.fetch_user(person.id)).send(view=FixesView([Missing("time", "", Fix.TIME)]))
    for custom_id in shown:
        assert await said(await forged(server.member, standing[0], custom_id, put_there=True)) in NO, custom_id
        pressed = await forged(other.manager, as_seen(simcord_env, there), custom_id, put_there=True)
        assert pressed.modal is not None or await said(pressed)
        assert await said(await forged(person, as_seen(simcord_env, written), custom_id, put_there=True)) in NO, (
            custom_id
        )
    assert await state(books.tracker, server) == before


@pytest.mark.parametrize(
    "command", ["budget show", "settings", "privacy", "league teams", "league history", "token-stats", "my-usage"]
)
async def test_a_press_on_what_a_restart_has_taken(
    server: Server, books: Books, bot: Trilo, simcord_env: simcord.Env, command: str
) -> None:
    """It goes on, or says that it is gone; what was made up does nothing."""
    await a_budget(books, server)
    for number in range(12):
        await books.book(server.guild.id, 10, model=f"m{number}", user=server.owner.id)
    shown = (await server.owner.slash(server.channel, command)).response
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    before = await state(books.tracker, server)
    goes_on = command in ("token-stats", "my-usage")
    for control in controls(shown):
        value = {"values": ["x" * 100]} if control["type"] == 3 else {}
        press = await forged(server.owner, shown, control["custom_id"], component_type=control["type"], **value)
        if value or not goes_on:
            assert await said(press) == GONE, control["custom_id"]
        else:
            assert press.acknowledged
        press = await forged(server.owner, shown, control["custom_id"] + HUGE, component_type=control["type"])
        assert await said(press) == GONE
    assert await state(books.tracker, server) == before


async def test_a_form_from_before_a_restart(
    server: Server, books: Books, standing: list[simcord.ResponseMessage], simcord_env: simcord.Env, bot: Trilo
) -> None:
    """I29: what was typed into it is lost, and that is said."""
    before = await state(books.tracker, server)
    shown = await server.manager.click(standing[0], label="Raise the limit")
    await simcord_env.restart_bot(Trilo(bot.services, shard_count=1))
    form._open.clear()  # in a new process there are none
    assert await said(await server.manager.submit_modal(shown, {"limit": "$10"})) == GONE
    assert await state(books.tracker, server) == before
