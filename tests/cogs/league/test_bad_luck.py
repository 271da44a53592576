"""Plans on a bad day: Discord fails or forgets, we shut down, others are at work on the same server."""

import asyncio
import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import aiohttp
import discord
import pytest

from cogs._kit import private
from cogs._league import plan as plans
from cogs._league.plan import CHANGED, PlanView
from tests.cogs.helpers import Clock, refusal
from tests.cogs.league.helpers import League, labels, make_week, shown, slash


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Do something once so many steps of a plan are done, and then show the progress as ever."""
    real = PlanView.progress
    monkeypatch.setattr(plans, "PROGRESS_SECONDS", 0.0)

    def at(step: int, do: Callable[[], None]) -> None:
        async def progress(view: PlanView, done: int, total: int) -> None:
            if done == step:
                do()
            await real(view, done, total)

        monkeypatch.setattr(PlanView, "progress", progress)

    return at


@pytest.mark.parametrize(("status", "code"), [(401, 50027), (404, 10008), (400, 50035)])
async def test_what_cant_be_shown_any_more_is_done_all_the_same(league: League, at_step: Any, status: int, code: int):
    """After 15 minutes Discord takes no edits, or somebody has deleted the plan: the work goes on, and is told of."""
    view = await slash(league, "create", week=7, games="Texans vs Colts, Chiefs vs Broncos")
    at_step(1, lambda: league.fail("PATCH", "/webhooks/*", status=status, code=code, times=None))
    press = await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == {"": ["general"], "Week 7": ["texans-vs-colts", "chiefs-vs-broncos"]}
    [(_, action, facts)] = await league.history()
    assert (action, facts["channels"], "result" in facts) == ("league created", 2, False)
    assert press.followups == []
    assert league.env.errors == []
    said = league.channel.last_message
    assert said.content == f"<@{league.builder.id}> `/league create` is over. `/league history` shows how it went."
    assert league.pinged(said) == ({league.builder.id}, set())


async def test_a_line_that_breaks_while_progress_is_shown_stops_nothing(
    league: League, at_step: Any, monkeypatch: pytest.MonkeyPatch
):
    """Not even Discord's own error: the connection was reset under an edit that matters to nobody."""
    view = await slash(league, "create", week=7, games="Texans vs Colts, Chiefs vs Broncos")

    async def reset(*_arguments: Any, **_named: Any) -> None:
        raise ConnectionResetError

    at_step(1, lambda: monkeypatch.setattr(discord.Interaction, "edit_original_response", reset))
    press = await league.builder.click(view, custom_id="plan:go")
    assert league.layout()["Week 7"] == ["texans-vs-colts", "chiefs-vs-broncos"]
    assert press.followups == []


async def test_what_was_taken_back_is_told_also_when_it_cant_be_shown(league: League, at_step: Any):
    """I32: the person is told what happened, though Discord has forgotten the press."""
    view = await slash(league, "create", week=7, games="Texans vs Colts, Chiefs vs Broncos")

    def fail(method: str, path: str) -> None:
        league.fail(method, path, status=401, code=50027, times=None)

    at_step(1, lambda: (fail("PATCH", "/webhooks/*"), fail("POST", "/webhooks/*"), fail("POST", "/guilds/*/channels")))
    await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == {"": ["general"]}
    assert league.channel.last_message.content == (
        f"<@{league.builder.id}> `/league create` is over. `/league history` shows how it went."
    )
    assert [facts["result"] for _, _, facts in await league.history()] == ["rolled back"]
    assert len(league.env.errors) == 1


async def test_shutting_down_half_way_is_written_down_and_shown(league: League, at_step: Any):
    """I32: what was begun doesn't stay, and nobody looks at a plan that seems to go on for ever."""
    view = await slash(league, "create", week=7, games="Texans vs Colts")

    def stop() -> None:
        raise asyncio.CancelledError

    at_step(2, stop)
    await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == {"": ["general"]}
    assert [facts["result"] for _, _, facts in await league.history()] == ["rolled back"]
    assert shown(view) == (
        "I'm restarting. Please ask again in a minute. What I had begun I took back, as far as there was time."
    )


async def test_a_form_sent_meanwhile_changes_nothing(league: League, at_step: Any):
    """I27: what is carried out, and written down, is what was shown when the button was pressed."""
    view = await slash(league, "create", week=7, games="Texans vs Colts")
    live = private._open[view.message.id]

    def change() -> None:
        live.change("Week 99", "A vs B")  # type: ignore[attr-defined]
        live.note = ""
        live.draw()

    at_step(1, change)
    await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == {"": ["general"], "Week 7": ["texans-vs-colts"]}
    assert shown(view).startswith("✅ **Week 7** is there")
    assert (await league.history())[0][2]["title"] == "Week 7"


async def test_whatever_was_shown_and_is_otherwise_now_is_shown_again(league: League):
    """I27: somebody else was faster, or a role may be mentioned by now."""
    one = await slash(league, "create", week=7, games="Texans vs Colts")
    two = await slash(league, "create", league.commissioner, week=7, games="Texans vs Colts")
    await league.builder.click(one, custom_id="plan:go")
    await league.commissioner.click(two, custom_id="plan:go")
    assert CHANGED in shown(two)
    assert "There is a category of that name already; this makes another." in shown(two)
    assert len(league.real.categories) == 1
    quiet = league.guild.create_role("Owners")
    view = await slash(league, "advance", week=8, channels="#general", roles="Owners")
    league.env.backend.edit_role(league.guild.id, quiet.id, {"mentionable": True})
    await league.builder.click(view, custom_id="plan:go")
    assert CHANGED in shown(view)
    assert f"Pings <@&{quiet.id}>." in shown(view)
    assert league.channel.last_message is None


async def test_a_server_from_before_the_connection_was_lost_isnt_believed(league: League):
    """I27: discord.py makes new servers then, and the ones it had stand still: a press brings the one there is."""
    view = await slash(league, "create", week=7, games="Texans vs Colts")
    live = private._open[view.message.id]
    live.guild = copy.copy(live.guild)
    live.guild._channels = dict(live.guild._channels)
    league.guild.create_category("Week 7")
    await league.builder.click(view, custom_id="plan:go")
    assert CHANGED in shown(view)
    assert len(league.real.categories) == 1


async def test_what_comes_into_a_category_while_it_goes_stays(league: League, at_step: Any):
    """Exactly what was shown is deleted: what somebody moves in meanwhile wasn't, and no snapshot has it."""
    make_week(league, 3)
    later = make_week(league, 4)
    view = await slash(league, "delete", weeks="3 to 4")
    at_step(1, lambda: league.env.backend.create_channel(league.guild.id, "rules", parent_id=later.id, position=9))
    await league.builder.click(view, custom_id="plan:go")
    assert {channel.name for channel in league.real.channels} == {"general", "rules"}


async def test_what_is_gone_when_it_is_to_be_deleted_comes_back_too(league: League, at_step: Any):
    """I32: Discord may have deleted it, said that it failed and been asked again: an empty channel more harms less."""
    make_week(league, 3, ["a-vs-b", "c-vs-d", "e-vs-f"])
    view = await slash(league, "delete", weeks="3")
    channels = {channel.name: channel.id for channel in league.real.text_channels}

    def meddle() -> None:
        league.env.backend.delete_channel(channels["c-vs-d"])
        league.fail("DELETE", f"/channels/{channels['e-vs-f']}", status=403, code=50013)

    at_step(1, meddle)
    press = await league.builder.click(view, custom_id="plan:go")
    assert "I took back what I had done, so that nothing has changed." in press.followups[0].content
    assert len(league.env.errors) == 1
    assert {channel.name for channel in league.real.categories[0].channels} == {"a-vs-b", "c-vs-d", "e-vs-f"}


async def test_a_time_that_passes_before_the_press_isnt_announced(league: League, clock: Clock):
    view = await slash(league, "advance", week=8, channels="#general", when="in 5 minutes")
    assert labels(view)["Post it"] is True
    clock.now += timedelta(minutes=5)
    await league.builder.click(view, custom_id="plan:go")
    assert "The time of the next advance is over. Give another under **Edit**." in shown(view)
    assert league.channel.last_message is None


async def test_while_we_shut_down_nothing_new_is_begun(league: League):
    view = await slash(league, "create", week=7, games="Texans vs Colts")
    league.bot.is_leaving = True
    press = await league.builder.click(view, custom_id="plan:go")
    assert await refusal(press) == "I'm restarting. Please ask again in a minute."
    assert league.layout() == {"": ["general"]}


@pytest.mark.parametrize("games", ["Texans vs Colts", "Texans vs Colts, Chiefs vs Broncos"])
async def test_what_is_being_made_when_we_shut_down_goes_too(
    league: League, monkeypatch: pytest.MonkeyPatch, games: str
):
    """I32: Discord has the request already, and makes it whether or not somebody waits for the answer."""
    make, made = discord.http.HTTPClient.create_channel, []

    async def slow(*request: Any, **options: Any) -> Any:
        made.append(await make(*request, **options))
        if len(made) == 2:
            task = next(iter(league.bot._work))
            task.cancel()
            await asyncio.sleep(0.1)
        return made[-1]

    view = await slash(league, "create", week=7, games=games)
    monkeypatch.setattr(discord.http.HTTPClient, "create_channel", slow)
    await league.builder.click(view, custom_id="plan:go")
    assert len(made) == 2
    assert league.layout() == {"": ["general"]}


async def test_shutting_down_while_it_is_taken_back_takes_it_back_all_the_same(
    league: League, at_step: Any, monkeypatch: pytest.MonkeyPatch
):
    """I32."""
    delete, deleted = discord.http.HTTPClient.delete_channel, []

    async def slow(*request: Any, **options: Any) -> None:
        deleted.append(request)
        if len(deleted) == 1:
            next(iter(league.bot._work)).cancel()
            await asyncio.sleep(0.1)
        await delete(*request, **options)

    view = await slash(league, "create", week=7, games="Texans vs Colts, Chiefs vs Broncos")
    at_step(2, lambda: league.fail("POST", "/guilds/*/channels", status=403, code=50013))
    monkeypatch.setattr(discord.http.HTTPClient, "delete_channel", slow)
    await league.builder.click(view, custom_id="plan:go")
    assert len(deleted) == 2
    assert league.layout() == {"": ["general"]}


async def test_what_was_deleted_without_an_answer_comes_back_too(league: League, monkeypatch: pytest.MonkeyPatch):
    """I32: the line broke, so that nobody knows whether it is gone."""
    make_week(league, 3, ["a-vs-b", "c-vs-d"])
    view = await slash(league, "delete", weeks="3")
    delete, deleted = discord.http.HTTPClient.delete_channel, []

    async def unanswered(http: Any, channel_id: int, **options: Any) -> None:
        await delete(http, channel_id, **options)
        deleted.append(channel_id)
        if len(deleted) == 2:
            league.fail("DELETE", "/channels/*", status=403, code=50013, times=None)
            raise aiohttp.ServerDisconnectedError

    monkeypatch.setattr(discord.http.HTTPClient, "delete_channel", unanswered)
    press = await league.builder.click(view, custom_id="plan:go")
    assert "I took back what I had done, so that nothing has changed." in press.followups[0].content
    assert len(league.env.errors) == 1
    assert {channel.name for channel in league.real.categories[0].channels} == {"a-vs-b", "c-vs-d"}
