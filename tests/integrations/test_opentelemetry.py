"""OpenTelemetry: what a real collector's OTLP receiver gets, decoded with the protocol's own messages."""

import asyncio
from collections.abc import Iterable
from typing import Any

from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.semconv import schemas
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes, openai_attributes
from opentelemetry.semconv._incubating.metrics import gen_ai_metrics
from opentelemetry.semconv.attributes import error_attributes
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from bot.integrations import genai_names as names
from bot.integrations.opentelemetry import OpenTelemetry
from bot.usage import UsageTracker, token_tracking_context
from bot.usage.records import Kind, Price, Status, UsageRecord
from bot.usage.storage.rows import microseconds
from tests.integrations.receiver import Receiver
from tests.usage import shapes
from tests.usage.making import NOW, a_call, a_settlement
from tests.usage.stub import Stub, answer, error

ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "secret words"}]}


def value(any_value: Any) -> Any:
    return getattr(any_value, any_value.WhichOneof("value"))


def named(attributes: Iterable[Any]) -> dict[str, Any]:
    return {attribute.key: value(attribute.value) for attribute in attributes}


def spans_of(receiver: Receiver) -> list[Any]:
    """The spans that have arrived, oldest first; all from one scope of one service."""
    spans = []
    for got in receiver.received:
        if got.path == "/v1/traces":
            [resource] = ExportTraceServiceRequest.FromString(got.body).resource_spans
            assert named(resource.resource.attributes)["service.name"] == "trilo"
            [scope] = resource.scope_spans
            assert (scope.scope.name, scope.schema_url) == ("trilo", names.SCHEMA_URL)
            spans += scope.spans
    return sorted(spans, key=lambda span: span.start_time_unix_nano)


def points_of(receiver: Receiver) -> dict[str, list[tuple[dict[str, Any], Any]]]:
    """By metric, each point's attributes and its value: a sum, or a histogram's sum and count."""
    found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
    for got in receiver.received:
        if got.path == "/v1/metrics":
            for metric in ExportMetricsServiceRequest.FromString(got.body).resource_metrics[0].scope_metrics[0].metrics:
                if metric.HasField("sum"):
                    values = [(named(p.attributes), p.as_double or p.as_int) for p in metric.sum.data_points]
                else:
                    values = [(named(p.attributes), (p.sum, p.count)) for p in metric.histogram.data_points]
                found[metric.name] = values
    return found


async def test_a_call_through_the_door(tracker: UsageTracker, receiver: Receiver, stub: Stub) -> None:
    """I33: the span has the call's own times, stands under its caller's span, and holds no text and no person."""
    outlet = OpenTelemetry(receiver.url + "/", headers="api-key=secret%20key")
    await outlet.listen(tracker)
    client = tracker.openai(base_url=stub.url, api_key="k", max_retries=0)
    outer = NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1)))
    stub.answers(answer(shapes.chat(model="gpt-4o-2024-08-06")), error(429, "rate_limit_exceeded"))
    token = otel.attach(trace.set_span_in_context(outer))
    async with token_tracking_context(
        operation="chat", guild_id=42, user_id="ann", thread_id="t1", metadata={"a": "b"}
    ):
        await client.chat.completions.create(**ASKED)
        otel.detach(token)
        await asyncio.gather(client.chat.completions.create(**ASKED), return_exceptions=True)
    await tracker.force_flush()
    [(call_id, at, took, cost), _] = await tracker.database.fetch(
        "SELECT id, started_at, duration_ms, cost_nano_usd FROM usage_records ORDER BY started_at"
    )
    await outlet.close(5)
    good, failed = spans_of(receiver)
    assert (good.name, good.kind, good.status.code) == ("chat gpt-4o", 3, 0)
    assert (good.trace_id.hex(), good.parent_span_id.hex()) == (f"{0xABC:032x}", f"{0xDEF:016x}")
    assert (good.start_time_unix_nano, good.end_time_unix_nano) == (at * 1000, at * 1000 + took * 1_000_000)
    attributes = named(good.attributes)
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "127.0.0.1",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.response.id": attributes["gen_ai.response.id"],
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 200,
        "gen_ai.conversation.id": "t1",
        "trilo.operation": "chat",
        "trilo.guild.id": "42",
        "trilo.call.id": call_id,
        "trilo.cost.nano_usd": cost,
        "trilo.cost.usd": 0.0045,
        "trilo.estimated": False,
        "trilo.attempts": 1,
    }
    assert cost == 4_500_000
    assert (failed.status.code, failed.parent_span_id, named(failed.attributes)["error.type"]) == (
        2,
        b"",
        "rate_limit_exceeded",
    )
    assert all(got.headers["api-key"] == "secret key" for got in receiver.received)
    assert not any(word in got.body for got in receiver.received for word in (b"secret words", b"ann"))


async def test_metrics(tracker: UsageTracker, receiver: Receiver) -> None:
    """I9: names, units and boundaries of the conventions; what has no price is counted, and in no sum of costs."""
    outlet = OpenTelemetry(receiver.url)
    await outlet.listen(tracker)
    known = a_settlement(4_500_000, tokens=(1000, 200), duration_ms=1500)
    for record in (
        UsageRecord(a_call(model="gpt-4o"), known),
        UsageRecord(a_call(model="gpt-4o"), known),
        UsageRecord(a_call(model="mystery"), a_settlement(None, tokens=(5, 0), status=Status.ABORTED)),
        UsageRecord(a_call(kind=Kind.PAYMENT), a_settlement(10**9)),
    ):
        tracker.ledger.record(record)
    await tracker.force_flush()
    await outlet.close(5)
    gpt = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o"}
    mystery = gpt | {"gen_ai.request.model": "mystery"}
    aborted = mystery | {"error.type": "aborted"}
    assert points_of(receiver) == {
        "gen_ai.client.token.usage": [
            (gpt | {"gen_ai.token.type": "input"}, (2000.0, 2)),
            (gpt | {"gen_ai.token.type": "output"}, (400.0, 2)),
            (mystery | {"gen_ai.token.type": "input"}, (5.0, 1)),
        ],
        "gen_ai.client.operation.duration": [(gpt, (3.0, 2)), (aborted, (0.007, 1))],
        "trilo.cost": [(gpt | {"trilo.operation": "chat"}, 0.009)],
        "trilo.unpriced_calls": [(aborted | {"trilo.operation": "chat"}, 1)],
    }
    [request] = [got for got in receiver.received if got.path == "/v1/metrics"]
    metrics = ExportMetricsServiceRequest.FromString(request.body).resource_metrics[0].scope_metrics[0].metrics
    assert {metric.name: metric.unit for metric in metrics} == {
        "gen_ai.client.token.usage": "{token}",
        "gen_ai.client.operation.duration": "s",
        "trilo.cost": "{USD}",
        "trilo.unpriced_calls": "{call}",
    }
    bounds = {m.name: list(m.histogram.data_points[0].explicit_bounds) for m in metrics if m.HasField("histogram")}
    assert bounds["gen_ai.client.token.usage"][:4] + bounds["gen_ai.client.token.usage"][-1:] == [
        1,
        4,
        16,
        64,
        67108864,
    ]
    assert bounds["gen_ai.client.operation.duration"][:3] == [0.01, 0.02, 0.04]
    assert round(bounds["gen_ai.client.operation.duration"][-1], 2) == 81.92


def test_what_calls_are_called() -> None:
    """Operations and providers in the conventions' words."""
    kinds = {Kind.LLM: "chat", Kind.EMBEDDING: "embeddings", Kind.IMAGE: "generate_content"}
    assert {kind: names.operation_name(a_call(kind=kind)) for kind in kinds} == kinds
    known = {provider.value for provider in gen_ai_attributes.GenAiProviderNameValues}
    labels = ("openai", "azure", "google", "anthropic", "groq", "mistral", "deepseek", "x-ai", "perplexity", "cohere")
    assert {names.provider_name(label) for label in labels} <= known
    assert names.provider_name("models.example.com") == "models.example.com"


def test_the_names_are_those_of_the_conventions() -> None:
    """A later version of the package that calls one of them otherwise fails here."""
    modules = (gen_ai_attributes, gen_ai_metrics, openai_attributes, error_attributes)
    theirs = {text for module in modules for text in vars(module).values() if isinstance(text, str)}
    ours = {text for text in vars(names).values() if isinstance(text, str)}
    used = {text for text in ours if text.startswith(("gen_ai.", "openai.", "error."))}
    assert len(used) == 18
    assert used <= theirs
    assert names.SCHEMA_URL in {version.value for version in schemas.Schemas}


async def test_what_a_crash_left_open(tracker: UsageTracker, receiver: Receiver) -> None:
    """I21: booked by another process, without its caller's context: a span of its own, marked as estimated."""
    outlet = OpenTelemetry(receiver.url)
    await outlet.listen(tracker)
    ending = a_settlement(9_000, status=Status.INTERRUPTED, estimated=True, duration_ms=0)
    tracker.ledger.record(UsageRecord(a_call(), ending))
    tracker.ledger.record(UsageRecord(a_call(), a_settlement(price=Price(None, "unknown"))))
    await tracker.force_flush()
    await outlet.close(5)
    [first, second] = spans_of(receiver)
    assert (first.start_time_unix_nano, first.trace_id != second.trace_id) == (microseconds(NOW) * 1000, True)
    assert named(first.attributes)["trilo.estimated"] is True
    assert "trilo.cost.usd" not in named(second.attributes)
    [(_, (_, count))] = points_of(receiver)["gen_ai.client.operation.duration"]
    assert count == 1
