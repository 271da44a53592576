"""Discord's three seconds for the first answer to whatever somebody does are kept, whatever is slow (I29)."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import discord
from discord import app_commands

from bot.client import Services, Trilo
from tests.wire.fake_api import DEADLINE_SECONDS, Interaction
from tests.wire.fake_discord import FakeDiscord
from tests.wire.faults import slow
from tests.wire.payloads import BOB, COMMISSIONER_ROLE_ID, GUILD_ID, JsonObject, message

TOO_LONG_SECONDS = DEADLINE_SECONDS + 0.2


def required(command: app_commands.Command[Any, ..., Any]) -> list[JsonObject]:
    return [
        {"name": one.display_name, "type": one.type.value, "value": 3 if one.type.value == 4 else "3"}
        for one in command.parameters
        if one.required
    ]


async def use_everything(bot: Trilo, fake: FakeDiscord, **more: Any) -> dict[str, Interaction]:
    """Every command and every entry in a message's menu, by Alice; by name."""
    used = {}
    for one in bot.tree.walk_commands():
        if isinstance(one, app_commands.Command):
            used[one.qualified_name] = await fake.use(one.qualified_name, required(one), **more)
    answer = message(0, "Week 7", author=fake_user(bot))
    for menu in bot.tree.get_commands(type=discord.AppCommandType.message):
        used[menu.name] = await fake.use(menu.name, about=answer, **more)
    return used


def fake_user(bot: Trilo) -> JsonObject:
    assert bot.user is not None
    return {"id": str(bot.user.id), "username": "Trilo", "discriminator": "0", "avatar": None, "bot": True}


async def take_long(services: Services) -> None:
    """The books' own threads are busy, as with a disk that hangs."""
    database = services.tracker.database
    await asyncio.gather(
        *(one._execute(time.sleep, TOO_LONG_SECONDS) for one in (database._reader, database._writer))  # type: ignore[union-attr]
    )


def custom_ids(shown: Any) -> Iterator[str]:
    """Of everything in a body that can be pressed."""
    if isinstance(shown, list):
        for one in shown:
            yield from custom_ids(one)
    elif isinstance(shown, dict):
        if "custom_id" in shown and not shown.get("disabled"):
            yield shown["custom_id"]
        for one in shown.values():
            yield from custom_ids(one)


async def test_slow_books_and_a_slow_discord_keep_nobody_waiting(bot: Trilo, fake: FakeDiscord, services: Services):
    """Every command; buttons and forms whose checks ask the books, or Discord, who somebody is."""
    role = int(COMMISSIONER_ROLE_ID)
    await services.tracker.settings.choose(int(GUILD_ID), commissioner_role_id=role)
    budget = await services.tracker.set_budget(
        scope="guild", scope_id=1000, guild_id=1000, period="day", limit_usd="1", mode="hard"
    )
    teams = await fake.use("league teams", member=BOB)
    await fake.until(lambda: teams.messages)
    ask = await fake.use("Ask about this", about=message(0, "Week 7", author=BOB))
    hello = await fake.press("hello:limit", message(0, ""))
    await fake.until(lambda: ask.first and hello.first)
    fake.faults["GET /oauth2/applications/@me"] = [slow(TOO_LONG_SECONDS)] * 5
    busy = asyncio.create_task(take_long(services))
    used = await use_everything(bot, fake)
    for custom_id in custom_ids(teams.shown[-1]):
        used[custom_id] = await fake.press(custom_id, teams.messages[-1], member=BOB)
    for action in ("raise", "pause", "stats"):
        used[action] = await fake.press(f"alert:{action}:{budget.id}", message(0, ""))
    used["hello"] = await fake.press("hello:limit", message(0, ""), member=BOB)
    used["question"] = await fake.fill_in(ask, "Is that fair?")
    used["limit"] = await fake.fill_in(hello, "$3")
    used["fix"] = await fake.press("fix:teams", message(0, ""), member=BOB)
    await busy
    late = {name: one.answered_after for name, one in used.items() if one.answered_after is None}
    assert late == {}
    await fake.until(lambda: all(one.shown or one.first["type"] not in (5, 6) for one in used.values()))
