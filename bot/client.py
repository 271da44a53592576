"""The Discord client: receives finished services, loads the cogs, and turns every error into words in one place."""

import asyncio
import hashlib
import json
import logging
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands, tasks

from bot.alerts.outside import Outside
from bot.api.page.passes import Passes, page_link
from bot.assistant.conversation import Conversation
from bot.assistant.league_commands import LeagueCommands
from bot.assistant.setup_help import SetupHelp
from bot.command_words import CommandWords
from bot.discord_failures import DISCORD_FAILED, is_over
from bot.league.league_book import LeagueBook
from bot.league.limits import MESSAGE_CHARACTERS
from bot.settings import Settings
from bot.translation import _, catalogs_digest, mark, speak_to, speaking
from bot.usage.budgeting.budgets import Budget, Mode, Owner, Scope
from bot.usage.errors import CallRefusedError, UsageError
from bot.usage.tracker import UsageTracker
from bot.usage.upkeep.retention import forget_by_servers, forget_calls
from bot.words import refusal_words, where, words_for

log = logging.getLogger(__name__)

EXTENSIONS = (
    "cogs.conversation",
    "cogs.token_stats",
    "cogs.owner",
    "cogs.help",
    "cogs.my_usage",
    "cogs.receipts",
    "cogs.subscriptions",
    "cogs.budgets",
    "cogs.ai",
    "cogs.settings",
    "cogs.privacy",
    "cogs.alerts",
    "cogs.reports",
    "cogs.league",
    "cogs.cut_off",
    "cogs.first_contact",
    "cogs.dead_presses",
)
INVITE_PERMISSIONS = 274_878_024_784
"""What the invite link asks for: view channels, send messages (also in threads), embed links, attach files, read
history, add reactions, and manage channels, which the league commands need."""
FINISH_PATIENCE_SECONDS = 3.5
"""How long shutting down waits for answers that are being written."""
LAST_WORDS_SECONDS = 1.0
"""How long answers that didn't finish have to say so."""
_GOODBYE = mark("Thanks for the invitation, but I only work on servers my operator has chosen. Goodbye!")
_SYNCED = "synced commands"
_OWNER_GUILD = "owner guild"


@dataclass(frozen=True, slots=True)
class Services:
    """What the cogs work with, opened and closed by `bot.application`."""

    settings: Settings
    tracker: UsageTracker
    conversation: Conversation
    league_book: LeagueBook
    league_commands: LeagueCommands
    setup_help: SetupHelp

    async def page_link(self, guild_id: int) -> str | None:
        """The address of a server's page for whoever may see its figures, good for a while; None without PUBLIC_URL.

        Raises `DatabaseUnavailableError`.
        """
        url = self.settings.public_url
        return None if url is None else await page_link(Passes(self.tracker.claims, self.tracker.clock), url, guild_id)


class Trilo(commands.AutoShardedBot):
    """The bot. Cogs reach the services as `bot.services`."""

    def __init__(self, services: Services, *, always_sync: bool = False, shard_count: int | None = None) -> None:
        """`shard_count` is for a made-up Discord; otherwise SHARD_COUNT and SHARD_IDS, or as Discord recommends."""
        ids = sorted(services.settings.shard_ids)
        shards: dict[str, Any] = {"shard_ids": ids} if ids else {}
        intents = discord.Intents.default()
        intents.message_content = services.settings.message_content
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            shard_count=shard_count or services.settings.shard_count,
            **shards,
            tree_cls=Tree,
        )
        self.services = services
        self.outside = Outside(services.settings.alert_addresses, services.tracker.alert_targets)
        self._always_sync = always_sync
        self.is_leaving = False
        self._work: set[asyncio.Task[Any]] = set()

    async def setup_hook(self) -> None:
        """Load the cogs; tell Discord of the commands where they have changed since the last start."""
        await self.tree.set_translator(CommandWords())
        for extension in EXTENSIONS:
            await self.load_extension(extension)
        await self._sync_commands()
        self._keep_house.start()

    async def on_ready(self) -> None:
        """Say who we are, once for each time the gateway is ready."""
        log.info("ready as %s in %d servers", self.user, len(self.guilds))

    async def on_message(self, _message: discord.Message, /) -> None:
        """Messages are answered by the conversation cog; there are no prefix commands to look for."""

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """A server we were invited to."""
        await self._enter(guild)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """A server we were on before this start: ALLOWED_GUILDS may have changed since."""
        await self._enter(guild)

    async def _enter(self, guild: discord.Guild) -> None:
        """Leave a server that isn't ours to serve; see that any other has the operator's cap from the first minute."""
        if not self.is_allowed(guild.id):
            await self._leave(guild)
            return
        try:
            await self.give_cap(guild.id)
        except UsageError as error:
            log.error("server %d has no cap until the next start: %s", guild.id, where(error))  # noqa: TRY400 - I33
        else:
            self.dispatch("trilo_entered", guild)

    async def give_cap(self, guild_id: int) -> None:
        """Write DEFAULT_SERVER_LIMIT_USD down as the server's budget, unless the operator has given it one already.

        Direct messages (`guild_id` 0) have one of the same size together. Raises `DatabaseUnavailableError`.
        """
        limit = self.services.settings.default_server_limit_usd
        tracker, scope = self.services.tracker, Scope.GUILD if guild_id else Scope.DIRECT_MESSAGES
        if limit is None or _has_cap(tracker.ledger.rules.of(guild_id).budgets, scope):
            return
        if not _has_cap(await tracker.budgets.of(guild_id), scope):  # another process may have been faster
            await tracker.budgets.set(
                scope=scope, guild_id=guild_id, limit_usd=limit, mode=Mode.HARD, owner=Owner.OPERATOR
            )

    async def _leave(self, guild: discord.Guild) -> None:
        """Leave a server that isn't among ALLOWED_GUILDS, with one polite sentence."""
        log.info("leaving server %d: not among ALLOWED_GUILDS", guild.id)
        channel = guild.system_channel
        if channel is not None and channel.permissions_for(guild.me).send_messages:
            with suppress(*DISCORD_FAILED), speaking(guild.preferred_locale.value):
                await channel.send(_(_GOODBYE))
        await guild.leave()

    def is_allowed(self, guild_id: int) -> bool:
        """Whether a server may use the operator's key."""
        allowed = self.services.settings.allowed_guilds
        return not allowed or guild_id in allowed

    def has_shard_of(self, guild_id: int) -> bool:
        """Whether a server is, or would be, on one of this process's shards."""
        return self.shard_ids is None or (guild_id >> 22) % (self.shard_count or 1) in self.shard_ids

    @tasks.loop(hours=12)
    async def _keep_house(self) -> None:
        try:
            await self.services.tracker.claims.forget_old()
            await self.services.tracker.alerts.forget_old()
            await self.services.tracker.shown_answers.forget_old()
            await self.services.tracker.quotas.grants.expire_servers()
            await self.services.league_book.forget_old()
            await self._forget_calls()
        except UsageError as error:
            log.warning("what is out of date stays for now: %s", error)

    async def _forget_calls(self) -> None:
        """Single calls beyond RETENTION_DAYS, or what their server has chosen; the sums stay (I25)."""
        days, tracker = self.services.settings.retention_days, self.services.tracker
        if days is not None:
            await forget_calls(tracker.database, tracker.clock() - timedelta(days=days))
        await forget_by_servers(tracker.database, tracker.clock(), days)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Around work that shutting down should wait for, and may cancel in the end."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        self._work.add(task)
        try:
            yield
        finally:
            self._work.discard(task)

    async def close(self) -> None:
        """Take nothing new, let answers being written finish for a few seconds, cancel the others, leave Discord."""
        self.is_leaving = True
        self._keep_house.cancel()
        if self._work:
            await asyncio.wait(self._work, timeout=FINISH_PATIENCE_SECONDS)
        if unfinished := set(self._work):
            log.warning("closing with %d answers unfinished", len(unfinished))
            for task in unfinished:
                task.cancel()
            await asyncio.wait(unfinished, timeout=LAST_WORDS_SECONDS)
        await super().close()

    async def on_error(self, event_method: str, /, *_arguments: Any, **_named: Any) -> None:
        """An event handler failed: kind and place for the log, never the message, which may quote a prompt (I33)."""
        error = sys.exception()
        log.error("%s failed: %s", event_method, where(error) if error else "for an unknown reason")

    async def _sync_commands(self) -> None:
        """Commands are synced when the tree has changed, not at each start: Discord limits how often."""
        claims = self.services.tracker.claims
        owner_guild = str(self.services.settings.owner_guild_id or "")
        before = await claims.recall(_OWNER_GUILD) or ""
        # The server that was the owner's before has no commands in the tree any more: syncing takes them away there.
        scopes = [None, *(discord.Object(int(guild)) for guild in {owner_guild, before} if guild)]
        for scope in scopes:
            payload = [command.to_dict(self.tree) for command in self.tree.get_commands(guild=scope)]
            told = json.dumps([payload, catalogs_digest()], sort_keys=True, default=str)
            digest = hashlib.sha256(told.encode()).hexdigest()
            name = f"{_SYNCED} {self.application_id} {scope.id if scope else 'global'}"
            if not self._always_sync and await claims.recall(name) == digest:
                continue
            try:
                await self.tree.sync(guild=scope)
            except discord.Forbidden:
                log.error("OWNER_GUILD_ID %s: the bot isn't on that server, so /owner isn't there", scope and scope.id)  # noqa: TRY400
                continue
            await claims.remember(name, digest)
        await claims.remember(_OWNER_GUILD, owner_guild)  # not before: where a start fails, the next one has to know


def _has_cap(budgets: Iterable[Budget], scope: Scope) -> bool:
    return any(budget.owner is Owner.OPERATOR and budget.scope is scope for budget in budgets)


class Tree(app_commands.CommandTree[Trilo]):
    """The command tree: keeps strangers out, and gives every failed command words."""

    async def interaction_check(self, interaction: discord.Interaction[Trilo], /) -> bool:
        """Only servers that may use the operator's key (ALLOWED_GUILDS). Speaks the person's language from here on."""
        speak_to(interaction.locale.value)
        if interaction.guild_id is None or interaction.client.is_allowed(interaction.guild_id):
            return True
        await answer_privately(interaction, _("I only work on servers my operator has chosen."))
        return False

    async def on_error(self, interaction: discord.Interaction[Trilo], error: app_commands.AppCommandError, /) -> None:
        """Words for the person; details for the operator unless the person was rightly refused."""
        if (refused := refusal_words(error)) is not None:
            await answer_privately(interaction, refused)
            return
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        name = interaction.command and interaction.command.qualified_name
        await answer_failure(interaction, f"command {name}", cause)


async def answer_failure(interaction: discord.Interaction[Trilo], what: str, error: Exception) -> None:
    """Words for whoever did `what`, and a line for the operator; where nobody can be answered any more, the line."""
    if is_over(error) or interaction.client.is_closed():
        log.warning("%s came too late to be answered: %s", what, where(error))
        return
    log.log(logging.INFO if isinstance(error, CallRefusedError) else logging.ERROR, "%s failed: %s", what, where(error))
    await answer_privately(interaction, words_for(error))


async def answer_privately(interaction: discord.Interaction[Trilo], text: str) -> None:
    """Answer an interaction ephemerally, whether or not it was deferred or answered before.

    What is too long for a message is cut: words that end early are better than none.
    """
    if len(text) > MESSAGE_CHARACTERS:
        text = f"{text[: MESSAGE_CHARACTERS - 1]}…"
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except DISCORD_FAILED as error:
        log.warning("words for a person came too late: %s", where(error))
