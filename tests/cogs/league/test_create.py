"""Creating a week: typed or from a picture, corrected, created by one press of the same person, or not at all."""

import base64
from collections.abc import Callable
from typing import Any

import discord
import pytest
import simcord

from cogs._kit import private
from cogs._kit.access import NOT_A_COMMISSIONER
from cogs._kit.owned import NOT_YOURS
from cogs._league.plan import PlanView
from tests.cogs.helpers import everybody_speaks, refusal
from tests.cogs.league.helpers import League, labels, make_week, menu, shown

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
GAMES = "Texans vs Colts, Chiefs at Broncos"
READ = {
    "week": 8,
    "title": None,
    "games": [
        {"away": "Houston Texans", "home": "Colts", "confidence": 0.97},
        {"away": "Chiefs", "home": "Brncos", "confidence": 0.55},
    ],
    "question": None,
}


async def plan(league: League, who: simcord.MemberActor, **options: Any) -> Any:
    result = await who.slash(league.channel, "league create", **options)
    assert result.acknowledged
    assert result.response.ephemeral
    return result.response


async def test_typed_games_become_a_category_with_a_channel_each(league: League):
    """Nothing is made before the press; reading what the rules understand costs nothing."""
    view = await plan(league, league.commissioner, week=7, games=GAMES)
    assert shown(view) == (
        "## Week 7: 2\xa0games\n"
        "1. `texans-vs-colts` · Texans vs Colts\n"
        "2. `chiefs-vs-broncos` · Chiefs vs Broncos\n"
        "A category **Week 7** with these channels will be created."
    )
    assert labels(view) == {
        "Edit": True, "Private: off": True, "Tag players: off": True, "Create 2\xa0channels": True, "Cancel": True,
    }  # fmt: skip
    assert league.layout() == {"": ["general"]}
    await league.commissioner.click(view, custom_id="plan:go")
    assert league.layout() == {"": ["general"], "Week 7": ["texans-vs-colts", "chiefs-vs-broncos"]}
    [category] = league.real.categories
    assert [channel.topic for channel in category.text_channels] == [
        "Week 7: Texans vs Colts",
        "Week 7: Chiefs vs Broncos",
    ]
    mentions = " ".join(channel.mention for channel in category.text_channels)
    assert shown(view) == f"✅ **Week 7** is there, with 2\xa0channels.\n{mentions}"
    facts = {"week": 7, "title": "Week 7", "channels": 2, "category": category.id, "cost_nano_usd": 0, "tokens": 0}
    assert await league.history() == [(str(league.commissioner.id), "league created", facts)]
    assert await league.calls() == {}


async def test_a_picture_is_read_shown_and_corrected(league: League, model_says: Any):
    """Doubtful rows are marked; what the reading cost is on the plan and in the history."""
    model_says("WeekRead", READ)
    view = await plan(league, league.builder, picture=("week.png", PNG))
    text = shown(view)
    assert text.startswith("## Week 8: 2\xa0games\n1. `texans-vs-colts` · Texans vs Colts\n2. `chiefs-vs-broncos` · ")
    assert "⚠️" in text.split("\n2. ")[1]
    assert "Please look at 1\xa0row marked ⚠️; **Edit** corrects them." in text
    gallery = [part for part in view.message.components[0].children if isinstance(part, discord.MediaGalleryComponent)]
    assert [item.media.url.endswith("schedule.png") for part in gallery for item in part.items] == [True]
    [attachment] = view.message.attachments
    assert (attachment.filename, await attachment.read()) == ("schedule.png", PNG)
    form = await league.builder.click(view, custom_id="plan:edit")
    typed = "Texans vs Colts\nChiefs vs Broncos\nEagles vs Giants"
    await league.builder.submit_modal(form, {"title": "Week 8 🏈", "games": typed})
    assert "## Week 8 🏈: 3\xa0games" in shown(view)
    await league.builder.click(view, custom_id="plan:go")
    assert league.layout()["Week 8 🏈"] == ["texans-vs-colts", "chiefs-vs-broncos", "eagles-vs-giants"]
    report = await league.bot.services.tracker.reports.spend(league.guild.id, "all", "operation")
    assert [(row.key, row.calls) for row in report.rows] == [("command_extract_create_params", 1)]
    [(_, _, facts)] = await league.history()
    assert facts["cost_nano_usd"] == report.total.cost_nano_usd > 0
    assert facts["tokens"] == report.total.total_tokens


async def test_games_that_a_form_has_no_room_for_stay(league: League, model_says: Any):
    """Discord takes 4,000 characters in a field: what is beyond them isn't lost by sending it."""
    games = [{"away": f"{n:02}{'a' * 48}", "home": f"{n:02}{'b' * 48}", "confidence": 1.0} for n in range(60)]
    model_says("WeekRead", {"week": 8, "title": None, "games": games, "question": None})
    view = await plan(league, league.builder, picture=("week.png", PNG))
    live: Any = private._open[view.id]
    form = await league.builder.click(view, custom_id="plan:edit")
    title, field = (one["component"] for one in form.modal["components"])
    assert 3_800 < len(field["value"]) <= 4_000
    corrected = field["value"].replace("a" * 48, "Colts", 1)
    await league.builder.submit_modal(form, {"title": title["value"], "games": corrected})
    assert live.games[0].away == "00Colts"
    assert [game.home[:2] for game in live.games] == [f"{n:02}" for n in range(60)]


async def test_a_doubtful_row_is_corrected_by_one_tap(league: League):
    view = await plan(league, league.builder, week=7, games="Texans vs Coltz, Bronchos vs Chiefs")
    assert shown(view).count("⚠️") == 3
    [first, second] = [option.value for option in menu(view, "plan:suggestion")]
    assert [option.label for option in menu(view, "plan:suggestion")] == [
        "Row 1: Coltz → Colts",
        "Row 2: Bronchos → Broncos",
    ]
    await league.builder.select(view, [second], custom_id="plan:suggestion")
    await league.builder.select(view, [first], custom_id="plan:suggestion")
    assert "⚠️" not in shown(view)
    assert "1. `texans-vs-colts` · Texans vs Colts\n2. `broncos-vs-chiefs` · Broncos vs Chiefs\n" in shown(view)


async def test_what_was_looked_at_and_left_keeps_its_doubt(league: League):
    """Editing one row says nothing about another."""
    view = await plan(league, league.builder, week=7, games="Texans vs Bronchos")
    form = await league.builder.click(view, custom_id="plan:edit")
    await league.builder.submit_modal(form, {"title": "Week 7", "games": "Texans vs Broncos\nColts vs Chiefs"})
    assert "Please look at 1\xa0row marked ⚠️" in shown(view)


async def test_what_isnt_understood_is_kept_for_the_form(league: League):
    """Bad input gets an answer and loses nothing."""
    view = await plan(league, league.builder, week=7, games="Texans vs Colts, and so on")
    assert "I don't understand “and so on”. **Edit** it to `Texans vs Colts`." in shown(view)
    assert labels(view)["Create 1\xa0channel"] is False
    form = await league.builder.click(view, custom_id="plan:edit")
    assert "Texans vs Colts\\nand so on" in repr(form.modal)
    await league.builder.submit_modal(form, {"title": "Week 7", "games": "Texans vs Colts"})
    assert labels(view)["Create 1\xa0channel"] is True


async def test_without_anything_the_plan_asks(league: League):
    view = await plan(league, league.builder)
    assert shown(view).startswith("## A new week: no games yet\n⚠️ Which week is it?")
    assert "Which week is it? Say so under **Edit**." in shown(view)
    assert "There is no game yet." in shown(view)


async def test_private_channels_let_in_the_players_and_the_commissioners_alone(league: League):
    view = await plan(league, league.commissioner, week=7, games=GAMES, private=True)
    assert "**Private**: only a game's players, whoever runs the league and I see its channel." in shown(view)
    assert "Nobody is known to play in 1\xa0game" in shown(view)
    await league.commissioner.click(view, custom_id="plan:go")
    first, second = league.real.categories[0].text_channels
    allowed = {target.id for target, over in first.overwrites.items() if over.view_channel}
    ours = {league.real.me.id, league.commissioner_role.id, league.guild.roles["Builders"].id}
    assert allowed == {league.ann.id, league.bob.id, *ours}
    assert first.overwrites_for(league.real.default_role).view_channel is False
    assert {target.id for target, over in second.overwrites.items() if over.view_channel} == ours


async def test_players_and_guests_are_tagged_and_nobody_else(league: League):
    """I27: a role that the person may not mention is named without a ping."""
    quiet = league.guild.create_role("Referees")
    view = await plan(league, league.commissioner, week=7, games="Texans vs Colts")
    await league.commissioner.click(view, custom_id="plan:tag")
    await league.commissioner.select(view, [quiet, league.server.member.user], custom_id="plan:guests")
    assert f"<@&{quiet.id}> won't be pinged: that role may not be mentioned." in shown(view)
    await league.commissioner.click(view, custom_id="plan:go")
    [channel] = league.real.categories[0].text_channels
    [message] = [message async for message in channel.history()]
    assert message.content == (
        f"**Texans** (<@{league.ann.id}>) vs **Colts** (<@{league.bob.id}>): agree here on when you play, and say so "
        f"with the time zone.\nWith you: <@&{quiet.id}> <@{league.server.member.id}>"
    )
    assert league.pinged(message) == ({league.ann.id, league.bob.id, league.server.member.id}, set())


async def test_it_may_be_pressed_only_while_they_may(league: League):
    """I26, I27: refused once the role is gone."""
    view = await plan(league, league.commissioner, week=7, games=GAMES)
    league.env.backend.remove_member_role(league.guild.id, league.commissioner.id, league.commissioner_role.id)
    assert await refusal(await league.commissioner.click(view, custom_id="plan:go")) == NOT_A_COMMISSIONER
    assert league.layout() == {"": ["general"]}


async def test_a_member_is_refused_without_a_call(league: League):
    """I26, I27: our own check, whatever Discord shows."""
    result = await league.ann.slash(league.channel, "league create", week=7, games="whatever they say")
    assert result.response.content == NOT_A_COMMISSIONER
    message = await league.say(league.ann, "create week 7: Texans vs Colts")
    assert message.content == NOT_A_COMMISSIONER
    assert await league.calls() == {}


@pytest.fixture
def at_step(league: League, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Do something once so many steps of a plan are done."""

    def at(step: int, do: Callable[[], None]) -> None:
        async def progress(_view: PlanView, done: int, _total: int) -> None:
            if done == step:
                do()

        monkeypatch.setattr(PlanView, "progress", progress)

    return at


@pytest.mark.parametrize("step", [1, 2, 3])
async def test_a_failure_half_way_takes_everything_back(league: League, step: int, at_step: Any):
    """I32: whichever step fails, nothing stays, the person is told, and the plan can be tried again."""
    view = await plan(league, league.commissioner, week=7, games=GAMES)
    await league.commissioner.click(view, custom_id="plan:tag")
    what = ("POST", "/guilds/*/channels") if step < 3 else ("POST", "/channels/*/messages")
    at_step(min(step, 2) - (step == 3), lambda: league.fail(*what, status=403, code=50013))
    press = await league.commissioner.click(view, custom_id="plan:go")
    assert press.followups[0].content == (
        "Discord doesn't let me do that here. A server admin can check my permissions in this channel. "
        "I took back what I had done, so that nothing has changed."
    )
    assert len(league.env.errors) == 1
    assert league.layout() == {"": ["general"]}
    assert [(action, facts["result"]) for _, action, facts in await league.history()] == [
        ("league created", "rolled back")
    ]
    assert labels(view)["Create 2\xa0channels"] is True
    at_step(99, lambda: None)
    await league.commissioner.click(view, custom_id="plan:go")
    assert league.layout() == {"": ["general"], "Week 7": ["texans-vs-colts", "chiefs-vs-broncos"]}


async def test_what_cant_be_taken_back_is_named(league: League, at_step: Any):
    """I32: honestly, where even taking back fails."""

    def break_down() -> None:
        league.fail("POST", "/guilds/*/channels", status=400, code=30013)
        league.fail("DELETE", "/channels/*", status=403, code=50013, times=None)

    view = await plan(league, league.commissioner, week=7, games=GAMES)
    at_step(2, break_down)
    press = await league.commissioner.click(view, custom_id="plan:go")
    assert press.followups[0].content == (
        "This server has as many channels as Discord allows: 500. Delete old weeks first: `/league delete`. I took "
        "back what I had done, but for #texans-vs-colts, the category Week 7. Please see to that by hand."
    )
    assert len(league.env.errors) == 1


async def test_discords_limits_are_met_with_words(league: League):
    """Fifty channels a category, five hundred a server."""
    many = ", ".join(f"Team {number} vs Team {number + 100}" for number in range(51))
    view = await plan(league, league.builder, week=7, games=many)
    assert "51 games, but Discord allows 50 channels in a category." in shown(view)
    assert labels(view)["Create 51\xa0channels"] is False
    for number in range(10):
        make_week(league, 20 + number, [f"a{index}-vs-b{index}" for index in range(48)])
    view = await plan(
        league,
        league.builder,
        week=7,
        games="A vs B, C vs D, E vs F, G vs H, I vs J, K vs L, M vs N, O vs P, Q vs R, S vs T",
    )
    assert "This needs 11 channels (the category counts), and this server has room for 9" in shown(view)


async def test_the_bots_own_permission_is_looked_at(league: League, simcord_env: simcord.Env):
    role = league.guild.roles[simcord_env.bot.user.name]
    league.env.backend.edit_role(
        league.guild.id, role.id, {"permissions": discord.Permissions(send_messages=True, view_channel=True).value}
    )
    view = await plan(league, league.builder, week=7, games=GAMES)
    assert "I need the **Manage Channels** permission" in shown(view)


async def test_by_mention_the_plan_stands_below_the_message(league: League):
    """Plain language leads to the same plan; the asker's press alone carries it out."""
    message = await league.say(league.commissioner, "create week 7: Texans vs Colts, Chiefs vs Broncos")
    assert shown(message).startswith("## Week 7: 2\xa0games\n1. `texans-vs-colts` · Texans vs Colts\n")
    assert "-# Reading this took " in shown(message)
    assert "$" not in shown(message)  # a commissioner may not see what the server spends
    assert await refusal(await league.ann.click(message, custom_id="plan:go")) == NOT_YOURS
    await league.commissioner.click(message, custom_id="plan:go")
    assert league.layout() == {"": ["general"], "Week 7": ["texans-vs-colts", "chiefs-vs-broncos"]}
    message = await league.say(league.server.owner, "create week 8: Texans vs Colts")
    assert " and cost $0.0001" in shown(message)


async def test_a_spanish_speaker_plans_in_spanish_and_the_server_reads_english(
    league: League, monkeypatch: pytest.MonkeyPatch
):
    """The plan is the person's; what is said in the channels, and what the week is called, the server's."""
    everybody_speaks("es-419", monkeypatch)
    await league.bot.services.tracker.settings.choose(league.guild.id, tag_players=True)
    view = await plan(league, league.commissioner, week=7, games="Texans vs Colts, Chiefs at Brnkos")
    assert shown(view) == (
        "## Week 7: 2\xa0partidos\n"
        f"1. `texans-vs-colts` · Texans vs Colts · <@{league.ann.id}> <@{league.bob.id}>\n"
        "2. `chiefs-vs-brnkos` · Chiefs vs Brnkos\n   -# ⚠️ leí “Brnkos”, quizá Broncos\n"
        "Se creará la categoría **Week 7** con estos canales.\n"
        "Revisa 1\xa0fila marcada con ⚠️; puedes corregirla con **Editar**.\n"
        "No sé quién juega en 1\xa0partido: con `/league teams` dices quién lleva cada equipo."
    )
    assert labels(view) == {
        "Editar": True, "Privado: no": True, "Mencionar jugadores: sí": True, "Crear 2\xa0canales": True,
        "Cancelar": True,
    }  # fmt: skip
    await league.commissioner.click(view, custom_id="plan:go")
    channels = league.real.categories[0].text_channels
    links = " ".join(channel.mention for channel in channels)
    assert shown(view) == f"✅ **Week 7** ya está lista, con 2\xa0canales.\n{links}"
    [message] = [message async for message in channels[0].history()]
    assert message.content == (
        f"**Texans** (<@{league.ann.id}>) vs **Colts** (<@{league.bob.id}>): agree here on when you play, and say so "
        "with the time zone."
    )
    await league.bot.services.tracker.settings.choose(league.guild.id, language="es")
    view = await plan(league, league.commissioner, week=8, games="Texans vs Colts")
    await league.commissioner.click(view, custom_id="plan:go")
    assert league.layout() == {
        "": ["general"],
        "Week 7": ["texans-vs-colts", "chiefs-vs-brnkos"],
        "Semana 8": ["texans-vs-colts"],
    }
