"""Budgets: what they apply to, and whether a call fits. Pure rules; amounts, clock and counters are given.

A budget counts in one unit, nano-USD or tokens. What it has used is what was spent and what is doubtful (the provider
may have billed it); what calls in flight may still cost at worst is reserved. A budget that stops lets a call leave
only while used + reserved + the call's own worst case ≤ limit (I13).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.usage.budgeting.calendars import Period
from bot.usage.records import Attribution

DEFAULT_THRESHOLDS = (80, 90, 100)
DEFAULT_CHEAPER_AT = 80
FULL = 100
BOT = 0
"""`guild_id` of the operator's budgets, which apply to the whole bot."""


class Scope(StrEnum):
    """What a budget counts. `each_…` is a budget for every single member; the others are one pool."""

    BOT = "bot"
    GUILD = "guild"
    CHANNEL = "channel"
    USER = "user"
    EACH_USER = "each_user"
    ROLE = "role"
    EACH_IN_ROLE = "each_in_role"
    OPERATION = "operation"
    AGENT = "agent"
    WORKFLOW = "workflow"
    DIRECT_MESSAGES = "direct_messages"


NUMBERED = {Scope.GUILD: "server", Scope.CHANNEL: "channel", Scope.ROLE: "role", Scope.EACH_IN_ROLE: "role"}
"""The scopes whose `scope_id` is a number, and whose number it is."""


class Mode(StrEnum):
    """At the limit: `hard` stops, `soft` only warns, `cheaper` saves first (`saving_at`), then stops."""

    HARD = "hard"
    SOFT = "soft"
    CHEAPER = "cheaper"


class Unit(StrEnum):
    """What a limit is counted in: nano-USD, or tokens (input and output)."""

    USD = "usd"
    TOKENS = "tokens"


class Unknown(StrEnum):
    """What becomes of a call whose cost can't be told before it leaves, under a budget that stops (I15)."""

    REFUSE = "refuse"
    ADMIT = "admit"


class Owner(StrEnum):
    """Who set a budget: a server's admins, or the bot's operator, whose limit no admin can change."""

    SERVER = "server"
    OPERATOR = "operator"


class Saving(StrEnum):
    """How a `cheaper` budget saves before it stops."""

    NONE = "none"
    CHEAPER_MODEL = "cheaper_model"
    NO_PICTURES = "no_pictures"


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit. `limit` is in `unit`: nano-USD or tokens. 0 allows nothing (I16).

    `scope_id` names the channel, user, role, operation, agent or workflow; empty where the scope needs none.
    `cheaper_at` is the percentage at which a `cheaper` budget starts to save; `thresholds` are percentages; `set_at` is
    when it was first set (UTC).
    """

    id: str
    guild_id: int
    scope: Scope
    scope_id: str
    period: Period
    unit: Unit
    limit: int
    mode: Mode
    owner: Owner = Owner.SERVER
    thresholds: tuple[int, ...] = DEFAULT_THRESHOLDS
    cheaper_at: int = DEFAULT_CHEAPER_AT
    unknown: Unknown = Unknown.REFUSE
    set_at: datetime | None = None

    @property
    def stops(self) -> bool:
        """Whether it refuses calls at its limit."""
        return self.mode is not Mode.SOFT

    def key_for(self, who: Attribution) -> str | None:
        """Which of its counters a call adds to: empty for a pool, the user's id for each; None where it doesn't apply.

        Budgets of guild 0 apply to every call of the bot, others to their own server's.
        """
        if self.guild_id not in (BOT, who.guild_id):
            return None
        return _KEYS[self.scope](self.scope_id, who)


@dataclass(frozen=True, slots=True)
class Level:
    """The counter of one budget and period, in the budget's unit. `fired` is the highest threshold announced."""

    spent: int = 0
    reserved: int = 0
    doubtful: int = 0
    fired: int = 0

    @property
    def used(self) -> int:
        """What counts against the limit for good: spent, and what the provider may have billed besides."""
        return self.spent + self.doubtful


def newly_passed(budget: Budget, level: Level) -> list[int]:
    """Thresholds that what is used has reached and that weren't announced yet, lowest first (I19)."""
    passed = _passed(budget, level)
    return [threshold for threshold in passed if threshold > level.fired]


def highest_passed(budget: Budget, level: Level) -> int:
    """The highest threshold that what is used has reached, announced or not; 0 where none."""
    return max(_passed(budget, level), default=0)


def saving(budget: Budget, level: Level) -> Saving:
    """How a `cheaper` budget saves now: the fast model from `cheaper_at` on, no pictures from half-way to its limit."""
    if budget.mode is not Mode.CHEAPER:
        return Saving.NONE
    used = level.used * FULL
    if 2 * used >= (budget.cheaper_at + FULL) * budget.limit:
        return Saving.NO_PICTURES
    return Saving.CHEAPER_MODEL if used >= budget.cheaper_at * budget.limit else Saving.NONE


def _passed(budget: Budget, level: Level) -> list[int]:
    """A limit of 0 is passed by whatever was used at all."""
    if not level.used:
        return []
    return [threshold for threshold in budget.thresholds if level.used * FULL >= threshold * budget.limit]


def _if(applies: bool) -> str | None:
    return "" if applies else None


_KEYS: Mapping[Scope, Callable[[str, Attribution], str | None]] = {
    Scope.BOT: lambda _, who: "",
    Scope.GUILD: lambda name, who: _if(name == str(who.guild_id)),
    Scope.CHANNEL: lambda name, who: _if(name == str(who.channel_id)),
    Scope.USER: lambda name, who: _if(name == who.user_id),
    Scope.EACH_USER: lambda _, who: who.user_id,
    Scope.ROLE: lambda name, who: _if(int(name) in who.role_ids),
    Scope.EACH_IN_ROLE: lambda name, who: who.user_id if int(name) in who.role_ids else None,
    Scope.OPERATION: lambda name, who: _if(name == who.operation),
    Scope.AGENT: lambda name, who: _if(name == who.agent_name),
    Scope.WORKFLOW: lambda name, who: _if(name == who.workflow_id),
    Scope.DIRECT_MESSAGES: lambda _, who: _if(who.guild_id == BOT),
}
"""The counter that a call adds to, by scope: given the budget's `scope_id` and whom the call is for."""
