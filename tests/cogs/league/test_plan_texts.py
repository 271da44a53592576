"""What a plan says: however much there is of it, whatever people call things, and what was meant."""

from typing import Any

import discord
import pytest
import simcord

from cogs._kit import private
from tests.cogs.league.helpers import League, labels, make_week, shown, slash
from tests.cogs.league.test_create import PNG

LONG = "W" * 44
ODD = "\n".join(f"what on earth is this {number} " + "y" * 60 for number in range(40))


@pytest.mark.parametrize(
    "games",
    [
        ODD,
        "\n".join(f"{number:02} {LONG} vs {number:02} {LONG[:-1]}" for number in range(38)),
        ", ".join(["Texans vs Colts"] * 60),
        ", ".join(f"Same{number} {LONG} vs Other{number} {LONG}" for number in list(range(17)) * 2),
        "\n".join("_" * 20 + f"a{number}" + "*" * 20 + "vs you" for number in range(60)),
    ],
)
async def test_however_much_is_typed_the_plan_can_be_shown(league: League, games: str):
    """Discord takes 4,000 characters in a message: what is more is counted, or on the next page."""
    view = await slash(league, "create", week=7, games=games[:4000], private=True)
    assert shown(view).startswith("## Week 7: ")
    while labels(view).get("▶"):
        await league.builder.click(view, custom_id="plan:on")
    assert len(shown(view)) <= 3_900
    assert league.env.errors == []


async def test_obstacles_beyond_a_few_are_counted(league: League):
    view = await slash(league, "create", week=7, games="Texans vs Colts, " + "one, two, three, four, five, six, seven")
    assert shown(view).count("I don't understand “") == 5
    assert "⚠️ And 2 more of that kind." in shown(view)


async def test_long_names_and_reasons_fit_into_a_deletion(league: League):
    """Ten categories of a hundred letters, half of them not to be touched."""
    for number in range(5):
        category = league.guild.create_category(f"{number} {'*' * 97}")
        for channel in range(50):
            league.guild.create_text_channel(f"{channel}-{'x' * 97}", category=category)
    deny = simcord.backend.models.channel.Overwrite(
        target_id=league.real.me.id, type=1, allow=0, deny=discord.Permissions(manage_channels=True).value
    )
    for number in range(5, 10):
        category = league.guild.create_category(f"{number} {'_' * 97}")
        league.env.backend.edit_channel(category.id, {}, overwrites=[deny])
    names = ", ".join(category.name for category in league.real.categories)
    view = await slash(league, "delete", weeks=names[:300])
    live = private._open[view.message.id]
    live._ids = [category.id for category in league.real.categories]  # type: ignore[attr-defined]
    live.question = "w" * 300
    await league.builder.click(view, custom_id="plan:go")
    text = shown(view)
    assert text.startswith("## Delete 5\xa0categories?")
    assert len(text) <= 3_900
    assert league.env.errors == []


async def test_many_channels_to_leave_out_fit_into_a_tagging(league: League):
    make_week(league, 7, ["texans-vs-colts", *(f"{channel}-{'x' * 97}" for channel in range(49))])
    view = await slash(league, "tag", week="7")
    assert shown(view).startswith("## Tag the players of Week 7: 1\xa0channel")
    assert "Left out: `0-" in shown(view)


async def test_no_more_roles_than_can_be_seen_and_chosen(league: League):
    """Discord's list takes ten chosen ones; what isn't in it isn't mentioned."""
    roles = [league.guild.create_role(f"r{number}", mentionable=True) for number in range(12)]
    view = await slash(league, "advance", week=8, channels="#general", roles=", ".join(f"r{n}" for n in range(12)))
    assert f"Pings {' '.join(f'<@&{role.id}>' for role in roles[:10])}." in shown(view)
    await league.builder.click(view, custom_id="plan:go")
    assert league.pinged(league.channel.last_message) == (set(), {role.id for role in roles[:10]})


async def test_names_do_nothing_in_a_plan(league: League):
    """I27: Markdown, links, mentions and marks that turn a line around, whoever wrote them, are only letters."""
    evil = "**x** [a](b) <@1> ||y|| \u202eabc"
    safe = r"\*\*x\*\* \[a](b) \<@1> \|\|y\|\| abc"
    view = await slash(league, "create", week=7, games="Texans vs Col**ts <@1> \u202e")
    assert r"-# ⚠️ read as “Col\*\*ts \<@1> ”, perhaps Colts" in shown(view)
    form = await league.builder.click(view, custom_id="plan:edit")
    await league.builder.submit_modal(form, {"title": evil, "games": "Texans vs Colts"})
    assert shown(view).startswith(f"## {safe}: 1\xa0game\n")
    assert f"A category **{safe}** with these channels will be created." in shown(view)
    await league.builder.click(view, custom_id="plan:go")
    assert f"✅ **{safe}** is there" in shown(view)
    view = await slash(league, "delete", weeks=evil)
    assert f"\n**{safe}** (1\xa0channel)" in shown(view)
    await league.builder.click(view, custom_id="plan:go")
    assert f"Deleted: **{safe}** (" in shown(view)
    [choice] = await league.builder.autocomplete(league.channel, "league restore", "snapshot", "")
    view = await slash(league, "restore", snapshot=choice["value"])
    assert f"\n**{safe}** (1\xa0channel)" in shown(view)


async def test_games_typed_beside_a_picture_are_taken_once(league: League, model_says: Any):
    """What the rules understand isn't put before the model, which would give it back."""
    model_says("WeekRead", {"week": None, "title": None, "question": None, "games": [
        {"away": "Chiefs", "home": "Broncos", "confidence": 1.0},
    ]})  # fmt: skip
    asked: list[str] = []
    read_week = league.bot.services.league_commands.read_week

    async def read(text: str, pictures: Any, teams: Any) -> Any:
        asked.append(text)
        return await read_week(text, pictures, teams)

    league.bot.services.league_commands.read_week = read  # type: ignore[method-assign]
    view = await slash(league, "create", week=7, games="Texans vs Colts, and so on", picture=("week.png", PNG))
    assert "1. `texans-vs-colts` · Texans vs Colts\n2. `chiefs-vs-broncos` · Chiefs vs Broncos\n" in shown(view)
    assert asked == ["and so on"]


async def test_week_3_is_the_category_called_so(league: League, model_says: Any):
    """However it is asked for: another one with its number in its name isn't meant, unless it is alone."""
    make_week(league, 3)
    league.guild.create_category("Week 3 highlights")
    league.guild.create_category("Week 4 media")
    model_says("DeletionRead", {"weeks": [3], "names": [], "question": None})
    message = await league.say(league.builder, "please delete week 3")
    assert "## Delete 1\xa0category?\n**Week 3** (" in shown(message)
    model_says("DeletionRead", {"weeks": [4], "names": [], "question": None})
    assert "\n**Week 4 media** (" in shown(await league.say(league.builder, "please delete week 4"))


async def test_a_question_is_gone_once_it_was_answered(league: League, model_says: Any):
    model_says("WeekRead", {"week": None, "title": None, "games": [], "question": "Which games?"})
    view = await slash(league, "create", games="the usual ones")
    assert "💬 Which games?" in shown(view)
    form = await league.builder.click(view, custom_id="plan:edit")
    await league.builder.submit_modal(form, {"title": "Week 7", "games": "Texans vs Colts"})
    assert "💬" not in shown(view)


async def test_all_that_is_worth_knowing_about_a_week_is_told(league: League):
    """None of it is left out because there is much of it."""
    league.guild.create_category("Week 7")
    guest = league.guild.create_role("Referees")
    view = await slash(league, "create", week=7, games="Texans vs Coltz, Jets vs Bears", private=True)
    await league.builder.click(view, custom_id="plan:tag")
    await league.builder.select(view, [guest], custom_id="plan:guests")
    assert shown(view).split("isn't on the team list\n")[1] == (
        "A category **Week 7** with these channels will be created.\n"
        "Please look at 2\xa0rows marked ⚠️; **Edit** corrects them.\n"
        "**Private**: only a game's players, whoever runs the league and I see its channel.\n"
        f"With the players: <@&{guest.id}>.\n"
        "Nobody is known to play in 1\xa0game: `/league teams` says who plays whom.\n"
        f"<@&{guest.id}> won't be pinged: that role may not be mentioned.\n"
        "There is a category of that name already; this makes another."
    )
