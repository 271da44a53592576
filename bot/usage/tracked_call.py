"""One call from its leaving to its settlement. However it ends, it is settled exactly once (I2, I14)."""

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any, Protocol

import httpx2
import openai

from bot.usage.answers import Answer, delivered_text, read_answer
from bot.usage.endpoints import UNMETERED, speech_usage
from bot.usage.metered_body import End, Seen
from bot.usage.prices import PriceList
from bot.usage.records import OpenCall, Price, Settlement, Status, Usage
from bot.usage.tokens import count_tokens_async

NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
"""Failures of a connection that was never made: nothing left, nothing is owed."""


class Books(Protocol):
    """What a call needs of the tracker."""

    prices: PriceList

    def settle(self, call: OpenCall, settled: Settlement) -> None:
        """Queue how a call ended."""

    def expect_background(self, call: "TrackedCall") -> None:
        """Keep a call open that goes on at the provider."""

    def settle_later(self, settling: Coroutine[Any, Any, None]) -> None:
        """Own a settlement that must count tokens first."""


class TrackedCall:
    """A call in flight: one logical call, however many attempts the SDK makes of it."""

    def __init__(
        self,
        books: Books,
        opened: OpenCall,
        body: Mapping[str, Any],
        input_tokens: int,
        price_provider: str | None,
        *,
        adds_usage: bool,
    ) -> None:
        self.opened = opened
        self.body = body
        self.hides_usage = adds_usage
        self._price_provider = price_provider
        self.background_id = ""
        self._attempts = 0
        self._unanswered = 0
        self._accepted = False
        self._books = books
        self._input_tokens = input_tokens
        self._began = perf_counter()
        self._settled = False
        self._loop = asyncio.get_running_loop()

    @property
    def is_settled(self) -> bool:
        """Whether it is on the books for good."""
        return self._settled

    def answered(self, payload: Mapping[str, Any]) -> None:
        """A whole answer, as JSON. One that the provider goes on with in the background stays open until retrieved."""
        answer = read_answer(self.opened.api, payload, self.body)
        if self.body.get("background") and answer.response_id and answer.status in ("queued", "in_progress"):
            self._go_on(answer.response_id)
        elif answer.usage is not None:
            self._finish(answer, _status_of(answer), answer.usage)
        elif self.opened.api == "audio.speech":
            usage = speech_usage(self.body, self._input_tokens)
            self._finish(answer, Status.OK, usage, estimated=not usage.characters)
        elif self.opened.api == UNMETERED:
            self._finish(answer, Status.OK, Usage(), price=Price(None, "unknown"))
        else:
            self._estimate(answer, _status_of(answer), list(delivered_text(payload)), held=False)

    async def attempt(self, sending: Awaitable[httpx2.Response]) -> httpx2.Response:
        """Send one attempt and note whether the provider answered it: one that it didn't may be billed all the same."""
        self._attempts += 1
        try:
            response = await sending
        except NEVER_SENT:
            raise
        except BaseException:
            self._unanswered += 1
            raise
        self._accepted = response.is_success
        return response

    def failed(self, error: BaseException) -> None:
        """The request raised: an error answer or a connection never made costs nothing, any other end may have."""
        status = Status.ABORTED if isinstance(error, asyncio.CancelledError) else Status.ERROR
        answer = Answer(error_type=_error_type(error))
        if isinstance(error, openai.APIStatusError) or not (self._accepted or self._unanswered):
            self._finish(answer, status, Usage(), price=Price(0, "not charged"))
            return
        if not self._accepted:
            self._unanswered -= 1  # the last attempt is the one estimated here, not one besides it
        self._estimate(answer, status, [], held=True)

    def body_ended(self, seen: Seen, end: End, error: BaseException | None) -> None:
        """A streamed body ended (see `MeteredBody`)."""
        if self._settled:
            return
        first = seen.first_token_at
        first_token_ms = round((first - self._began) * 1000) if first else None
        payload = seen.answer()
        answer = read_answer(self.opened.api, payload, self.body)
        if answer.error_type is None and error is not None:
            answer = replace(answer, error_type=_error_type(error))
        if answer.usage is not None:
            self._finish(answer, _status_of(answer), answer.usage, first_token_ms=first_token_ms)
            return
        if self.body.get("background") and (response_id := seen.response_id()):
            self._go_on(response_id)
            return
        complete = end is not End.BROKEN and seen.is_complete() and (end is End.READ or seen.is_events)
        if complete and not seen.is_events and not seen.is_json:
            self.answered({})
            return
        status = _status_of(answer) if complete else Status.ABORTED
        if not complete and (end is End.READ or (error is not None and not isinstance(error, asyncio.CancelledError))):
            status = Status.ERROR
            answer = replace(answer, error_type=answer.error_type or "truncated")
        texts = [text for item in seen.payloads() for text in delivered_text(item)]
        held = not (complete and end is End.READ)
        self._estimate(answer, status, texts, held=held, first_token_ms=first_token_ms)

    def dropped(self, seen: Seen) -> None:
        """The stream was garbage-collected, perhaps in another thread: nobody is left to read it."""
        if not self._settled and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.body_ended, seen, End.LEFT, None)

    def _go_on(self, response_id: str) -> None:
        """It goes on at the provider, whatever became of our connection."""
        self.background_id = response_id
        self._books.expect_background(self)

    def _estimate(
        self, answer: Answer, status: Status, texts: list[str], *, held: bool, first_token_ms: int | None = None
    ) -> None:
        """Book input as counted and output as delivered; `held`: the rest of the worst case may be owed too."""
        if self._settled:
            return
        self._settled = True
        duration_ms = self._elapsed_ms()

        async def settle() -> None:
            output = await count_tokens_async("".join(texts), answer.model or self.opened.request_model) if texts else 0
            usage = Usage(input_tokens=self._input_tokens, output_tokens=output)
            if self.opened.api.startswith(("images", "audio.")):
                usage, price = Usage(), Price(None, "unknown")
            else:
                price = self._price(usage, answer)
            self._book(answer, status, usage, price, duration_ms, True, first_token_ms, held)

        self._books.settle_later(settle())

    def _finish(
        self,
        answer: Answer,
        status: Status,
        usage: Usage,
        *,
        price: Price | None = None,
        estimated: bool = False,
        first_token_ms: int | None = None,
    ) -> None:
        if self._settled:
            return
        self._settled = True
        price = price or self._price(usage, answer)
        self._book(answer, status, usage, price, self._elapsed_ms(), estimated, first_token_ms, False)

    def _book(
        self,
        answer: Answer,
        status: Status,
        usage: Usage,
        price: Price,
        duration_ms: int,
        estimated: bool,
        first_token_ms: int | None,
        held: bool,
    ) -> None:
        reserved = self.opened.reserved.cost_nano_usd or 0
        doubtful = reserved * self._unanswered
        if held:
            doubtful += max(0, reserved - (price.cost_nano_usd or 0))
        self._books.settle(
            self.opened,
            Settlement(
                status=status,
                usage=usage,
                price=price,
                duration_ms=duration_ms,
                response_model=answer.model,
                response_id=answer.response_id,
                service_tier=answer.service_tier,
                estimated=estimated,
                flagged=", ".join(usage.contradictions()) or None,
                error_type=answer.error_type,
                attempts=max(1, self._attempts),
                first_token_ms=first_token_ms,
                doubtful_nano_usd=doubtful,
                raw_usage=answer.raw_usage,
            ),
        )

    def _price(self, usage: Usage, answer: Answer) -> Price:
        """At the time it was made (I10), for the model and tier that served it (I11)."""
        return self._books.prices.price(
            usage,
            answer.model or self.opened.request_model,
            at=self.opened.started_at,
            provider=self._price_provider,
            service_tier=answer.service_tier or self.body.get("service_tier"),
            kind=self.opened.kind,
        )

    def _elapsed_ms(self) -> int:
        return round((perf_counter() - self._began) * 1000)


class Retrieval:
    """Watches the retrieval of a response made in the background: what first shows its usage settles its call."""

    hides_usage = False

    def __init__(self, call: TrackedCall) -> None:
        self._call = call

    def answered(self, payload: Mapping[str, Any]) -> None:
        """A whole answer: settles the call unless the provider is still at it."""
        self._call.answered(payload)

    def body_ended(self, seen: Seen, _end: End, _error: BaseException | None) -> None:
        """A streamed retrieval ended; one without usage says nothing."""
        payload = seen.answer()
        if payload.get("usage"):
            self._call.answered(payload)

    def dropped(self, seen: Seen) -> None:
        """A retrieval nobody read."""


def _status_of(answer: Answer) -> Status:
    return Status.ERROR if answer.error_type or answer.status == "failed" else Status.OK


def _error_type(error: BaseException) -> str:
    """The provider's code where it gave one, else the exception's name. Never a message, which may quote a prompt."""
    code = getattr(error, "code", None)
    return str(code)[:80] if code else type(error).__name__
