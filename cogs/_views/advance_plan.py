"""The plan of an announcement: the text as it will stand, where it goes, and whom it pings."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import discord

from bot.client import Trilo
from bot.league.advance_plan import AdvancePlan, announcement, obstacles
from bot.league.league_book import ADVANCE
from bot.league.limits import ANNOUNCEMENT_CHANNELS, ANNOUNCEMENT_ROLES
from bot.translation import _
from bot.usage.reporting.receipts import Receipt
from cogs._access import acknowledge
from cogs._announce import Postable, announce, may_write
from cogs._asker import Asker
from cogs._views.advance_form import AdvanceForm
from cogs._views.owned import Press
from cogs._views.plan import PlanView
from cogs._week import roles_to_mention


class AdvancePlanView(PlanView):
    """Announce the advance. `questions` are what is open: a time that wasn't understood, say, which `when` keeps."""

    action = ADVANCE

    def __init__(
        self,
        asker: Asker,
        plan: AdvancePlan,
        *,
        zone: str,
        when: str = "",
        questions: Sequence[str] = (),
        receipt: Receipt | None = None,
        shows_money: bool = False,
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
            if not isinstance(channel, Postable):
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
            discord.ui.ActionRow(PickChannels(self)),
            discord.ui.ActionRow(PickRoles(self)),
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

    async def _edit(self, interaction: discord.Interaction[Trilo]) -> None:
        await interaction.response.send_modal(AdvanceForm(self, self.tracker.clock()))

    def _channels(self) -> list[Postable]:
        found = [self.guild.get_channel_or_thread(channel_id) for channel_id in self.plan.channel_ids]
        return [channel for channel in found if isinstance(channel, Postable)]

    def _loud(self) -> list[int]:
        """Those of its roles that are pinged: in each channel the person may mention them, and so may the bot."""
        both = (self.asker.user, self.guild.me)
        held = [channel.permissions_for(one) for channel in self._channels() for one in both]
        may = roles_to_mention(self.guild, self.guild.me.guild_permissions, *held)
        return [role for role in self.plan.role_ids if role in may]


class PickChannels(discord.ui.ChannelSelect[Any]):
    """The channels it goes to."""

    def __init__(self, view: AdvancePlanView) -> None:
        chosen = view.plan.channel_ids[:ANNOUNCEMENT_CHANNELS]
        kind = discord.SelectDefaultValueType.channel
        super().__init__(
            channel_types=[discord.ChannelType.text, discord.ChannelType.news],
            custom_id="plan:channels",
            placeholder=_("Up to {most} channels", most=ANNOUNCEMENT_CHANNELS),
            min_values=0,
            max_values=ANNOUNCEMENT_CHANNELS,
            default_values=[discord.SelectDefaultValue(id=channel_id, type=kind) for channel_id in chosen],
        )
        self._plan = view

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Take them over."""
        await acknowledge(interaction)
        self._plan.plan = replace(self._plan.plan, channel_ids=tuple(channel.id for channel in self.values))
        await self._plan.redraw(interaction)


class PickRoles(discord.ui.RoleSelect[Any]):
    """The roles it mentions; never everyone's."""

    def __init__(self, view: AdvancePlanView) -> None:
        kind = discord.SelectDefaultValueType.role
        super().__init__(
            custom_id="plan:roles",
            placeholder=_("Roles to mention"),
            min_values=0,
            max_values=ANNOUNCEMENT_ROLES,
            default_values=[
                discord.SelectDefaultValue(id=role, type=kind) for role in view.plan.role_ids[:ANNOUNCEMENT_ROLES]
            ],
        )
        self._plan = view

    async def callback(self, interaction: discord.Interaction[Trilo]) -> None:  # type: ignore[override]
        """Take them over."""
        await acknowledge(interaction)
        roles = tuple(role.id for role in self.values if not role.is_default())
        self._plan.plan = replace(self._plan.plan, role_ids=roles)
        await self._plan.redraw(interaction)
