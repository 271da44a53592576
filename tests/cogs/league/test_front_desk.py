"""Where mentions go: set-up help from the guide, league plans, or the conversation; and what each costs."""

from datetime import timedelta
from typing import Any

import discord
import pytest

from bot.usage.console import console_line
from tests.cogs.helpers import Clock
from tests.cogs.league.helpers import League, shown

HOW = "How do I set up my league?"


async def test_how_do_i_set_up_my_league_is_two_calls(league: League):
    """Row C1: exactly these two operations, in this order, on these models."""
    lines: list[str] = []
    league.bot.services.tracker.subscribe(lambda records: lines.extend(map(console_line, records)))
    await league.say(league.server.owner, HOW)
    await league.bot.services.tracker.force_flush()
    assert [line.split(" | ")[:2] for line in lines] == [
        ["[Token Usage] setup_agent_1_intent", "gpt-4o-mini"],
        ["[Token Usage] setup_full_guide", "gpt-4o"],
    ]


async def test_below_the_answer_stands_what_is_missing_with_buttons(league: League):
    """It looks before it speaks: by our own code, so without a cent."""
    message = await league.say(league.server.owner, HOW)
    missing = message.content.split("**Still to do here**\n")[1]
    assert missing.split("\n")[:2] == [
        "- Alerts on what AI costs reach no channel (no channel for alerts is chosen: `/settings` does that).",
        "- No channel for announcements of an advance is chosen.",
    ]
    buttons = [child.label for row in message.components for child in row.children]
    assert buttons == ["Choose the alert channel", "League settings", "Choose the time zone"]
    press = await league.server.manager.click(message, custom_id="fix:alerts")
    assert press.response.ephemeral
    assert shown(press.response).startswith("## Settings: Alerts")
    await league.server.manager.select(press.response, [league.channel], custom_id="settings:alerts")
    assert (await league.bot.services.tracker.settings.of(league.guild.id)).alert_channel_id == league.channel.id


async def test_the_same_question_isnt_paid_for_twice(league: League, clock: Clock):
    """Cache hits cost 0 and are shown as such; after an hour it is asked anew."""
    await league.say(league.server.owner, HOW)
    first = await league.calls()
    message = await league.say(league.ann, "how do I set up my league")
    assert await league.calls() == first == {"setup_agent_1_intent": 1, "setup_full_guide": 1}
    asked = discord.utils.format_dt(clock.now, "R")
    assert message.content.endswith(f"-# Asked here {asked} already: this answer is from memory and cost $0.")
    clock.now += timedelta(hours=1, seconds=1)
    await league.say(league.ann, HOW)
    assert await league.calls() == {"setup_agent_1_intent": 2, "setup_full_guide": 2}


async def test_a_narrow_question_is_answered_from_the_guide(league: League, model_says: Any):
    """The fast model, under its own name; members aren't told what the server's team has left to do."""
    model_says("SetupIntent", {
        "route": "setup", "topic": "time zone", "action": "change", "keywords": ["time zone"], "whole": False,
    })  # fmt: skip
    message = await league.say(league.ann, "where do I change the time zone?")
    assert await league.calls() == {"setup_agent_1_intent": 1, "setup_agent_4_synthesize_gpt-4o-mini": 1}
    assert "Still to do here" not in message.content
    message = await league.say(league.server.owner, "where do I change the time zone?")
    missing = message.content.split("**Still to do here**\n")[1]
    assert missing.startswith("- Days and advances are counted in UTC.")
    assert "\n- " not in missing  # but the line on what it cost
    assert (await league.calls())["setup_agent_4_synthesize_gpt-4o-mini"] == 1


async def test_what_turns_out_to_be_no_question_about_us_is_talked_about(league: League, model_says: Any):
    """The choice costs at most one cheap call, and none where a rule suffices."""
    model_says("SetupIntent", {
        "route": "conversation", "topic": "", "action": "", "keywords": [], "whole": False,
    })  # fmt: skip
    await league.say(league.ann, "tell me a joke")
    assert await league.calls() == {"general_conversation": 1}
    await league.say(league.ann, "how do I use the budget of my fantasy league's settings?")
    assert await league.calls() == {"general_conversation": 2, "setup_agent_1_intent": 1}


async def test_what_turns_out_to_be_an_order_becomes_a_plan(league: League, model_says: Any):
    """I27: also where only the model saw that it is one; the person's permission is looked at first."""
    model_says("SetupIntent", {
        "route": "delete_categories", "topic": "", "action": "", "keywords": [], "whole": False,
    })  # fmt: skip
    model_says("DeletionRead", {"weeks": [3], "names": [], "question": None})
    league.guild.create_category("Week 3")
    text = "could you get rid of the old week channels pls"
    assert (await league.say(league.ann, text)).content.startswith("Only people with the Manage Channels permission")
    assert await league.calls() == {"setup_agent_1_intent": 1}
    message = await league.say(league.builder, text)
    assert shown(message).startswith("## Delete 1\xa0category?")
    assert await league.calls() == {"setup_agent_1_intent": 1, "command_extract_delete_params": 1}


@pytest.mark.parametrize(
    ("mischief", "words"),
    [
        ("please refuse", "The AI model refused to read that. Please put it differently, or fill in the command"),
        ("please answer nonsense", "I couldn't make sense of that. Please put it differently, or fill in the command"),
        ("please answer empty", "I couldn't make sense of that. Please put it differently, or fill in the command"),
        ("please fail", "The AI provider has trouble of its own right now. Please try again in a minute."),
        ("out of credit", "The AI account is out of credit."),
    ],
)
async def test_what_a_model_cant_read_ends_in_words(league: League, mischief: str, words: str):
    """I30: refused, nonsense, empty, broken: never an action, never silence."""
    make = await league.say(league.commissioner, f"create week 7: Texans vs Colts, {mischief}")
    assert make.content.startswith(words)
    assert set(league.layout()) == {""}
    result = await league.commissioner.slash(league.channel, "league create", games=mischief)
    assert result.response.content.startswith(words)
    assert len(league.env.errors) == 1


async def test_a_used_up_budget_stops_reading_but_not_typing(league: League):
    """Typed games need no model, so they work without a budget."""
    tracker = league.bot.services.tracker
    await tracker.set_budget(scope="guild", guild_id=league.guild.id, period="day", limit_usd="0", mode="hard")
    message = await league.say(league.commissioner, "create week 7: Texans vs Colts")
    assert message.content.startswith("This server's AI budget allows no questions.")
    result = await league.commissioner.slash(league.channel, "league create", week=7, games="Texans vs Colts")
    assert shown(result.response).startswith("## Week 7: 1\xa0game")
