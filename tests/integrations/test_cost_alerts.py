"""The alerts of docs/cost-alerts.md, tried: what they name is what `/metrics` shows and what a collector receives."""

import re

import pytest
import yaml

from bot.integrations import genai_names
from bot.integrations.opentelemetry import OpenTelemetry
from bot.integrations.prometheus import Metrics
from bot.usage import UsageTracker
from bot.usage.records import Status, UsageRecord
from tests.commands import REPOSITORY
from tests.integrations.receiver import Receiver
from tests.integrations.test_opentelemetry import named, points_of, spans_of
from tests.integrations.test_prometheus import samples
from tests.usage.making import a_call, a_settlement

PAGE = (REPOSITORY / "docs" / "cost-alerts.md").read_text(encoding="utf-8")
EVENTS_PAGE = (REPOSITORY / "docs" / "events.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
async def metrics(tracker: UsageTracker) -> Metrics:
    """Of one priced and one unpriced call."""
    found = Metrics(lambda: {"webhook": 1})
    await found.listen(tracker)
    await found.close()
    tracker.calls.refused["budget used_up"] += 1
    found.count([UsageRecord(a_call(), a_settlement(cost)) for cost in (5_000, None)])
    return found


def test_the_rules_name_what_is_there(metrics: Metrics) -> None:
    """Every series and label in an expression, and the values that they are compared with."""
    shown = {name: (labels, value) for name, labels, value in samples(metrics.render().decode())}
    [_, rules, _] = [yaml.safe_load(text) for text in blocks("yaml")]
    expressions = [rule["expr"] for rule in rules["groups"][0]["rules"]]
    assert len(expressions) == 8
    for expression in expressions:
        found = re.findall(r"(trilo_\w+)(?:\{(\w+)[!=~]+\"([^\"]*)\"\})?", expression)
        assert found, expression
        for name, label, _ in found:
            assert name in shown, expression
            assert not label or label in shown[name][0], expression
        for label in re.findall(r"by \((\w+)\)", expression):
            assert all(label in shown[name][0] for name, *_ in found), expression
    assert "ok" in set(Status)


def test_the_metrics_page_is_whole(metrics: Metrics) -> None:
    """docs/events.md lists each metric once, and none that isn't there."""
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name, *_ in samples(metrics.render().decode())}
    listed = re.findall(r"`(trilo_\w+)`", EVENTS_PAGE)
    assert sorted(listed) == sorted(families)


async def test_the_queries_name_what_a_collector_receives(tracker: UsageTracker, receiver: Receiver) -> None:
    """Attributes of spans, the service's name, and the metric."""
    outlet = OpenTelemetry(receiver.url)
    await outlet.listen(tracker)
    failed = a_settlement(None, status=Status.ERROR, error_type="rate_limit_exceeded")
    for settlement in (a_settlement(), failed):
        tracker.ledger.record(UsageRecord(a_call(), settlement))
    await tracker.force_flush()
    await outlet.close(5)
    attributes = {name for span in spans_of(receiver) for name in named(span.attributes)}
    queries = blocks("kusto")
    asked = set(re.findall(r'Properties\["([^"]+)"\]', " ".join(queries)))
    assert len(queries) == 2
    assert asked == {"trilo.cost.usd", "trilo.operation", "trilo.guild.id", "gen_ai.request.model", "error.type"}
    assert asked <= attributes
    assert re.findall(r'where (\w*Name) == "([^"]+)"', PAGE) == [
        ("AppRoleName", "trilo"), ("AppRoleName", "trilo"), ("Name", "trilo.cost"),
    ]  # fmt: skip
    assert "trilo.cost" in points_of(receiver)
    mentioned = set(re.findall(r"`((?:gen_ai|trilo)\.[\w.]+)`", EVENTS_PAGE))
    assert mentioned <= attributes | set(points_of(receiver))
    assert "1.44" in genai_names.SCHEMA_URL
    assert "conventions 1.44 " in EVENTS_PAGE
