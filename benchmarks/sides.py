"""The three sides of a call: the plain SDK, the plain SDK on aiohttp, and tracked; and what one call costs each.

Tracked means everything: attributed, its tokens counted beforehand, its intent durable before it leaves, priced,
settled durably, in the summary, its console line written (to nowhere). The last commit is waited for and counted.
"""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time, thread_time
from typing import Any

import openai

from benchmarks.measure import Effort, in_turns
from bot.usage import UsageTracker, open_tracker, token_tracking_context

MODEL = "gpt-4o-mini"
CROWD = 64
MESSAGES = [
    {"role": "system", "content": "You are Trilo, the assistant of a league's Discord server. " * 8},
    {"role": "user", "content": "Who plays on Friday, and when does the season open for the second division?"},
    {"role": "assistant", "content": "The second division opens on Saturday; on Friday it is the first one's turn."},
]
QUESTIONS = count()
"""Each conversation is another, as in life: only the instructions at its start are those of the call before."""
Call = Callable[[], Awaitable[None]]
Ask = Callable[[openai.AsyncOpenAI], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one call took, in seconds: CPU of the whole process, and of the event loop's thread alone."""

    process: float
    loop: float


@dataclass(frozen=True, slots=True)
class Clients:
    """The three sides."""

    plain: openai.AsyncOpenAI
    plain_aiohttp: openai.AsyncOpenAI
    tracked: openai.AsyncOpenAI
    tracker: UsageTracker
    numbers: "count[int]"


class Nowhere(io.TextIOBase):
    """A standard output that takes every line and keeps none."""

    def write(self, text: str) -> int:
        """Take it."""
        return len(text)


@contextlib.asynccontextmanager
async def open_clients(base_url: str) -> AsyncIterator[Clients]:
    """All sides, open, with a new database in a folder of their own."""
    arguments: dict[str, Any] = {"api_key": "benchmark", "base_url": base_url}
    with TemporaryDirectory() as folder, contextlib.redirect_stdout(Nowhere()):
        async with (
            open_tracker(f"sqlite:///{folder}/bench.db") as tracker,
            openai.AsyncOpenAI(**arguments) as plain,
            openai.AsyncOpenAI(**arguments, http_client=openai.DefaultAioHttpClient()) as plain_aiohttp,
        ):
            await tracker.set_budget(scope="bot", limit_usd="1000000")  # as on every server, a budget that stops
            yield Clients(plain, plain_aiohttp, tracker.openai(**arguments), tracker, count())


async def costs(
    clients: Clients, effort: Effort, at_once: int, calls: int, ask: Ask
) -> tuple[list[Cost], list[Cost], list[Cost]]:
    """Every side's cost a call, for each round."""

    def untracked(client: openai.AsyncOpenAI) -> Callable[[], Awaitable[Cost]]:
        return lambda: _cost(lambda: ask(client), at_once, calls)

    async def tracked() -> Cost:
        return await _cost(lambda: attributed(clients, ask), at_once, calls, clients.tracker.force_flush)

    sides = {"plain": untracked(clients.plain), "aiohttp": untracked(clients.plain_aiohttp), "tracked": tracked}
    found = await in_turns(sides, effort.rounds)
    return found["plain"], found["aiohttp"], found["tracked"]


async def _cost(call: Call, at_once: int, calls: int, finish: Callable[[], Awaitable[None]] | None = None) -> Cost:
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            await call()

    process, loop = process_time(), thread_time()
    if at_once == 1:
        await caller()
    else:
        await asyncio.gather(*(caller() for _ in range(at_once)))
    if finish is not None:
        await finish()
    return Cost((process_time() - process) / calls, (thread_time() - loop) / calls)


async def attributed(clients: Clients, ask: Ask) -> None:
    """A call as the bot makes it: for one of fifty members in one of five channels."""
    number = next(clients.numbers)
    async with token_tracking_context(
        operation="general_conversation", guild_id=1000, channel_id=2000 + number % 5, user_id=3000 + number % 50
    ):
        await ask(clients.tracked)


def _request() -> dict[str, Any]:
    number = next(QUESTIONS)
    question = {"role": "user", "content": f"And where can I see table {number} after the first evening?"}
    before = [{**message, "content": f"{message['content']} ({number})"} for message in MESSAGES[1:]]
    return {"model": MODEL, "messages": [MESSAGES[0], *before, question], "max_completion_tokens": 300}


async def ask_whole(client: openai.AsyncOpenAI) -> None:
    """One call, answered whole."""
    answer = await client.chat.completions.create(**_request())
    assert answer.choices[0].message.content


async def ask_streamed(client: openai.AsyncOpenAI) -> None:
    """One call, streamed and read to its end."""
    async for chunk in await client.chat.completions.create(**_request(), stream=True):
        assert chunk.choices


def in_microseconds(above: list[Cost], below: list[Cost]) -> str:
    """CPU a call on both sides, for the last column."""
    return f"{median(c.process for c in above) * 1e6:.0f} µs on {median(c.process for c in below) * 1e6:.0f} µs"
