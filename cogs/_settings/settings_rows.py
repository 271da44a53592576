"""The rows of `/settings`: for each setting its words, and the button or list that changes it."""

from typing import Any, get_args

import discord

from bot.client import Trilo
from bot.translation import _, mark, n_
from bot.usage.budgeting.quotas import SubscriptionTier
from bot.usage.budgeting.server_settings import ReportEvery
from cogs._alerts.alert_targets import TITLE, open_alert_targets
from cogs._kit.controls import Pick, PickRole, Press
from cogs._settings.settings import Page, Row, SettingsView
from cogs._settings.settings_channels import pick_channel
from cogs._settings.settings_language import languages
from cogs._settings.settings_league import announcements, commissioner, private_games, tag_players, teams
from cogs._settings.settings_quota_rules import quota_rules
from cogs._settings.settings_retention import retention
from cogs._settings.settings_switch import switch
from cogs._settings.settings_where import channels, model, roles
from cogs._settings.settings_zone_form import ZoneForm, set_zone

_EVERY = {"off": mark("Off"), "day": mark("Daily"), "week": mark("Weekly"), "month": mark("Monthly")}
_REPORTS = {
    "off": mark("Reports: off."),
    "day": mark("Reports: daily."),
    "week": mark("Reports: weekly."),
    "month": mark("Reports: monthly."),
}
_ZONE_RULE = mark(
    "-# A change holds from the next start of each day, week and month: running ones end as they began. "
    "Days that are over stay as they were counted."
)


def alert_channel(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Where alerts on budgets go."""
    select = pick_channel(view, "alert_channel_id", custom_id="settings:alerts")
    text = _(
        "**Channel for alerts**\n-# Where I say that a budget is nearly used up. Best one that only your team reads."
    )
    return [discord.ui.TextDisplay(text), discord.ui.ActionRow(select)]


def alert_owner(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Whether the server's owner gets alerts that no channel takes."""
    return switch(
        view,
        "alert_owner",
        _("-# Alerts that reach no channel go to the server's owner by direct message."),
        on=_("**Direct message to the owner: on**"),
        off=_("**Direct message to the owner: off**"),
        turned_on=_("Direct messages to the owner are on."),
        turned_off=_("Direct messages to the owner are off."),
    )


def alert_addresses(_view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Addresses outside Discord, in a view of their own."""
    told = _("-# Alerts go to addresses outside Discord as well.")
    text = discord.ui.TextDisplay[Any](f"**{_(TITLE)}**\n{told}")
    return [discord.ui.Section(text, accessory=Press(_("Open"), open_alert_targets, custom_id="settings:addresses"))]


def usage_role(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """The role that may see usage besides Manage Server."""

    async def picked(interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        role = chosen[0] if chosen else None
        if role is not None and role.is_default():
            note = _("That role is everyone's: all members would see what this server spends. Nothing was changed.")
            await view.redraw(interaction, note)
            return
        told = (
            _("{role} may see usage now.", role=role.mention)
            if role
            else _("No role may see usage besides Manage Server now.")
        )
        await view.choose(interaction, told, usage_role_id=role.id if role else None)

    select = PickRole(
        picked, custom_id="settings:usage-role", placeholder=_("No role"), chosen=view.settings.usage_role_id
    )
    text = _("**Who may see usage**\n-# People with Manage Server, and this role: `/token-stats` with all its amounts.")
    return [discord.ui.TextDisplay(text), discord.ui.ActionRow(select)]


def quotas(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """Whether members' monthly quotas hold here."""
    free = view.tracker.quotas.tiers.get(SubscriptionTier.FREE).monthly_tokens
    if free is None:
        told = _(
            "-# Each member gets as many tokens a month as they like, by a higher tier more. "
            "`/my-usage` shows what is left."
        )
    else:
        told = n_(
            "-# Each member gets {n} token a month, by a higher tier more. `/my-usage` shows what is left.",
            "-# Each member gets {n} tokens a month, by a higher tier more. `/my-usage` shows what is left.",
            free,
        )
    return switch(
        view,
        "quotas",
        told,
        on=_("**Quotas for members: on**"),
        off=_("**Quotas for members: off**"),
        turned_on=_("Quotas are on: what members used this month counts already."),
        turned_off=_("Quotas are off."),
    )


def time_zone(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """The zone that days, weeks and months are counted in; a list where what was typed matches several."""

    async def pressed(interaction: discord.Interaction[Trilo]) -> None:
        await interaction.response.send_modal(ZoneForm(view))

    async def picked(interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        await set_zone(view, interaction, values[0])

    heading = _("**Time zone: {zone}**", zone=view.settings.time_zone)
    text = discord.ui.TextDisplay[Any](f"{heading}\n{_(_ZONE_RULE)}")
    change = Press(_("Change"), pressed, custom_id="settings:zone", opens_form=True)
    rows: list[discord.ui.Item[Any]] = [discord.ui.Section(text, accessory=change)]
    if view.zone_choices:
        options = [discord.SelectOption(label=name, value=name) for name in view.zone_choices]
        select = Pick(options, picked, custom_id="settings:zones", placeholder=_("Which of these?"))
        rows.append(discord.ui.ActionRow(select))
    return rows


def reports(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """How often a report comes, and where."""

    async def often(interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        every = values[0] if values[0] in get_args(ReportEvery) else None
        told = _(_REPORTS[values[0]])
        if every and view.settings.report_channel_id is None:
            missing = _("Choose a channel for them as well.")
            told = f"{told} {missing}"
        await view.choose(interaction, told, report_every=every)

    now = view.settings.report_every or "off"
    options = [discord.SelectOption(label=_(name), value=value, default=value == now) for value, name in _EVERY.items()]
    return [
        discord.ui.TextDisplay(_("**Reports**\n-# What AI cost since the last one, in a channel of your choice.")),
        discord.ui.ActionRow(Pick(options, often, custom_id="settings:every")),
        discord.ui.ActionRow(pick_channel(view, "report_channel_id", custom_id="settings:reports")),
    ]


_ALERTS: tuple[Row, ...] = (alert_channel, alert_owner, alert_addresses)
PAGES = {
    "alerts": Page(mark("Alerts"), _ALERTS),
    "where": Page(mark("Where I answer"), (channels, roles, model)),
    "people": Page(mark("Who may see usage"), (usage_role,)),
    "quotas": Page(mark("Quotas for members"), (quotas, quota_rules)),
    "time": Page(mark("Time zone and reports"), (time_zone, reports)),
    "privacy": Page(mark("Privacy"), (retention,)),
    "language": Page(mark("Language"), (languages,)),
    "league": Page(mark("League"), (commissioner, private_games, tag_players, announcements, teams)),
}
"""Every page, in the order of the list."""
