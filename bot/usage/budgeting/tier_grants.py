"""Who was given which tier: people and servers by the operator, by Discord's entitlements, by callers of the library.

Somebody may hold a tier from several sources at once; taking back one leaves the others. A person's grants are read
when they are needed. The best of a server's is its `guild_settings.tier`, which is one of the rules in force.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import partial

from bot.usage.budgeting.budgets import BOT
from bot.usage.budgeting.quotas import EXEMPT, Tiers, tier_of
from bot.usage.budgeting.rules import QUOTA, changing
from bot.usage.errors import UsageError
from bot.usage.storage import audit
from bot.usage.storage.database import Database, Query, Script
from bot.usage.storage.rows import microseconds

_GRANT = (
    "INSERT INTO {table} ({column}, source, tier, granted_at, until) VALUES ($1, $2, $3, $4, $5) "
    "ON CONFLICT ({column}, source) DO UPDATE "
    "SET tier = excluded.tier, granted_at = excluded.granted_at, until = excluded.until"
)
_HELD = "SELECT tier, until FROM {table} WHERE {column} = $1 AND source = $2"
_PERSON = {"table": "user_tiers", "column": "user_id"}
_SERVER = {"table": "guild_tiers", "column": "guild_id"}
_OF_PERSON = "SELECT tier FROM user_tiers WHERE user_id = $1 AND (until IS NULL OR until > $2) ORDER BY source"
_OF_SERVER = "SELECT tier FROM guild_tiers WHERE guild_id = $1 AND (until IS NULL OR until > $2) ORDER BY source"
_TELL_ANEW = "UPDATE budget_periods SET fired = 0 WHERE guild_id = $1 AND budget_id = $2 AND key = $3"
"""With another limit, 80 % of it is news again (`QuotaBook.newly_crossed`)."""
_TAKE_FROM_SERVER = (
    "DELETE FROM guild_tiers WHERE guild_id = $1 AND source = $2 "
    "AND (CAST($3 AS BIGINT) IS NULL OR until <= $3) RETURNING tier"
)
_SET_SERVER_TIER = (
    "INSERT INTO guild_settings (guild_id, tier) VALUES ($1, $2) "
    "ON CONFLICT (guild_id) DO UPDATE SET tier = excluded.tier"
)
_SET_RULE = (
    "INSERT INTO quota_rules (guild_id, subject, tier) VALUES ($1, $2, $3) "
    "ON CONFLICT (guild_id, subject) DO UPDATE SET tier = excluded.tier"
)


class Source(StrEnum):
    """Who gave a tier."""

    OPERATOR = "operator"
    ENTITLEMENT = "entitlement"
    LIBRARY = "library"


class UnknownTierError(UsageError, ValueError):
    """There is no tier of that name. `name` is the name, `known` are those there are."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no tier {name!r}; there are {', '.join(known)}")
        self.name = name
        self.known = known


class TierGrants:
    """Gives and takes back tiers, each change with its audit line. Methods raise `DatabaseUnavailableError`."""

    def __init__(
        self,
        database: Database,
        tiers: Tiers,
        clock: Callable[[], datetime],
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self.tiers = tiers
        self._database = database
        self._clock = clock
        self._changed = changed

    async def of_person(self, user_id: str) -> list[str]:
        """The tiers a person was given and still has."""
        sql, parameters = self.query(user_id)
        return [tier for (tier,) in await self._database.fetch(sql, *parameters)]

    async def best_of_person(self, user_id: str) -> str | None:
        """The best of them, which holds everywhere; None without any."""
        return self._best(await self.of_person(user_id))

    def query(self, user_id: str) -> Query:
        """The same as a query, for who reads more at once; its rows have the tier's name alone."""
        return granted_to(user_id, microseconds(self._clock()))

    async def grant_person(
        self, user_id: str, tier: str, source: Source, *, until: datetime | None = None, actor: object = audit.SYSTEM
    ) -> None:
        """Give a person a tier (or `exempt`) until then (UTC; None: until it is taken back).

        What they have from that source already changes nothing. Raises `UnknownTierError`.
        """
        self._require(tier)
        if not await self._has(_PERSON, user_id, tier, source, until):
            await self._database.transact(lambda: self._grant_person(user_id, tier, source, until, str(actor)))

    async def take_back_person(self, user_id: str, source: Source, *, actor: object = audit.SYSTEM) -> bool:
        """Take back what a source gave a person; False where it gave nothing."""
        return await self._database.transact(lambda: self._take_back_person(user_id, source, str(actor)))

    async def grant_server(
        self, guild_id: int, tier: str, source: Source, *, until: datetime | None = None, actor: object = audit.SYSTEM
    ) -> None:
        """Give everybody on a server a tier (or `exempt`) while they are there. Raises `UnknownTierError`."""
        self._require(tier)
        if not await self._has(_SERVER, guild_id, tier, source, until):
            await self._database.transact(lambda: self._grant_server(guild_id, tier, source, until, str(actor)))
            await self._changed()

    async def take_back_server(self, guild_id: int, source: Source, *, actor: object = audit.SYSTEM) -> bool:
        """Take back what a source gave a server; False where it gave nothing."""
        taken = await self._database.transact(lambda: self._take_back_server(guild_id, source.value, str(actor)))
        await self._changed()
        return taken

    async def held_by(self, source: Source, *, before: datetime) -> tuple[list[str], list[int]]:
        """The people and servers that hold a tier from a source since before that time."""
        since = (source.value, microseconds(before))
        sql = "SELECT {column} FROM {table} WHERE source = $1 AND granted_at < $2 ORDER BY 1"
        people, servers = await self._database.fetch_all(
            [(sql.format(**_PERSON), since), (sql.format(**_SERVER), since)]
        )
        return [user_id for (user_id,) in people], [guild_id for (guild_id,) in servers]

    async def expire_servers(self) -> None:
        """Take back what servers were given until a time that is over."""
        now_us = microseconds(self._clock())
        found = await self._database.fetch("SELECT guild_id, source FROM guild_tiers WHERE until <= $1", now_us)
        for guild_id, source in found:
            await self._database.transact(
                partial(self._take_back_server, guild_id, source, audit.SYSTEM, over_us=now_us)
            )
            await self._changed()

    async def set_rule(self, guild_id: int, subject: str, tier: str | None, *, actor: object = audit.SYSTEM) -> None:
        """Give a server's `role:ID` or `user:ID` a tier there, or `exempt`; None takes the rule away.

        Raises `UnknownTierError`, and `ValueError` for a subject that is neither.
        """
        kind, _, subject_id = subject.partition(":")
        if kind not in ("role", "user") or not subject_id or (kind == "role" and not subject_id.isdecimal()):
            raise ValueError(f"a rule is for role:ID or user:ID, not {subject[:40]!r}")
        if tier is not None:
            self._require(tier)
        await self._database.transact(lambda: self._set_rule(guild_id, subject, tier, str(actor)))
        await self._changed()

    async def rules(self, guild_id: int) -> Mapping[str, str]:
        """A server's rules: tier, or `exempt`, by `role:ID` or `user:ID`."""
        sql = "SELECT subject, tier FROM quota_rules WHERE guild_id = $1 ORDER BY subject"
        found = await self._database.fetch(sql, guild_id)
        return {row[0]: row[1] for row in found}

    def _require(self, tier: str) -> None:
        known = (*self.tiers.names, EXEMPT)
        if tier not in known:
            raise UnknownTierError(tier, known)

    async def _has(
        self, whose: Mapping[str, str], holder: object, tier: str, source: Source, until: datetime | None
    ) -> bool:
        found = await self._database.fetch(_HELD.format(**whose), holder, source.value)
        return found == [(tier, _us(until))]

    def _grant_person(
        self, user_id: str, tier: str, source: Source, until: datetime | None, actor: str
    ) -> Script[None]:
        now = self._clock()
        yield _GRANT.format(**_PERSON), (user_id, source.value, tier, microseconds(now), _us(until))
        yield _TELL_ANEW, (BOT, QUOTA, user_id)
        facts = {"user_id": user_id, "tier": tier, "source": source.value}
        yield from audit.note(now, BOT, actor, "tier granted", facts)

    def _take_back_person(self, user_id: str, source: Source, actor: str) -> Script[bool]:
        gone = yield "DELETE FROM user_tiers WHERE user_id = $1 AND source = $2 RETURNING tier", (user_id, source.value)
        for (tier,) in gone:
            facts = {"user_id": user_id, "tier": tier, "source": source.value}
            yield from audit.note(self._clock(), BOT, actor, "tier taken back", facts)
        return bool(gone)

    def _grant_server(
        self, guild_id: int, tier: str, source: Source, until: datetime | None, actor: str
    ) -> Script[None]:
        yield from changing(guild_id)
        now = self._clock()
        yield _GRANT.format(**_SERVER), (guild_id, source.value, tier, microseconds(now), _us(until))
        yield from self._settle_server(guild_id)
        yield from audit.note(now, guild_id, actor, "tier granted", {"tier": tier, "source": source.value})

    def _take_back_server(self, guild_id: int, source: str, actor: str, *, over_us: int | None = None) -> Script[bool]:
        """`over_us`: only what is over by then; it may have been renewed since somebody looked."""
        yield from changing(guild_id)
        gone = yield _TAKE_FROM_SERVER, (guild_id, source, over_us)
        for (tier,) in gone:
            yield from self._settle_server(guild_id)
            facts = {"tier": tier, "source": source}
            yield from audit.note(self._clock(), guild_id, actor, "tier taken back", facts)
        return bool(gone)

    def _settle_server(self, guild_id: int) -> Script[None]:
        """Its best grant is the tier that holds."""
        found = yield _OF_SERVER, (guild_id, microseconds(self._clock()))
        yield _SET_SERVER_TIER, (guild_id, self._best(tier for (tier,) in found))

    def _best(self, names: Iterable[str]) -> str | None:
        granted = list(names)
        if not granted:
            return None
        best = tier_of(self.tiers, granted, None, {}, "", ())
        return EXEMPT if best is None else best.name

    def _set_rule(self, guild_id: int, subject: str, tier: str | None, actor: str) -> Script[None]:
        yield from changing(guild_id)
        if tier is None:
            yield "DELETE FROM quota_rules WHERE guild_id = $1 AND subject = $2", (guild_id, subject)
        else:
            yield _SET_RULE, (guild_id, subject, tier)
        yield from audit.note(self._clock(), guild_id, actor, "quota rule", {"subject": subject, "tier": tier})


def granted_to(user_id: str, now_us: int) -> Query:
    """The tiers that a person holds at a time (microseconds since 1970), whoever gave them."""
    return _OF_PERSON, (user_id, now_us)


def _us(until: datetime | None) -> int | None:
    return None if until is None else microseconds(until)
