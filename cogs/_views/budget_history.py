"""What happened to a server's budgets: who changed them and the settings, and which alerts went out."""

from collections.abc import Mapping
from typing import Any

from discord.utils import format_dt

from bot.usage.alert_rows import Alert, AlertKind
from bot.usage.audit import SYSTEM, AuditLine
from bot.usage.budgets import Budget, Mode, Owner, Scope, Unit
from bot.usage.calendars import Period
from bot.usage.limits import amount_words
from bot.usage.tracker import UsageTracker
from cogs._budget_words import at_limit, title

CHANGES = 15
ALERTS = 10
"""Lines shown of each."""

_SETTINGS = {
    "alert_channel_id": "the channel for alerts",
    "alert_owner": "alerts to the server's owner",
    "usage_role_id": "the role that may see usage",
    "quotas": "quotas",
    "tier": "the server's tier",
    "report_every": "how often reports come",
    "report_channel_id": "the channel for reports",
    "time_zone": "the time zone",
    "commissioner_role_id": "the commissioner role",
    "private_games": "whether games' channels are private",
    "tag_players": "whether players are tagged",
    "announce_channel_id": "the channel for announcements",
}
_ALERTS = {
    AlertKind.PROVIDER_KEY: "The AI provider refused the key",
    AlertKind.PROVIDER_CREDIT: "The AI provider's account was out of credit",
}


async def history_words(tracker: UsageTracker, guild_id: int) -> tuple[str, str]:
    """The newest changes of a server, and its newest alerts. Raises `DatabaseUnavailableError`."""
    changes = await tracker.settings.audit(guild_id, CHANGES, but="league ")
    alerts = await tracker.alerts.history(guild_id, ALERTS)
    budgets = {budget.id: budget for budget in await tracker.budgets.of(guild_id)}
    changed = [change_words(change) for change in changes] or ["Nobody has changed anything yet."]
    alerted = [alert_words(alert, budgets.get(alert.budget_id)) for alert in alerts] or ["There has been none yet."]
    return "\n".join(["## History", "**Changes**", *changed]), "\n".join(["**Alerts**", *alerted])


def change_words(line: AuditLine) -> str:
    """One change: when, who, what."""
    who = "Trilo itself" if line.actor == SYSTEM else f"<@{line.actor}>"
    return f"- {format_dt(line.at, 'f')} {who}: {_what(line)}"


def alert_words(alert: Alert, budget: Budget | None) -> str:
    """One alert: when, what, and whether it has been delivered."""
    told = "" if alert.delivered_at is not None else " · not delivered yet"
    return f"- {format_dt(alert.fired_at, 'f')} {_reached(alert, budget)}{told}"


def _reached(alert: Alert, budget: Budget | None) -> str:
    if alert.kind is not AlertKind.BUDGET:
        return _ALERTS.get(alert.kind, alert.kind.value)
    if budget is None:
        return f"{alert.threshold}\u00a0% of a budget that has been removed since"
    return f"{alert.threshold}\u00a0% of {title(budget)}: {amount_words(budget.unit, alert.used)} used"


def _what(line: AuditLine) -> str:
    if line.action in ("budget set", "budget removed"):
        budget = _budget(line.guild_id, line.facts)
        cap = "the operator's cap, " if budget.owner is Owner.OPERATOR else ""
        return f"{line.action}, {cap}{title(budget)}, {at_limit(budget)}"
    changed = ", ".join(_SETTINGS[name] for name in line.facts if name in _SETTINGS)
    return f"changed {changed}" if line.action == "settings" and changed else line.action


def _budget(guild_id: int, facts: Mapping[str, Any]) -> Budget:
    """As the audit log has it, which is without the finer choices."""
    return Budget(
        id="",
        guild_id=guild_id,
        scope=Scope(facts["scope"]),
        scope_id=facts["scope_id"],
        period=Period(facts["period"]),
        unit=Unit(facts["unit"]),
        limit=facts["limit"],
        mode=Mode(facts["mode"]),
        owner=Owner(facts["owner"]),
    )
