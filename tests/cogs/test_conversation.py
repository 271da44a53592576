"""Mentions and replies, end to end: real discord.py, real SQLite, a real HTTP server in the model's place."""

from typing import Any

import discord
import pytest
import simcord
from simcord.backend.models.message import AllowedMentions

from bot.client import Services, Trilo
from bot.settings import Settings
from bot.usage.errors import DatabaseUnavailableError
from bot.words import OPTED_OUT
from cogs._questions.help_topics import ONE_LINE_HELP
from tests.cogs.helpers import SIGN, mention
from tests.cogs.recording_model import PNG, RecordingModel


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    return Settings(_env_file=None, **getattr(request, "param", {}))


@pytest.fixture
async def simcord_bot(services: Services) -> Trilo:
    return Trilo(services, always_sync=True, shard_count=1)


@pytest.fixture
def place(simcord_env: simcord.Env) -> tuple[Any, Any, Any]:
    guild = simcord_env.create_guild("League")
    channel = guild.create_text_channel("general")
    alice = guild.add_member(simcord_env.create_user("alice"))
    return guild, channel, alice


async def test_a_mention_is_answered_and_booked(simcord_env: simcord.Env, place: Any, services: Services) -> None:
    guild, channel, alice = place
    await alice.send(channel, f"{mention(simcord_env)} hello")
    answer = channel.last_message
    assert answer.author.id == simcord_env.bot.user.id
    assert answer.content
    assert answer.reference.message_id is not None
    report = await services.tracker.reports.spend(guild.id, "today", "operation")
    assert [(row.key, row.calls, row.failed_calls) for row in report.rows] == [("general_conversation", 1, 0)]
    assert report.total.cost_nano_usd > 0
    by_user = await services.tracker.reports.spend(guild.id, "today", "user")
    assert [row.key for row in by_user.rows] == [str(alice.id)]
    by_channel = await services.tracker.reports.spend(guild.id, "today", "channel")
    assert [row.key for row in by_channel.rows] == [str(channel.id)]


async def test_a_bare_mention_gets_help_and_costs_nothing(simcord_env: simcord.Env, place: Any, services: Any) -> None:
    guild, channel, alice = place
    await alice.send(channel, mention(simcord_env))
    assert channel.last_message.content == ONE_LINE_HELP
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 0


async def test_an_answer_to_everybody_is_in_the_servers_language(
    simcord_env: simcord.Env, place: Any, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I23: the one it chose, else Discord's, also with the books out of reach; the next server has its own."""
    guild, channel, alice = place
    in_spanish = "Mencióname con una pregunta y te respondo. `/help` muestra qué puedo hacer."
    await services.tracker.settings.choose(guild.id, language="es")
    await alice.send(channel, mention(simcord_env))
    assert channel.last_message.content == in_spanish

    async def broken(_guild_id: int) -> None:
        raise DatabaseUnavailableError("/secret/path.db", "disk I/O error")

    monkeypatch.setattr(services.tracker.settings, "language", broken)
    await alice.send(channel, mention(simcord_env))
    assert channel.last_message.content == ONE_LINE_HELP
    simcord_env.bot.get_guild(guild.id).preferred_locale = discord.Locale.spain_spanish
    await alice.send(channel, mention(simcord_env))
    assert channel.last_message.content == in_spanish


async def test_the_bots_own_role_gets_help_and_costs_nothing(
    simcord_env: simcord.Env, place: Any, services: Any
) -> None:
    guild, channel, alice = place
    role = guild.create_role("Trilo helpers", mentionable=True)
    await alice.send(channel, f"<@&{role.id}> hello")
    assert channel.last_message.author.id == alice.id
    same_name = guild.create_role(simcord_env.bot.user.name, mentionable=True)
    await alice.send(channel, f"<@&{same_name.id}> hello")
    assert channel.last_message.content == ONE_LINE_HELP
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 0


@pytest.mark.parametrize("text", ["hello Trilo", "@everyone look", "@here", "trilo!", "<@123456789012345678> hi"])
async def test_nothing_but_a_literal_mention_triggers(place: Any, services: Any, text: str) -> None:
    """I31: a name, @everyone or somebody else's mention is no question to us."""
    guild, channel, alice = place
    await alice.send(channel, text)
    assert channel.last_message.author.id == alice.id
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 0


async def test_a_reply_to_us_is_answered_with_what_was_said(simcord_env: simcord.Env, place: Any, model: Any) -> None:
    _, channel, alice = place
    await alice.send(channel, f"{mention(simcord_env)} tell me a joke")
    first = channel.last_message
    await alice.send(channel, f"{mention(simcord_env)} another one", reply_to=first)
    body = model.requests[-1]
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", "user", "assistant", "user"]
    assert body["messages"][1]["content"] == "alice: tell me a joke"
    assert body["messages"][2]["content"] == first.content
    assert body["messages"][3]["content"] == "alice: another one"


async def test_an_answer_pings_nobody_but_the_asker(simcord_env: simcord.Env, place: Any) -> None:
    """I27: whatever the model says, only the asker may be pinged."""
    _, channel, alice = place
    await alice.send(channel, f"{mention(simcord_env)} hello")
    sent = [r for r in simcord_env.http_requests if r.method in ("POST", "PATCH") and "/messages" in r.path and r.json]
    ours = [r.json["allowed_mentions"] for r in sent if "allowed_mentions" in r.json]
    assert ours
    assert all(not m.get("parse") and m.get("users") in (None, [str(alice.id)], [alice.id]) for m in ours)


async def test_a_long_answer_arrives_whole(simcord_env: simcord.Env, place: Any, services: Any) -> None:
    """I28: several messages, each within Discord's limit, code fences closed."""
    guild, channel, alice = place
    await alice.send(channel, f"{mention(simcord_env)} give me a long answer")
    ours = [m for m in channel.history() if m.author.id == simcord_env.bot.user.id]
    assert len(ours) >= 2
    assert all(len(m.content) <= 2000 and m.content.count("```") % 2 == 0 for m in ours)
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("please fail", "The AI provider has trouble of its own right now. Please try again in a minute."),
        ("out of credit", "The AI account is out of credit. The bot's operator has to top it up before I can answer."),
    ],
)
async def test_a_providers_error_is_told_in_words(
    simcord_env: simcord.Env, place: Any, services: Any, text: str, words: str
) -> None:
    """I30: never raw JSON, never silence; and the failed call is on the books."""
    guild, channel, alice = place
    services.conversation._client.max_retries = 0
    await alice.send(channel, f"{mention(simcord_env)} {text}")
    assert channel.last_message.content == words
    total = (await services.tracker.reports.spend(guild.id, "all", "operation")).total
    assert (total.calls, total.failed_calls, total.cost_nano_usd) == (1, 1, 0)


async def test_a_message_is_answered_by_one_process_only(simcord_env: simcord.Env, place: Any, services: Any) -> None:
    """Two processes at a redeploy: whoever claims the message first answers, the other stays silent."""
    guild, channel, alice = place
    claim = services.tracker.claims.claim
    taken: list[object] = []

    async def claimed_elsewhere(claim_id: object) -> bool:
        taken.append(claim_id)
        await claim(claim_id)
        return await claim(claim_id)

    services.tracker.claims.claim = claimed_elsewhere
    await alice.send(channel, f"{mention(simcord_env)} hello")
    assert len(taken) == 1
    assert channel.last_message.author.id == alice.id
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 0


async def test_a_picture_goes_along_at_low_detail(simcord_env: simcord.Env, place: Any, model: Any) -> None:
    _, channel, alice = place
    await alice.send(channel, f"{mention(simcord_env)} what is this?", attachments=[("week.png", PNG)])
    parts = model.requests[-1]["messages"][-1]["content"]
    assert parts[0] == {"type": "text", "text": "alice: what is this?"}
    assert parts[1]["image_url"]["detail"] == "low"
    assert parts[1]["image_url"]["url"].startswith("data:image/png;base64,")


async def test_a_picture_that_is_too_large_stays_behind_and_that_is_said(
    simcord_env: simcord.Env, place: Any, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cogs._questions.reading.PICTURE_BYTES", len(PNG) - 1)
    _, channel, alice = place
    await alice.send(channel, f"{mention(simcord_env)} what is this?", attachments=[("week.png", PNG)])
    assert model.requests[-1]["messages"][-1]["content"] == "alice: what is this?"
    assert channel.last_message.content.endswith(
        "-# I could look at 0 of 1 attachments (PNG, JPEG, WebP or GIF, up to 8 MB, at most 4)."
    )


async def test_in_a_thread_the_thread_goes_along_and_is_booked_as_the_session(
    simcord_env: simcord.Env, place: Any, services: Any, model: Any
) -> None:
    guild, channel, alice = place
    ours = simcord_env.bot.get_channel(channel.id)
    assert isinstance(ours, discord.TextChannel)
    await ours.create_thread(name="Trade talk", type=discord.ChannelType.public_thread)
    (thread,) = channel.threads
    await alice.send(thread, f"{mention(simcord_env)} tell me a joke")
    await alice.send(thread, f"{mention(simcord_env)} and another")
    assert [message["role"] for message in model.requests[-1]["messages"]] == ["system", "user", "assistant", "user"]
    rows = await services.tracker.reports.spend(guild.id, "all", "channel")
    assert [(row.key, row.calls) for row in rows.rows] == [(str(channel.id), 2)]


async def test_direct_messages_are_off_unless_allowed(simcord_env: simcord.Env, place: Any, services: Any) -> None:
    _, _, alice = place
    await alice.send_dm("hello")
    total = (await services.tracker.reports.spend(0, "all", "operation")).total
    assert total.calls == 0
    sent = [r.json["content"] for r in simcord_env.http_requests if r.method == "POST" and r.path.endswith("/messages")]
    assert sent == ["I answer on servers only. Mention me in a channel there."]


@pytest.mark.parametrize("settings", [{"allow_dms": True}], indirect=True)
async def test_direct_messages_are_answered_where_allowed(simcord_env: simcord.Env, place: Any, services: Any) -> None:
    _, _, alice = place
    await alice.send_dm("hello")
    total = (await services.tracker.reports.spend(0, "all", "operation")).total
    assert (total.calls, total.failed_calls) == (1, 0)


@pytest.mark.parametrize("settings", [{"allowed_guilds": "1"}], indirect=True)
async def test_a_server_that_is_not_allowed_is_left(simcord_env: simcord.Env, services: Any) -> None:
    """ALLOWED_GUILDS keeps strangers off the key: one polite sentence, then the bot is gone."""
    guild = simcord_env.create_guild("Strangers")
    await simcord_env.settle()
    left = [r for r in simcord_env.http_requests if r.method == "DELETE" and r.path.endswith(f"/guilds/{guild.id}")]
    assert len(left) == 1


async def test_other_bots_are_never_answered(simcord_env: simcord.Env, place: Any, services: Any) -> None:
    """I31: two bots can't talk to each other at the operator's cost."""
    guild, channel, _ = place
    robot = guild.add_member(simcord_env.create_user("robot", bot=True))
    await robot.send(channel, f"{mention(simcord_env)} hello")
    assert isinstance(channel.last_message, discord.Message)
    assert channel.last_message.author.id == robot.id
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 0


async def test_webhooks_are_never_answered(simcord_env: simcord.Env, place: Any, services: Any) -> None:
    """I31: whoever has one may speak under any name."""
    guild, channel, alice = place
    simcord_env.backend.create_message(channel.id, alice.id, f"{mention(simcord_env)} hello", webhook_id=5)
    await simcord_env.settle()
    assert channel.last_message.content.endswith("hello")
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 0


async def test_a_reply_whose_ping_is_off_gets_a_line_on_why(
    simcord_env: simcord.Env, place: Any, services: Any
) -> None:
    """Without the message content intent Discord doesn't give us its text: say so, and ask no model."""
    guild, channel, alice = place
    await alice.send(channel, f"{mention(simcord_env)} hello")
    reference = {"channel_id": str(channel.id), "message_id": str(channel.last_message.id)}
    simcord_env.backend.create_message(
        channel.id, alice.id, "and you?", reference=reference, allowed_mentions=AllowedMentions(replied_user=False)
    )
    await simcord_env.settle()
    assert channel.last_message.content.startswith("-# I only see a reply if its ping is on")
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 1


async def test_without_permission_to_write_nothing_is_asked(
    simcord_env: simcord.Env, place: Any, services: Any
) -> None:
    """An answer nobody could read would be paid for all the same."""
    guild, _, alice = place
    ours = guild.roles[simcord_env.bot.user.name]
    closed = guild.create_text_channel("read-only", overwrites={ours: discord.PermissionOverwrite(send_messages=False)})
    await alice.send(closed, f"{mention(simcord_env)} hello")
    assert closed.last_message.author.id == alice.id
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 0


async def test_an_answer_cut_at_its_cap_says_so(simcord_env: simcord.Env, place: Any, services: Any) -> None:
    """The length limit is told, not hidden."""
    _, channel, alice = place
    services.tracker.define_operation("general_conversation", max_output_tokens=20)
    await alice.send(channel, f"{mention(simcord_env)} give me a long answer")
    assert channel.last_message.content.endswith("-# I stopped here: answers have a length limit. Ask me to go on.")


async def test_a_budget_that_saves(simcord_env: simcord.Env, place: Any, services: Any, model: Any) -> None:
    """Past half of it the fast model answers a long question, nearer to its end without the picture; then it stops."""
    guild, channel, alice = place
    tracker = services.tracker

    async def ask() -> str:
        await alice.send(
            channel, f"{mention(simcord_env)} compare them: give me a long answer", attachments=[("week.png", PNG)]
        )
        return str(channel.last_message.content)

    await ask()
    assert model.requests[-1]["model"] == "gpt-4o"
    assert len(model.requests[-1]["messages"][-1]["content"]) == 2

    async def use(percent: int) -> None:
        """Set a budget of which so much is used already."""
        spent = (await tracker.reports.spend(guild.id, "all", "operation")).total.cost_nano_usd
        usd = f"{spent * 100 // percent / 10**9:.9f}"
        await tracker.set_budget(
            scope="guild", guild_id=guild.id, limit_usd=usd, mode="cheaper", cheaper_at=50, unknown="admit"
        )

    await use(55)
    await ask()
    assert model.requests[-1]["model"] == "gpt-4o-mini"
    await use(80)
    words = "I answered without looking at the picture: the AI budget here is nearly used up."
    assert (await ask()).endswith(words)
    assert model.requests[-1]["messages"][-1]["content"] == "alice: compare them: give me a long answer"
    requests = len(model.requests)
    await use(101)
    await ask()
    assert len(model.requests) == requests


@pytest.mark.parametrize("settings", [{"default_server_limit_usd": None}], indirect=True)
async def test_a_budget_that_is_nearly_used_up_shortens(simcord_env: simcord.Env, place: Any, services: Any) -> None:
    """I13: what is left caps the answer, and the note says so instead of blaming the length limit."""
    guild, channel, alice = place
    await services.tracker.set_budget(scope="guild", guild_id=guild.id, limit_usd="0.0002", actor=alice.id)
    await alice.send(channel, f"{mention(simcord_env)} give me a long answer")
    assert channel.last_message.content.endswith(
        "-# I stopped here: what is left of the AI budget here allows no more."
    )


async def test_an_answer_that_is_deleted_meanwhile_ends_quietly(
    simcord_env: simcord.Env, place: Any, services: Any
) -> None:
    """I23: a moderator removes the answer while it is written; the call is booked, and nothing fails."""
    guild, channel, alice = place
    simcord_env.inject_error("POST", "/channels/*/messages", status=403)
    await alice.send(channel, f"{mention(simcord_env)} hello")
    assert channel.last_message.author.id == alice.id
    assert (await services.tracker.reports.spend(guild.id, "all", "operation")).total.calls == 1


async def test_people_roles_and_channels_go_along_by_name(simcord_env: simcord.Env, place: Any, model: Any) -> None:
    guild, channel, alice = place
    bob = guild.add_member(simcord_env.create_user("bob"))
    role = guild.create_role("Coaches", mentionable=True)
    await alice.send(channel, f"{mention(simcord_env)} tell <@{bob.id}> and <@&{role.id}> to look at <#{channel.id}>")
    assert model.requests[-1]["messages"][-1]["content"] == "alice: tell @bob and @Coaches to look at #general"


async def test_who_opted_out_gets_one_line_and_no_model_is_asked(
    simcord_env: simcord.Env, place: Any, services: Services, model: RecordingModel
) -> None:
    """I31: one polite line an hour, then a reaction; also where nothing would have been asked, and till they opt in."""
    _, channel, alice = place
    await services.tracker.privacy.opt_out(alice.id)
    await alice.send(channel, f"{mention(simcord_env)} hello")
    assert channel.last_message.content == OPTED_OUT + SIGN
    again = await alice.send(channel, f"{mention(simcord_env)} how do I set up my league?")
    assert channel.last_message.id == again.id
    assert model.requests == []
    await services.tracker.privacy.opt_in(alice.id)
    await alice.send(channel, f"{mention(simcord_env)} hello")
    assert len(model.requests) == 1


async def test_messages_of_who_opted_out_are_left_out_of_a_conversation(
    simcord_env: simcord.Env, place: Any, services: Services, model: RecordingModel
) -> None:
    """I33: not even as context of what somebody else asks."""
    guild, channel, alice = place
    bob = guild.add_member(simcord_env.create_user("bob"))
    carol = guild.add_member(simcord_env.create_user("carol"))
    await services.tracker.privacy.opt_out(bob.id)
    first = await carol.send(channel, f"{mention(simcord_env)} apples")
    second = await bob.send(channel, f"{mention(simcord_env)} secret pears", reply_to=first)
    model.requests.clear()
    await alice.send(channel, f"{mention(simcord_env)} and plums?", reply_to=second)
    sent = str(model.requests)
    assert "plums" in sent
    assert "apples" in sent
    assert "pears" not in sent


@pytest.mark.parametrize("settings", [{"allow_dms": True}], indirect=True)
async def test_direct_messages_are_booked_without_their_channel(simcord_env: simcord.Env, services: Services) -> None:
    """I33: it would be the person by another name."""
    await simcord_env.create_user("dora").send_dm("hello")
    await services.tracker.force_flush()
    rows = await services.tracker.database.fetch("SELECT guild_id, channel_id, user_id IS NULL FROM usage_records")
    assert rows == [(0, None, 0)]
