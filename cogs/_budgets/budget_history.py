"""What happened to a server's budgets: who changed them and the settings, and which alerts went out."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from discord.utils import format_dt

from bot.figures import amount, at_limit
from bot.translation import _, mark
from bot.usage.budgeting.alert_rows import Alert, AlertKind
from bot.usage.budgeting.budgets import Budget, Mode, Owner, Scope, Unit
from bot.usage.budgeting.calendars import Period
from bot.usage.storage.audit import AuditLine
from bot.usage.tracker import UsageTracker
from cogs._budgets.budget_words import title
from cogs._kit.names import who_words

CHANGES = 15
ALERTS = 10
"""Lines shown of each, at most: long ones may be fewer."""
_CHANGES_ROOM, _ALERTS_ROOM = 2_400, 1_400
"""Characters of each: Discord allows 4,000 in a message."""

_SETTINGS = {
    "alert_channel_id": mark("the channel for alerts"),
    "alert_owner": mark("alerts to the server's owner"),
    "usage_role_id": mark("the role that may see usage"),
    "quotas": mark("quotas"),
    "tier": mark("the server's tier"),
    "report_every": mark("how often reports come"),
    "report_channel_id": mark("the channel for reports"),
    "time_zone": mark("the time zone"),
    "commissioner_role_id": mark("the commissioner role"),
    "private_games": mark("whether games' channels are private"),
    "tag_players": mark("whether players are tagged"),
    "announce_channel_id": mark("the channel for announcements"),
    "retention_days": mark("how long single calls are kept"),
    "language": mark("the language"),
    "answer_channel_ids": mark("where I answer"),
    "answer_role_ids": mark("whom I answer"),
    "always_fast": mark("the model"),
}
_ALERTS = {
    AlertKind.PROVIDER_KEY: mark("The AI provider refused the key"),
    AlertKind.PROVIDER_CREDIT: mark("The AI provider's account was out of credit"),
}
_ACTIONS = {
    "budget set": mark("budget set, {budget}, {rule}"),
    "budget removed": mark("budget removed, {budget}, {rule}"),
    "AI paused": mark("AI paused"),
    "AI resumed": mark("AI resumed"),
    "settings": mark("settings"),
    "quota rule": mark("quota rule"),
    "tier granted": mark("tier granted"),
    "tier taken back": mark("tier taken back"),
    "alert address added": mark("alert address added"),
    "alert address removed": mark("alert address removed"),
    "sum repaired": mark("sum repaired"),
    "reconciled": mark("reconciled"),
}
"""Actions as the audit log has them; any other is told as it stands there."""


async def history_words(tracker: UsageTracker, guild_id: int) -> tuple[str, str]:
    """The newest changes of a server, and its newest alerts. Raises `DatabaseUnavailableError`."""
    changes = await tracker.settings.audit(guild_id, CHANGES, but="league ")
    alerts = await tracker.alerts.history(guild_id, ALERTS)
    budgets = {budget.id: budget for budget in await tracker.budgets.of(guild_id)}
    changed = [change_words(change) for change in changes] or [_("Nobody has changed anything yet.")]
    alerted = [alert_words(alert, budgets.get(alert.budget_id)) for alert in alerts] or [_("There has been none yet.")]
    changed, alerted = _fitting(changed, _CHANGES_ROOM), _fitting(alerted, _ALERTS_ROOM)
    return "\n".join([_("## History"), _("**Changes**"), *changed]), "\n".join([_("**Alerts**"), *alerted])


def change_words(line: AuditLine) -> str:
    """One change: when, who, what."""
    who = who_words(line.actor)
    return f"- {format_dt(line.at, 'f')} {who}: {_what(line)}"


def alert_words(alert: Alert, budget: Budget | None) -> str:
    """One alert: when, what, and whether it has been delivered."""
    line = f"- {format_dt(alert.fired_at, 'f')} {_reached(alert, budget)}"
    return line if alert.delivered_at is not None else _("{alert} · not delivered yet", alert=line)


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    """The first lines, as many as there is room for."""
    ends = accumulate(len(line) + 1 for line in lines)
    return [line for line, end in zip(lines, ends, strict=True) if end <= room]


def _reached(alert: Alert, budget: Budget | None) -> str:
    if alert.kind is not AlertKind.BUDGET:
        return _(_ALERTS[alert.kind]) if alert.kind in _ALERTS else alert.kind.value
    share = f"{alert.threshold}\u00a0%"
    if budget is None:
        return _("{share} of a budget that has been removed since", share=share)
    used = amount(budget.unit, alert.used, of=budget.limit)
    return _("{share} of {budget}: {amount} used", share=share, budget=title(budget), amount=used)


def _what(line: AuditLine) -> str:
    if line.action in ("budget set", "budget removed"):
        budget = _budget(line.guild_id, line.facts)
        told = title(budget)
        if budget.owner is Owner.OPERATOR:
            told = _("the operator's cap, {budget}", budget=told)
        return _(_ACTIONS[line.action], budget=told, rule=at_limit(budget))
    changed = ", ".join(_(_SETTINGS[name]) for name in line.facts if name in _SETTINGS)
    if line.action == "settings" and changed:
        return _("changed {settings}", settings=changed)
    return _(_ACTIONS[line.action]) if line.action in _ACTIONS else line.action


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
