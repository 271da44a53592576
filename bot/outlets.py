"""Who is told of booked calls besides people and the books: PostHog, OpenTelemetry and a webhook, as the settings say.

None of them can slow or fail a call: each takes what it is told into a bounded queue of its own, and loses what its
other side doesn't take in time. They are opened before the books and closed after them, so that they hear of the calls
that are booked while those close.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from bot.errors import SettingsError
from bot.settings import Settings
from bot.usage.tracker import UsageTracker

log = logging.getLogger(__name__)

CLOSE_SECONDS = 1.5
"""How long the end waits for all of them together to send what is queued."""


class Outlet(Protocol):
    """One of them. `dropped` counts the events that its other side never had, as far as it can tell."""

    name: str

    @property
    def dropped(self) -> int:
        """Since this process started."""

    async def listen(self, tracker: UsageTracker) -> None:
        """Take what happens from now on."""

    async def close(self, seconds: float) -> None:
        """Send what is queued, for at most so long. Raises nothing."""


@asynccontextmanager
async def open_outlets(settings: Settings) -> AsyncIterator[list[Outlet]]:
    """Those that the settings name, closed at the end. Raises `SettingsError` where the library for one is missing."""
    outlets = await asyncio.to_thread(configured, settings)
    try:
        yield outlets
    finally:
        await asyncio.gather(*(outlet.close(CLOSE_SECONDS) for outlet in outlets), return_exceptions=True)


async def listen(outlets: Sequence[Outlet], tracker: UsageTracker) -> None:
    """Have them all take what happens from now on."""
    for outlet in outlets:
        await outlet.listen(tracker)
        log.info("booked calls are told to %s", outlet.name)


@asynccontextmanager
async def counted(outlets: Sequence[Outlet], tracker: UsageTracker) -> AsyncIterator[Callable[[], bytes]]:
    """Prometheus' counts, from here on; yields what renders them, which takes a thread some milliseconds."""
    from bot.integrations.prometheus import Metrics

    metrics = Metrics(lambda: {outlet.name: outlet.dropped for outlet in outlets})
    await metrics.listen(tracker)
    try:
        yield metrics.render
    finally:
        await metrics.close()


def configured(settings: Settings) -> list[Outlet]:
    """The outlets that the settings name, not yet listening. Their libraries are imported here. Raises as above."""
    outlets: list[Outlet] = []
    if settings.posthog_api_key is not None:
        outlets.append(_made("POSTHOG_API_KEY", "posthog", lambda: _posthog(settings)))
    if settings.otel_exporter_otlp_endpoint is not None:
        outlets.append(_made("OTEL_EXPORTER_OTLP_ENDPOINT", "opentelemetry", lambda: _opentelemetry(settings)))
    if settings.webhook_url is not None:
        outlets.append(_webhook(settings))
    return outlets


def _made(variable: str, extra: str, make: Callable[[], Outlet]) -> Outlet:
    try:
        return make()
    except ImportError:
        raise SettingsError(variable, f"needs a library: pip install 'trilo[{extra}]'") from None


def _posthog(settings: Settings) -> Outlet:
    from bot.integrations.posthog import PostHog

    assert settings.posthog_api_key is not None  # noqa: S101 - asked before
    return PostHog(settings.posthog_api_key.get_secret_value(), settings.posthog_host)


def _opentelemetry(settings: Settings) -> Outlet:
    from bot.integrations.opentelemetry import OpenTelemetry

    assert settings.otel_exporter_otlp_endpoint is not None  # noqa: S101 - asked before
    headers = settings.otel_exporter_otlp_headers
    return OpenTelemetry(
        settings.otel_exporter_otlp_endpoint,
        headers=headers.get_secret_value() if headers else "",
        service_name=settings.otel_service_name,
    )


def _webhook(settings: Settings) -> Outlet:
    from bot.integrations.webhook import Webhook, read_secret

    if settings.webhook_secret is None:
        raise SettingsError("WEBHOOK_SECRET", "missing; make one: echo whsec_$(openssl rand -base64 32)")
    try:
        key = read_secret(settings.webhook_secret.get_secret_value())
    except ValueError as error:
        raise SettingsError("WEBHOOK_SECRET", f"{error}; make one: echo whsec_$(openssl rand -base64 32)") from None
    assert settings.webhook_url is not None  # noqa: S101 - asked before
    return Webhook(settings.webhook_url, key)
