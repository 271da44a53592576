"""`/owner health` and `/owner prices`: what runs and what needs a hand, for the people who run the bot."""

import re
from datetime import timedelta
from pathlib import Path

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.usage.alerting.alert_book import MAIN
from bot.usage.budgeting.alert_rows import AlertKind
from bot.usage.errors import DatabaseUnavailableError
from bot.usage.health import database_bytes, version
from bot.usage.tracker import UsageTracker
from cogs._owner.owner_prices import NO_MODELS
from tests.cogs.helpers import NOW, Books, Clock, Server, texts

AT = int(NOW.timestamp())


async def health(hq: Server) -> list[str]:
    result = await hq.member.slash(hq.channel, "owner health")
    assert result.acknowledged
    assert result.response.ephemeral
    return texts(result.response)


async def prices(hq: Server, **named: str) -> str:
    result = await hq.member.slash(hq.channel, "owner prices", **named)
    assert result.response.ephemeral
    (text,) = texts(result.response)
    return text


async def test_a_bot_that_is_well(hq: Server, books: Books, tracker: UsageTracker):
    await books.book(hq.guild.id, 5_120_000)
    await tracker.force_flush()
    heading, on_discord, ledger, stored = await health(hq)
    assert heading.startswith(f"## Trilo {version()}\n-# Up since <t:{AT}:R> · discord.py {discord.__version__} · ")
    assert on_discord.splitlines()[0] == "**Discord** · 1\u00a0server on 1\u00a0shard"
    assert ledger == (
        f"**Books** · last written <t:{AT}:R> · 0\u00a0entries waiting · 0\u00a0calls in flight\n"
        "Nothing has gone wrong since the start."
    )
    database, known, models, alerts = stored.splitlines()
    assert re.fullmatch(r"\*\*Database\*\* · SQLite, \d+ KB", database)
    assert known == f"**Prices** · {tracker.prices.described()}"
    assert (models, alerts) == (
        "Every model of the last 30 days has a price.",
        "**Alerts** · no address refuses them",
    )


async def test_everything_that_went_wrong_is_told(
    hq: Server, books: Books, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
):
    """I9, I23, I24: faults of ours are shown to the operator."""
    await books.book(hq.guild.id, None, model="``` new-model")
    tracker.ledger.faults = 1
    for name, count in {"journalled": 2, "unrecorded": 3, "dropped": 4000, "unreadable": 5}.items():
        monkeypatch.setattr(type(tracker.ledger), name, count)
    view = (await hq.member.slash(hq.channel, "owner health")).response
    assert texts(view)[2].splitlines()[1:] == [
        "⚠️ 1\u00a0transaction failed and was tried again",
        "⚠️ 2\u00a0calls left with the journal alone, to be booked from there",
        "⚠️ 3\u00a0calls left before it was on record anywhere",
        "⚠️ 4,000\u00a0calls never got on the books",
        "⚠️ 5\u00a0lines of a journal couldn't be read",
    ]
    unpriced = "⚠️ Without a price in the last 30 days: `''' new-model` (1\u00a0call). `/owner prices` says what to do."
    assert texts(view)[3].splitlines()[2] == unpriced
    tracker.ledger.faults = 0
    await hq.member.click(view, label="Refresh")
    assert "transaction" not in texts(view)[2]


async def test_with_the_database_away_the_rest_still_stands(
    hq: Server, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
):
    """I23: that is when somebody looks."""

    async def broken(*_arguments: object) -> None:
        raise DatabaseUnavailableError("/secret/t.db", "disk I/O error")

    monkeypatch.setattr(tracker.database, "fetch", broken)
    monkeypatch.setattr(type(tracker.ledger), "is_away", True)
    _, _, ledger, stored = await health(hq)
    assert ledger.splitlines()[1] == (
        "⚠️ **The database takes nothing just now**: what leaves is kept until it is back."
    )
    assert stored == ("⚠️ My database is out of reach just now, so I can't look that up. Please try again in a minute.")


async def test_shards_that_are_down_and_the_slowest(hq: Server, bot: Trilo, monkeypatch: pytest.MonkeyPatch):
    class Shard:
        def __init__(self, number: int, latency: float, *, closed: bool = False) -> None:
            self.id, self.latency, self.closed = number, latency, closed

        def is_closed(self) -> bool:
            return self.closed

        def is_ws_ratelimited(self) -> bool:
            return False

    shards = [Shard(0, 0.04), Shard(1, 0.1), *(Shard(n, float("nan"), closed=True) for n in range(2, 9))]
    monkeypatch.setattr(Trilo, "shards", {shard.id: shard for shard in shards})
    assert (await health(hq))[1].splitlines() == [
        "**Discord** · 1\u00a0server on 9\u00a0shards",
        "Latency 70 ms on average; the slowest is shard 1, 100 ms",
        "⚠️ Not connected, or held back by Discord: shard 2, 3, 4, 5, 6 …",
    ]


async def test_addresses_that_alerts_dont_reach(hq: Server, tracker: UsageTracker, clock: Clock):
    """I20: the operator sees them, where there are any. I35: by their labels."""
    for n in range(6):
        await tracker.alert_targets.add(n + 1, f"jsons://me:secret@{n}.org", f"jsons://{n}.org/…", actor=1)
        await tracker.alerts.fire(AlertKind.PROVIDER_KEY, n + 1, str(n))
        await tracker.alerts.take_up()
        clock.now += timedelta(days=1)
    for owed in await tracker.alerts.due():
        if owed.target not in MAIN and (delivery := await tracker.alerts.claim(owed)) is not None:
            await tracker.alerts.failed(delivery, "no answer")
    *_, state, unreached = (await health(hq))[3].splitlines()
    named = [f"`jsons://{n}.org/… (server {n + 1})` (since <t:{AT + n * 86_400}:d>)" for n in range(5)]
    assert (state, unreached) == (
        "**Alerts** · not all arrive",
        f"⚠️ Alerts don't reach: {', '.join(named)} and 1 more",
    )


async def test_what_a_model_costs(hq: Server, books: Books, tracker: UsageTracker):
    """I11: by token, from the cache, and by tier."""
    await books.book(hq.guild.id, 5_120_000, model="gpt-4o-mini")
    assert await prices(hq, model=" gpt-4o-mini ") == (
        "## `gpt-4o-mini`\n-# Tokens: for a million\n```\n"
        "$0.15   input\n"
        "$0.075  input from cache\n"
        "$0.60   output\n"
        "```\n-# 1\u00a0call in the last 30 days: $0.0051\n"
        f"-# {tracker.prices.described()}"
    )


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ("text-embedding-3-small", "$0.02  input"),
        ("dall-e-3", "$0.04  an image, 1024x1024"),
        ("whisper-1", "$0.006  a minute of audio"),
        ("tts-1", "$0.015  1,000 characters"),
    ],
)
async def test_what_is_not_billed_by_token(hq: Server, model: str, line: str):
    text = await prices(hq, model=model)
    assert line in text.splitlines()
    assert text.splitlines()[-2] == "-# not used in 30 days"


async def test_long_context_and_tiers_have_prices_of_their_own(hq: Server, clock: Clock):
    """I10, I11: those of the day; a long request's rate holds for all of it."""
    assert "flex" not in await prices(hq, model="gpt-5.4")
    clock.now += timedelta(days=250)
    lines = (await prices(hq, model="gpt-5.4")).splitlines()
    assert lines[3:13] == [
        " $2.50  input",
        " $0.25  input from cache",
        " $5.00  input, 1.0M at once",
        "$15.00  output",
        " $1.25  input, flex",
        " $7.50  output, flex",
        " $1.25  input, batch",
        " $7.50  output, batch",
        " $5.00  input, priority",
        "$30.00  output, priority",
    ]


async def test_a_model_that_nobody_knows_is_not_free(hq: Server, books: Books):
    """I9. Its name can't break out of its frame."""
    await books.book(hq.guild.id, None, model="``` @everyone")
    words = await prices(hq, model="``` @everyone")
    assert words.startswith("## `''' @everyone` has no price\nIts calls are counted, shown as unpriced")
    assert "1\u00a0call in the last 30 days: unknown" in words


async def test_the_models_in_use(hq: Server, books: Books, tracker: UsageTracker):
    assert await prices(hq) == NO_MODELS
    await books.book(hq.guild.id, 5_120_000, model="gpt-4o-mini")
    await books.book(hq.guild.id, None, model="new-model")
    lines = (await prices(hq)).splitlines()
    assert lines[2:-1] == [
        "```",
        "model",
        "     in    out  calls",
        "gpt-4o-mini",
        "  $0.15  $0.60      1",
        "new-model",
        "      –      –      1",
        "```",
    ]


async def test_models_are_completed_while_typing(hq: Server, books: Books):
    await books.book(hq.guild.id, 5_120_000, model="gpt-4o-mini")
    await books.book(hq.guild.id, None, model="x" * 101)
    choices = await hq.member.autocomplete(hq.channel, "owner prices", "model", "MINI")
    assert choices == [{"name": "gpt-4o-mini", "value": "gpt-4o-mini"}]
    assert len(await hq.member.autocomplete(hq.channel, "owner prices", "model", "")) == 1


async def test_the_size_is_that_of_the_file(tracker: UsageTracker, tmp_path: Path, simcord_env: simcord.Env):
    assert await database_bytes(tracker.database) >= 4096
    assert (await database_bytes(tracker.database)) % 4096 == 0
