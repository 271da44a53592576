"""`/owner`: for the people who run the bot, on their own server (OWNER_GUILD_ID) only."""

import re

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Trilo, answer_privately
from bot.usage import money
from bot.usage.budgeting.budgets import Owner, Scope, Unit
from bot.usage.budgeting.limits import LimitNotUnderstoodError, limit_words, parse_limit
from bot.usage.budgeting.quotas import EXEMPT, SubscriptionTier
from bot.usage.budgeting.tier_grants import Source, UnknownTierError
from bot.usage.reporting.reports import PeriodName
from cogs._kit.access import is_operator, owns_the_bot
from cogs._kit.look import NOBODY, text_view
from cogs._kit.names import SNOWFLAKE
from cogs._kit.tables import LABEL_CHARACTERS, cut, plain, shorten
from cogs._owner.owner_health import HealthView
from cogs._owner.owner_prices import list_words, price_words
from cogs._owner.owner_servers import ServersView

MOST_CHOICES = 25
NOBODY_OF_THAT_NAME = "I know no server or person like that. Give a server's name or id, or a person's mention or id."
_USER = re.compile(rf"(?:<@!?)?({SNOWFLAKE})>?")
NO_SUCH_SERVER = "I'm on no server of that name or id. Pick one from the list that appears while you type."
SEVERAL_SERVERS = "Several servers have that name. Pick one from the list, or give its id."
CAPS_ARE_DOLLARS = "A server's cap is in dollars, since it is you who pays. Give an amount like `20` or `$7.50`."


class OwnerCog(commands.GroupCog, group_name="owner", group_description="For the people who run this bot"):
    """Everything that sees across servers (I26)."""

    def __init__(self, bot: Trilo) -> None:
        self.bot = bot
        self._started_at = bot.services.tracker.clock()

    @app_commands.command(name="servers", description="What each server's AI use costs")
    @app_commands.describe(query="Only servers whose name or id contains this", period="Which days (this month)")
    async def servers(
        self,
        interaction: discord.Interaction[Trilo],
        query: app_commands.Range[str, 1, 100] | None = None,
        period: PeriodName = "month",
    ) -> None:
        """The total first, then the dearest servers, or those that match."""
        if await is_operator(interaction):
            await ServersView(interaction, period, query).open(interaction)

    @app_commands.command(name="health", description="Whether the bot, its books and its alerts are well")
    async def health(self, interaction: discord.Interaction[Trilo]) -> None:
        """What runs, and what needs somebody's hand."""
        if await is_operator(interaction):
            await HealthView(interaction, self._started_at).open(interaction)

    @app_commands.command(name="prices", description="What a model costs, and whether its price is known")
    @app_commands.describe(model="Its name (all that were used in the last 30 days)")
    async def prices(
        self, interaction: discord.Interaction[Trilo], model: app_commands.Range[str, 1, 100] | None = None
    ) -> None:
        """One model, or a list of those in use."""
        if not await is_operator(interaction):
            return
        tracker = self.bot.services.tracker
        report = await tracker.reports.spend(None, "30d", "model")
        if model is None:
            words = list_words(tracker, report.rows)
        else:
            used = next((row for row in report.rows if row.key == model.strip()), None)
            words = price_words(tracker, model.strip(), used)
        await interaction.followup.send(view=text_view([words]), ephemeral=True, allowed_mentions=NOBODY)

    @prices.autocomplete("model")
    async def _models(self, interaction: discord.Interaction[Trilo], typed: str) -> list[app_commands.Choice[str]]:
        if not await owns_the_bot(interaction):
            return []
        tracker, wanted = self.bot.services.tracker, typed.strip().casefold()
        used = [row.key for row in (await tracker.reports.spend(None, "30d", "model")).rows]
        declared = [operation.model for operation in tracker.operations.values() if operation.model]
        names = [name for name in dict.fromkeys([*used, *declared]) if wanted in name.casefold()]
        fitting = [name for name in names if len(name) <= LABEL_CHARACTERS]
        return [app_commands.Choice(name=name, value=name) for name in fitting[:MOST_CHOICES]]

    @app_commands.command(name="limit", description="Your cap on what a server may cost you a month")
    @app_commands.describe(server="Its name or id", usd="The most it may cost a month, like 20 or $7.50; 0 stops it")
    async def limit(self, interaction: discord.Interaction[Trilo], server: str, usd: str) -> None:
        """Set the cap that stands above a server's own budgets. It holds at once."""
        if not await is_operator(interaction):
            return
        guilds = self._guilds_named(server)
        if len(guilds) != 1:
            await answer_privately(interaction, SEVERAL_SERVERS if guilds else NO_SUCH_SERVER)
            return
        try:
            cap = parse_limit(usd)
        except LimitNotUnderstoodError as error:
            await answer_privately(interaction, str(error))
            return
        if cap.unit is not Unit.USD:
            await answer_privately(interaction, CAPS_ARE_DOLLARS)
            return
        stored = await self.bot.services.tracker.budgets.set(
            scope=Scope.GUILD,
            guild_id=guilds[0].id,
            limit_usd=money.usd(cap.amount),
            owner=Owner.OPERATOR,
            actor=interaction.user.id,
        )
        name = shorten(plain(guilds[0].name), 60)
        words = f"✅ `{name}` may cost you {limit_words(stored.unit, stored.limit)} a month."
        await answer_privately(interaction, words)

    @app_commands.command(name="tier", description="Give a person or a whole server a tier of quota, or take it back")
    @app_commands.describe(
        who="A server's name or id, or a person's mention or id", tier="The tier; free takes it back"
    )
    async def tier(self, interaction: discord.Interaction[Trilo], who: str, tier: str) -> None:
        """Grant a tier, besides what Discord's subscriptions and others gave. It holds at once."""
        if not await is_operator(interaction):
            return
        try:
            words = await self._set_tier(interaction, who.strip(), tier.strip().casefold())
        except UnknownTierError as error:
            words = f"There is no such tier. There are: {', '.join(f'`{name}`' for name in error.known)}."
        await answer_privately(interaction, words)

    async def _set_tier(self, interaction: discord.Interaction[Trilo], who: str, tier: str) -> str:
        """Do it; what was done, in words. Raises `UnknownTierError`."""
        grants, by = self.bot.services.tracker.quotas.grants, interaction.user.id
        guilds = self._guilds_named(who)
        if len(guilds) > 1:
            return SEVERAL_SERVERS
        if guilds:
            if tier == SubscriptionTier.FREE:
                await grants.take_back_server(guilds[0].id, Source.OPERATOR, actor=by)
            else:
                await grants.grant_server(guilds[0].id, tier, Source.OPERATOR, actor=by)
            now = (await self.bot.services.tracker.settings.of(guilds[0].id)).tier or SubscriptionTier.FREE
            return f"✅ `{shorten(plain(guilds[0].name), 60)}` is `{now}` now: everybody on it, while they are there."
        user = await self._user_named(who)
        if user is None:
            return NOBODY_OF_THAT_NAME
        if tier == SubscriptionTier.FREE:
            await grants.take_back_person(str(user.id), Source.OPERATOR, actor=by)
        else:
            await grants.grant_person(str(user.id), tier, Source.OPERATOR, actor=by)
        having = await grants.best_of_person(str(user.id))
        return f"✅ `{shorten(plain(user.name), 60)}` is `{having or SubscriptionTier.FREE}` now, on every server."

    async def _user_named(self, who: str) -> discord.User | None:
        """The person of that mention or id, asked of Discord where we don't know them."""
        found = _USER.fullmatch(who)
        if found is None:
            return None
        try:
            return self.bot.get_user(int(found[1])) or await self.bot.fetch_user(int(found[1]))
        except discord.NotFound:
            return None

    @tier.autocomplete("tier")
    async def _tiers(self, interaction: discord.Interaction[Trilo], typed: str) -> list[app_commands.Choice[str]]:
        if not await owns_the_bot(interaction):
            return []
        names = (*self.bot.services.tracker.quotas.tiers.names, EXEMPT)
        wanted = typed.strip().casefold()
        return [app_commands.Choice(name=name, value=name) for name in names if wanted in name][:MOST_CHOICES]

    @tier.autocomplete("who")
    @limit.autocomplete("server")
    async def _servers(self, interaction: discord.Interaction[Trilo], typed: str) -> list[app_commands.Choice[str]]:
        if not await owns_the_bot(interaction):
            return []
        wanted = typed.strip().casefold()
        found = [guild for guild in self.bot.guilds if wanted in guild.name.casefold() or wanted in str(guild.id)]
        found.sort(key=lambda guild: guild.name.casefold())
        return [
            app_commands.Choice(name=f"{cut(plain(guild.name), 60)} · {guild.id}", value=str(guild.id))
            for guild in found[:MOST_CHOICES]
        ]

    def _guilds_named(self, server: str) -> list[discord.Guild]:
        """The server of that id, else those of exactly that name."""
        wanted = server.strip()
        by_id = [guild for guild in self.bot.guilds if str(guild.id) == wanted]
        return by_id or [guild for guild in self.bot.guilds if guild.name.casefold() == wanted.casefold()]


async def setup(bot: Trilo) -> None:
    """Called by discord.py when the extension is loaded. Without OWNER_GUILD_ID there is no such command anywhere."""
    owner_guild_id = bot.services.settings.owner_guild_id
    if owner_guild_id is not None:
        await bot.add_cog(OwnerCog(bot), guild=discord.Object(owner_guild_id))
