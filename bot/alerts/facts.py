"""Everything that an alert's message says, read once; the views only put it into words."""

from dataclasses import dataclass, replace

from bot.alerts.cause import Cause, read_cause
from bot.usage.budgeting.alert_rows import Alert
from bot.usage.budgeting.budget_book import Standing
from bot.usage.budgeting.budgets import FULL, Budget, Level
from bot.usage.tracker import UsageTracker


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """An alert and what is known around it. `standing` is None of what isn't a budget's, or of one removed since.

    `is_over`: the period that it is about has ended, so that the message comes late.
    """

    alert: Alert
    standing: Standing | None = None
    cause: Cause | None = None
    is_over: bool = False
    is_test: bool = False

    @property
    def budget(self) -> Budget | None:
        """The budget as it is now."""
        return self.standing.budget if self.standing is not None else None

    @property
    def is_past(self) -> bool:
        """Whether what it tells isn't so any more: the period is over, the budget is gone, or its limit was raised."""
        is_removed = bool(self.alert.budget_id) and self.standing is None
        return self.is_over or is_removed or self.is_raised

    @property
    def is_raised(self) -> bool:
        """Whether the limit was raised since, so far that the threshold isn't reached any more."""
        if self.standing is None or self.standing.budget.limit <= self.alert.limit:
            return False
        used = max(self.standing.level.used, self.alert.used)
        return used * FULL < self.alert.threshold * self.standing.budget.limit


async def read_facts(
    tracker: UsageTracker, alert: Alert, *, with_members: bool = False, is_test: bool = False
) -> AlertFacts:
    """The facts of an alert as the books have them now. Raises `DatabaseUnavailableError`."""
    standings = await tracker.budgets.standing(alert.guild_id) if alert.budget_id else []
    of_budget = [standing for standing in standings if standing.budget.id == alert.budget_id]
    if not of_budget:
        return AlertFacts(alert, is_test=is_test)
    # Of a budget for each member, that member's: beyond the dearest hundred only the budget itself is at hand.
    unknown = replace(of_budget[0], key=alert.key, level=Level(), runs_out_at=None)
    standing = next((found for found in of_budget if found.key == alert.key), unknown)
    calendar = tracker.calendar(alert.guild_id)
    running = calendar.start(standing.budget.period, tracker.clock())
    cause = await read_cause(tracker.reports, alert, standing.budget, with_members=with_members)
    return AlertFacts(alert, standing, cause, is_over=running != alert.period_start, is_test=is_test)
