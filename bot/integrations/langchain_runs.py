"""One model call of LangChain's from its start to its booking: once, whichever event tells of its end first."""

import asyncio
from dataclasses import replace
from functools import partial
from time import perf_counter
from uuid import UUID
from weakref import ref

from langchain_core.outputs import LLMResult

from bot.integrations.langchain_shapes import (
    ModelRequest,
    delivered_texts,
    error_type,
    is_free,
    is_no_call,
    read_answer,
    status_after,
    usage_of_error,
    was_refused,
)
from bot.usage import Attribution, Kind, Price, Status, Usage, UsageRecord, UsageTracker
from bot.usage.bookkeeping.witness import Witness, current_witness, set_witness
from bot.usage.calls.answers import Answer
from bot.usage.calls.exchange import note_fault
from bot.usage.calls.request_tokens import estimate_request_async
from bot.usage.calls.tokens import count_tokens_async
from bot.usage.ids import new_id
from bot.usage.records import BY_HAND, OpenCall, Settlement

_NOT_CHARGED = Price(0, "not charged")
_UNKNOWN = Price(None, "unknown")

_under_way: "dict[str, ModelRun]" = {}


def run_under_way(run_id: UUID) -> "ModelRun | None":
    """The run, while it hasn't ended."""
    return _under_way.get(run_id.hex)


def ended_run(run_id: UUID) -> "ModelRun | None":
    """The run, for whoever is the first to say that it has ended; None for all others."""
    run = _under_way.pop(run_id.hex, None)
    if run is not None:
        run.stop_watching()
    return run


class ModelRun:
    """A model call under way. Made at its start, and known by LangChain's run id to all handlers: the first books it.

    An `ainvoke` that is cancelled ends without a word: then its task is over, or its run id is nowhere any more.
    """

    def __init__(
        self, run_id: UUID, tracker: UsageTracker, attribution: Attribution, request: ModelRequest, batch_size: int
    ) -> None:
        self.tracker = tracker
        self._attribution = attribution
        self._request = request
        self._batch_size = batch_size
        self._started_at = tracker.clock()
        self._began = perf_counter()
        self._duration_ms = 0
        self._first_token_ms: int | None = None
        self._key = run_id.hex
        self._task: asyncio.Task[object] | None = None
        if _under_way.setdefault(self._key, self) is self:
            self._witness = _witness_of(attribution, batch_size)
            self._gone: ref[UUID] | None = ref(run_id, self._abandoned)
            self._watch_task()

    def streamed(self) -> None:
        """A piece of the answer is here. From now on the caller has a say, so what passes the door may be theirs."""
        if self._first_token_ms is None:
            self._first_token_ms = self._elapsed_ms()
            self._witness.watching = False
            self._leave_task()  # a stream that is left tells of it, and may be read on in another task

    def stop_watching(self) -> None:
        """It has ended: nothing else is to be expected of it."""
        self._duration_ms = self._elapsed_ms()
        self._witness.watching = False
        self._gone = None
        self._leave_task()

    def answered(self, result: LLMResult) -> None:
        """Book an answer, unless the door has or nothing was asked for."""
        if not (self._witness.calls or is_no_call(result, batch_size=self._batch_size)):
            self._settle(Status.OK, read_answer(result), delivered_texts(result))

    def failed(self, error: BaseException, result: LLMResult | None) -> None:
        """Book a failure with what was delivered until then, unless the door has."""
        if self._witness.calls or was_refused(error):
            return
        answer, texts = replace(read_answer(result), error_type=error_type(error)), delivered_texts(result)
        if (usage := usage_of_error(error)) is not None:
            self._settle(status_after(error), replace(answer, usage=usage), texts)
        elif is_free(error) and not texts:
            record = partial(self._record, status_after(error), answer, Usage(), price=_NOT_CHARGED)
            self.tracker.on_loop(lambda: self.tracker.book_record(record()))
        else:
            self._settle(status_after(error), answer, texts, broken_off=True)

    def _settle(self, status: Status, answer: Answer, texts: list[str], *, broken_off: bool = False) -> None:
        """On the tracker's loop: as reported, else counted, which may take another thread a while."""

        def settle() -> None:
            if answer.usage is None or broken_off:
                self.tracker.calls.settle_later(self._count_and_book(status, answer, texts))
            else:
                self.tracker.book_record(self._record(status, answer, answer.usage))

        self.tracker.on_loop(settle)

    async def _count_and_book(self, status: Status, answer: Answer, texts: list[str]) -> None:
        try:
            model = answer.model or self._request.model
            output = sum([await count_tokens_async(text, model) for text in texts])
            usage = answer.usage
            if usage is None:
                estimate = await estimate_request_async(self._request.api, self._request.body())
                usage = Usage(input_tokens=estimate.input_tokens)
            usage = replace(usage, output_tokens=max(usage.output_tokens, output))
            record = self._record(status, answer, usage, estimated=True)
        except Exception as error:  # noqa: BLE001 - a call isn't lost because it can't be counted: it shows as unpriced
            note_fault(self.tracker.calls.ledger, error)
            flagged = replace(answer, flagged="accounting failed")
            record = self._record(status, flagged, Usage(), price=_UNKNOWN, estimated=True)
        self.tracker.book_record(record)

    def _record(
        self, status: Status, answer: Answer, usage: Usage, *, price: Price | None = None, estimated: bool = False
    ) -> UsageRecord:
        request = self._request
        price = price or self.tracker.prices.price(
            usage,
            answer.model or request.model,
            at=self._started_at,
            provider=request.provider,
            service_tier=answer.service_tier,
        )
        call = OpenCall(
            id=new_id(),
            kind=Kind.LLM,
            api=BY_HAND,
            started_at=self._started_at,
            attribution=self._attribution,
            provider=request.provider or "unknown",
            request_model=request.model,
            reserved_usage=usage,
            reserved=price,
        )
        settlement = Settlement(
            status,
            usage,
            price,
            duration_ms=self._duration_ms,
            response_model=answer.model,
            response_id=answer.response_id,
            service_tier=answer.service_tier,
            estimated=estimated,
            flagged=answer.flagged,
            error_type=answer.error_type,
            first_token_ms=self._first_token_ms,
            raw_usage=answer.raw_usage,
        )
        return UsageRecord(call, settlement)

    def _watch_task(self) -> None:
        try:
            self._task = asyncio.current_task()
        except RuntimeError:  # a thread without a loop, where an end is always told
            return
        if self._task is not None:
            self._task.add_done_callback(self._task_over)

    def _leave_task(self) -> None:
        if self._task is not None:
            self._task.remove_done_callback(self._task_over)
            self._task = None

    def _task_over(self, task: "asyncio.Task[object]") -> None:
        if task.cancelled():
            self._abandoned()

    def _abandoned(self, _: object = None) -> None:
        if _under_way.pop(self._key, None) is self:
            try:
                self.stop_watching()
                self.failed(asyncio.CancelledError(), None)
            except Exception as error:  # noqa: BLE001 - nobody is there to hear of it
                note_fault(self.tracker.calls.ledger, error)

    def _elapsed_ms(self) -> int:
        return round((perf_counter() - self._began) * 1000)


def _witness_of(attribution: Attribution, batch_size: int) -> Witness:
    """A witness of this run's calls in this context. The runs of several prompts given at once have one in common."""
    witness = current_witness()
    if batch_size == 1 or witness is None or witness.calls:
        witness = Witness(attribution)
        set_witness(witness)
    return witness
