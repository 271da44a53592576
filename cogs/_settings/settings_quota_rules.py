"""Quotas by role: which roles of a server have a tier of their own, and the lists that give, change and remove one."""

from collections.abc import Iterator
from typing import Any

import discord

from bot.client import Trilo
from bot.translation import _, mark, n_
from bot.usage.budgeting.quotas import EXEMPT, Tiers
from cogs._kit.controls import Pick, PickRole
from cogs._kit.tables import LABEL_CHARACTERS, cut
from cogs._settings.settings import SettingsView

_HEADING = mark("**Quotas by role**\n-# Of several tiers that a member has, the best one holds.")
_REMOVE = "-"
"""In the list of tiers: no tier's name begins with a dash."""
_SHOWN = 20
"""Rules in words; the others are found through their roles."""
_MOST_OPTIONS = 25


def quota_rules(view: SettingsView) -> list[discord.ui.Item[Any]]:
    """The rules, a list of roles, one of rules that no role there is stands for, and the tiers for what was picked."""

    async def picked_role(interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        view.quota_subject = f"role:{chosen[0].id}" if chosen else None
        await view.redraw(interaction)

    async def picked_other(interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        view.quota_subject = values[0]
        await view.redraw(interaction)

    picked = view.quota_subject
    role = _role(view.guild, picked) if picked else None
    roles = PickRole(
        picked_role,
        custom_id="settings:quota-role",
        placeholder=_("Choose a role to give it a tier, or to change its own"),
        chosen=role.id if role else None,
    )
    rows: list[discord.ui.Item[Any]] = [discord.ui.TextDisplay(_text(view)), discord.ui.ActionRow(roles)]
    others = [s for s in view.quota_rules if _role(view.guild, s) is None and len(s) <= LABEL_CHARACTERS]
    if others:
        options = [
            discord.SelectOption(label=_label(view, subject), value=subject, default=subject == picked)
            for subject in others[:_MOST_OPTIONS]
        ]
        select = Pick(options, picked_other, custom_id="settings:quota-others", placeholder=_("Or one of these"))
        rows.append(discord.ui.ActionRow(select))
    if picked is not None and (role is not None or picked in others):
        rows.append(discord.ui.ActionRow(_tiers(view, picked)))
    return rows


def tier_words(tiers: Tiers, name: str) -> str:
    """What a tier gives: `premium, 1,000,000 tokens a month`, or `no quota`."""
    if name == EXEMPT:
        return _("no quota")
    if name not in tiers.names:
        return _("{tier}, which isn't there any more: as free", tier=name)
    return f"{name}, {_tokens(tiers, name)}"


def _tiers(view: SettingsView, subject: str) -> Pick:
    """What can be given to whom was picked, and taken away again."""
    tiers, has = view.tracker.quotas.tiers, view.quota_rules.get(subject)

    async def chosen(interaction: discord.Interaction[Trilo], values: list[str]) -> None:
        tier = None if values[0] == _REMOVE else values[0]
        await view.tracker.quotas.set_rule(view.guild.id, subject, tier, actor=interaction.user.id)
        told = _("has no rule of its own now") if tier is None else tier_words(tiers, tier)
        await view.redraw(interaction, f"✅ {_whom(view.guild, subject)}: {told}.")

    options = [discord.SelectOption(label=_("No quota"), value=EXEMPT, default=has == EXEMPT)]
    if has is not None:
        options.append(discord.SelectOption(label=_("Remove"), value=_REMOVE, description=_("The rule, not the role")))
    options += [
        discord.SelectOption(label=name, value=name, description=_tokens(tiers, name), default=has == name)
        for name in tiers.names[: _MOST_OPTIONS - len(options)]
    ]
    return Pick(options, chosen, custom_id="settings:quota-tier", placeholder=_("Which tier?"))


def _text(view: SettingsView) -> str:
    more = len(view.quota_rules) - _SHOWN
    others = n_("and {n}\u00a0other", "and {n}\u00a0others", more) if more > 0 else ""
    waiting = _("-# They hold once quotas are on.") if view.quota_rules and not view.settings.quotas else ""
    return "\n".join(filter(None, [_(_HEADING), *_lines(view), others, waiting]))


def _lines(view: SettingsView) -> Iterator[str]:
    tiers = view.tracker.quotas.tiers
    for subject, tier in list(view.quota_rules.items())[:_SHOWN]:
        yield f"{_whom(view.guild, subject)}: {tier_words(tiers, tier)}"


def _label(view: SettingsView, subject: str) -> str:
    """A rule where Discord shows no mentions, of somebody whom no role there is stands for."""
    words = f"{_by_digits(subject)}: {tier_words(view.tracker.quotas.tiers, view.quota_rules[subject])}"
    return cut(words, LABEL_CHARACTERS)


def _whom(guild: discord.Guild, subject: str) -> str:
    """A rule's subject as Discord's own marks, shown as names and pinging nobody."""
    kind, _colon, subject_id = subject.partition(":")
    role = _role(guild, subject)
    if role is not None:
        return _("everyone") if role.is_default() else role.mention
    return f"<@{subject_id}>" if kind == "user" and subject_id.isdecimal() else _by_digits(subject)


def _by_digits(subject: str) -> str:
    kind, _colon, subject_id = subject.partition(":")
    digits = subject_id[-4:]
    return _("deleted role {digits}", digits=digits) if kind == "role" else _("member {digits}", digits=digits)


def _role(guild: discord.Guild, subject: str) -> discord.Role | None:
    """The role of a rule; None of one that is gone, and of a person's."""
    kind, _colon, subject_id = subject.partition(":")
    return guild.get_role(int(subject_id)) if kind == "role" else None


def _tokens(tiers: Tiers, name: str) -> str:
    most = tiers.get(name).monthly_tokens
    if most is None:
        return _("as many tokens a month as they like")
    return n_("{n}\u00a0token a month", "{n}\u00a0tokens a month", most)
