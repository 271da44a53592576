"""Budgets where they matter: real calls through the door, to a server that would answer anything.

gpt-4o-mini costs 150 nano-USD a token in and 600 out; `ASK` reserves 19 tokens in (15 and 4 more for its message).
"""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import openai
import pytest

from bot.usage import TrackedOpenAI, UsageTracker, open_tracker, token_tracking_context
from bot.usage.bookkeeping import leaving
from bot.usage.budgeting.budgets import Level, Saving
from bot.usage.budgeting.quotas import Tier, Tiers
from bot.usage.errors import AiPausedError, BudgetExceededError, QuotaExceededError, Why
from bot.usage.pricing.prices import PriceList
from tests.usage.conftest import Records
from tests.usage.shapes import MODEL, QUESTION, chat, chunks, response
from tests.usage.stub import Stub, answer, drop, error, hang, sse

BOTH_DATABASES = True

ASK: dict[str, Any] = {"model": MODEL, "messages": QUESTION}
USED = {"prompt_tokens": 15, "completion_tokens": 20, "total_tokens": 35}
COST = 15 * 150 + 20 * 600
"""Nano-USD of an answer that reports `USED`."""


async def limit(tracker: UsageTracker, usd: str, **more: Any) -> None:
    await tracker.set_budget(scope="guild", scope_id=1, guild_id=1, period="month", limit_usd=usd, **more)


async def ask(client: openai.AsyncOpenAI, **more: Any) -> Any:
    async with token_tracking_context(guild_id=1, user_id="ann", channel_id=7, operation="chat"):
        return await client.chat.completions.create(**{**ASK, **more})


async def level_of(tracker: UsageTracker, guild_id: int = 1) -> Level:
    await tracker.force_flush()
    [standing] = await tracker.budgets.standing(guild_id)
    return standing.level


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 0.0)


async def test_no_budget_no_cap_no_block(stub: Stub, client: TrackedOpenAI) -> None:
    """I16: without a budget a request leaves as it was given."""
    stub.answers(answer(chat(usage=USED)))
    await ask(client)
    assert stub.bodies == [ASK]


@pytest.mark.parametrize(("usd", "cap"), [("5", 1024), ("0.002", 415)])
async def test_a_cap_is_sent_where_a_budget_stops(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, usd: str, cap: int
) -> None:
    """I13, I14: 1,024 tokens or an eighth of the rest; reserved before, spent after, and nothing left reserved."""
    await limit(tracker, usd)
    stub.answers(answer(chat(usage=USED), delay=0.2))
    asking = asyncio.create_task(ask(client))
    await stub.arrived.wait()
    [standing] = await tracker.budgets.standing(1)
    assert stub.bodies == [{**ASK, "max_completion_tokens": cap}]
    assert standing.level.spent == 0
    assert 150 * 19 + 600 * cap <= standing.level.reserved <= 150 * 30 + 600 * cap
    await asking
    assert await level_of(tracker) == Level(spent=COST)


async def test_caps_of_other_endpoints(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I13: Responses take theirs as `max_output_tokens`; a caller's own stays; embeddings have none."""
    await limit(tracker, "5")
    listed = {"object": "list", "model": "text-embedding-3-small", "data": [], "usage": {"prompt_tokens": 3}}
    stub.answers(answer(response()), answer(chat(usage=USED)), sse(chunks(usage=USED)), answer(listed))
    async with token_tracking_context(guild_id=1):
        await client.responses.create(model=MODEL, input="hello")
        await client.chat.completions.create(**ASK, max_tokens=7)
        async for _ in await client.chat.completions.create(**ASK, stream=True):
            pass
        await client.embeddings.create(model="text-embedding-3-small", input="hello", encoding_format="float")
    caps = [{k: v for k, v in body.items() if k.startswith("max_")} for body in stub.bodies]
    assert caps == [{"max_output_tokens": 1024}, {"max_tokens": 7}, {"max_completion_tokens": 1024}, {}]
    assert (await level_of(tracker)).reserved == 0


async def test_a_server_that_knows_only_the_older_name(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """The cap must arrive: asked again with `max_tokens`, as one call."""
    await limit(tracker, "5")
    refused = {"error": {"message": "Unknown field: max_completion_tokens", "type": "t", "code": None}}
    stub.answers(answer(refused, 400), answer(chat(usage=USED)))
    await ask(client)
    assert [body.get("max_tokens") for body in stub.bodies] == [None, 1024]
    [row] = await records(tracker)
    assert (row["status"], row["cost_nano_usd"], row["attempts"]) == ("ok", COST, 2)


async def test_each_attempt_that_may_be_billed_is_reserved(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I13, I14: three attempts that nobody answered and a fourth on its way are four worst cases; three stay in doubt.

    Also in a budget that is set meanwhile.
    """
    monkeypatch.setattr(TrackedOpenAI, "_calculate_retry_timeout", lambda *_: 0.0)
    await limit(tracker, "5")
    stub.answers(drop(), drop(), drop(), answer(chat(usage=USED), delay=0.5), answer(chat(usage=USED)))
    asking = asyncio.create_task(ask(client.with_options(max_retries=3), max_completion_tokens=20))
    while len(stub.bodies) < 4:
        await asyncio.sleep(0.005)
    [standing] = await tracker.budgets.standing(1)
    worst = 23 * 150 + 20 * 600
    assert standing.level == Level(reserved=4 * worst)
    await tracker.set_budget(scope="user", scope_id="ann", guild_id=1, period="month", limit_usd="5")
    await ask(client)
    await tracker.force_flush()
    levels = [standing.level for standing in await tracker.budgets.standing(1)]
    assert levels == [Level(spent=COST, reserved=4 * worst)] * 2
    await asking
    await tracker.force_flush()
    levels = [standing.level for standing in await tracker.budgets.standing(1)]
    assert levels == [Level(spent=2 * COST, doubtful=3 * worst)] * 2


async def test_the_shortest_of_several_answers_must_fit(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker
) -> None:
    """I13: three answers of 150 tokens, and the question; in tokens as in USD."""
    await tracker.set_budget(scope="guild", scope_id=1, guild_id=1, period="month", limit_tokens=400)
    stub.answers(answer(chat(usage=USED)))
    with pytest.raises(BudgetExceededError) as raised:
        await ask(client, n=3)
    assert raised.value.why is Why.USED_UP
    await ask(client)
    assert await level_of(tracker) == Level(spent=35, fired=100)


async def test_an_operation_has_its_own_cap(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """Sent without any budget; made smaller where one is nearly used up."""
    tracker.define_operation("chat", max_output_tokens=300)
    stub.answers(answer(chat(usage=USED)), answer(chat(usage=USED)))
    await ask(client)
    await tracker.force_flush()
    await limit(tracker, "0.0011")
    await ask(client)
    assert [body["max_completion_tokens"] for body in stub.bodies] == [300, 225]


async def test_a_refused_call_never_leaves(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I13: the error carries the numbers; nothing is sent, nothing is booked; it is counted, and is the 100 %."""
    await limit(tracker, "0.0001")
    stub.answers(answer(chat(usage=USED)))
    await ask(client, max_completion_tokens=20)
    await tracker.force_flush()
    with pytest.raises(BudgetExceededError) as raised:
        await ask(client)
    figures = raised.value.budget
    assert (raised.value.why, raised.value.guild_id, raised.value.is_too_large) == (Why.USED_UP, 1, False)
    assert (figures.scope, figures.unit, figures.limit, figures.spent) == ("guild", "usd", 100_000, COST)
    assert figures.left == 100_000 - COST
    assert figures.needed is not None
    assert 600 * 150 < figures.needed < 600 * 150 + 150 * 31
    assert figures.ends_at is not None
    assert figures.ends_at > tracker.clock()
    with pytest.raises(BudgetExceededError):
        await ask(client)
    await tracker.force_flush()
    assert len(stub.requests) == len(await records(tracker)) == 1
    assert not tracker.calls
    database = tracker.ledger._database
    assert await database.fetch("SELECT guild_id, cause, calls FROM refusals") == [(1, "budget used_up", 2)]
    [alert] = await database.fetch("SELECT threshold, used, limit_amount FROM alerts WHERE delivered_at IS NULL")
    assert alert == (100, COST, 100_000)


async def test_a_call_too_large_for_any_such_budget(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I19: it is refused, and uses up no threshold: the budget is as it was."""
    await limit(tracker, "0.0001")
    with pytest.raises(BudgetExceededError) as raised:
        await ask(client, max_completion_tokens=4_000)
    assert (raised.value.why, raised.value.is_too_large) == (Why.USED_UP, True)
    assert await tracker.ledger._database.fetch("SELECT * FROM alerts") == []
    assert await level_of(tracker) == Level()


@pytest.mark.parametrize(
    ("what", "error_type"), [("unknown model", None), ("hosted tool", None), ("stored input", None)]
)
async def test_what_cannot_be_told_before_it_leaves(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, what: str, error_type: None
) -> None:
    """I15: refused under a hard budget, unless the server chose to let such calls through."""
    asked: dict[str, Any] = {
        "unknown model": {"model": "home-grown", "input": "hello"},
        "hosted tool": {"model": MODEL, "input": "hello", "tools": [{"type": "web_search"}]},
        "stored input": {"model": MODEL, "input": "hello", "previous_response_id": "resp_1"},
    }[what]
    await limit(tracker, "5")
    async with token_tracking_context(guild_id=1):
        with pytest.raises(BudgetExceededError) as raised:
            await client.responses.create(**asked)
        assert (raised.value.why, raised.value.budget.needed) == (Why.UNKNOWN_COST, None)
        assert stub.requests == []
        await limit(tracker, "5", unknown="admit")
        stub.answers(answer(response()))
        await client.responses.create(**asked)
    assert len(stub.requests) == 1


async def test_images_and_sound_are_not_waved_through(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I15: a picture reserves its price, a recording's can't be told."""
    await limit(tracker, "0.05")
    async with token_tracking_context(guild_id=1):
        with pytest.raises(BudgetExceededError) as dear:
            await client.images.generate(model="dall-e-3", prompt="a cup", size="1024x1024", quality="hd")
        with pytest.raises(BudgetExceededError) as unknown:
            await client.audio.transcriptions.create(model="whisper-1", file=("a.mp3", b"x"))
    assert (dear.value.why, dear.value.budget.needed) == (Why.USED_UP, 80_000_000)
    assert unknown.value.why is Why.UNKNOWN_COST
    assert stub.requests == []


async def test_several_budgets_must_all_allow_it(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """The operator's for the server, the admins' for a channel, each member's: the one that is used up says no."""
    await limit(tracker, "5", owner="operator")
    await tracker.set_budget(scope="channel", scope_id=7, guild_id=1, period="day", limit_usd="1")
    await tracker.set_budget(scope="each_user", guild_id=1, period="week", limit_tokens=500)
    stub.answers(answer(chat(usage={**USED, "completion_tokens": 400})))
    await ask(client, max_completion_tokens=400)
    await tracker.force_flush()
    with pytest.raises(BudgetExceededError) as raised:
        await ask(client, max_completion_tokens=80)
    figures = raised.value.budget
    assert (figures.scope, figures.key, figures.unit, figures.limit, figures.spent) == (
        "each_user", "ann", "tokens", 500, 415,
    )  # fmt: skip
    async with token_tracking_context(guild_id=1, user_id="bob", channel_id=7):
        stub.answers(answer(chat(usage=USED)))
        await client.chat.completions.create(**ASK, max_completion_tokens=80)
    await tracker.force_flush()
    standings = {(s.budget.scope.value, s.key): s.level for s in await tracker.budgets.standing(1)}
    spent = 15 * 150 + 400 * 600 + COST
    assert standings == {
        ("guild", ""): Level(spent),
        ("channel", ""): Level(spent),
        ("each_user", "ann"): Level(415, fired=100),  # the refusal was announced
        ("each_user", "bob"): Level(35),
    }


async def test_a_budget_set_in_the_middle_counts_what_was_spent(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker
) -> None:
    """I8: what the period has spent, and what is in flight when it is set; the counter equals the records."""
    stub.answers(answer(chat(usage=USED)), answer(chat(usage=USED), delay=0.3))
    await ask(client)
    in_flight = asyncio.create_task(ask(client))
    while len(stub.requests) < 2:
        await asyncio.sleep(0.01)
    await tracker.force_flush()
    await limit(tracker, "5")
    assert await level_of(tracker) == Level(spent=COST)
    await in_flight
    assert await level_of(tracker) == Level(spent=2 * COST)


async def test_a_budget_removed_in_the_middle_stays_removed(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker
) -> None:
    """I14: a call in flight doesn't bring its counter back."""
    await limit(tracker, "5")
    stub.answers(answer(chat(usage=USED), delay=0.2))
    in_flight = asyncio.create_task(ask(client))
    await stub.arrived.wait()
    [budget] = await tracker.budgets.of(1)
    assert await tracker.budgets.remove(budget.id, guild_id=1)
    await in_flight
    await tracker.force_flush()
    assert await tracker.ledger._database.fetch("SELECT * FROM budget_periods WHERE budget_id <> 'quota'") == []
    assert not await tracker.budgets.remove(budget.id, guild_id=1)


@pytest.mark.parametrize("end", ["error", "cut", "cancelled", "left", "timed out"])
async def test_every_reservation_ends(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, end: str
) -> None:
    """I14, I4: however a call ends, nothing stays reserved; what may have been billed is held as doubtful."""
    await limit(tracker, "5")
    scripted = {
        "error": error(500),
        "cut": sse(chunks(), cut_after=400),
        "cancelled": hang(),
        "left": sse(chunks(), pause=0.01),
        "timed out": hang(),
    }[end]
    stub.answers(scripted)
    stream = end in ("cut", "left")
    patient = client.with_options(timeout=0.2 if end == "timed out" else 20)

    async def call() -> None:
        found = await ask(patient, stream=stream, max_completion_tokens=500)
        if stream:
            async for _ in found:
                if end == "left":
                    await found.close()
                    return

    calling = asyncio.create_task(call())
    await stub.arrived.wait()
    if end == "cancelled":
        calling.cancel()
    await asyncio.wait({calling})
    calling.cancelled() or calling.exception()
    level = await level_of(tracker)
    [row] = await records(tracker)
    assert level == Level(spent=row["cost_nano_usd"], doubtful=row["doubtful_nano_usd"])
    assert (level.used > 0) == (end != "error")
    assert level.used <= row["reserved_nano_usd"]


async def test_a_retry_reserves_again(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records
) -> None:
    """I13, I21: an attempt that nobody answered may be billed, and so may the next: both are held."""
    await limit(tracker, "5")
    stub.answers(drop(), answer(chat(usage=USED), delay=0.3))
    asking = asyncio.create_task(ask(client.with_options(max_retries=1), max_completion_tokens=100))
    while len(stub.requests) < 2:
        await asyncio.sleep(0.01)
    [standing] = await tracker.budgets.standing(1)
    [row] = await records(tracker)
    once = standing.level.reserved // 2
    assert standing.level == Level(reserved=2 * once)
    assert (row["status"], row["reserved_nano_usd"]) == ("open", 2 * once)
    await asking
    assert await level_of(tracker) == Level(spent=COST, doubtful=once)


async def test_a_retry_that_finds_no_room_is_not_sent(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I13: one attempt fits, two don't."""
    await limit(tracker, "0.0001")
    stub.answers(drop())
    with pytest.raises(BudgetExceededError):
        await ask(client.with_options(max_retries=1), max_completion_tokens=100)
    level = await level_of(tracker)
    assert len(stub.requests) == 1
    assert (level.reserved, level.spent + level.doubtful <= 100_000) == (0, True)
    assert level.used > 60_000


async def test_a_call_waits_for_room(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I13: what calls in flight hold comes back when they end, and who waits is served then, in turn."""
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 5.0)
    await limit(tracker, "0.0001")
    stub.default = lambda _: answer(chat(usage=USED), delay=0.1)
    await asyncio.gather(*(ask(client, max_completion_tokens=100) for _ in range(3)))
    assert await level_of(tracker) == Level(spent=3 * COST)


async def test_busy_is_not_used_up(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I13: who finds no room now is told so, and no alert is fired."""
    await limit(tracker, "0.0001")
    stub.answers(answer(chat(usage=USED), delay=0.3))
    first = asyncio.create_task(ask(client, max_completion_tokens=100))
    await stub.arrived.wait()
    with pytest.raises(BudgetExceededError) as raised:
        await ask(client, max_completion_tokens=100)
    assert (raised.value.why, raised.value.is_busy) == (Why.BUSY, True)
    await first
    assert await tracker.ledger._database.fetch("SELECT * FROM alerts") == []


async def test_a_cancelled_waiter_leaves_nothing_behind(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I2, I14: cancelled while it waited for room: one record, aborted, at no cost."""
    monkeypatch.setattr(leaving, "ROOM_PATIENCE_SECONDS", 5.0)
    await limit(tracker, "0.0001")
    stub.answers(answer(chat(usage=USED), delay=0.3))
    first = asyncio.create_task(ask(client, max_completion_tokens=100))
    await stub.arrived.wait()
    second = asyncio.create_task(ask(client, max_completion_tokens=100))
    await asyncio.sleep(0.1)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    await first
    assert await level_of(tracker) == Level(spent=COST)
    assert sorted((row["status"], row["cost_nano_usd"]) for row in await records(tracker)) == [
        ("aborted", 0),
        ("ok", COST),
    ]


async def test_a_pause_refuses_at_the_door(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    until = tracker.clock() + timedelta(hours=1)
    await tracker.settings.pause(1, until, actor="dana")
    with pytest.raises(AiPausedError) as raised:
        await ask(client)
    assert raised.value.until == until
    await tracker.settings.pause(0, actor="operator")
    with pytest.raises(AiPausedError) as everywhere:
        await client.chat.completions.create(**ASK)
    assert everywhere.value.until is None
    await tracker.settings.resume(0, actor="operator")
    await tracker.settings.resume(1, actor="dana")
    stub.answers(answer(chat(usage=USED)))
    await ask(client)
    assert len(stub.requests) == 1
    actions = [(line.actor, line.action) for line in await tracker.settings.audit(1)]
    assert actions == [("dana", "AI resumed"), ("dana", "AI paused")]


async def test_thresholds_fire_once_each(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I19: a hundred calls at once cross 80, 90 and 100; two of them are covered by the highest where they jump."""
    await limit(tracker, f"{COST * 100 / 10**9:.9f}", mode="soft")
    stub.default = lambda _: answer(chat(usage=USED))
    for _ in range(5):
        await asyncio.gather(*(ask(client) for _ in range(30)))
        await tracker.force_flush()
    alerts = await tracker.ledger._database.fetch(
        "SELECT threshold, used, delivered_how FROM alerts ORDER BY threshold"
    )
    assert [threshold for threshold, *_ in alerts] == [80, 90, 100]
    assert alerts[0][1:] == (90 * COST, "passed")
    assert [how for *_, how in alerts if how is None] == [None] * len({used for _, used, _ in alerts})


async def test_a_budget_that_saves(stub: Stub, database_url: str, prices: PriceList) -> None:
    """First the fast model, then no pictures, then it stops; and a restart has forgotten nothing."""
    async with open_tracker(database_url, prices=prices, console=False) as tracker:
        tracker.define_operation("chat", model="gpt-4o", cheaper_model=MODEL)
        await limit(tracker, f"{COST * 10 / 10**9:.9f}", mode="cheaper", cheaper_at=50)
        client = tracker.openai(base_url=stub.url, api_key="k")
        stub.default = lambda _: answer(chat(usage=USED))
        found = []
        for _ in range(9):
            async with token_tracking_context(guild_id=1, operation="chat"):
                found.append((tracker.suggest_model("chat"), tracker.saving()))
            await ask(client, max_completion_tokens=20)
            await tracker.force_flush()
        assert found == [
            *[("gpt-4o", Saving.NONE)] * 5,
            *[(MODEL, Saving.CHEAPER_MODEL)] * 3,
            (MODEL, Saving.NO_PICTURES),
        ]
    async with open_tracker(database_url, prices=prices, console=False) as again:
        again.define_operation("chat", model="gpt-4o", cheaper_model=MODEL)
        async with token_tracking_context(guild_id=1):
            assert (again.suggest_model("chat"), again.saving("chat")) == (MODEL, Saving.NO_PICTURES)
        async with token_tracking_context(guild_id=2):
            assert again.suggest_model("chat") == "gpt-4o"


async def test_quotas_refuse_softly_where_they_are_on(stub: Stub, database_url: str, prices: PriceList) -> None:
    """D2: a person's tokens count everywhere; they stop the person only where a server has switched quotas on."""
    tiers = Tiers([Tier("free", 100), Tier("premium", 1_000, premium=True)])
    async with open_tracker(database_url, prices=prices, console=False, tiers=tiers) as tracker:
        client = tracker.openai(base_url=stub.url, api_key="k")
        tracker.define_operation("league", counts_toward_quota=False)
        tracker.define_operation("draft", premium=True)
        stub.default = lambda _: answer(chat(usage={**USED, "completion_tokens": 75}))
        for _ in range(2):
            await ask(client)
        await tracker.force_flush()
        await tracker.settings.choose(1, quotas=True)
        with pytest.raises(QuotaExceededError) as raised:
            await ask(client)
        result = raised.value.result
        assert (result.used, result.limit, result.tokens_remaining, result.requires_upgrade) == (180, 100, 0, True)
        async with token_tracking_context(guild_id=2, user_id="ann"):
            await client.chat.completions.create(**ASK)
        async with token_tracking_context(guild_id=1, user_id="ann", operation="league"):
            await client.chat.completions.create(**ASK)
        async with token_tracking_context(guild_id=1, user_id="bob", operation="draft"):
            with pytest.raises(QuotaExceededError) as premium:
                await client.chat.completions.create(**ASK)
        assert premium.value.result.premium_required
        await tracker.force_flush()
        sql = "SELECT key, spent, reserved FROM budget_periods WHERE budget_id = 'quota' ORDER BY key"
        assert await tracker.ledger._database.fetch(sql) == [("ann", 270, 0), ("bob", 0, 0)]
        assert len(stub.requests) == 4


async def test_what_was_tracked_a_moment_ago_counts(tracker: UsageTracker) -> None:
    """A call that is still buffered when the budget is set."""
    async with token_tracking_context(user_id="ann"):
        await tracker.track_usage(operation="x", model="gpt-4o-mini", input_tokens=1_000, output_tokens=0)
    await tracker.set_budget("user", "ann", limit_usd="1")
    [standing] = await tracker.budgets.standing(0)
    assert standing.level.spent == 150_000


async def test_quotas_tell_as_they_are_crossed(stub: Stub, database_url: str, prices: PriceList) -> None:
    """A4: 80 and 90 % of somebody's quota, once each, for whoever subscribed; nothing where quotas are off."""
    tiers = Tiers([Tier("free", 200)])
    async with open_tracker(database_url, prices=prices, console=False, tiers=tiers) as tracker:
        client = tracker.openai(base_url=stub.url, api_key="k")
        events: list[tuple[str, str, Any]] = []
        tracker.on_event(lambda event: events.append((event.kind.value, event.user_id, dict(event.properties))))
        stub.default = lambda _: answer(chat(usage=USED))
        for guild in (2, 2, 1, 1, 1, 1):
            await tracker.settings.choose(1, quotas=True)
            async with token_tracking_context(guild_id=guild, user_id="ann"):
                with contextlib.suppress(QuotaExceededError):
                    await client.chat.completions.create(**ASK)
            await tracker.force_flush()
        await asyncio.sleep(0)
        async with token_tracking_context(guild_id=1, user_id="ann", operation="chat"):
            with pytest.raises(QuotaExceededError):
                await client.chat.completions.create(**ASK)
        await asyncio.sleep(0)
    reason = "Your 200 tokens for this month are used up. They come back on 1"
    assert [(kind, user, told) for kind, user, told in events if kind != "quota_exceeded"] == [
        ("quota_warning", "ann", {"tokens_used": 175, "monthly_limit": 200, "percentage": 87.5}),
        ("quota_critical", "ann", {"tokens_used": 210, "monthly_limit": 200, "percentage": 105.0}),
    ]
    [(_, user, told)] = [event for event in events if event[0] == "quota_exceeded"]
    assert (user, told["operation"], told["reason"][: len(reason)]) == ("ann", "chat", reason)


async def test_a_call_over_midnight(stub: Stub, database_url: str, prices: PriceList) -> None:
    """I17: it belongs to the day in which it started; the next day starts by itself."""
    now = datetime(2026, 3, 8, 23, 59, 59, tzinfo=UTC)
    async with open_tracker(database_url, prices=prices, console=False, clock=lambda: now) as tracker:
        client = tracker.openai(base_url=stub.url, api_key="k")
        await tracker.set_budget(scope="guild", guild_id=1, period="day", limit_usd="0.0001")
        stub.default = lambda _: answer(chat(usage={**USED, "completion_tokens": 100}), delay=0.1)
        asking = asyncio.create_task(ask(client, max_completion_tokens=100))
        await stub.arrived.wait()
        now += timedelta(seconds=2)
        await asking
        await tracker.force_flush()
        sql = "SELECT period_start, spent, reserved FROM budget_periods WHERE budget_id <> 'quota'"
        assert await tracker.ledger._database.fetch(sql) == [("2026-03-08", 62_250, 0)]
        await ask(client, max_completion_tokens=100)
        await tracker.force_flush()
        rows = await tracker.ledger._database.fetch(sql)
        assert sorted(rows) == [("2026-03-08", 62_250, 0), ("2026-03-09", 62_250, 0)]
        with pytest.raises(BudgetExceededError):
            await ask(client, max_completion_tokens=100)


@pytest.mark.parametrize(
    ("scripted", "asked"),
    [
        (answer(chat(usage=USED, model="my-azure-deployment")), {}),
        (answer(chat(usage=USED, service_tier="ultrafast")), {}),
        (answer({"id": "c", "object": "chat.completion"}), {}),
        (answer(chat(usage=None)), {"model": "o4-mini"}),
    ],
    ids=["unknown model served", "unknown tier served", "an answer without anything", "thoughts without usage"],
)
async def test_what_the_answer_leaves_open_stays_held(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, records: Records, scripted: Any, asked: Any
) -> None:
    """I4, I13: no price for what was served, or no usage where more may have been produced: the worst case is kept."""
    await limit(tracker, "5")
    stub.answers(scripted)
    await ask(client, max_completion_tokens=500, **asked)
    level = await level_of(tracker)
    [row] = await records(tracker)
    assert level.reserved == 0
    assert level.used == row["reserved_nano_usd"] > 0


async def test_a_whole_answer_without_usage_costs_what_it_delivered(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker
) -> None:
    """I4: a model that doesn't think unseen: nothing more can be owed."""
    await limit(tracker, "5")
    stub.answers(answer(chat(usage=None)))
    await ask(client, max_completion_tokens=500)
    level = await level_of(tracker)
    assert level.spent > 0
    assert (level.doubtful, level.reserved) == (0, 0)


async def test_a_cap_that_is_refused_is_not_left_out(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I13: uncapped, the call could cost anything."""
    await limit(tracker, "5")
    refused = {"error": {"message": "max_output_tokens is too small", "type": "t", "code": None}}
    stub.answers(answer(refused, 400))
    async with token_tracking_context(guild_id=1):
        with pytest.raises(openai.BadRequestError):
            await client.responses.create(model=MODEL, input="hello")
    assert len(stub.requests) == 1
    assert await level_of(tracker) == Level()


async def test_no_cap_goes_where_none_is_taken(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I16: batches and compaction have no such field; Responses take none below 16."""
    tracker.define_operation("chat", max_output_tokens=10)
    usage = {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}
    compacted = {"id": "c", "object": "response.compaction", "created_at": 1, "output": [], "usage": usage}
    stub.answers(answer({"id": "b", "object": "batch"}), answer(compacted), answer(response()))
    async with token_tracking_context(operation="chat"):
        await client.batches.create(completion_window="24h", endpoint="/v1/responses", input_file_id="f")
        await client.responses.compact(model=MODEL, input="hello")
        await client.responses.create(model=MODEL, input="hello")
    caps = [{name: value for name, value in body.items() if name.startswith("max_")} for body in stub.bodies]
    assert caps == [{}, {}, {"max_output_tokens": 16}]


@pytest.mark.parametrize(
    ("model", "asked", "needed"),
    [
        ("gpt-4o-audio-preview", {"modalities": ["text", "audio"]}, 80_920_000),
        ("gpt-4o-audio-preview", {}, 80_920_000),
        ("gpt-realtime", {"modalities": ["text", "audio"]}, 64_736_000),
        ("gpt-realtime", {"modalities": ["text"]}, 16_092_000),
    ],
)
async def test_sound_is_reserved_at_the_rates_of_sound(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, model: str, asked: Any, needed: int
) -> None:
    """I13: an answer that is spoken costs many times one that is written."""
    await limit(tracker, "0.001")
    with pytest.raises(BudgetExceededError) as raised:
        await ask(client, model=model, max_completion_tokens=1_000, **asked)
    assert raised.value.budget.needed == needed
    assert stub.requests == []


async def test_a_dearer_tier_is_reserved_at_its_rates(stub: Stub, client: TrackedOpenAI, tracker: UsageTracker) -> None:
    """I13: whoever asks for priority pays twice as much."""
    await limit(tracker, "0.0001")
    needed = []
    for tier in ("default", "priority"):
        with pytest.raises(BudgetExceededError) as raised:
            await ask(client, model="gpt-5", max_completion_tokens=1_000, service_tier=tier)
        needed.append(raised.value.budget.needed)
    assert needed == [10_028_750, 20_057_500]
    assert stub.requests == []


@pytest.mark.parametrize("choices", [3, 3.0])
async def test_every_choice_is_reserved(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker, choices: float
) -> None:
    """I13: the cap times the number of choices, in whatever type it comes."""
    await limit(tracker, "0.0001")
    with pytest.raises(BudgetExceededError) as raised:
        await ask(client, n=choices, max_completion_tokens=100)
    assert raised.value.budget.needed is not None
    assert 180_000 < raised.value.budget.needed < 190_000


async def test_nobody_loses_a_quota_over_a_doubt(stub: Stub, database_url: str, prices: PriceList) -> None:
    """D2: a call that timed out may have been billed; of the person's tokens it takes what was counted, no ceiling.

    Nor do three questions at once refuse each other over what their model could answer at most.
    """
    tiers = Tiers([Tier("free", 10_000)])
    async with open_tracker(database_url, prices=prices, console=False, tiers=tiers) as tracker:
        await tracker.settings.choose(1, quotas=True)
        client = tracker.openai(base_url=stub.url, api_key="k", max_retries=0)
        stub.answers(hang())
        with pytest.raises(openai.APITimeoutError):
            await ask(client.with_options(timeout=0.1))
        stub.default = lambda _: answer(chat(usage=USED), delay=0.2)
        asking = [asyncio.create_task(ask(client)) for _ in range(3)]
        while len(stub.requests) < 4:
            await asyncio.sleep(0.01)
        sql = "SELECT spent, reserved, doubtful FROM budget_periods WHERE budget_id = 'quota'"
        await tracker.force_flush()
        [(spent, reserved, doubtful)] = await tracker.ledger._database.fetch(sql)
        assert (spent < 30, 3 * 1_024 < reserved < 3 * 1_060, doubtful) == (True, True, 0)
        await asyncio.gather(*asking)
        await tracker.force_flush()
        assert await tracker.ledger._database.fetch(sql) == [(spent + 3 * 35, 0, 0)]


async def test_a_cap_is_never_more_than_the_model_takes(
    stub: Stub, client: TrackedOpenAI, tracker: UsageTracker
) -> None:
    """A provider refuses a cap beyond its model's own."""
    tracker.define_operation("chat", max_output_tokens=10**6)
    stub.answers(answer(chat(usage=USED)))
    await ask(client)
    assert stub.bodies[0]["max_completion_tokens"] == 16_384
