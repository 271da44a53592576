"""The rules in force, as this process knows them: each server's budgets, pause, quotas and calendar.

They are read when the books are opened. Whoever changes one, in whatever process, gives its server a new number in
`rule_changes`; each transaction that admits calls first asks for higher numbers than it has seen, so it always decides
by the rules of that instant, for the price of one look into an index.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.usage.budgeting.budgets import BOT, Budget, Level, Mode, Saving, saving
from bot.usage.budgeting.calendars import Calendar
from bot.usage.budgeting.guild_rules import GuildRules, read_all_rules, read_rules
from bot.usage.budgeting.quotas import Tier, Tiers
from bot.usage.errors import AiPausedError, OptedOutError
from bot.usage.operations import UNDECLARED, Operation
from bot.usage.records import Attribution, Kind, OpenCall
from bot.usage.storage.database import Script
from bot.usage.storage.rows import from_microseconds, microseconds

LEVELS_LIMIT = 10_000
"""Counters of saving budgets that are remembered at most."""
STRICTNESS = (Saving.NONE, Saving.CHEAPER_MODEL, Saving.NO_PICTURES)
FOREVER = 2**62
"""`paused_until` of a pause without an end."""
_RULES = 7286314650102
_KEEP_RULES = "SELECT pg_advisory_xact_lock_shared($1)"
"""Until this transaction ends, no rule changes: what was read of them holds, and whoever changes one counts what this
transaction adds. Any number of processes may keep them at once."""
_CHANGE_RULES = "SELECT pg_advisory_xact_lock($1)"
_NEXT_VERSION = (
    "INSERT INTO bot_state (name, value) VALUES ('rules version', '1') "
    "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(bot_state.value AS BIGINT) + 1 AS TEXT) RETURNING value"
)
"""Serialises whoever changes rules: numbers are committed in their order, so none is overlooked."""
_CHANGED = (
    "INSERT INTO rule_changes (guild_id, version) VALUES ($1, $2) "
    "ON CONFLICT (guild_id) DO UPDATE SET version = excluded.version"
)
LEVELS = (
    "SELECT key, spent, reserved, doubtful, fired FROM budget_periods "
    "WHERE guild_id = $1 AND budget_id = $2 AND period_start = $3"
)
"""How the counters of a budget stand in one period."""

QUOTA = "quota"
"""`budget_id` of the counters of members' monthly tokens, which are the bot's: guild 0, months in UTC, key the user."""

CounterKey = tuple[int, str, str, str]
"""guild_id, budget_id, key, period_start: one row of `budget_periods`."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One budget that a call adds to, and the counter of it."""

    budget: Budget
    counter: CounterKey


_NO_RULES = GuildRules()
NO_TIERS = Tiers([Tier("free", None)])
_NO_OPERATIONS: Mapping[str, Operation] = {}


class Rules:
    """All rules by server, the tiers of quotas, the operations that were declared, and who has opted out of AI.

    Read by the event loop at any time, changed only inside the ledger's transactions.
    """

    def __init__(self, tiers: Tiers = NO_TIERS, operations: Mapping[str, Operation] = _NO_OPERATIONS) -> None:
        self.tiers = tiers
        self.version = -1
        self.opted_out: frozenset[str] = frozenset()
        self._operations = operations
        self._guilds: dict[int, GuildRules] = {}
        self._saving: set[str] = set()
        self._levels: dict[CounterKey, Level] = {}

    def of(self, guild_id: int) -> GuildRules:
        """The rules of one server: none where it has none (I16)."""
        return self._guilds.get(guild_id, _NO_RULES)

    def counted(self, call: OpenCall) -> list[Counted]:
        """The budgets that a call adds to, its server's and the whole bot's, in the periods in which it starts."""
        return [] if call.kind is Kind.PAYMENT else list(self.counting(call.attribution, call.started_at))

    def operation(self, name: str) -> Operation:
        """What is declared of an operation."""
        return self._operations.get(name, UNDECLARED)

    def quota_counter(self, call: OpenCall) -> CounterKey | None:
        """The counter of the caller's monthly tokens; None for what no quota counts."""
        user_id = call.attribution.user_id
        if user_id is None or call.kind is Kind.PAYMENT:
            return None
        if not self.operation(call.attribution.operation).counts_toward_quota:
            return None
        return BOT, QUOTA, user_id, f"{call.started_at.astimezone(UTC):%Y-%m}-01"  # ALWAYS_UTC's month, but faster

    def calendar(self, guild_id: int) -> Calendar:
        """The calendar that a server's days and periods are counted in."""
        return self.of(guild_id).calendar

    def pause(self, guild_id: int, at: datetime) -> AiPausedError | None:
        """What a call there is told while the AI is paused, by its server or by the operator; None where it isn't."""
        until = max(self.of(guild_id).paused_until, self.of(BOT).paused_until)
        if until <= microseconds(at):
            return None
        return AiPausedError(guild_id, None if until >= FOREVER else from_microseconds(until))

    def opt_out(self, who: Attribution) -> OptedOutError | None:
        """What a call for somebody who has opted out of AI is told; None for everybody else."""
        user_id = who.user_id
        return OptedOutError(who.guild_id, user_id) if user_id is not None and user_id in self.opted_out else None

    def saving(self, who: Attribution, at: datetime) -> Saving:
        """How the strictest of the budgets that save before they stop wants a call of that kind to save now."""
        found = [
            saving(item.budget, self._levels.get(item.counter, Level()))
            for item in self.counting(who, at)
            if item.budget.id in self._saving
        ]
        return max(found, key=STRICTNESS.index, default=Saving.NONE)

    def keep(self, levels: Mapping[CounterKey, Level]) -> None:
        """Remember how the counters of budgets that save stand now."""
        kept = {counter: level for counter, level in levels.items() if counter[1] in self._saving}
        if len(self._levels) + len(kept) > LEVELS_LIMIT:
            self._levels.clear()
        self._levels.update(kept)

    def refresh(self, now: datetime) -> Script[None]:
        """Take in what has changed since the last look, everything at the first. It holds till the transaction ends."""
        yield (_KEEP_RULES, (_RULES,))
        if self.version < 0:
            [(version,)] = yield ("SELECT COALESCE(max(version), 0) FROM rule_changes", ())
            self._guilds.update((yield from read_all_rules()))
            changed = list(self._guilds)
        else:
            rows = yield ("SELECT guild_id, version FROM rule_changes WHERE version > $1", (self.version,))
            changed, version = [guild_id for guild_id, _ in rows], max([self.version, *(v for _, v in rows)])
            for guild_id in changed:
                self._guilds[guild_id] = yield from read_rules(guild_id)
        if self.version < 0 or BOT in changed:
            rows = yield ("SELECT user_id FROM opt_outs", ())
            self.opted_out = frozenset(user_id for (user_id,) in rows)
        for guild_id in changed:
            yield from self._read_levels(guild_id, now)
        self.version = version  # last: what fails on the way is read again

    def _read_levels(self, guild_id: int, now: datetime) -> Script[None]:
        """How the budgets that save stand at the start, or when one is set."""
        rules = self.of(guild_id)
        for budget in rules.budgets:
            if budget.mode is not Mode.CHEAPER:
                continue
            self._saving.add(budget.id)
            start = rules.calendar.start(budget.period, now)
            rows = yield (LEVELS, (guild_id, budget.id, start))
            self.keep({(guild_id, budget.id, key, start): Level(*amounts) for key, *amounts in rows})

    def counting(self, who: Attribution, at: datetime) -> Iterator[Counted]:
        """The budgets that a call for somebody, starting at that time, adds to."""
        for guild_id in (who.guild_id, BOT) if who.guild_id != BOT else (BOT,):
            rules = self.of(guild_id)
            for budget in rules.budgets:
                key = budget.key_for(who)
                if key is not None:
                    start = rules.calendar.start(budget.period, at)
                    if start >= rules.since[budget.id]:
                        yield Counted(budget, (guild_id, budget.id, key, start))


def changing(guild_id: int) -> Script[None]:
    """The first part of every transaction that changes a rule: all processes will read that server's rules anew.

    It waits for those that are just working by the rules, so what it reads after it has everything they add.
    """
    yield (_CHANGE_RULES, (_RULES,))
    [(version,)] = yield (_NEXT_VERSION, ())
    yield (_CHANGED, (guild_id, int(version)))
