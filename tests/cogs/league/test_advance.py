"""Announcing the advance and tagging players: shown as it will stand, posted everywhere or nowhere."""

from typing import Any

import discord
import pytest

from cogs._kit import private
from cogs._kit.access import NOT_A_COMMISSIONER
from cogs._league import plan as plans
from cogs._league.plan import PlanView
from tests.cogs.helpers import everybody_speaks, refusal
from tests.cogs.league.helpers import League, labels, make_week, shown

# The books' clock says Sunday 15 March 2026, 12:00 UTC; New York is on summer time, four hours behind.
SUNDAY_8PM = 1774224000
"""22 March 2026, 20:00 in New York, which is the 23rd, 00:00 UTC."""


async def plan(league: League, **options: Any) -> Any:
    result = await league.commissioner.slash(league.channel, "league advance", **options)
    assert result.response.ephemeral
    return result.response


@pytest.fixture(autouse=True)
async def new_york(league: League) -> None:
    await league.bot.services.tracker.settings.set_time_zone(league.guild.id, "America/New_York")


async def test_it_is_posted_as_shown_and_pings_what_it_says(league: League):
    """I27: of the roles only those that the person may mention, and never everybody."""
    loud = league.guild.create_role("League", mentionable=True)
    quiet = league.guild.create_role("Owners")
    news = league.guild.create_text_channel("news")
    view = await plan(
        league,
        week=8,
        when="next Sunday 8pm",
        channels=f"<#{news.id}> #general",
        roles=f"<@&{loud.id}>, Owners, @everyone",
        message="Play your games! @everyone",
    )
    text = (
        f"## Week 8 is here\n<@&{loud.id}> <@&{quiet.id}>\nPlay your games! @everyone\n"
        f"**Next advance:** <t:{SUNDAY_8PM}:F> (<t:{SUNDAY_8PM}:R>)"
    )
    assert shown(view) == (
        f"## Announce the advance\n-# This is what will be posted:\n{text}\n"
        f"Goes to <#{news.id}> <#{league.channel.id}>.\nPings <@&{loud.id}>.\n"
        f"Doesn't ping <@&{quiet.id}>: make it mentionable under Server Settings → Roles, and then you and I may "
        "mention it.\n-# Times are in America/New_York, this server's time zone; everybody sees their own."
    )
    await league.commissioner.click(view, custom_id="plan:go")
    for channel in (news, league.channel):
        assert channel.last_message.content == text
        assert league.pinged(channel.last_message) == (set(), {loud.id})
    assert shown(view) == f"✅ Posted: {news.last_message.jump_url} {league.channel.last_message.jump_url}"
    [(_, action, facts)] = await league.history()
    assert (action, facts["week"], facts["posts"], facts["at"]) == (
        "league advance announced", 8, 2, "2026-03-23T00:00:00+00:00",
    )  # fmt: skip
    assert "Play your games" not in repr(facts)  # I33
    assert await league.calls() == {}


async def test_it_can_be_edited_and_asks_about_what_it_doesnt_understand(league: League, model_says: Any):
    model_says("AdvanceRead", {
        "week": None, "when": None, "channels": [], "roles": [], "message": None, "question": "When exactly?",
    })  # fmt: skip
    view = await plan(league, week=8, when="when the moon is full")
    assert "I don't understand “when the moon is full” as a time to come." in shown(view)
    assert "💬 When exactly?" in shown(view)
    assert "Choose the channels that it goes to." in shown(view)
    assert labels(view)["Post it"] is False
    form = await league.commissioner.click(view, custom_id="plan:edit")
    assert "when the moon is full" in repr(form.modal)
    await league.commissioner.submit_modal(form, {"week": "nine", "when": "", "message": ""})
    assert "“nine” is no week: give a number from 0 to 60." in shown(view)
    form = await league.commissioner.click(view, custom_id="plan:edit")
    await league.commissioner.submit_modal(form, {"week": "9", "when": "2026-03-22 20:00", "message": "Go."})
    await league.commissioner.select(view, [league.channel], custom_id="plan:channels")
    assert f"## Week 9 is here\nGo.\n**Next advance:** <t:{SUNDAY_8PM}:F>" in shown(view)
    assert labels(view)["Post it"] is True


async def test_only_where_the_person_may_write(league: League):
    """I27: nobody says through us what they may not say themselves."""
    hidden = {league.guild.default_role: discord.PermissionOverwrite(send_messages=False)}
    staff = league.guild.create_text_channel("staff", overwrites=hidden)
    view = await plan(league, week=8, channels=f"<#{staff.id}>")
    assert f"You can't write in <#{staff.id}> yourself, so I don't for you." in shown(view)
    assert labels(view)["Post it"] is False


async def test_a_failure_half_way_takes_the_posts_back(league: League, monkeypatch: pytest.MonkeyPatch):
    """I32: in five channels or in none."""
    channels = [league.guild.create_text_channel(f"news-{number}") for number in range(5)]
    mentions = " ".join(f"<#{channel.id}>" for channel in channels)
    view = await plan(league, week=8, channels=mentions)

    async def progress(_view: PlanView, done: int, total: int) -> None:
        assert total == 5
        if done == 3:
            league.fail("POST", "/channels/*/messages", status=403, code=50013)

    monkeypatch.setattr(PlanView, "progress", progress)
    press = await league.commissioner.click(view, custom_id="plan:go")
    assert press.followups[0].content.endswith("I took back what I had done, so that nothing has changed.")
    assert len(league.env.errors) == 1
    assert [channel.last_message for channel in channels] == [None] * 5


async def test_plain_language_leads_to_the_same_plan(league: League, model_says: Any):
    """What the message itself mentions counts; the model's names are looked up here, and unknown ones left out."""
    news = league.guild.create_text_channel("news")
    loud = league.guild.create_role("League", mentionable=True)
    model_says("AdvanceRead", {
        "week": 8, "when": "2026-03-22T20:00", "channels": ["secret-plans", "general"], "roles": ["everyone", "League"],
        "message": "<@&1> play!", "question": None,
    })  # fmt: skip
    message = await league.say(league.commissioner, "announce the advance to week 8, Sunday 8pm, in #news")
    text = shown(message)
    assert f"## Week 8 is here\n<@&{loud.id}>\n<@&1> play!\n**Next advance:** <t:{SUNDAY_8PM}:F>" in text
    assert f"Goes to <#{league.channel.id}>.\nPings <@&{loud.id}>." in text
    message = await league.say(league.commissioner, f"announce the advance to week 8 in <#{news.id}>")
    assert f"Goes to <#{news.id}>." in shown(message)
    assert await league.calls() == {"command_extract_announce_params": 2}
    await league.commissioner.click(message, custom_id="plan:go")
    assert league.pinged(news.last_message) == (set(), {loud.id})


async def test_players_are_tagged_in_their_channels(league: League):
    """No model; only channels whose two teams are on the list."""
    make_week(league, 7, ["texans-vs-colts", "chiefs-vs-broncos", "talk"])
    result = await league.commissioner.slash(league.channel, "league tag", week="7")
    view = result.response
    texans = next(channel for channel in league.real.text_channels if channel.name == "texans-vs-colts")
    assert shown(view) == (
        f"## Tag the players of Week 7: 1\xa0channel\n- {texans.mention} <@{league.ann.id}> <@{league.bob.id}>\n"
        "Left out: `chiefs-vs-broncos`, `talk`. I don't know who plays there (`/league teams` says it), or one of us "
        "may not write there."
    )
    await league.commissioner.click(view, custom_id="plan:go")
    [said] = [message async for message in texans.history()]
    assert said.content.startswith(f"**Texans** (<@{league.ann.id}>) vs **Colts** (<@{league.bob.id}>): ")
    assert league.pinged(said) == ({league.ann.id, league.bob.id}, set())
    assert shown(view) == "✅ Players tagged in 1\xa0channel of **Week 7**."
    message = await league.say(league.commissioner, "tag the players of week 7")
    assert shown(message).startswith("## Tag the players of Week 7: 1\xa0channel\n")
    assert await league.calls() == {}


async def test_a_week_that_isnt_there_or_is_there_twice(league: League):
    result = await league.commissioner.slash(league.channel, "league tag", week="7")
    assert result.response.content == (
        "I don't see which category you mean. Name one week: `/league tag` offers those there are."
    )
    league.guild.create_category("Week 7 | AFC")
    league.guild.create_category("Week 7 | NFC")
    result = await league.commissioner.slash(league.channel, "league tag", week="7")
    assert result.response.content.startswith("Several categories could be meant.")


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("advance", {"week": 8}),
        ("tag", {"week": "7"}),
        ("teams", {}),
        ("history", {}),
        ("create", {"week": 7}),
    ],
)
async def test_members_are_refused_everywhere(league: League, command: str, options: dict[str, Any]):
    """I26: by our own check, in every command."""
    result = await league.ann.slash(league.channel, f"league {command}", **options)
    assert result.response.content == NOT_A_COMMISSIONER
    assert result.response.ephemeral


async def test_a_plan_that_expired_or_is_from_before_a_restart_says_so(league: League):
    """I29: a press on what this process doesn't know any more is answered all the same."""
    make_week(league, 7)
    message = await league.say(league.commissioner, "tag the players of week 7")
    private._open[message.id].stop()  # as after a restart: nobody listens to its buttons
    assert await refusal(await league.commissioner.click(message, custom_id="plan:go")) == plans.GONE


async def test_a_spanish_server_is_told_in_spanish_whoever_announces(league: League):
    """The plan speaks the person's language, what is posted the server's: shown as it will stand."""
    await league.bot.services.tracker.settings.choose(league.guild.id, language="es")
    view = await plan(league, week=8, when="next Sunday 8pm", channels="#general", message="Play!")
    text = f"## Llegó la semana 8\nPlay!\n**Próximo avance:** <t:{SUNDAY_8PM}:F> (<t:{SUNDAY_8PM}:R>)"
    assert shown(view) == (
        f"## Announce the advance\n-# This is what will be posted:\n{text}\nGoes to <#{league.channel.id}>.\n"
        "-# Times are in America/New_York, this server's time zone; everybody sees their own."
    )
    await league.commissioner.click(view, custom_id="plan:go")
    assert league.channel.last_message.content == text
    assert shown(view) == f"✅ Posted: {league.channel.last_message.jump_url}"


async def test_a_spanish_speaker_announces_and_tags_on_an_english_server(
    league: League, monkeypatch: pytest.MonkeyPatch
):
    """What isn't understood is asked in their language, with examples that are understood."""
    everybody_speaks("es-ES", monkeypatch)
    quiet = league.guild.create_role("Owners")
    view = await plan(league, week=8, when="domingo 20:00", channels="#general", roles="Owners")
    assert shown(view) == (
        "## Anunciar el avance\n-# Esto es lo que se publicará:\n"
        f"## Week 8 is here\n<@&{quiet.id}>\n**Next advance:** <t:1773619200:F> (<t:1773619200:R>)\n"
        f"Se publica en <#{league.channel.id}>.\n"
        f"No avisa a <@&{quiet.id}>: permite que cualquiera mencione ese rol en Ajustes del servidor → Roles, y así "
        "podremos mencionarlo tú y yo.\n"
        "-# Las horas son de America/New_York, la zona horaria de este servidor; cada quien ve la suya."
    )
    form = await league.commissioner.click(view, custom_id="plan:edit")
    await league.commissioner.submit_modal(form, {"week": "x", "when": "luego", "message": ""})
    assert shown(view).endswith(
        "\n⚠️ No entiendo “luego” como una fecha y hora por venir. Cámbialo con **Editar**, por ejemplo: domingo 20:00, "
        "mañana 21:00, en 2 días, 2026-11-30 20:00.\n⚠️ “x” no es una semana: pon un número del 0 al 60.\n"
        "⚠️ Todavía no dice nada. Pon una semana, una fecha o un mensaje con **Editar**."
    )
    make_week(league, 7)
    tags = (await league.commissioner.slash(league.channel, "league tag", week="7")).response
    channel = league.real.categories[0].text_channels[0]
    assert shown(tags) == (
        "## Mencionar a los jugadores de Week 7: 1\xa0canal\n"
        f"- {channel.mention} <@{league.ann.id}> <@{league.bob.id}>\n"
        "Quedan fuera: `chiefs-vs-broncos`. No sé quién juega ahí (se dice en `/league teams`), o tú o yo no podemos "
        "escribir ahí."
    )
    await league.commissioner.click(tags, custom_id="plan:go")
    [message] = [message async for message in channel.history()]
    assert message.content.endswith(": agree here on when you play, and say so with the time zone.")
