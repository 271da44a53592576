"""The plan of an announcement: the text as it will stand, where it goes, and whom it pings."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import discord

from bot.client import Trilo
from bot.league.advance_plan import AdvancePlan, announcement, obstacles
from bot.league.league_book import ADVANCE
from bot.league.limits import ANNOUNCEMENT_CHANNELS, ANNOUNCEMENT_ROLES
from bot.league.names import MAX_WEEK
from bot.league.when import understand_when
from bot.translation import _
from bot.usage.reporting.receipts import Receipt
from cogs._kit.asker import Asker
from cogs._kit.channels import Writable, may_write
from cogs._kit.controls import PickChannel, PickRole, Press
from cogs._league.advance_form import AdvanceForm, not_understood
from cogs._league.announce import announce
from cogs._league.plan import PlanView
from cogs._league.plan_words import safe
from cogs._league.week import roles_to_mention


class AdvancePlanView(PlanView):
    """Announce the advance. `questions` are what is open: a time that wasn't understood, say, which `when` keeps."""

    action = ADVANCE

    def __init__(
        self,
        asker: Asker,
        plan: AdvancePlan,
        *,
        zone: str,
        when: str,
        questions: Sequence[str],
        receipt: Receipt,
        shows_money: bool,
    ) -> None:
        super().__init__(asker, "/league advance", receipt, shows_money=shows_money)
        self.plan = plan
        self.zone = zone
        self.when = when
        self.questions = list(questions)

    def heading(self) -> str:
        """That it is a preview."""
        return _("Announce the advance")

    def lines(self) -> Sequence[str]:
        """The announcement itself."""
        return [_("-# This is what will be posted:"), *announcement(self.plan).split("\n")]

    def below(self) -> Sequence[str]:
        """Where it goes, who is pinged, and in which zone a time was meant."""
        words = []
        if self.plan.channel_ids:
            goes_to = " ".join(f"<#{channel_id}>" for channel_id in self.plan.channel_ids)
            words.append(_("Goes to {channels}.", channels=goes_to))
        loud = self._loud()
        silent = [role for role in self.plan.role_ids if role not in loud]
        if loud:
            words.append(_("Pings {roles}.", roles=" ".join(f"<@&{role}>" for role in loud)))
        if silent:
            words.append(
                _(
                    "Doesn't ping {roles}: make it mentionable under Server Settings → Roles, and then you and I may "
                    "mention it.",
                    roles=" ".join(f"<@&{role}>" for role in silent),
                )
            )
        words.append(_("-# Times are in {zone}, this server's time zone; everybody sees their own.", zone=self.zone))
        return words

    def obstacles(self) -> Sequence[str]:
        """What is open, and channels in which the person or the bot can't write."""
        found = obstacles(self.plan, questions=self.questions)
        if self.plan.at is not None and self.plan.at <= self.tracker.clock():
            found.append(_("The time of the next advance is over. Give another under **Edit**."))
        for channel_id in self.plan.channel_ids:
            channel = self.guild.get_channel_or_thread(channel_id)
            if not isinstance(channel, Writable):
                found.append(_("One of the channels is gone, or takes no messages. Choose another."))
            elif not may_write(channel, self.asker.user):
                found.append(_("You can't write in {channel} yourself, so I don't for you.", channel=channel.mention))
            elif not may_write(channel, self.guild.me):
                needs = _(
                    "I may not write in {channel}: I need View Channel and Send Messages there.",
                    channel=channel.mention,
                )
                found.append(needs)
        return found

    def carry_out_label(self) -> str:
        """Post it."""
        return _("Post it")

    def controls(self) -> list[discord.ui.ActionRow[Any]]:
        """Edit, the channels, the roles."""
        return [
            discord.ui.ActionRow(
                Press(_("Edit"), self._edit, custom_id="plan:edit", opens_form=True, style=discord.ButtonStyle.primary)
            ),
            discord.ui.ActionRow(
                PickChannel(
                    self._pick_channels,
                    custom_id="plan:channels",
                    placeholder=_("Up to {most} channels", most=ANNOUNCEMENT_CHANNELS),
                    chosen=self.plan.channel_ids[:ANNOUNCEMENT_CHANNELS],
                    most=ANNOUNCEMENT_CHANNELS,
                )
            ),
            discord.ui.ActionRow(
                PickRole(
                    self._pick_roles,
                    custom_id="plan:roles",
                    placeholder=_("Roles to mention"),
                    chosen=self.plan.role_ids[:ANNOUNCEMENT_ROLES],
                    most=ANNOUNCEMENT_ROLES,
                )
            ),
        ]

    def planned(self) -> dict[str, Any]:
        """What was announced, without its message."""
        at = self.plan.at.isoformat() if self.plan.at else None
        return {"week": self.plan.week, "at": at, "roles": list(self.plan.role_ids)}

    async def carry_out(self, interaction: discord.Interaction[Trilo]) -> tuple[str, dict[str, Any]]:
        """Post it everywhere or nowhere."""
        posted = await announce(self._channels(), self.plan, self._loud(), self.progress)
        links = " ".join(message.jump_url for message in posted)
        return _("✅ Posted: {links}", links=links), {"posts": len(posted)}

    def change(self, week: str, when: str, message: str) -> None:
        """Take over what was typed under Edit, as far as it is understood, and ask about the rest."""
        at = understand_when(when, zone=self.zone, now=self.tracker.clock()) if when else None
        number = int(week) if week.isdecimal() and int(week) <= MAX_WEEK else None
        self.plan = replace(self.plan, week=number, at=at, message=message)
        self.when, self.question = when if at is None else "", ""
        self.questions = [not_understood(when)] if when and at is None else []
        if week and number is None:
            no_week = _("“{text}” is no week: give a number from 0 to {last}.", text=safe(week), last=MAX_WEEK)
            self.questions.append(no_week)

    async def _edit(self, interaction: discord.Interaction[Trilo]) -> None:
        plan = self.plan
        when = self.when or (f"{plan.at.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M}" if plan.at else "")
        week = str(plan.week) if plan.week is not None else ""
        form = AdvanceForm(self, week=week, when=when, message=plan.message, typed=self.change)
        await interaction.response.send_modal(form)

    async def _pick_channels(self, interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        self.plan = replace(self.plan, channel_ids=tuple(channel.id for channel in chosen))
        await self.redraw(interaction)

    async def _pick_roles(self, interaction: discord.Interaction[Trilo], chosen: list[Any]) -> None:
        """Never everyone's."""
        self.plan = replace(self.plan, role_ids=tuple(role.id for role in chosen if not role.is_default()))
        await self.redraw(interaction)

    def _channels(self) -> list[Writable]:
        found = [self.guild.get_channel_or_thread(channel_id) for channel_id in self.plan.channel_ids]
        return [channel for channel in found if isinstance(channel, Writable)]

    def _loud(self) -> list[int]:
        """Those of its roles that are pinged: in each channel the person may mention them, and so may the bot."""
        both = (self.asker.user, self.guild.me)
        held = [channel.permissions_for(one) for channel in self._channels() for one in both]
        may = roles_to_mention(self.guild, self.guild.me.guild_permissions, *held)
        return [role for role in self.plan.role_ids if role in may]
