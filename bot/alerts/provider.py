"""A refused key and an account out of credit, seen in the calls as they are booked: told once, until it works again.

`see` is called with each batch of booked calls and only takes a note, so it holds up nobody; `settle` writes the notes
down, from a task of whoever owns it.
"""

from collections.abc import Mapping, Sequence

from bot.usage.alerting.alert_book import AlertBook
from bot.usage.budgeting.alert_rows import AlertKind
from bot.usage.records import Status, UsageRecord

KINDS: Mapping[str, AlertKind] = {
    "invalid_api_key": AlertKind.PROVIDER_KEY,
    "account_deactivated": AlertKind.PROVIDER_KEY,
    "AuthenticationError": AlertKind.PROVIDER_KEY,
    "PermissionDeniedError": AlertKind.PROVIDER_KEY,
    "401": AlertKind.PROVIDER_KEY,
    "403": AlertKind.PROVIDER_KEY,
    "insufficient_quota": AlertKind.PROVIDER_CREDIT,
    "billing_hard_limit_reached": AlertKind.PROVIDER_CREDIT,
    "402": AlertKind.PROVIDER_CREDIT,
}
"""By a record's `error_type`: the provider's own code, else the SDK's name for the HTTP status. Some give the status as
their code."""


class ProviderWatch:
    """What the calls since the last `settle` say of each provider."""

    def __init__(self) -> None:
        self._failing: dict[tuple[str, AlertKind], int] = {}
        self._working: set[str] = set()

    def see(self, records: Sequence[UsageRecord]) -> None:
        """Take note of finished calls, in their order: a subscriber of `UsageTracker.subscribe`."""
        for record in records:
            provider, settled = record.call.provider, record.settlement
            kind = KINDS.get(settled.error_type or "")
            if kind is not None and settled.status is Status.ERROR:
                self._working.discard(provider)
                self._failing.setdefault((provider, kind), record.call.attribution.guild_id)
            elif settled.status is Status.OK:
                self._working.add(provider)
                for failing in AlertKind:
                    self._failing.pop((provider, failing), None)

    async def settle(self, book: AlertBook) -> None:
        """Fire what is new, clear what works again. What raises `DatabaseUnavailableError` is tried the next time."""
        for (provider, kind), guild_id in list(self._failing.items()):
            await book.fire(kind, guild_id, provider)
            self._failing.pop((provider, kind), None)
        for provider in list(self._working):
            for kind in set(KINDS.values()):
                if await book.stands(kind, provider):
                    await book.cleared(kind, provider)
            self._working.discard(provider)
