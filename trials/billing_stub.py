"""A model server on loopback that bills what it serves, as a provider does: kept apart from the bot's own books.

It bills the input it was sent and the output it produced, whether or not anybody was left to read it: a caller who
cancels, breaks off a stream or loses the connection pays for the whole answer. Errors it answers with are free.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.usage.calls.request_tokens import estimate_request
from bot.usage.calls.tokens import count_tokens
from bot.usage.pricing.prices import PriceList
from bot.usage.records import Usage, utc_now

LONGEST = 4_000
"""Output tokens of an answer without a cap."""


@dataclass
class BillingStub:
    """The server's state. `billed_nano_usd` is what it charges, `served` how often it did what.

    `log` has every request that named its `user`, by that name: the usage and cost of each attempt, None for an error.
    """

    prices: PriceList
    dice: random.Random
    fates: dict[str, int]
    billed_nano_usd: int = 0
    served: Counter[str] = field(default_factory=Counter)
    log: dict[str, list[tuple[Usage, int] | None]] = field(default_factory=dict)
    url: str = ""

    def bill(self, user: str, model: str, usage: Usage) -> None:
        """Charge for one answer."""
        cost = self.prices.price(usage, model, at=utc_now(), provider="openai").cost_nano_usd
        assert cost is not None
        self.billed_nano_usd += cost
        self.log[user][-1] = usage, cost

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve one request, as the dice will have it."""
        try:
            body = await request.json()
        except ConnectionError:  # whoever asked was killed in the middle of it
            return web.Response()
        api = "responses" if request.path.endswith("/responses") else "chat"
        fate = self.dice.choices(list(self.fates), list(self.fates.values()))[0]
        self.served[fate] += 1
        user = body.get("user", "")
        self.log.setdefault(user, []).append(None)
        if fate == "error":
            return web.json_response({"error": {"message": "no", "type": "t", "code": "c"}}, status=500)
        if fate == "busy":
            return web.json_response({"error": {"message": "no"}}, status=429, headers={"retry-after": "0.01"})
        cap = body.get("max_completion_tokens") or body.get("max_output_tokens") or body.get("max_tokens") or LONGEST
        words = self.dice.randint(1, cap)
        text = "go " * (words - 1) + "go"
        usage = Usage(
            input_tokens=estimate_request(api, body).input_tokens, output_tokens=count_tokens(text, body["model"])
        )
        self.bill(user, body["model"], usage)
        await asyncio.sleep(self.dice.random() * 0.05)
        if fate == "hang up" and request.transport is not None:
            request.transport.close()
        if fate == "slow":
            await asyncio.sleep(1.0)
        if body.get("stream"):
            return await self._stream(request, body["model"], text, usage, cut=fate == "cut")
        return web.json_response(_whole(api, body["model"], text, usage))

    async def _stream(
        self, request: web.Request, model: str, text: str, usage: Usage, *, cut: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        pieces = [text[n : n + 200] for n in range(0, len(text), 200)]
        with suppress(ConnectionError):  # whoever asked has left: it was billed all the same
            await response.prepare(request)
            for piece in pieces[: len(pieces) // 2 if cut else None]:
                await response.write(_event(model, [{"index": 0, "delta": {"content": piece}}]))
                await asyncio.sleep(0.001)
            if cut and request.transport is not None:
                request.transport.close()
                return response
            await response.write(_event(model, [{"index": 0, "delta": {}, "finish_reason": "stop"}]))
            await response.write(_event(model, [], usage) + b"data: [DONE]\n\n")
        return response


@asynccontextmanager
async def billing_stub(prices: PriceList, seed: int, fates: dict[str, int]) -> AsyncIterator[BillingStub]:
    """A running stub. `fates` weighs what becomes of a request: answer, error, busy, hang up, slow, cut."""
    stub = BillingStub(prices, random.Random(seed), fates)
    app = web.Application()
    app.router.add_post("/v1/{rest:.*}", stub.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield stub
    finally:
        await runner.cleanup()


def _whole(api: str, model: str, text: str, usage: Usage) -> dict[str, Any]:
    if api == "responses":
        part = {"type": "output_text", "text": text, "annotations": []}
        item = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
        return {
            "id": "resp", "object": "response", "model": model, "status": "completed", "output": [item],
            "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
        }  # fmt: skip
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return {"id": "chat", "object": "chat.completion", "model": model, "choices": [choice], "usage": _counts(usage)}


def _event(model: str, choices: list[dict[str, Any]], usage: Usage | None = None) -> bytes:
    chunk = {"id": "chat", "object": "chat.completion.chunk", "model": model, "choices": choices}
    return f"data: {json.dumps(chunk | ({'usage': _counts(usage)} if usage else {}))}\n\n".encode()


def _counts(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }
