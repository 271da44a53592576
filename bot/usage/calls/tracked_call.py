"""One call from its leaving to its settlement. However it ends, it is settled exactly once (I2, I14)."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Any, Protocol

import httpx2
import openai

from bot.usage.bookkeeping.keeper import Keeper
from bot.usage.calls.answers import MAX_TEXT, Answer, delivered_texts, payload_of, read_answer
from bot.usage.calls.endings import ending, exception_name, status_after, status_of
from bot.usage.calls.endpoints import (
    CAP_FIELDS,
    TEXT_APIS,
    TOLD_BY_THE_ANSWER,
    UNMETERED,
    choices_of,
    speech_usage,
    thinks_unseen,
)
from bot.usage.calls.exchange import Exchange, spares_the_caller, was_never_sent
from bot.usage.calls.metered_body import End, Seen
from bot.usage.calls.tokens import count_tokens_async
from bot.usage.context import storable
from bot.usage.pricing.prices import PriceList
from bot.usage.records import NOT_CHARGED, OpenCall, Price, Settlement, Status, Usage

_NOT_CHARGED = Price(0, NOT_CHARGED)
_UNKNOWN = Price(None, "unknown")
_TEXTLESS_APIS = frozenset({"images", "embeddings"})
_AT_WORK = frozenset({"queued", "in_progress"})
_KEPT_IN_BACKGROUND = ("background", "model", "service_tier")


class Books(Protocol):
    """What a call needs of the tracker."""

    prices: PriceList
    ledger: Keeper

    def settle(self, call: OpenCall, settled: Settlement) -> None:
        """Queue how a call ended."""

    def expect_background(self, call: "TrackedCall") -> None:
        """Keep a call open that goes on at the provider."""

    def settle_later(self, settling: Coroutine[Any, Any, None]) -> None:
        """Own a settlement that must count tokens first."""


class TrackedCall(Exchange):
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
        super().__init__(books.ledger)
        self.books = books
        self.opened = opened
        self.body = body
        self.hides_usage = adds_usage
        self.background_id = ""
        self._price_provider = price_provider
        self._input_tokens = input_tokens
        self._attempts = self._unanswered = self._reserved_again = 0
        self._accepted = self._settled = self._handed_over = False
        self._first_token_ms: int | None = None
        self._began = perf_counter()
        self._duration_ms = 0

    @property
    def additions(self) -> dict[str, Any]:
        """What is sent besides what the caller gave: the output cap it was admitted with, and asking for usage."""
        added: dict[str, Any] = {}
        if self.opened.output_cap is not None:
            added[CAP_FIELDS[self.opened.api]] = self.opened.output_cap
        if self.hides_usage:
            added["stream_options"] = {**(self.body.get("stream_options") or {}), "include_usage": True}
        return added

    @property
    def is_settled(self) -> bool:
        """Whether it is on the books for good."""
        return self._settled

    async def before_attempt(self) -> None:
        """What an attempt that nobody answered may cost stays reserved; the next one reserves its own (I13).

        Raises `CallRefusedError` where a budget has no room for it.
        """
        if self._unanswered > self._reserved_again:
            await self.books.ledger.admit_again(self.opened, self._unanswered + 1)
            self._reserved_again += 1

    async def attempt(self, sending: Awaitable[httpx2.Response], *, streamed: bool) -> httpx2.Response:
        """Note, besides, whether the provider answered: an attempt that it didn't may be billed all the same."""
        self._attempts += 1
        self._accepted = False
        try:
            response = await super().attempt(sending, streamed=streamed)
        except BaseException as error:
            self._unanswered += not was_never_sent(error)
            raise
        self._accepted = response.is_success
        return response

    @spares_the_caller
    def answered(self, payload: Mapping[str, Any], error: BaseException | None = None) -> None:
        """A whole answer. One that the provider goes on with in the background stays open until it is retrieved.

        `error` is what became of it here: a structured answer cut short, say, is billed and raises all the same.
        """
        answer = read_answer(self.opened.api, payload, self.body)
        if self.body.get("background") and answer.response_id and answer.status in _AT_WORK:
            self._go_on(answer.response_id)
            return
        if error is not None:
            answer = replace(answer, error_type=answer.error_type or exception_name(error))
        status = status_of(answer) if error is None else status_after(error)
        if answer.usage is not None and self.opened.api != UNMETERED:
            self._book(answer, status, answer.usage)
        else:
            whole = self.opened.api not in TEXT_APIS or bool(payload.get("choices") or payload.get("output"))
            whole = whole and answer.status != "cancelled"
            self._estimate(answer, status, [payload], held=self._may_owe_more(answer, whole=whole))

    @spares_the_caller
    def failed(self, error: BaseException) -> None:
        """The request raised: an error answer or a connection never made costs nothing, any other end may have."""
        response, self._response = self._response, None
        status, answer = status_after(error), Answer(error_type=exception_name(error))
        if isinstance(error, openai.APIStatusError) or not (self._accepted or self._unanswered):
            self._book(answer, status, Usage(), price=_NOT_CHARGED)
        elif response is not None:
            self.answered(payload_of(response), error)
        else:
            if not self._accepted:
                self._unanswered -= 1  # the last attempt is the one estimated here, not one besides it
            self._estimate(answer, status, (), held=True)

    @spares_the_caller
    def body_ended(self, seen: Seen, end: End, error: BaseException | None) -> None:
        """A streamed body ended."""
        if self._settled:
            return
        if seen.first_token_at is not None:
            self._first_token_ms = round((seen.first_token_at - self._began) * 1000)
        payload = seen.answer()
        if seen.is_json and payload:
            self.answered(payload, error)
            return
        answer = read_answer(self.opened.api, payload, self.body)
        finished = end is End.READ and not seen.is_json and self.opened.api not in TEXT_APIS
        if seen.is_events:
            finished = seen.is_finished(choices_of(self.body))
        if self.body.get("background") and answer.response_id and not (answer.usage or finished):
            self._go_on(answer.response_id)
            return
        status, answer = ending(answer, end, error, finished=finished)
        if answer.usage is not None and self.opened.api != UNMETERED:
            self._book(answer, status, answer.usage, estimated=not finished, held=not finished)
        else:
            whole = finished and end is End.READ
            self._estimate(answer, status, seen.payloads(), held=self._may_owe_more(answer, whole=whole))

    def give_up(self, flagged: str = "accounting failed") -> None:
        """Book what couldn't be worked out as a crash would have left it: at the reserved worst case (I21)."""
        self._settled = True
        if self._handed_over:
            return
        self._handed_over = True
        settlement = Settlement(
            Status.ERROR,
            self.opened.reserved_usage,
            self.opened.reserved,
            duration_ms=self._elapsed_ms(),
            estimated=True,
            flagged=flagged,
            attempts=max(1, self._attempts),
            doubtful_nano_usd=(self.opened.reserved.cost_nano_usd or 0) * self._unanswered,
            doubtful_tokens=self.opened.reserved_usage.total_tokens * self._unanswered,
        )
        try:
            self.books.settle(self.opened, settlement)
        except Exception as error:  # noqa: BLE001 - it stays open, and is booked so at the next opening
            self.fault(error)

    def _go_on(self, response_id: str) -> None:
        """It goes on at the provider, whatever became of our connection. Of its request only the facts are kept."""
        self.background_id = response_id
        self.body = {name: self.body[name] for name in _KEPT_IN_BACKGROUND if name in self.body}
        self.books.expect_background(self)

    def _may_owe_more(self, answer: Answer, *, whole: bool) -> bool:
        """Whether an answer without usage may cost more than what was delivered: it isn't whole, or thought unseen."""
        return not whole or any(map(thinks_unseen, (answer.model or "", self.opened.request_model)))

    def _estimate(self, answer: Answer, status: Status, payloads: Iterable[Mapping[str, Any]], *, held: bool) -> None:
        """Book input as counted and output as delivered; `held`: the rest of the worst case may be owed too."""
        api = self.opened.api
        if api in TOLD_BY_THE_ANSWER:
            self._book(answer, status, Usage(), price=_UNKNOWN, estimated=held, held=held)
        elif api == "audio.speech":  # the sound carries no count: it costs what was asked for
            usage = speech_usage(self.body, self._input_tokens)
            self._book(answer, status, usage, estimated=not usage.characters, held=held)
        elif api in _TEXTLESS_APIS or not self._accepted:
            self._book(answer, status, Usage(input_tokens=self._input_tokens), estimated=True, held=held)
        elif self._claim():
            self.books.settle_later(self._count_and_book(answer, status, payloads, held))

    async def _count_and_book(
        self, answer: Answer, status: Status, payloads: Iterable[Mapping[str, Any]], held: bool
    ) -> None:
        try:
            texts = await asyncio.to_thread(delivered_texts, payloads)
            model = answer.model or self.opened.request_model
            output = sum([await count_tokens_async(text, model) for text in texts])
            usage = Usage(input_tokens=self._input_tokens, output_tokens=output)
            self._hand_over(answer, status, usage, self._price(usage, answer), True, held)
        except Exception as error:  # noqa: BLE001 - as in `spares_the_caller`; in a task nobody would hear of it
            self.fault(error)
            self.give_up()

    def _book(
        self,
        answer: Answer,
        status: Status,
        usage: Usage,
        *,
        price: Price | None = None,
        estimated: bool = False,
        held: bool = False,
    ) -> None:
        if self._claim():
            self._hand_over(answer, status, usage, price or self._price(usage, answer), estimated, held)

    def _claim(self) -> bool:
        """Whether the call is the asker's to settle: true once."""
        if self._settled:
            return False
        self._settled = True
        self._duration_ms = self._elapsed_ms()
        return True

    def _hand_over(
        self, answer: Answer, status: Status, usage: Usage, price: Price, estimated: bool, held: bool
    ) -> None:
        reserved, reserved_tokens = self.opened.reserved.cost_nano_usd or 0, self.opened.reserved_usage.total_tokens
        doubtful, doubtful_tokens = reserved * self._unanswered, reserved_tokens * self._unanswered
        if held or price.cost_nano_usd is None:
            doubtful += max(0, reserved - (price.cost_nano_usd or 0))
            doubtful_tokens += max(0, reserved_tokens - usage.total_tokens)
        settlement = Settlement(
            status=status,
            usage=usage,
            price=price,
            duration_ms=self._duration_ms,
            response_model=answer.model,
            response_id=answer.response_id,
            service_tier=self._tier(answer),
            estimated=estimated,
            flagged=answer.flagged,
            error_type=answer.error_type,
            attempts=max(1, self._attempts),
            first_token_ms=self._first_token_ms,
            doubtful_nano_usd=doubtful,
            doubtful_tokens=doubtful_tokens,
            raw_usage=answer.raw_usage,
        )
        self._handed_over = True
        self.books.settle(self.opened, settlement)

    def _price(self, usage: Usage, answer: Answer) -> Price:
        """At the time it was made (I10), for the model and tier that served it (I11)."""
        return self.books.prices.price(
            usage,
            answer.model or self.opened.request_model,
            at=self.opened.started_at,
            provider=self._price_provider,
            service_tier=self._tier(answer),
            kind=self.opened.kind,
        )

    def _tier(self, answer: Answer) -> str | None:
        """The tier that it is billed at: stored, so that it can be priced anew (I10)."""
        tier = answer.service_tier or self.body.get("service_tier")
        return storable(tier)[:MAX_TEXT] if tier else None

    def _elapsed_ms(self) -> int:
        return round((perf_counter() - self._began) * 1000)
