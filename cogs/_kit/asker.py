"""Who asks a question or for a league action, and where: by a command or by a message, which lead to the same."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import discord

from bot.client import Trilo
from bot.usage import token_tracking_context
from bot.usage.ids import new_id
from cogs._kit.access import has_role, may_run_league_as


@dataclass(frozen=True, slots=True)
class Asker:
    """The person, on a server. `permissions` are theirs in the channel, `replies_to` the message they wrote, if any.

    Named as an interaction names them, which may stand in its place where a view is opened.
    """

    client: Trilo
    user: discord.Member
    guild: discord.Guild
    channel: Any
    permissions: discord.Permissions
    replies_to: discord.Message | None = None
    execution_id: str = field(default_factory=new_id)
    """What all calls made for this one question are booked under."""

    @classmethod
    def of(cls, interaction: discord.Interaction[Trilo]) -> "Asker":
        """Whoever used a command on a server."""
        assert interaction.guild is not None  # noqa: S101 - the commands are for servers only
        assert isinstance(interaction.user, discord.Member)  # noqa: S101 - as above
        return cls(
            interaction.client, interaction.user, interaction.guild, interaction.channel, interaction.permissions
        )

    @classmethod
    def of_message(cls, client: Trilo, message: discord.Message) -> "Asker | None":
        """Whoever wrote a message on a server; None elsewhere."""
        if message.guild is None or not isinstance(message.author, discord.Member):
            return None
        permissions = message.channel.permissions_for(message.author)
        return cls(client, message.author, message.guild, message.channel, permissions, message)

    @property
    def channel_id(self) -> int:
        """The channel they asked in; of a thread, the channel that it is in."""
        return int(self.channel.parent_id if isinstance(self.channel, discord.Thread) else self.channel.id)

    def now(self, interaction: discord.Interaction[Trilo]) -> "Asker":
        """The same person with the roles and permissions that Discord sent with a press, and the server as it is now:
        after the connection was lost for long, the one from before stands still.
        """
        now = Asker.of(interaction)
        return replace(self, user=now.user, guild=now.guild, permissions=now.permissions)

    async def runs_the_league(self) -> bool:
        """Whether they have the commissioner role or Manage Channels. Raises `DatabaseUnavailableError`."""
        settings = await self.client.services.tracker.settings.of(self.guild.id)
        return may_run_league_as(self.user, settings.commissioner_role_id)

    async def sees_money(self) -> bool:
        """Whether they may see what the server spends. Raises `DatabaseUnavailableError`."""
        if self.permissions.manage_guild or self.user.id == self.guild.owner_id:
            return True
        role_id = (await self.client.services.tracker.settings.of(self.guild.id)).usage_role_id
        return has_role(self.user, role_id)

    def tracking(self) -> AbstractAsyncContextManager[Any]:
        """The context in which calls are booked to them: their server, channel, thread and roles."""
        return token_tracking_context(
            guild_id=self.guild.id,
            channel_id=self.channel_id,
            session_id=self.channel.id if isinstance(self.channel, discord.Thread) else None,
            user_id=self.user.id,
            execution_id=self.execution_id,
            role_ids=[role.id for role in self.user.roles],
        )
