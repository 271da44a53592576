"""A hard budget under fire: many calls at once, of every kind, with all that goes wrong, and not a cent too much.

    python -m trials.hard_budget --calls 5000 --limit 0.05

The stub's own bill is compared with the limit; afterwards nothing may be reserved. Exits with 1 where either fails.
"""

import argparse
import asyncio
import random
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx2
import openai

from bot.usage import PriceList, open_tracker, token_tracking_context
from bot.usage.budgeting.budget_book import Standing
from bot.usage.errors import BudgetExceededError
from bot.usage.money import usd
from trials.billing_stub import billing_stub

GUILD = 7
MODELS = ("gpt-4o", "gpt-4o-mini", "gpt-4.1-nano", "gpt-4.1-mini")
FATES = {"answer": 70, "error": 6, "busy": 6, "hang up": 6, "slow": 6, "cut": 6}
HABITS = {"read": 70, "cancel": 12, "leave": 12, "impatient": 6}
"""What callers do: read the answer, cancel, leave a stream half-way, or time out and retry."""


@dataclass(frozen=True)
class Finding:
    """What came of it. Money in nano-USD."""

    limit: int
    billed: int
    standing: Standing
    ends: Counter[str]
    served: Counter[str]

    @property
    def problems(self) -> list[str]:
        """What was promised and isn't so."""
        level = self.standing.level
        found = []
        if self.billed > self.limit:
            found.append(f"the provider billed {usd(self.billed)} of {usd(self.limit)}")
        if level.used > self.limit:
            found.append(f"the books have {usd(level.used)} of {usd(self.limit)} as used")
        if level.used < self.billed:
            found.append(f"the books have {usd(level.used)}, the provider {usd(self.billed)}")
        if level.reserved:
            found.append(f"{usd(level.reserved)} is still reserved")
        return found

    def __str__(self) -> str:
        level = self.standing.level
        return (
            f"limit {usd(self.limit)}, billed {usd(self.billed)}, booked {usd(level.spent)} + doubtful "
            f"{usd(level.doubtful)}, reserved {usd(level.reserved)}\n"
            f"calls: {dict(self.ends.most_common())}\nthe server: {dict(self.served.most_common())}"
        )


async def fire(calls: int, limit_usd: str, *, seed: int, folder: Path, prices: PriceList | None = None) -> Finding:
    """Make so many calls at once under a hard budget of so much a day."""
    prices = prices or PriceList.load()
    async with (
        billing_stub(prices, seed, FATES) as stub,
        open_tracker(f"sqlite:///{folder}/books.db", console=False, prices=prices) as tracker,
    ):
        budget = await tracker.set_budget(
            scope="guild", scope_id=GUILD, guild_id=GUILD, period="day", limit_usd=limit_usd, mode="hard"
        )
        client = tracker.openai(api_key="k", base_url=stub.url, max_retries=1, timeout=20)
        dice = random.Random(seed)
        plans = [_plan(client, number, dice) for number in range(calls)]
        ends = Counter(await asyncio.gather(*(_end_of(plan) for plan in plans)))
        await tracker.force_flush()
        [standing] = await tracker.budgets.standing(GUILD)
        return Finding(budget.limit, stub.billed_nano_usd, standing, ends, stub.served)


def _plan(client: openai.AsyncOpenAI, number: int, dice: random.Random) -> Callable[[], Awaitable[None]]:
    model, habit = dice.choice(MODELS), dice.choices(list(HABITS), list(HABITS.values()))[0]
    kind = dice.choice(("chat", "stream", "responses"))
    cap = dice.choice((None, None, 60, 400))
    after = dice.random() * 0.05
    text = f"call {number} " + "and on it goes " * dice.randint(0, 40)

    async def call() -> None:
        async with token_tracking_context(guild_id=GUILD, operation=kind, user_id=number % 5):
            making = asyncio.ensure_future(make_call(client, kind, model, cap, text, habit))
            if habit == "cancel":
                await asyncio.sleep(after)
                making.cancel()
            await making

    return call


async def make_call(
    client: openai.AsyncOpenAI, kind: str, model: str, cap: int | None, text: str, habit: str, user: str = ""
) -> None:
    """One call of a kind (chat, stream, responses) by a caller of a habit; `user` is its name in the stub's log."""
    arguments: dict[str, Any] = {"user": user} if user else {}
    if habit == "impatient":
        client = client.with_options(timeout=0.03)
    if kind == "responses":
        arguments |= {"max_output_tokens": cap} if cap else {}
        await client.responses.create(model=model, input=text, **arguments)
        return
    arguments |= {"max_completion_tokens": cap} if cap else {}
    messages: Any = [{"role": "user", "content": text}]
    answer = await client.chat.completions.create(model=model, messages=messages, stream=kind == "stream", **arguments)
    if kind == "stream":
        async for _ in answer:
            if habit == "leave":
                await answer.close()
                return


async def _end_of(call: Callable[[], Awaitable[None]]) -> str:
    try:
        await call()
    except BudgetExceededError as error:
        return f"refused: {error.why.value}"
    except asyncio.CancelledError:
        return "cancelled"
    except (openai.OpenAIError, httpx2.TransportError) as error:
        return type(error).__name__
    return "answered"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m trials.hard_budget", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--limit", default="0.05", help="USD a day")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        finding = asyncio.run(fire(options.calls, options.limit, seed=options.seed, folder=Path(folder)))
    print(finding)
    for problem in finding.problems:
        print(f"BROKEN: {problem}")
    return 1 if finding.problems else 0


if __name__ == "__main__":
    sys.exit(main())
