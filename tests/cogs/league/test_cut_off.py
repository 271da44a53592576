"""What was being carried out when the bot was killed is told after the next start (I32)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest

from bot.league.under_way import Action, UnderWay
from cogs._league.plan import PlanView
from cogs.cut_off import CutOffCog
from tests.cogs.league.helpers import League, shown, slash

TOLD = (
    "<@{}> I went down in the middle of `/league create` and couldn't take back what I had begun. Please look at it: "
    "what I had made is still there, and what I had deleted comes back with `/league restore`."
)


@pytest.fixture
async def killed(league: League) -> AsyncIterator[None]:
    """Another process has begun to create a week, and will never end it."""
    tracker = league.bot.services.tracker
    action = Action(
        league.guild.id, league.channel.id, league.builder.id, "/league create", "league created", {"title": "Week 7"}
    )
    async with AsyncExitStack() as never_left:
        await never_left.enter_async_context(UnderWay(tracker.database, tracker.clock).doing(action))
        yield


def cog_of(league: League) -> CutOffCog:
    return cast("CutOffCog", league.bot.get_cog("CutOffCog"))


@pytest.mark.usefixtures("killed")
async def test_it_is_told_where_it_was_pressed_and_in_the_history(league: League):
    """To whoever pressed, whom alone it pings, and once."""
    await cog_of(league).tell()
    said = league.channel.last_message
    assert said.content == TOLD.format(league.builder.id)
    assert league.pinged(said) == ({league.builder.id}, set())
    assert await league.history() == [
        (str(league.builder.id), "league created", {"title": "Week 7", "result": "cut off"}),
    ]
    await cog_of(league).tell()
    assert league.channel.last_message.id == said.id
    history = await slash(league, "history")
    assert "created, `Week 7`, **cut off**: I went down in the middle of it" in shown(history)


@pytest.mark.usefixtures("killed")
@pytest.mark.parametrize(("status", "code", "lines"), [(403, 50013, 1), (404, 10003, 1), (503, 0, 0)])
async def test_where_it_cant_be_said(league: League, status: int, code: int, lines: int):
    """The history has it at least; with Discord in trouble it is said later."""
    league.fail("POST", "/channels/*/messages", status=status, code=code, times=None)
    await cog_of(league).tell()
    assert len(await league.history()) == lines
    league.env.backend.faults.clear()
    await cog_of(league).tell()
    assert len(await league.history()) == 1


async def test_a_plan_is_on_the_books_while_it_is_carried_out(league: League, monkeypatch: pytest.MonkeyPatch):
    """And off them afterwards, so that nothing is told of it."""
    database, seen = league.bot.services.tracker.database, []
    real = PlanView.progress

    async def progress(view: PlanView, done: int, total: int) -> None:
        seen.extend(await database.fetch("SELECT channel_id, user_id, command, action FROM league_under_way"))
        await real(view, done, total)

    monkeypatch.setattr(PlanView, "progress", progress)
    view: Any = await slash(league, "create", week=7, games="Texans vs Colts")
    await league.builder.click(view, custom_id="plan:go")
    here = (league.channel.id, str(league.builder.id), "/league create", "league created")
    assert seen == [here, here]
    assert await database.fetch("SELECT id FROM league_under_way") == []
    await cog_of(league).tell()
    assert [facts.get("result") for _, _, facts in await league.history()] == [None]
