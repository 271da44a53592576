"""`/privacy` from the command to each button, the loop that forgets, and the pages that promise it."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.league.league_book import SNAPSHOT_DAYS, LeagueBook
from bot.league.team_list import Team
from bot.usage.alerting import alert_book
from bot.usage.bookkeeping.claims import KEPT
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.reporting import shown_answers
from bot.usage.tracker import UsageTracker
from bot.usage.upkeep.erasure import REMEMBERED
from bot.usage.upkeep.removals import ERASED_AFTER
from bot.usage.upkeep.retention import KEPT_DAYS, SERVER_DAYS
from cogs._kit.owned import NOT_YOURS
from cogs._privacy.privacy_words import NEVER
from cogs.privacy import HOURS, PrivacyCog
from tests.cogs.helpers import Books, Clock, Server, by_hand, everybody_speaks, refusal, settings_page, texts

KINDS = "when, where, which model, how many tokens, what it cost. Kept for 90\u00a0days at most"
ROOT = Path(__file__).parents[2]


async def opened(who: simcord.MemberActor, server: Server) -> simcord.ResponseMessage:
    result = await who.slash(server.channel, "privacy")
    assert result.acknowledged
    assert result.response is not None
    assert result.response.ephemeral
    return result.response


async def a_life(server: Server, books: Books, league: LeagueBook) -> None:
    """Two calls here, one elsewhere, a team, a deletion that named the member twice, a setting."""
    member, here = server.member.id, server.guild.id
    await books.book(here, 10**6, user=member)
    await books.book(here, 10**6, user=member, days_ago=2)
    await books.book(77, 10**6, user=member)
    await books.book(here, 10**6, user=server.manager.id)
    await books.tracker.settings.choose(here, quotas=True, actor=member)
    await league.put_team(here, Team("Colts", member), actor=server.manager.id)
    allowed = [{"target_id": member, "is_role": False, "allow": 1, "deny": 0},
               {"target_id": 5, "is_role": True, "allow": 1, "deny": 0}]  # fmt: skip
    await league.keep_snapshot(here, {"categories": [{"name": "w", "overwrites": allowed}]}, actor=member)


@pytest.fixture
def league(bot: Trilo) -> LeagueBook:
    return bot.services.league_book


async def test_what_is_stored_in_words_and_to_nobody_else(server: Server, books: Books, league: LeagueBook):
    """I26, I33: counts and their kinds, for the asker alone; money and others' calls aren't among them."""
    await a_life(server, books, league)
    shown = texts(await opened(server.member, server))
    oldest = int((books.clock.now - timedelta(days=2)).timestamp())
    assert shown[0].splitlines() == [
        "## What I have stored about you",
        f"- **3\u00a0calls** to an AI model in 2 places, the oldest from <t:{oldest}:D>: {KINDS}",
        "- How many tokens you used in 1\u00a0month, and by day",
        "- 1\u00a0setting, budget or league you changed",
        "- 1\u00a0team you play in a league",
        "- 1\u00a0deletion in a league, to rebuild it",
    ]
    assert shown[1] == NEVER
    assert texts(await opened(server.owner, server))[0].splitlines()[1] == "Nothing."


async def test_what_is_stored_in_spanish(
    server: Server, books: Books, league: LeagueBook, monkeypatch: pytest.MonkeyPatch
):
    everybody_speaks("es-ES", monkeypatch)
    await a_life(server, books, league)
    view = await opened(server.member, server)
    oldest = int((books.clock.now - timedelta(days=2)).timestamp())
    assert texts(view)[0].splitlines() == [
        "## Lo que guardo sobre ti",
        (
            f"- **3\u00a0llamadas** a un modelo de IA en 2 lugares, la más antigua del <t:{oldest}:D>: cuándo, dónde, "
            "qué modelo, cuántos tokens, cuánto costó. Lo guardo 90\u00a0días como máximo"
        ),
        "- Cuántos tokens usaste en 1\u00a0mes, también por día",
        "- 1\u00a0ajuste, presupuesto o liga que cambiaste",
        "- 1\u00a0equipo con el que juegas en una liga",
        "- 1\u00a0borrado en una liga, para poder rehacerlo",
    ]
    await server.member.click(view, label="Borrar…")
    books.clock.now += timedelta(seconds=1)
    await server.member.click(view, label="Borrar en este servidor")
    assert texts(view)[-1] == (
        "✅ Borrado en **league**: 2\u00a0llamadas ya no te nombran, y tampoco nada más de antes de este momento, "
        "salvo lo que tenía que quedarse."
    )


async def test_export_is_one_file_for_the_asker(server: Server, books: Books, league: LeagueBook):
    await a_life(server, books, league)
    press = await server.member.click(await opened(server.member, server), label="Export")
    (answer,) = press.followups
    assert answer.ephemeral
    (file,) = answer.attachments
    assert file.filename == f"trilo-{server.member.id}-2026-03-15.json"
    told = json.loads(await file.read())
    assert [call["guild_id"] for call in told["calls"]] == [str(server.guild.id), *sorted([str(server.guild.id), "77"])]
    assert (told["teams"], len(told["deletions"])) == ([{"guild_id": str(server.guild.id), "team": "Colts"}], 1)
    assert "usd" not in json.dumps(told)


async def test_erasing_asks_first_and_takes_out_of_the_league_too(server: Server, books: Books, league: LeagueBook):
    """I34: nothing goes before the second press; then the person is gone from this server, and totals stay."""
    await a_life(server, books, league)
    here, member = server.guild.id, server.member.id
    before = (await books.tracker.reports.spend(here, "all", "day")).rows
    view = await opened(server.member, server)
    await server.member.click(view, label="Erase…")
    assert texts(view)[0].startswith("## Erase what is stored about you?\n**What goes**, and can't be brought back")
    await server.member.click(view, label="Cancel")
    assert texts(view)[-1] == "Nothing was erased."
    assert (await books.tracker.privacy.stored(member)).calls == 3
    await server.member.click(view, label="Erase…")
    books.clock.now += timedelta(seconds=1)
    await server.member.click(view, label="Erase on this server")
    assert texts(view)[-1].startswith("✅ Erased on **league**: 2\u00a0calls don't name you any more")
    stored = await books.tracker.privacy.stored(member)
    assert (stored.calls, stored.servers, stored.changes) == (1, 1, 0)
    assert await league.teams(here) == [Team("Colts", None)]
    (snapshot,) = await league.snapshots(here)
    assert snapshot.actor == "erased"
    assert [one["target_id"] for one in snapshot.content["categories"][0]["overwrites"]] == [5]
    assert (await books.tracker.reports.spend(here, "all", "day")).rows == before
    await server.member.click(view, label="Erase…")
    await server.member.click(view, label="Erase everywhere")
    assert texts(view)[-1].startswith("✅ Erased everywhere: 1 call doesn't name you any more")


async def test_opting_out_and_in_is_one_press(server: Server, books: Books):
    view = await opened(server.member, server)
    await server.member.click(view, label="Opt out")
    assert books.tracker.privacy.has_opted_out(server.member.id)
    assert "**You've opted out of AI.**" in texts(view)[2]
    await server.member.click(view, label="Opt in")
    assert not books.tracker.privacy.has_opted_out(server.member.id)
    assert "**AI is on for you.**" in texts(view)[2]


async def test_nobody_else_presses_and_it_works_in_direct_messages(
    server: Server, books: Books, simcord_env: simcord.Env
):
    """I26: an id can be sent by hand."""
    shown = await opened(server.member, server)
    assert await refusal(await by_hand(server.owner, shown, "privacy:opt-out")) == NOT_YOURS
    assert not books.tracker.privacy.has_opted_out(server.member.id)
    stranger = simcord_env.create_user("stranger")
    direct = (await stranger.slash("privacy")).response
    await stranger.click(direct, label="Erase…")
    buttons = discord.ui.LayoutView.from_message(direct.message).walk_children()
    labels = [item.label for item in buttons if isinstance(item, discord.ui.Button)]
    assert labels == ["Erase everywhere", "Cancel"]


async def test_books_out_of_reach_are_told(
    server: Server, books: Books, simcord_env: simcord.Env, monkeypatch: pytest.MonkeyPatch
):
    """I23, I29: what was shown stays."""
    view = await opened(server.member, server)

    async def broken(*_arguments: object, **_named: object) -> None:
        raise DatabaseUnavailableError("/secret/path.db", "disk I/O error")

    monkeypatch.setattr(books.tracker.privacy, "opt_out", broken)
    assert (await refusal(await server.member.click(view, label="Opt out"))).startswith("My database is out of reach")
    assert len(simcord_env.errors) == 1


async def test_one_that_is_back_while_others_are_erased_keeps_its_league(
    server: Server, books: Books, bot: Trilo, league: LeagueBook, monkeypatch: pytest.MonkeyPatch
):
    """I25: erasing one takes minutes."""
    await a_life(server, books, league)
    cog = cast("PrivacyCog", bot.get_cog("PrivacyCog"))
    asked = iter([[server.guild.id], []])

    async def due() -> list[int]:
        return next(asked)

    monkeypatch.setattr(books.tracker.removals, "due", due)
    await cog.forget()
    assert len(await league.teams(server.guild.id)) == 1
    assert server.guild.id in await calls_on(books.tracker)


async def test_a_server_that_removes_the_bot_is_erased_in_time(
    server: Server, books: Books, bot: Trilo, league: LeagueBook, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    """I25: thirty days later, also where nobody saw it go, but not one on another process's shards."""
    await a_life(server, books, league)
    cog = bot.get_cog("PrivacyCog")
    assert cog is not None
    cog = cast("PrivacyCog", cog)  # another class of that name: extensions are imported anew
    await cog.forget()
    guild = bot.get_guild(server.guild.id)
    bot.dispatch("guild_remove", guild)
    await books.tracker.force_flush()
    clock.now += ERASED_AFTER - timedelta(hours=1)
    bot.dispatch("guild_join", guild)
    await cog.forget()
    clock.now += ERASED_AFTER
    await cog.forget()
    assert (len(await league.teams(server.guild.id)), await calls_on(books.tracker)) == (1, {server.guild.id})
    monkeypatch.setattr(bot, "_connection", type("Gone", (), {"guilds": [], "shard_count": 1})())
    monkeypatch.setattr(bot, "shard_ids", [1])
    await cog.forget()
    clock.now += ERASED_AFTER
    await cog.forget()
    assert await calls_on(books.tracker) == {server.guild.id}
    monkeypatch.setattr(bot, "shard_ids", [0])
    await cog.forget()
    clock.now += ERASED_AFTER
    await cog.forget()
    assert (await league.teams(server.guild.id), await league.snapshots(server.guild.id)) == ([], [])
    assert await calls_on(books.tracker) == set()
    assert (await books.tracker.reports.spend(None, "all", "guild")).total.calls == 4


async def calls_on(tracker: UsageTracker) -> set[int]:
    rows: list[Any] = await tracker.database.fetch("SELECT DISTINCT guild_id FROM usage_records")
    return {guild_id for (guild_id,) in rows}


async def test_a_server_chooses_how_long_calls_are_kept(server: Server, books: Books, bot: Trilo):
    """I25: never longer than the operator; fewer days ask first."""
    view = await settings_page(server, "privacy")
    assert texts(view)[1].startswith("**Single calls are kept for 90\u00a0days**")
    assert options(view) == ["7", "30", "operator"]
    await server.manager.select(view, ["7"], custom_id="settings:retention")
    assert texts(view)[-1] == "⚠️ Calls older than 7\u00a0days are deleted for good. Go on?"
    assert await chosen(books, server) is None
    await server.manager.click(view, custom_id="settings:as-before")
    assert (await chosen(books, server), texts(view)[-1]) == (None, "Nothing was changed.")
    await server.manager.select(view, ["7"], custom_id="settings:retention")
    await server.manager.click(view, custom_id="settings:shorter")
    assert (await chosen(books, server), texts(view)[-1]) == (7, "Single calls are kept for 7\u00a0days.")
    await server.manager.select(view, ["30"], custom_id="settings:retention")
    assert await chosen(books, server) == 30
    await server.manager.select(view, ["operator"], custom_id="settings:retention")
    assert await chosen(books, server) is None
    bot.services.settings.retention_days = None
    view = await settings_page(server, "privacy")
    assert options(view) == [*map(str, SERVER_DAYS), "operator"]
    await server.manager.select(view, ["365"], custom_id="settings:retention")
    assert "deleted for good" in texts(view)[-1]


async def chosen(books: Books, server: Server) -> int | None:
    return (await books.tracker.settings.of(server.guild.id)).retention_days


def options(view: simcord.ResponseMessage) -> list[str]:
    items = discord.ui.LayoutView.from_message(view.message).walk_children()
    return [
        option.value
        for item in items
        if isinstance(item, discord.ui.Select) and item.custom_id == "settings:retention"
        for option in item.options
    ]


def test_the_pages_promise_what_the_code_does() -> None:
    """I33, I34: every number of PRIVACY.md is one of the code's."""
    text = " ".join((ROOT / "PRIVACY.md").read_text(encoding="utf-8").split())
    for promise in (
        f"{KEPT_DAYS} days unless whoever runs this bot says otherwise",
        f"{', '.join(map(str, SERVER_DAYS[:-1]))} or {SERVER_DAYS[-1]} days",
        f"{SNAPSHOT_DAYS} days so that they can be rebuilt",
        f"{ERASED_AFTER.days} days after the bot is removed",
        f"remembered for {REMEMBERED.days} days",
        f"{KEPT.days} days, so that none is answered twice",
        f"{alert_book.KEPT.days} days, to whom an alert was delivered",
        f"{shown_answers.KEPT.days} days, which of the bot's messages shows which answer",
        f"every {HOURS:g} hours",
    ):
        assert promise in text, promise
    claimed = {int(number) for number in re.findall(r"(\d+) (?:days|hours)", text)}
    true = {KEPT_DAYS, SERVER_DAYS[-1], SNAPSHOT_DAYS, ERASED_AFTER.days, REMEMBERED.days, KEPT.days, int(HOURS)}
    assert claimed == true | {shown_answers.KEPT.days}
    terms = (ROOT / "TERMS.md").read_text(encoding="utf-8")
    assert f"rebuilt for {SNAPSHOT_DAYS} days" in " ".join(terms.split())
