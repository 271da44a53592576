"""`/league history`: who did what and when, with its cost for those who may see costs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import simcord
from hypothesis import given
from hypothesis import strategies as st

from bot.client import Trilo
from bot.league.league_book import ADVANCE, LeagueBook
from bot.league.team_list import Team
from bot.translation import speaking
from bot.usage.storage.audit import SYSTEM, AuditLine
from bot.usage.tracker import UsageTracker
from cogs._kit.access import NOT_A_COMMISSIONER
from cogs._league.league_history import line_words
from tests.cogs.helpers import NOW, Clock, Server, texts

AT = f"<t:{int(NOW.timestamp())}:f>"


@pytest.fixture
def book(bot: Trilo) -> LeagueBook:
    return bot.services.league_book


@pytest.fixture
async def commissioner(server: Server, tracker: UsageTracker, simcord_env: simcord.Env) -> simcord.MemberActor:
    role = server.guild.create_role("Commissioner")
    await tracker.settings.choose(server.guild.id, commissioner_role_id=role.id)
    return server.guild.add_member(simcord_env.create_user("kim"), roles=[role])


async def opened(who: simcord.MemberActor, server: Server, **options: Any) -> simcord.ResponseMessage:
    result = await who.slash(server.channel, "league history", **options)
    assert result.response is not None
    assert result.response.ephemeral
    return result.response


def words(action: str, facts: Mapping[str, Any], *, actor: str = "7", at: datetime = NOW) -> tuple[str, str]:
    """What whoever may see costs reads, and what others read."""
    line = AuditLine(at, 1, actor, action, facts)
    return line_words(line, with_dollars=True), line_words(line, with_dollars=False)


async def test_an_empty_one(server: Server, commissioner: simcord.MemberActor):
    view = await opened(commissioner, server)
    assert texts(view) == ["## What was done here\n-# The last 30\u00a0days\nNothing yet."]


async def test_costs_are_for_those_who_may_see_them(
    server: Server, commissioner: simcord.MemberActor, book: LeagueBook, clock: Clock
):
    """I26: the owner reads dollars, a commissioner tokens; neither reads another server's league."""
    created = {"week": 3, "title": "Week 3", "channels": 16, "cost_nano_usd": 5_120_000, "tokens": 1280}
    await book.note_action(server.guild.id, actor=7, action="league created", facts=created)
    await book.note_action(server.guild.id + 1, actor=7, action="league created", facts=created)
    clock.now += timedelta(days=3)
    await book.set_teams(server.guild.id, [Team("Texans")], actor=8)
    later = f"<t:{int(clock.now.timestamp())}:f>"
    heading = "## What was done here\n-# The last {}\n"
    teams = f"- {later} <@8>: teams: a new list of 1\u00a0team"
    assert texts(await opened(server.owner, server)) == [
        heading.format("30\u00a0days") + f"{teams}\n- {AT} <@7>: created, `Week 3`, 16\u00a0channels · AI $0.0051"
    ]
    assert texts(await opened(commissioner, server)) == [
        heading.format("30\u00a0days")
        + f"{teams}\n- {AT} <@7>: created, `Week 3`, 16\u00a0channels · AI 1,280\u00a0tokens"
    ]
    assert texts(await opened(commissioner, server, days=1)) == [heading.format("1\u00a0day") + teams]


async def test_pages(
    server: Server, commissioner: simcord.MemberActor, book: LeagueBook, clock: Clock, tracker: UsageTracker
):
    """I26: newest first; whoever has lost the role turns no page."""
    for week in range(1, 22):
        clock.now += timedelta(minutes=1)
        facts = {"week": week, "cost_nano_usd": 10_000_000, "tokens": 9}
        await book.note_action(server.guild.id, actor=7, action=ADVANCE, facts=facts)
    view = await opened(commissioner, server)
    first = texts(view)[0].splitlines()
    assert first[1] == "-# The last 30\u00a0days · page 1 of 3"
    assert [line.partition(": ")[2] for line in first[2:]] == [
        f"advance announced, week {week} · AI 9\u00a0tokens" for week in range(21, 11, -1)
    ]
    await commissioner.click(view, label="▶")
    await commissioner.click(view, label="▶")
    assert texts(view)[0].splitlines()[1:] == [
        "-# The last 30\u00a0days · page 3 of 3",
        f"- <t:{int(NOW.timestamp()) + 60}:f> <@7>: advance announced, week 1 · AI 9\u00a0tokens",
    ]
    role_id = (await tracker.settings.of(server.guild.id)).commissioner_role_id
    await tracker.settings.choose(server.guild.id, usage_role_id=role_id)
    await commissioner.click(view, label="◀")
    assert texts(view)[0].splitlines()[2].endswith("advance announced, week 11 · AI $0.01")
    await tracker.settings.choose(server.guild.id, commissioner_role_id=None)
    press = await commissioner.click(view, label="◀")
    assert press.response is not None
    assert press.response.content == NOT_A_COMMISSIONER


@pytest.mark.parametrize(
    ("action", "facts", "told"),
    [
        (
            "league deleted",
            {"titles": ["Week 1", "`Week` 2"], "channels": 31, "categories": [5, 6], "cost_nano_usd": 0, "tokens": 0},
            "deleted, `Week 1` `'Week' 2`, 31\u00a0channels",
        ),
        (
            "league deleted",
            {"titles": [str(n) for n in range(7)], "channels": 1},
            "deleted, `0` `1` `2` `3` `4` and 2\u00a0others, 1\u00a0channel",
        ),
        (
            "league created",
            {"week": 0, "result": "rolled back"},
            "created, week 0, **taken back**, since a step failed",
        ),
        ("league players tagged", {"week": 4, "posts": 30, "title": None}, "players tagged, week 4, 30\u00a0posts"),
        ("league teams", {"change": "removed", "teams": 1}, "teams: removed 1\u00a0team"),
    ],
)
def test_what_was_done(action: str, facts: Mapping[str, Any], told: str):
    """I27: names of categories are what people called them, and do nothing here. No cost where no model was asked."""
    assert words(action, facts) == (f"- {AT} <@7>: {told}",) * 2


def test_a_cost_that_nobody_knows():
    """I9: unknown isn't free."""
    dollars, tokens = words(ADVANCE, {"cost_nano_usd": None, "tokens": 60}, actor=SYSTEM)
    assert dollars == f"- {AT} Trilo itself: advance announced · AI unknown"
    assert tokens == f"- {AT} Trilo itself: advance announced · AI 60\u00a0tokens"


@given(titles=st.lists(st.text(max_size=120), max_size=60), channels=st.integers(0, 500))
def test_a_line_stays_short_and_whole(titles: list[str], channels: int):
    """I27: ten of them fit in a message, whatever the categories are called."""
    dollars, _ = words("league deleted", {"titles": titles, "channels": channels})
    assert len(dollars) < 390
    assert "\n" not in dollars
    assert dollars.count("`") % 2 == 0


def test_in_spanish():
    """Each action, its counts and its cost."""
    facts = {"titles": list("abcdefg"), "channels": 1_204, "result": "rolled back", "tokens": 9}
    with speaking("es-ES"):
        deleted = words("league deleted", {**facts, "cost_nano_usd": 5_120_000})
        assert words("league created", {"week": 3})[0] == f"- {AT} <@7>: creación, semana 3"
        teams = [words("league teams", {"change": change, "teams": 2})[0] for change in ("list", "added", "removed")]
    told = (
        f"- {AT} <@7>: borrado, `a` `b` `c` `d` `e` y 2\u00a0más, 1.204\u00a0canales, **se deshizo**, porque un paso "
        "falló · IA "
    )
    assert deleted == (f"{told}0,0051\u00a0US$", f"{told}9\u00a0tokens")
    assert teams == [
        f"- {AT} <@7>: equipos: lista nueva de 2\u00a0equipos",
        f"- {AT} <@7>: equipos: 2\u00a0agregados",
        f"- {AT} <@7>: equipos: 2\u00a0quitados",
    ]
