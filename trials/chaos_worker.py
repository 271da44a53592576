"""The process that is killed: makes calls of every kind, without end, until somebody stops it.

    python -m trials.chaos_worker

loads everything once and forks a worker for each line of standard input: database URL, the model's URL, a name that
its calls begin with, a seed. It prints `ready`, then `started PID`, `open` and `ended CODE` for each, and what no
caller should ever see as `BROKEN: ...`.
"""

import asyncio
import logging
import os
import random
import sys
from contextlib import suppress

import httpx2
import openai

from bot.usage import PriceList, TriloError, open_tracker, token_tracking_context
from bot.usage.calls.tokens import count_tokens
from trials.hard_budget import HABITS, MODELS, make_call

CALLERS = 8
GUILDS = (0, 1, 2)


async def work(database_url: str, model_url: str, name: str, seed: str) -> None:
    """One life."""
    async with open_tracker(database_url, console=False, prices=prices) as tracker:
        client = tracker.openai(base_url=model_url, api_key="k", max_retries=1, timeout=20)
        print("open", flush=True)
        await asyncio.gather(*(_caller(client, f"{name}-{n}", random.Random(f"{seed}-{n}")) for n in range(CALLERS)))


async def _caller(client: openai.AsyncOpenAI, name: str, dice: random.Random) -> None:
    number = 0
    while True:
        number += 1
        try:
            await _call(client, f"{name}-{number}", dice)
        except (openai.OpenAIError, httpx2.TransportError):
            pass  # as the provider answers
        except TriloError:
            await asyncio.sleep(0.01)  # in words: a budget that stops, and the books are away
        except Exception as error:  # noqa: BLE001 - a fault of ours that became the caller's (I23)
            print(f"BROKEN: {type(error).__name__}: {error}", flush=True)


async def _call(client: openai.AsyncOpenAI, name: str, dice: random.Random) -> None:
    habit, kind = dice.choices(list(HABITS), list(HABITS.values()))[0], dice.choice(("chat", "stream", "responses"))
    text = f"call {name} " + "and on it goes " * dice.randint(0, 10)
    async with token_tracking_context(guild_id=dice.choice(GUILDS), operation=kind, user_id=name):
        calling = asyncio.ensure_future(
            make_call(client, kind, dice.choice(MODELS), dice.choice((20, 60)), text, habit, name)
        )
        if habit == "cancel":
            await asyncio.sleep(dice.random() * 0.05)
            calling.cancel()
        await asyncio.wait({calling})
        if not calling.cancelled():
            calling.result()


async def _load() -> None:
    """Import whatever the SDK imports with its first call, of each kind: nobody answers this one."""
    async with openai.AsyncOpenAI(
        api_key="k", base_url="http://127.0.0.1:9", max_retries=0, http_client=openai.DefaultAioHttpClient()
    ) as client:
        for kind in ("chat", "stream", "responses"):
            with suppress(openai.OpenAIError):
                await make_call(client, kind, MODELS[0], 20, "load", "read")


def main() -> None:
    """The command."""
    logging.disable()
    asyncio.run(_load())
    for model in MODELS:
        count_tokens("the encoding, once for all workers", model)
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                asyncio.run(work(*line.split()))
            finally:
                os._exit(1)
        print(f"started {child}", flush=True)
        print(f"ended {os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}", flush=True)


if __name__ == "__main__":
    prices = PriceList.load()
    main()
