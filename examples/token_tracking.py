"""The library from the first call to what could be cheaper, in the order in which a program would take it up.

    python -m examples.token_tracking           offline: a stand-in on this machine answers, nothing is spent
    python -m examples.token_tracking --live    asks OpenAI with OPENAI_API_KEY, which costs less than a cent

The books are in memory here; give `open_tracker` a file or a PostgreSQL to keep them.
"""

import argparse
import asyncio
import textwrap
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bot.sandbox.stand_in_model import StandInModel
from bot.settings import load_settings
from bot.usage import (
    BudgetExceededError,
    Kind,
    TrackedOpenAI,
    UsageRecord,
    UsageTracker,
    open_tracker,
    suggestion_words,
    token_tracking_context,
)
from bot.usage.console import console_line
from bot.usage.money import format_cost

MODEL = "gpt-4o-mini"
MADE_UP = "a made-up month"


async def main(*, live: bool) -> None:
    """Run all six parts on the same books."""
    async with open_tracker("sqlite:///:memory:", console=False) as tracker, a_client(tracker, live=live) as client:
        tracker.subscribe(show)  # what `console=True`, the default, does by itself
        await automatic_tracking(tracker, client)
        await manual_tracking(tracker)
        await statistics(tracker)
        await a_budget(tracker, client)
        await a_made_up_month(tracker)
        await cost_analysis(tracker)
        await suggestions(tracker)


async def automatic_tracking(tracker: UsageTracker, client: TrackedOpenAI) -> None:
    """An `AsyncOpenAI` whose every call is booked: to whom, is said once, around whatever calls it."""
    headline("1. Automatic tracking")
    async with token_tracking_context(user_id="ann", operation="chat", session_id="thread-1"):
        await ask(client, "How do I trade a player?")
        stream = await client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Tell me a joke"}], stream=True
        )
        async for _ in stream:
            pass
        async with token_tracking_context(operation="search", agent_name="librarian"):  # still Ann's, in her thread
            await client.embeddings.create(model="text-embedding-3-small", input="trading players")
    await tracker.force_flush()


async def manual_tracking(tracker: UsageTracker) -> None:
    """Calls that were made elsewhere, told afterwards. Priced like any other, unless `cost` is given."""
    headline("2. Manual tracking")
    await tracker.track_llm_call(
        user_id="bob", operation="summary", model="gpt-4o", input_tokens=1_024, output_tokens=256, duration_ms=2_345
    )
    await tracker.track_image_generation(user_id="bob", model="stable-diffusion-xl", resolution="512x512", cost=0)
    await tracker.track_llm_call(user_id="bob", operation="summary", model="mystery", input_tokens=90, output_tokens=9)
    await tracker.track_payment_fee(user_id="bob", gateway="stripe", amount=10)
    await tracker.force_flush()


async def statistics(tracker: UsageTracker) -> None:
    """Who used what. What has no known price is counted, never shown as free."""
    headline("3. Statistics")
    for user in ("ann", "bob"):
        usage = await tracker.get_user_usage(user, days=30)
        print(f"{user}: {usage.total_requests} calls, {usage.total_tokens:,} tokens, ${usage.total_cost:.5f}", end="")
        print(f", {usage.unpriced_requests} without a price" if usage.unpriced_requests else "")
    thread = await tracker.get_thread_usage("thread-1")
    print(f"thread-1: {thread.total_requests} calls, by agent {thread.requests_by_agent}")


async def a_budget(tracker: UsageTracker, client: TrackedOpenAI) -> None:
    """A limit that stops: each call's worst case is reserved before it leaves, and refused where it doesn't fit."""
    headline("4. A budget that stops")
    await tracker.set_budget("user", "cleo", period="month", limit_usd="0.0002", mode="hard")
    answered = 0
    async with token_tracking_context(user_id="cleo", operation="chat"):
        try:
            while True:
                await ask(client, "What are the rules of our league?")
                answered += 1
        except BudgetExceededError as error:
            await tracker.force_flush()
            budget = error.budget
            print(f"after {answered} answers: {error.why}, {format_cost(budget.spent)} of {format_cost(budget.limit)}")


async def a_made_up_month(tracker: UsageTracker) -> None:
    """Calls as a program has them after a while: enough to judge by."""
    tracker.define_operation("answer_from_guide", model="gpt-4o", max_output_tokens=4_000)
    for number in range(120):
        for model in ("gpt-4o", MODEL):
            await tracker.track_llm_call(
                operation="translate",
                model=model,
                input_tokens=600 + number,
                output_tokens=300 + number % 40,
                workflow_id=MADE_UP,
            )
        await tracker.track_llm_call(
            operation="answer_from_guide",
            model="gpt-4o",
            input_tokens=5_000 + number,
            output_tokens=80 + number % 20,
            workflow_id=MADE_UP,
        )


async def cost_analysis(tracker: UsageTracker) -> None:
    """What it was spent on, and what the next call will probably cost."""
    headline("5. Cost analysis")
    summary = await tracker.get_cost_summary()
    print(
        f"${summary['total_cost']:.5f} in {summary['total_calls']} calls; payments' fees ${summary['payment_fees']:.2f}"
    )
    report = await tracker.reports.spend(None, "all", "operation")
    for line in report.rows:
        share = line.cost_nano_usd / report.total.cost_nano_usd
        print(f"  {line.key:<18} {line.calls:>4} x  {format_cost(line.known_cost_nano_usd):>12}  {share:>6.1%}")
    guess = await tracker.estimate_operation_cost("answer_from_guide")
    print(f"one more answer_from_guide: about ${guess['estimated_cost_usd']:.5f}, nine of ten stay within ", end="")
    print(f"${guess['p90_cost_usd']:.5f}")


async def suggestions(tracker: UsageTracker) -> None:
    """Where money could be saved, as the books show it."""
    headline("6. Suggestions")
    for suggestion in await tracker.suggestions(days=30):
        print(textwrap.fill(suggestion_words(suggestion), 100, initial_indent="- ", subsequent_indent="  "))


async def ask(client: TrackedOpenAI, question: str) -> None:
    """One question, like any program of the SDK asks it."""
    await client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": question}], max_completion_tokens=60
    )


@asynccontextmanager
async def a_client(tracker: UsageTracker, *, live: bool) -> AsyncIterator[TrackedOpenAI]:
    """A tracked client: of OpenAI, or of a stand-in on this machine."""
    if live:
        settings = load_settings()
        if settings.openai_api_key is None:
            raise SystemExit("OPENAI_API_KEY is missing: set it in .env or the environment, or leave out --live")
        yield tracker.openai(api_key=settings.openai_api_key.get_secret_value(), base_url=settings.openai_base_url)
        return
    async with StandInModel(latency=0, token_delay=0) as model:
        yield tracker.openai(base_url=model.base_url, api_key="offline")


def show(records: Sequence[UsageRecord]) -> None:
    """A line for each call that has been booked; those of the made-up month would hide everything else."""
    for record in records:
        if record.call.kind is not Kind.PAYMENT and record.call.attribution.workflow_id != MADE_UP:
            print(console_line(record))


def headline(words: str) -> None:
    """What comes next."""
    print(f"\n== {words}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m examples.token_tracking", description="The library in use.")
    parser.add_argument("--live", action="store_true", help="ask OpenAI, with OPENAI_API_KEY; costs less than a cent")
    asyncio.run(main(live=parser.parse_args().live))
