"""The operator's cap: written when a server is joined, set by `/owner limit`, and above what admins do."""

import pytest
import simcord

from bot.client import Trilo
from bot.settings import Settings
from bot.usage.budgeting.budgets import Mode, Owner, Scope, Unit
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.guild_rules import GuildRules
from bot.usage.errors import BudgetExceededError, DatabaseUnavailableError
from bot.usage.tracker import UsageTracker
from cogs._kit.access import NOT_THE_OWNER
from cogs.owner import CAPS_ARE_DOLLARS, NO_SUCH_SERVER, SEVERAL_SERVERS
from tests.cogs.helpers import OWNER_GUILD, Books, Server, make_server, texts

USD = 10**9


@pytest.fixture
def extensions() -> tuple[str, ...]:
    """These only: simcord counts commands in the same row of ids as servers."""
    return ("cogs.token_stats", "cogs.owner", "cogs.help")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"default_server_limit_usd": 5, "owner_guild_id": OWNER_GUILD})


@pytest.fixture
async def server(simcord_env: simcord.Env) -> Server:
    """A server that the bot has joined and knows of."""
    server = make_server(simcord_env, "league")
    await simcord_env.settle()
    return server


@pytest.fixture
def hq(server: Server, bot: Trilo) -> Server:
    """The owners' server; its `member` owns the application."""
    assert server.guild.id == OWNER_GUILD
    bot.owner_id = server.member.id
    return server


async def caps(tracker: UsageTracker, guild_id: int) -> list[int]:
    return [budget.limit for budget in await tracker.budgets.of(guild_id) if budget.owner is Owner.OPERATOR]


async def test_joining_a_server_writes_the_cap(server: Server, tracker: UsageTracker, books: Books):
    """I13, I16: a real budget, from the first minute, that no call gets past."""
    (budget,) = await tracker.budgets.of(server.guild.id)
    assert (budget.scope, budget.scope_id, budget.period) == (Scope.GUILD, str(server.guild.id), Period.MONTH)
    assert (budget.unit, budget.limit, budget.mode) == (Unit.USD, 5 * USD, Mode.HARD)
    assert budget.owner is Owner.OPERATOR
    (line,) = await tracker.settings.audit(server.guild.id)
    assert line.actor == "system"
    await books.book(server.guild.id, 5 * USD)
    with pytest.raises(BudgetExceededError):
        await books.book(server.guild.id, 1)


async def test_a_cap_that_is_there_is_never_overwritten(server: Server, bot: Trilo, tracker: UsageTracker):
    """Not at the next start either, whatever the operator gave it."""
    guild = bot.get_guild(server.guild.id)
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=guild.id, limit_usd=20, owner=Owner.OPERATOR)
    for _ in range(2):
        await bot.on_guild_available(guild)
        await bot.on_guild_join(guild)
    assert await caps(tracker, guild.id) == [20 * USD]


async def test_a_cap_that_another_process_has_just_set_is_not_overwritten(
    server: Server, bot: Trilo, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
):
    """What this process knows may be behind: the books decide."""
    guild = bot.get_guild(server.guild.id)
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=guild.id, limit_usd=20, owner=Owner.OPERATOR)
    monkeypatch.setattr(tracker.ledger.rules, "of", lambda _guild_id: GuildRules())
    await bot.on_guild_available(guild)
    assert await caps(tracker, guild.id) == [20 * USD]


async def test_a_server_from_before_gets_one_at_the_next_start(server: Server, bot: Trilo, tracker: UsageTracker):
    guild = bot.get_guild(server.guild.id)
    (cap,) = await tracker.budgets.of(guild.id)
    await tracker.budgets.remove(cap.id, guild_id=guild.id, owner=Owner.OPERATOR)
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=guild.id, limit_usd=99)
    await bot.on_guild_available(guild)
    assert await caps(tracker, guild.id) == [5 * USD]


async def test_no_cap_where_the_operator_wants_none(
    server: Server, bot: Trilo, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
):
    """I16."""
    guild = bot.get_guild(server.guild.id)
    (cap,) = await tracker.budgets.of(guild.id)
    await tracker.budgets.remove(cap.id, guild_id=guild.id, owner=Owner.OPERATOR)
    monkeypatch.setattr(bot.services.settings, "default_server_limit_usd", None)
    await bot.on_guild_available(guild)
    assert await caps(tracker, guild.id) == []


async def test_a_server_that_is_not_ours_to_serve_gets_none(
    simcord_env: simcord.Env, bot: Trilo, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bot.services.settings, "allowed_guilds", frozenset({1}))
    guild = simcord_env.create_guild("strangers")
    await simcord_env.settle()
    assert bot.get_guild(guild.id) is None
    assert await caps(tracker, guild.id) == []


async def test_the_books_out_of_reach_are_the_operators_business(
    server: Server,
    bot: Trilo,
    tracker: UsageTracker,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    async def broken(*_args: object, **_options: object) -> None:
        raise DatabaseUnavailableError("/secret/path.db", "disk I/O error")

    guild = bot.get_guild(server.guild.id)
    (cap,) = await tracker.budgets.of(guild.id)
    await tracker.budgets.remove(cap.id, guild_id=guild.id, owner=Owner.OPERATOR)
    monkeypatch.setattr(tracker.budgets, "set", broken)
    await bot.on_guild_available(guild)
    assert f"server {guild.id} has no cap until the next start: DatabaseUnavailableError" in caplog.text


class TestOwnerLimit:
    """`/owner limit`, for the people who run the bot."""

    async def test_it_sets_the_cap_of_a_server(self, hq: Server, tracker: UsageTracker, simcord_env: simcord.Env):
        other = make_server(simcord_env, "The `other`")
        for server, usd, words in [
            (str(other.guild.id), "$7.50", "✅ `The 'other'` may cost you $7.50 a month."),
            ("the `OTHER`", "20", "✅ `The 'other'` may cost you $20.00 a month."),
            (str(other.guild.id), "0", "✅ `The 'other'` may cost you $0.00 a month."),
        ]:
            result = await hq.member.slash(hq.channel, "owner limit", server=server, usd=usd)
            assert result.response.ephemeral
            assert texts(result.response) == [words]
        assert await caps(tracker, other.guild.id) == [0]
        assert await caps(tracker, hq.guild.id) == [5 * USD]
        assert (await tracker.settings.audit(other.guild.id))[0].actor == str(hq.member.id)

    async def test_what_it_does_not_understand(self, hq: Server, tracker: UsageTracker, simcord_env: simcord.Env):
        make_server(simcord_env, "twin")
        make_server(simcord_env, "Twin")
        for server, usd, words in [
            ("nowhere", "5", NO_SUCH_SERVER),
            ("twin", "5", SEVERAL_SERVERS),
            ("league", "5k tokens", CAPS_ARE_DOLLARS),
        ]:
            result = await hq.member.slash(hq.channel, "owner limit", server=server, usd=usd)
            assert texts(result.response) == [words]
        result = await hq.member.slash(hq.channel, "owner limit", server="league", usd="much")
        assert texts(result.response)[0].startswith("I can't read that as a limit.")
        assert await caps(tracker, hq.guild.id) == [5 * USD]

    async def test_nobody_else_may(self, hq: Server, tracker: UsageTracker):
        """I26: not even who owns the server."""
        for actor in (hq.owner, hq.manager):
            result = await actor.slash(hq.channel, "owner limit", server="league", usd="999")
            assert texts(result.response) == [NOT_THE_OWNER]
            assert await actor.autocomplete(hq.channel, "owner limit", "server", "", usd="1") == []
        assert await caps(tracker, hq.guild.id) == [5 * USD]

    async def test_a_servers_name_fits_a_choice(self, hq: Server, simcord_env: simcord.Env):
        """Accents take no column, but Discord counts them."""
        name = "กิ๊" * 33
        other = make_server(simcord_env, name)
        (choice,) = await hq.member.autocomplete(hq.channel, "owner limit", "server", str(other.guild.id), usd="1")
        assert choice == {"name": f"{name[:59]}… · {other.guild.id}", "value": str(other.guild.id)}

    async def test_servers_are_completed_by_name_and_id(self, hq: Server, simcord_env: simcord.Env):
        other = make_server(simcord_env, "Other")
        wanted = {"name": f"Other · {other.guild.id}", "value": str(other.guild.id)}
        for typed in ("oth", str(other.guild.id)[-4:]):
            assert wanted in await hq.member.autocomplete(hq.channel, "owner limit", "server", typed, usd="1")
