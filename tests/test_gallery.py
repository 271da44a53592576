"""The gallery's script, without a browser: that what it presses and counts on is still there."""

import ast

import discord

from bot.sandbox.live import LiveEnv
from bot.sandbox.world import build_world
from bot.translation import translated
from docs import gallery
from tests.commands import REPOSITORY

SCENES = sorted((REPOSITORY / "docs").glob("gallery_[!s]*.py"))
NODES = [node for path in SCENES for node in ast.parse(path.read_text()).body]
TURNING = {"◀", "▶"}


def test_every_button_it_presses_is_one_that_we_label():
    pressed = {
        call.args[0].value
        for scene in NODES
        for call in ast.walk(scene)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("stage.press", "stage.appears")
        if isinstance(call.args[0], ast.Constant)
    }
    assert len(pressed) > 20
    assert [label for label in sorted(pressed - TURNING) if translated(label, "es-419") is None] == []


def test_every_scene_is_played():
    scenes = {node.name for node in NODES if isinstance(node, ast.AsyncFunctionDef)}
    assert {scene.__name__ for scene in (*gallery.FULL, *gallery.EMPTY)} == scenes


async def test_the_server_of_the_people_who_run_it_is_the_sandboxs():
    bot = discord.AutoShardedClient(intents=discord.Intents.default(), shard_count=1)
    assert build_world(LiveEnv(bot)).guild.id == gallery.SERVER
