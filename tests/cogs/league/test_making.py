"""I32 where Discord makes a channel and doesn't say so, or makes it twice: nothing stays that nobody knows of."""

from collections.abc import Callable
from typing import Any

import aiohttp
import discord
import pytest

from tests.cogs.league.helpers import League, make_week, slash

WEEK = {"": ["general"], "Week 7": ["texans-vs-colts", "chiefs-vs-broncos"]}
GAMES = "Texans vs Colts, Chiefs vs Broncos"
Making = Callable[..., Any]


@pytest.fixture
def at_making(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Making], None]:
    """Have something else done when the bot makes its first, second … channel."""
    real = discord.http.HTTPClient.create_channel

    def at(number: int, instead: Making) -> None:
        made = []

        async def create_channel(*request: Any, **options: Any) -> Any:
            made.append(request)
            return await (instead if len(made) == number else real)(*request, **options)

        monkeypatch.setattr(discord.http.HTTPClient, "create_channel", create_channel)

    return at


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_what_was_made_without_an_answer_is_taken_as_made(league: League, at_making: Any, number: int):
    """The category, a channel, the last channel: the action goes on with it."""
    make = discord.http.HTTPClient.create_channel

    async def unanswered(*request: Any, **options: Any) -> None:
        await make(*request, **options)
        raise aiohttp.ServerDisconnectedError

    view = await slash(league, "create", week=7, games=GAMES)
    at_making(number, unanswered)
    await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == WEEK
    assert "result" not in (await league.history())[0][2]


@pytest.mark.parametrize("number", [1, 2])
async def test_what_wasnt_made_is_taken_back_and_told(league: League, at_making: Any, number: int):
    async def broken(*_request: Any, **_options: Any) -> None:
        raise aiohttp.ServerDisconnectedError

    view = await slash(league, "create", week=7, games=GAMES)
    at_making(number, broken)
    press = await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == {"": ["general"]}
    assert press.followups[0].content.startswith("Discord has trouble of its own right now.")
    assert len(league.env.errors) == 1


async def test_of_a_channel_made_twice_one_stays(league: League, at_making: Any):
    """Discord made it, said that it failed, and discord.py asked again."""
    make = discord.http.HTTPClient.create_channel

    async def twice(*request: Any, **options: Any) -> Any:
        await make(*request, **options)
        return await make(*request, **options)

    view = await slash(league, "create", week=7, games=GAMES)
    at_making(2, twice)
    await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == WEEK


@pytest.mark.parametrize(("number", "layout"), [(1, {"": ["general"], "Week 7": []}), (2, WEEK)])
async def test_of_what_was_made_twice_without_an_answer(league: League, at_making: Any, number: int, layout: Any):
    """One channel stays, since what is in our category is ours. Of two categories nobody can tell whose they are."""
    make = discord.http.HTTPClient.create_channel

    async def twice(*request: Any, **options: Any) -> None:
        await make(*request, **options)
        await make(*request, **options)
        raise aiohttp.ServerDisconnectedError

    view = await slash(league, "create", week=7, games=GAMES)
    at_making(number, twice)
    await league.builder.click(view, custom_id="plan:go")
    assert league.layout() == layout
    assert len(league.real.categories) == (2 if number == 1 else 1)
    assert len(league.env.errors) == (1 if number == 1 else 0)


async def test_two_of_one_name_both_come_back(league: League):
    """A category with two channels of one name is restored with both."""
    make_week(league, 3, ["bye", "bye"])
    before = league.layout()
    await league.builder.click(await slash(league, "delete", weeks="week 3"), custom_id="plan:go")
    [choice] = await league.builder.autocomplete(league.channel, "league restore", "snapshot", "week 3")
    result = await league.builder.slash(league.channel, "league restore", snapshot=choice["value"])
    await league.builder.click(result.response, custom_id="plan:go")
    assert league.layout() == before == {"": ["general"], "Week 3": ["bye", "bye"]}


async def test_an_announcement_whose_answer_was_lost_stands_once(league: League, monkeypatch: pytest.MonkeyPatch):
    """It is asked for again under the same nonce, by which Discord knows it: nobody is pinged twice."""
    send, nonces = discord.http.HTTPClient.send_message, []

    async def unanswered_once(http: Any, channel_id: int, *, params: Any) -> Any:
        nonces.append(params.payload["nonce"])
        if len(nonces) == 1:
            raise aiohttp.ServerDisconnectedError
        return await send(http, channel_id, params=params)

    view = await slash(league, "advance", week=8, when="in 2 days", channels="#general")
    monkeypatch.setattr(discord.http.HTTPClient, "send_message", unanswered_once)
    await league.builder.click(view, custom_id="plan:go")
    assert len(nonces) == 2
    assert len(set(nonces)) == 1
    assert "Week 8" in league.channel.last_message.content
