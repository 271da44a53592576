"""Prometheus: what `/metrics` shows, in a registry of ours. No person or server is a label: they would be too many.

Sums since this process started, as Prometheus wants them; the exact ones are in the books.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.usage.context import storable
from bot.usage.records import NANO_USD_PER_USD, Kind, Status, UsageRecord
from bot.usage.tracker import UsageTracker

MOST_SERIES = 200
"""So many pairs of operation and model are shown apart: callers choose names, and each pair is 20 lines."""
OTHER = "other"
"""The operation and model of every pair after that."""
LABEL_CHARACTERS = 100
LAG_EVERY_SECONDS = 1.0
DURATION_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)
LAG_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_CALL = ("operation", "model")
disable_created_metrics()  # type: ignore[no-untyped-call] # else there is another line for each, which nobody needs


class Metrics:
    """Counts what it is told. `lost` gives, by name, how many events each outlet has dropped so far."""

    def __init__(self, lost: Callable[[], Mapping[str, int]] = dict, *, most_series: int = MOST_SERIES) -> None:
        self.registry = CollectorRegistry()
        self._lost = lost
        self._most_series = most_series
        self._pairs: set[tuple[str, str]] = set()
        self._task: asyncio.Task[None] | None = None
        self._calls = Counter(
            "trilo_calls", "Finished calls, by how they ended.", (*_CALL, "status"), registry=self.registry
        )
        self._tokens = Counter("trilo_tokens", "Tokens, in and out.", (*_CALL, "type"), registry=self.registry)
        self._cost = Counter("trilo_cost_usd", "Cost in USD, without unpriced calls.", _CALL, registry=self.registry)
        self._unpriced = Counter(
            "trilo_unpriced_calls", "Calls without a known price: in no cost.", _CALL, registry=self.registry
        )
        self._duration = Histogram(
            "trilo_call_duration_seconds", "From the start of a call to its end.", _CALL,
            buckets=DURATION_BUCKETS, registry=self.registry,
        )  # fmt: skip
        self._lag = Histogram(
            "trilo_event_loop_lag_seconds", "How much later than asked the event loop took up a timer.",
            buckets=LAG_BUCKETS, registry=self.registry,
        )  # fmt: skip

    async def listen(self, tracker: UsageTracker) -> None:
        """Count what is booked from now on, show how the books are, and watch the event loop."""
        self.registry.register(_Books(tracker, self._lost))
        tracker.subscribe(self.count)
        self._task = asyncio.create_task(self._watch_loop(), name="event loop lag")

    async def close(self) -> None:
        """Watch no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def count(self, records: Sequence[UsageRecord]) -> None:
        """Count booked calls. Payments' fees aren't AI calls."""
        for record in records:
            if record.call.kind is not Kind.PAYMENT:
                self._count(record)

    def render(self) -> bytes:
        """Everything in Prometheus' text format. Takes some milliseconds: call it in a thread."""
        return generate_latest(self.registry)

    def _count(self, record: UsageRecord) -> None:
        settled, pair = record.settlement, self._pair(record)
        self._calls.labels(*pair, settled.status.value).inc()
        self._tokens.labels(*pair, "input").inc(settled.usage.input_tokens)
        self._tokens.labels(*pair, "output").inc(settled.usage.output_tokens)
        if settled.price.cost_nano_usd is None:
            self._unpriced.labels(*pair).inc()
        else:
            self._cost.labels(*pair).inc(settled.price.cost_nano_usd / NANO_USD_PER_USD)
        if settled.status is not Status.INTERRUPTED:  # nobody knows how long those took
            self._duration.labels(*pair).observe(settled.duration_ms / 1000)

    def _pair(self, record: UsageRecord) -> tuple[str, str]:
        names = record.call.attribution.operation, record.model
        pair = (storable(names[0])[:LABEL_CHARACTERS], storable(names[1])[:LABEL_CHARACTERS])
        if pair not in self._pairs:
            if len(self._pairs) >= self._most_series:
                return OTHER, OTHER
            self._pairs.add(pair)
        return pair

    async def _watch_loop(self) -> None:
        while True:
            began = perf_counter()
            await asyncio.sleep(LAG_EVERY_SECONDS)
            self._lag.observe(max(0.0, perf_counter() - began - LAG_EVERY_SECONDS))


class _Books(Collector):
    """What the tracker and the outlets count anyway, read at each scrape."""

    def __init__(self, tracker: UsageTracker, lost: Callable[[], Mapping[str, int]]) -> None:
        self._tracker = tracker
        self._lost = lost

    def collect(self) -> Iterator[Metric]:
        """Called by the registry, in the thread that renders."""
        ledger, calls = self._tracker.ledger, self._tracker.calls
        yield _by_label("trilo_refused_calls", "Calls that weren't let through.", "cause", list(calls.refused.items()))
        yield _by_label("trilo_lost_events", "Events that an outlet dropped.", "outlet", self._lost().items())
        for name, help_text, value in (
            ("trilo_ledger_faults", "Transactions that failed and were tried again.", ledger.faults),
            ("trilo_unrecorded_calls", "Calls that left before their intent was durable.", ledger.unrecorded),
            ("trilo_journalled_calls", "Calls whose intent went to the journal first.", ledger.journalled),
            ("trilo_dropped_calls", "Calls that never got on the books.", ledger.dropped),
        ):
            yield CounterMetricFamily(name, help_text, value=value)
        queue = "Entries that aren't durable yet: intents, and ends of calls."
        yield GaugeMetricFamily("trilo_ledger_queue", queue, value=ledger.queue_length)
        yield GaugeMetricFamily("trilo_calls_in_flight", "Calls that have left and not ended.", value=len(calls))


def _by_label(name: str, help_text: str, label: str, counts: Iterable[tuple[str, int]]) -> Metric:
    family = CounterMetricFamily(name, help_text, labels=[label])
    for value, count in counts:
        family.add_metric([value], count)
    return family
