"""OpenTelemetry: a span and measurements for each booked call, over OTLP, by the GenAI semantic conventions.

Spans are made when a call is on the books, with the times it really had, under the span its caller was in. There is no
prompt, answer or person in them; `trilo.call.id` finds the call in the books.
"""

import asyncio
import logging
from collections.abc import Sequence

from opentelemetry import context as otel
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.util.re import parse_env_headers
from opentelemetry.util.types import AttributeValue

from bot.integrations import genai_names as names
from bot.integrations.closing import ended_within
from bot.usage.records import NANO_USD_PER_USD, Kind, UsageRecord
from bot.usage.records import Status as Ending
from bot.usage.storage.rows import microseconds
from bot.usage.tracker import UsageTracker

log = logging.getLogger(__name__)

SCOPE = "trilo"
Attributes = dict[str, AttributeValue]


class _Spans(OTLPSpanExporter):
    """Counts the spans that the collector didn't take."""

    lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
        return result


class OpenTelemetry:
    """Sends to one collector. What its queue (2,048 spans) can't hold, the SDK drops and logs, oldest first."""

    name = "opentelemetry"

    def __init__(self, endpoint: str, *, headers: str = "", service_name: str = "trilo") -> None:
        """`endpoint` is the collector's base address, below which traces and metrics have their own paths.

        `headers` are as OTEL_EXPORTER_OTLP_HEADERS has them: `name=value`, separated by commas.
        """
        resource = Resource.create({SERVICE_NAME: service_name})
        base = endpoint.rstrip("/")
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        named = parse_env_headers(headers, liberal=True)
        self._spans = _Spans(f"{base}/v1/traces", headers=named)
        self._traces.add_span_processor(BatchSpanProcessor(self._spans))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics", headers=named))
        self._metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._tracer = self._traces.get_tracer(SCOPE, schema_url=names.SCHEMA_URL)
        meter = self._metrics.get_meter(SCOPE, schema_url=names.SCHEMA_URL)
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE, "{token}", "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BUCKETS,
        )  # fmt: skip
        self._duration = meter.create_histogram(
            names.OPERATION_DURATION, "s", "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=names.DURATION_BUCKETS,
        )  # fmt: skip
        self._cost = meter.create_counter(names.COST, "{USD}", "Cost in USD, without unpriced calls.")
        self._unpriced = meter.create_counter(names.UNPRICED_CALLS, "{call}", "Calls without a known price.")

    @property
    def dropped(self) -> int:
        """How many spans the collector didn't take. Metrics are sums: the next ones make up for them."""
        return self._spans.lost

    async def listen(self, tracker: UsageTracker) -> None:
        """Send what is booked from now on."""
        tracker.subscribe(self._told)

    async def close(self, seconds: float) -> None:
        """Send what is queued, for at most so long."""
        ended = await asyncio.gather(
            ended_within(seconds, self._traces.shutdown),
            ended_within(seconds, lambda: self._metrics.shutdown(seconds * 1000)),
        )
        if not all(ended):
            log.warning("the OpenTelemetry collector didn't take the last spans and metrics in time")

    def _told(self, records: Sequence[UsageRecord]) -> None:
        for record in records:
            if record.call.kind is not Kind.PAYMENT:
                attributes = common_attributes(record)
                self._measure(record, attributes)
                self._trace(record, attributes)

    def _trace(self, record: UsageRecord, attributes: Attributes) -> None:
        call, settled = record.call, record.settlement
        started_ns = microseconds(call.started_at) * 1000
        parent = call.context.run(otel.get_current) if call.context is not None else otel.Context()
        span = self._tracer.start_span(
            f"{names.operation_name(call)} {call.request_model}",
            context=parent,
            kind=SpanKind.CLIENT,
            attributes=attributes | span_attributes(record),
            start_time=started_ns,
        )
        if settled.status is not Ending.OK:
            span.set_status(Status(StatusCode.ERROR))
        span.end(started_ns + settled.duration_ms * 1_000_000)

    def _measure(self, record: UsageRecord, attributes: Attributes) -> None:
        settled = record.settlement
        for kind, tokens in (("input", settled.usage.input_tokens), ("output", settled.usage.output_tokens)):
            if tokens:
                attributed = {name: value for name, value in attributes.items() if name != names.ERROR_TYPE}
                self._tokens.record(tokens, attributed | {names.TOKEN_TYPE: kind})
        if settled.status is not Ending.INTERRUPTED:  # nobody knows how long those took
            self._duration.record(settled.duration_ms / 1000, attributes)
        spent = attributes | {names.TRILO_OPERATION: record.call.attribution.operation}
        if settled.price.cost_nano_usd is None:
            self._unpriced.add(1, spent)
        else:
            self._cost.add(settled.price.cost_nano_usd / NANO_USD_PER_USD, spent)


def common_attributes(record: UsageRecord) -> Attributes:
    """What spans and measurements share: few values each, so that the series stay few."""
    call, settled = record.call, record.settlement
    found: Attributes = {
        names.OPERATION_NAME: names.operation_name(call),
        names.PROVIDER_NAME: names.provider_name(call.provider),
        names.REQUEST_MODEL: call.request_model,
    }
    if settled.response_model is not None:
        found[names.RESPONSE_MODEL] = settled.response_model
    if settled.status is not Ending.OK:
        found[names.ERROR_TYPE] = settled.error_type or settled.status.value
    return found


def span_attributes(record: UsageRecord) -> Attributes:
    """What only a span has. Nothing is there that isn't known: an unknown cost is no zero (I9)."""
    call, settled = record.call, record.settlement
    who, usage, cost = call.attribution, settled.usage, settled.price.cost_nano_usd
    first_token = settled.first_token_ms
    optional: dict[str, AttributeValue | None] = {
        names.RESPONSE_ID: settled.response_id,
        names.SERVICE_TIER: settled.service_tier,
        names.TIME_TO_FIRST_CHUNK: first_token / 1000 if first_token is not None else None,
        names.CACHE_READ_INPUT_TOKENS: usage.cached_input_tokens or None,
        names.CACHE_CREATION_INPUT_TOKENS: usage.cache_write_input_tokens or None,
        names.REASONING_OUTPUT_TOKENS: usage.reasoning_output_tokens or None,
        names.CONVERSATION_ID: who.session_id,
        names.AGENT_NAME: who.agent_name,
        names.GUILD_ID: str(who.guild_id) if who.guild_id else None,
        names.COST_NANO_USD: cost,
        names.COST_USD: cost / NANO_USD_PER_USD if cost is not None else None,
    }
    return {
        names.INPUT_TOKENS: usage.input_tokens,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.TRILO_OPERATION: who.operation,
        names.CALL_ID: call.id,
        names.ESTIMATED: settled.estimated,
        names.ATTEMPTS: settled.attempts,
        **{name: value for name, value in optional.items() if value is not None},
    }
