"""The check of everything the bot sends in the tests: it sees all of it, and can fail."""

import io
import re
from typing import Any

import discord
import pytest
import simcord

from bot.client import Services, Trilo
from tests.discord_description import IS_THERE, PATH, Sent, all_valid, problems

if not IS_THERE:
    pytest.skip(f"no {PATH.name} beside the checkout: what the bot sends isn't checked", allow_module_level=True)


@pytest.fixture
async def simcord_bot(services: Services) -> Trilo:
    return Trilo(services, shard_count=1)


@pytest.fixture
def channel(simcord_env: simcord.Env) -> simcord.ChannelHandle:
    return simcord_env.create_guild("League").create_text_channel("general")


def kinds(requests: list[str]) -> list[str]:
    """Requests without their ids and tokens."""
    return [re.sub(r"/interactions/\w+/[^/]+", "/interactions/N/T", re.sub(r"\d{15,}", "N", one)) for one in requests]


def ours(env: simcord.Env, channel: simcord.ChannelHandle) -> discord.TextChannel:
    """The channel as the bot has it."""
    found = env.bot.get_channel(channel.id)
    assert isinstance(found, discord.TextChannel)
    return found


async def test_the_start_is_seen(simcord_env: simcord.Env, everything_sent: Sent):
    assert kinds(everything_sent.checked) == ["GET /oauth2/applications/@me", "PUT /applications/N/commands"]


async def test_a_command_is_seen(simcord_env: simcord.Env, channel: simcord.ChannelHandle, everything_sent: Sent):
    everything_sent.checked.clear()
    alice = channel.guild.add_member(simcord_env.create_user("alice"))
    await alice.slash(channel, "help")
    assert kinds(everything_sent.checked) == ["POST /interactions/N/T/callback"]


async def test_an_answer_is_seen(simcord_env: simcord.Env, channel: simcord.ChannelHandle, everything_sent: Sent):
    everything_sent.checked.clear()
    alice = channel.guild.add_member(simcord_env.create_user("alice"))
    await alice.send(channel, f"<@{simcord_env.bot.user.id}>")
    assert kinds(everything_sent.checked) == ["POST /channels/N/messages"]


async def test_an_upload_is_seen(simcord_env: simcord.Env, channel: simcord.ChannelHandle, everything_sent: Sent):
    """Simcord takes a description of any length, Discord 1,024 characters: the form's JSON is looked at too."""
    await ours(simcord_env, channel).send(file=discord.File(io.BytesIO(b"1"), "x.txt", description="x" * 1025))
    too_long = f"$.attachments[0].description: {'x' * 187}' is too long"
    assert everything_sent.problems == [f"POST /channels/{channel.id}/messages: {too_long}"]
    everything_sent.problems.clear()  # else this test would fail


async def test_a_wrong_body_fails_its_test(
    simcord_env: simcord.Env, channel: simcord.ChannelHandle, everything_sent: Sent
):
    """Simcord takes a thread's name of any length, Discord 100 characters."""
    thread = {"type": discord.ChannelType.public_thread}
    await ours(simcord_env, channel).create_thread(name="x" * 100, **thread)
    assert everything_sent.problems == []
    problem = f"POST /channels/{channel.id}/threads: $.name: '{'x' * 101}' is too long"
    with pytest.raises(pytest.fail.Exception, match=re.escape(problem)), all_valid():
        await ours(simcord_env, channel).create_thread(name="x" * 101, **thread)
    assert everything_sent.problems == [problem]
    everything_sent.problems.clear()  # else this test would fail too


@pytest.mark.parametrize(
    ("request_line", "body", "problem"),
    [
        ("GET /users/@me", None, None),
        ("POST /channels/1/typing", None, None),
        ("POST /channels/1/messages", {"content": "x" * 4000, "allowed_mentions": {"users": [1, "2"]}}, None),
        ("PUT /channels/1/messages/2/reactions/%E2%8F%B3/@me", None, None),
        ("GET /users/@me/nowhere", None, "Discord has no such request"),
        ("PUT /users/@me", {"username": "x"}, "Discord has no such request"),
        ("POST /channels/1/typing", {"content": "x"}, "takes no body"),
        ("POST /channels/1/messages", None, "has no body"),
        ("POST /channels/1/messages", {"content": 5}, "$.content: 5 is not of type 'string', 'null'"),
        ("PATCH /webhooks/1/t/messages/@original", {"flags": "6"}, "$.flags: '6' is not of type 'integer', 'null'"),
        (
            "POST /interactions/1/t/callback",
            {"type": 9, "data": {"title": "x", "custom_id": "y", "components": []}},
            "$.data.components: [] should be non-empty",
        ),
        (
            "POST /channels/1/messages",
            {"components": [{"type": 17, "components": [{"type": 10, "content": None}]}]},
            "$.components[0].components[0].content: None is not of type 'string'",
        ),
        ("POST /guilds/1/channels", {"name": "x", "type": 9}, "$.type: 9 is not one of [0, 2, 4, 5, 13, 14, 15]"),
    ],
)
def test_what_is_wrong_is_named(request_line: str, body: Any, problem: str | None):
    expected = [f"{request_line}: {problem}"] if problem else []
    assert problems(*request_line.split(), body) == expected
