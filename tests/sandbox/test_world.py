"""The made-up league server."""

import discord
import simcord
from discord import app_commands

from bot.sandbox.live import everybody_speaks
from bot.sandbox.world import BOT_NAME, GAMES, GUILD_NAME, INVITE_PERMISSIONS, build_world


def a_bot() -> discord.Client:
    return discord.Client(intents=discord.Intents.default())


async def test_the_server_is_complete_when_the_bot_arrives():
    bot = a_bot()
    env = simcord.Env(bot)
    world = build_world(env)
    joined = []
    bot.event(_recorder("on_guild_join", joined))
    await env.start()
    try:
        guild = bot.get_guild(world.guild.id)
        assert bot.user.name == BOT_NAME
        assert (guild.name, guild.owner_id) == (GUILD_NAME, world.owner.id)
        assert {channel.name for channel in guild.text_channels} >= {"general", "commissioner", "trades", *GAMES}
        assert guild.me.guild_permissions.value & INVITE_PERMISSIONS == INVITE_PERMISSIONS
        assert not guild.me.guild_permissions.manage_guild
        assert len(world.members) == 9
        assert joined == []
    finally:
        await env.shutdown()


async def test_only_the_commissioner_may_manage_the_server_and_sees_the_private_channel():
    env = simcord.Env(a_bot())
    world = build_world(env)
    admin, plain = world.viewers
    assert admin is world.owner
    private = world.channels["commissioner"]

    def permissions(member, channel):
        return discord.Permissions(env.backend.compute_permissions(world.guild.id, member.id, channel.id))

    assert permissions(admin, private).view_channel
    assert not permissions(plain, private).view_channel
    assert permissions(admin, world.general).manage_guild
    assert not permissions(plain, world.general).manage_guild
    assert permissions(plain, world.general).send_messages


async def test_everybody_speaks_the_language_that_was_asked_for():
    """What people see of it is theirs by `interaction.locale`, what all see by the server's."""
    bot = a_bot()
    bot.tree = tree = app_commands.CommandTree(bot)
    heard = []

    @tree.command(name="hello", description="hello")
    async def hello(interaction: discord.Interaction) -> None:
        heard.append((interaction.locale, interaction.guild.preferred_locale))
        await interaction.response.send_message("hola")

    async def setup_hook() -> None:
        await tree.sync()

    bot.setup_hook = setup_hook
    env = simcord.Env(bot)
    world = build_world(env, "es-419")
    await env.start()
    try:
        with everybody_speaks("es-ES"):
            await world.owner.slash(world.general, "hello")
        await world.owner.slash(world.general, "hello")
    finally:
        await env.shutdown()
    here = discord.Locale.latin_american_spanish
    assert heard == [(discord.Locale.spain_spanish, here), (discord.Locale.american_english, here)]


def test_ids_are_the_same_at_every_start():
    first, second = (build_world(simcord.Env(a_bot())) for _ in range(2))
    assert first.guild.id == second.guild.id
    for mapping in ("channels", "roles", "members"):
        ids = [{name: item.id for name, item in getattr(world, mapping).items()} for world in (first, second)]
        assert ids[0] == ids[1]


def _recorder(name, seen):
    async def record(*values):
        seen.append(values)

    record.__name__ = name
    return record
