"""What all plans share: progress in place, one press, shutting down half-way, names on a large server, pace."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from discord import app_commands

from cogs._kit import private
from cogs._league import plan as plans
from cogs._league.league_planning import channels_named, roles_named
from cogs._league.plan import PlanView
from tests.cogs.league.helpers import League, make_week, shown


async def plan(league: League, games: str = "Texans vs Colts, Chiefs vs Broncos") -> Any:
    return (await league.builder.slash(league.channel, "league create", week=7, games=games)).response


@pytest.fixture
def edits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The notes of a plan at each drawing."""
    notes: list[str] = []
    draw = PlanView.draw

    def drawn(view: PlanView) -> None:
        draw(view)
        notes.append(view.over[:1] or view.working)

    monkeypatch.setattr(PlanView, "draw", drawn)
    return notes


async def test_progress_is_shown_in_place(league: League, edits: list[str], monkeypatch: pytest.MonkeyPatch):
    """As often as Discord likes edits: here every time, by default not twice in so short a time."""
    monkeypatch.setattr(plans, "PROGRESS_SECONDS", 0.0)
    view = await plan(league)
    await league.builder.click(view, custom_id="plan:go")
    assert edits == ["", "⏳ Starting …", "⏳ 1 of 3 …", "⏳ 2 of 3 …", "⏳ 3 of 3 …", "✅"]
    monkeypatch.setattr(plans, "PROGRESS_SECONDS", 3_600.0)
    edits.clear()
    view = await plan(league)
    await league.builder.click(view, custom_id="plan:go")
    assert edits in (["", "⏳ Starting …", "✅"], ["", "⏳ Starting …", "⏳ 1 of 3 …", "✅"])


async def test_a_second_press_starts_nothing_anew(league: League, monkeypatch: pytest.MonkeyPatch):
    """On another device, or by an impatient thumb."""
    view = await plan(league)
    live = private._open[view.message.id]
    pressed: list[bool] = []

    async def progress(self: PlanView, done: int, _total: int) -> None:
        if done == 1:
            assert self is live
            await live._press(None)  # type: ignore[arg-type]  # it must not even look at who presses
            pressed.append(True)

    monkeypatch.setattr(PlanView, "progress", progress)
    await league.builder.click(view, custom_id="plan:go")
    assert pressed == [True]
    assert league.layout() == {"": ["general"], "Week 7": ["texans-vs-colts", "chiefs-vs-broncos"]}


async def test_shutting_down_half_way_takes_everything_back(league: League, monkeypatch: pytest.MonkeyPatch):
    """I32: whoever cancels, nothing half-made stays."""
    view = await plan(league)
    live = private._open[view.message.id]

    async def progress(_view: PlanView, done: int, _total: int) -> None:
        if done == 2:
            raise asyncio.CancelledError

    monkeypatch.setattr(PlanView, "progress", progress)
    interaction: Any = SimpleNamespace(user=league.real.me, permissions=league.real.me.guild_permissions)
    with pytest.raises(asyncio.CancelledError):
        await live.carry_out(interaction)
    assert league.layout() == {"": ["general"]}


async def test_names_on_a_large_server(league: League):
    """Emoji, case and dashes make no difference; what isn't there or is everyone's is left out; never a guess."""
    for number in range(60):
        make_week(league, number % 60, [f"game-{number}"])
    for number in range(240):
        league.guild.create_role(f"Role {number}")
    news = league.guild.create_text_channel("📰-league-news")
    shouted = league.guild.create_role("The League 🏈")
    guild = league.real
    assert channels_named(guild, f"<#{news.id}> #general, nowhere, <#1>") == [news.id, league.channel.id]
    assert channels_named(guild, ["📰 League News", "GENERAL"]) == [news.id, league.channel.id]
    assert len(channels_named(guild, ", ".join(f"game-{number}" for number in range(60)))) == 5
    named = roles_named(guild, f"<@&{shouted.id}> @role-7, @everyone, The league 🏈, <@&{guild.default_role.id}>")
    assert named == [shouted.id, next(role.id for role in guild.roles if role.name == "Role 7")]


@pytest.mark.parametrize("settings", [1], indirect=True)
async def test_reading_is_paced(league: League):
    """As often a minute as questions are: a model may have to read what was typed."""
    first = await plan(league)
    assert shown(first).startswith("## Week 7")
    second = await plan(league)
    assert second.content == "You're asking faster than I may answer. Try again in 60 s."
    assert [type(error) for error in league.env.errors] == [app_commands.CommandOnCooldown]


async def test_what_is_done_isnt_cancelled_any_more(league: League):
    """By a press that was on its way meanwhile: it mustn't say that nothing was changed."""
    view = await plan(league)
    live = private._open[view.message.id]
    await league.builder.click(view, custom_id="plan:go")
    await live._cancel(None)  # type: ignore[arg-type]  # it must not even look at who presses
    assert live.over.startswith("✅ **Week 7** is there")
