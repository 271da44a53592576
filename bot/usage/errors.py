"""What the books raise on purpose. The whole tree is drawn in `bot.errors`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from bot.usage.money import usd_text


class TriloError(Exception):
    """Root of everything Trilo raises on purpose. Can be pickled, so that pools of processes hand it on."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuilt from its words and data: the constructors make the words themselves."""
        return _rebuilt, (type(self), self.args, self.__dict__)


def _rebuilt(kind: type[TriloError], args: tuple[Any, ...], data: dict[str, Any]) -> TriloError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(data)
    return error


class UsageError(TriloError):
    """Root of what the books raise."""


class DatabaseBusyError(UsageError):
    """Another process holds the database. `path` is the lock file, `waited_seconds` how long was waited for it."""

    def __init__(self, path: str, waited_seconds: float) -> None:
        super().__init__(
            f"another process is using this database (lock {path}, waited {waited_seconds:g} s). "
            "Stop it first, or give this process a DATABASE_URL of its own."
        )
        self.path = path
        self.waited_seconds = waited_seconds


class DatabaseUrlError(UsageError):
    """The database URL isn't one we know. Only its `scheme` is kept: the rest may hold a password."""

    def __init__(self, scheme: str) -> None:
        super().__init__(
            f"DATABASE_URL starts with {scheme or 'nothing'!r}; use sqlite:///data/trilo.db (relative), "
            "sqlite:////absolute/path.db or postgresql://user:password@host/name, with %23 for a # in the password, "
            "%2F for a / and %3F for a ?"
        )
        self.scheme = scheme


class DatabaseUnavailableError(UsageError):
    """The database can't be opened, read or written just now. `path` and `problem` say which and why."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"the database {path} is unavailable: {problem}")
        self.path = path
        self.problem = problem


class SchemaTooNewError(UsageError):
    """The database was made by a later version. `steps` are those this version doesn't know."""

    def __init__(self, steps: list[str]) -> None:
        super().__init__(f"the database was made by a later version of Trilo (it has {', '.join(steps)}): update Trilo")
        self.steps = steps


class ElsewhereBackedUpError(UsageError):
    """PostgreSQL copies and restores its databases by tools of its own. `command` is the one, without a password."""

    def __init__(self, command: str) -> None:
        super().__init__(f"PostgreSQL has a tool of its own for that. Run: {command}")
        self.command = command


class CannotMoveError(UsageError):
    """Books can't be moved to another database, or haven't all arrived there. `problem` says why, and what to do."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"{problem}; the books that are moved stay as they were")
        self.problem = problem


class NotABackupError(UsageError):
    """A file can't be a backup, or can't be restored. `path` and `problem` say which and why."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class RepairedMeanwhileError(UsageError):
    """Somebody else repaired the sums since they were counted; `repaired` differences were mended before that."""

    def __init__(self, repaired: int) -> None:
        super().__init__(f"somebody else repaired sums meanwhile; {repaired} were mended here: look again")
        self.repaired = repaired


class DataFileError(UsageError):
    """A file of data/ has a mistake. `path` is the file, `entry` where in it, `problem` what is wrong."""

    def __init__(self, path: Path, entry: str, problem: str) -> None:
        super().__init__(f"{path}: {entry}: {problem}")
        self.path = path
        self.entry = entry
        self.problem = problem


class UntrackableCallError(UsageError):
    """A way of calling the model that can't be counted, and is therefore refused. `what` names it."""

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(f"{what} can't be tracked, so the call was not made. {instead}")
        self.what = what


class AnswerTooLargeError(UsageError):
    """A provider sent more than `most_bytes` for one answer, so it wasn't read to its end. It may be billed."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"an answer of more than {most_bytes} bytes isn't read")
        self.most_bytes = most_bytes


class RemoteBooksError(UsageError):
    """Books behind a REST API can't be opened, or don't answer a question. `host` and `problem` say which and why."""

    def __init__(self, host: str, problem: str) -> None:
        super().__init__(f"the books at {host or 'that address'} can't be used: {problem}")
        self.host = host
        self.problem = problem


class NotOverRestError(UsageError, AttributeError):
    """What needs the database was asked of a tracker whose books are behind a REST API. `what` names it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} needs the database itself. Ask the REST API (docs/rest-api.md), or open the database's own URL"
        )
        self.what = what


class LedgerClosedError(UsageError):
    """A call came after the tracker was closed."""

    def __init__(self) -> None:
        super().__init__("the tracker is closed: make the call inside `async with open_tracker(...)`")


class NoTrackerError(UsageError):
    """There is no open tracker in this process."""

    def __init__(self) -> None:
        super().__init__("no tracker is open: use `async with open_tracker(database_url) as tracker:`")


class InvalidBudgetError(UsageError):
    """A budget that makes no sense. `field` names what is wrong with it, `problem` how."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class AlreadyBookedError(UsageError):
    """Room is asked for a call that isn't open: it has ended, or was never reserved. `call_id` is its id."""

    def __init__(self, call_id: str) -> None:
        super().__init__("a call of this id and time isn't open any more: it is on the books, or was never reserved")
        self.call_id = call_id


class CallRefusedError(UsageError):
    """A call was refused before it left: nothing was sent, nothing is owed. `guild_id` is the server's, 0 outside."""

    def __init__(self, guild_id: int, message: str) -> None:
        super().__init__(message)
        self.guild_id = guild_id

    @property
    def cause(self) -> str:
        """The word under which refusals of this kind are counted."""
        return "refused"


class Why(StrEnum):
    """Why a budget refused a call."""

    USED_UP = "used_up"
    """What is left can't cover the call's worst case, and won't before the period is over."""
    BUSY = "busy"
    """It would fit, but for the calls in flight: try again."""
    UNKNOWN_COST = "unknown_cost"
    """What the call can cost can't be told before it leaves (I15)."""
    OUT_OF_REACH = "out_of_reach"
    """The books can't be reached, and a hard budget fails closed (I23)."""


@dataclass(frozen=True, slots=True)
class BudgetFigures:
    """The numbers of a budget that refused a call, in its `unit`: nano-USD ("usd") or tokens.

    `needed` is the call's worst case, None where it is unknown, `small` that of a small call like it. `ends_at` is when
    the period is over (UTC), None for one that never is. `key` is the member's id in a budget for each member.
    """

    budget_id: str
    scope: str
    scope_id: str
    key: str
    period: str
    unit: str
    owner: str
    limit: int
    spent: int = 0
    reserved: int = 0
    doubtful: int = 0
    needed: int | None = None
    small: int | None = None
    ends_at: datetime | None = None

    @property
    def left(self) -> int:
        """What is neither used nor reserved."""
        return max(0, self.limit - self.spent - self.doubtful - self.reserved)


class BudgetExceededError(CallRefusedError):
    """A budget doesn't allow the call. `why` says how, `budget` has the numbers."""

    def __init__(self, guild_id: int, why: Why, budget: BudgetFigures) -> None:
        amount = _dollars if budget.unit == "usd" else _tokens
        whose = " ".join(filter(None, (budget.scope.replace("_", " "), budget.key or budget.scope_id)))
        super().__init__(
            guild_id,
            f"refused by the budget of {amount(budget.limit)} {_EVERY[budget.period]} for {whose}: "
            f"{why.value.replace('_', ' ')} (spent {amount(budget.spent)}, doubtful {amount(budget.doubtful)}, "
            f"reserved {amount(budget.reserved)}, needed {amount(budget.needed)})",
        )
        self.why = why
        self.budget = budget

    @property
    def cause(self) -> str:
        """Such as `budget used_up`."""
        return f"budget {self.why.value}"

    @property
    def is_too_large(self) -> bool:
        """Whether it is the call that is too large: more than a quarter of the limit, where a small one would fit."""
        figures, left = self.budget, self.budget.limit - self.budget.spent - self.budget.doubtful
        if self.why is not Why.USED_UP or figures.needed is None or figures.small is None:
            return False
        return 4 * figures.needed > figures.limit and left >= figures.small and left > 0

    @property
    def is_busy(self) -> bool:
        """Whether trying again in a moment may help."""
        return self.why in (Why.BUSY, Why.OUT_OF_REACH)


_EVERY = {"day": "a day", "week": "a week", "month": "a month", "total": "in total"}


def _dollars(nano_usd: int | None) -> str:
    return "unknown" if nano_usd is None else f"${usd_text(nano_usd)}"


def _tokens(tokens: int | None) -> str:
    return "unknown" if tokens is None else f"{tokens} tokens"


class BooksOutOfReachError(CallRefusedError):
    """The books behind a REST API can't be asked, and a budget may stop the call (I23). `host` is where they are."""

    def __init__(self, guild_id: int, host: str) -> None:
        super().__init__(guild_id, f"the books at {host} can't be asked, and a budget may stop this call: try again")
        self.host = host

    @property
    def cause(self) -> str:
        """As of a budget out of reach."""
        return f"budget {Why.OUT_OF_REACH.value}"


class QuotaExceededError(CallRefusedError):
    """A person's monthly tokens are used up, or the operation is for premium members. `result` has the numbers."""

    def __init__(self, guild_id: int, user_id: str, result: "QuotaResult") -> None:
        super().__init__(guild_id, result.reason)
        self.user_id = user_id
        self.result = result

    @property
    def cause(self) -> str:
        """`quota`, `quota busy`, or `premium` for an operation that needs a subscription."""
        if self.result.premium_required:
            return "premium"
        return "quota busy" if self.result.is_busy else "quota"


@dataclass(frozen=True, slots=True)
class QuotaResult:
    """Whether an operation may run. `tokens_remaining` is None without a limit; `resets_at` is UTC."""

    allowed: bool
    reason: str
    requires_upgrade: bool
    tokens_remaining: int | None
    tier: str = "free"
    used: int = 0
    limit: int | None = None
    resets_at: datetime | None = None
    premium_required: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether calls in flight hold all that is left: then trying again in a moment may help."""
        held = self.tokens_remaining == 0 and self.limit is not None and self.used < self.limit
        return held and not (self.allowed or self.premium_required)


class OptedOutError(CallRefusedError):
    """The person has opted out of AI: no model is called for them until they opt in again. `user_id` is theirs."""

    def __init__(self, guild_id: int, user_id: str) -> None:
        super().__init__(guild_id, "this person has opted out of AI")
        self.user_id = user_id

    @property
    def cause(self) -> str:
        """`opted out`."""
        return "opted out"


class AiPausedError(CallRefusedError):
    """Somebody paused the AI on this server. `until` is UTC, None: until somebody resumes it."""

    def __init__(self, guild_id: int, until: datetime | None) -> None:
        super().__init__(
            guild_id, f"the AI is paused {f'until {until.isoformat()}' if until else 'until it is resumed'}"
        )
        self.until = until

    @property
    def cause(self) -> str:
        """`paused`."""
        return "paused"
