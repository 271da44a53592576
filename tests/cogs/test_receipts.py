"""“What did this cost?”, end to end: real discord.py, real SQLite, a real HTTP server in the model's place."""

from datetime import UTC, datetime
from typing import Any

import pytest
import simcord

from bot.client import Services, Trilo
from bot.translation import speaking
from bot.usage.reporting.recent_calls import RecentCall
from cogs._questions.ask import NAME as ASK
from cogs._spend.receipt_text import FREE, NOT_AN_ANSWER, NOT_MINE, sections
from cogs.receipts import NAME
from tests.cogs.helpers import Server, make_server, mention, texts


@pytest.fixture
async def simcord_bot(services: Services) -> Trilo:
    return Trilo(services, always_sync=True, shard_count=1)


async def asked(actor: simcord.MemberActor, server: Server, message: Any) -> list[str]:
    result = await actor.context_menu(server.channel, NAME, message)
    assert result.response.ephemeral
    return texts(result.response)


async def test_every_message_of_an_answer_tells_its_cost_also_after_a_restart(
    simcord_env: simcord.Env, services: Services
):
    """I26: dollars for who may see them, tokens for everybody."""
    server = make_server(simcord_env, "league")
    await server.member.send(server.channel, f"{mention(simcord_env)} give me a long answer")
    await server.member.send(server.channel, f"{mention(simcord_env)} hello")
    *parts, hello = [message for message in server.channel.history() if message.author.bot]
    assert len(parts) > 1
    report = await services.tracker.reports.spend(server.guild.id, "today", "operation")
    seen = [await asked(server.manager, server, part) for part in parts]
    other = await asked(server.manager, server, hello)
    await simcord_env.restart_bot(Trilo(services, shard_count=1))
    assert [await asked(server.manager, server, part) for part in parts] == seen
    assert len({tuple(words) for words in seen}) == 1
    assert other != seen[0]
    number, calls, sure = seen[0]
    assert number.startswith("## $0.0")
    assert calls.startswith("`Questions` on `gpt-4o-mini`\n-# $0.0")
    assert sure == "-# Exact: tokens as the provider reported them, at the price of that day · only you see this"
    assert report.total.calls == 2
    members = await asked(server.member, server, parts[0])
    assert "$" not in "".join(members)
    assert members[0].startswith("## ")
    assert "\u00a0tokens\n" in members[0]


async def test_a_question_about_a_message_and_a_plan_tell_their_own(simcord_env: simcord.Env, services: Services):
    server = make_server(simcord_env, "league")
    said = await server.member.send(server.channel, f"{mention(simcord_env)} hello")
    form = await server.member.context_menu(server.channel, ASK, said)
    await server.member.submit_modal(form, {"question": "give me a long answer"})
    await server.owner.send(server.channel, f"{mention(simcord_env)} create week 9: Texans vs Colts")
    first, *about, plan = [message for message in server.channel.history() if message.author.bot]
    costs = [(await asked(server.owner, server, message))[0] for message in (first, about[0], about[-1])]
    assert costs[0] != costs[1] == costs[2]
    assert "`Creating a week` on `gpt-4o-mini`" in (await asked(server.owner, server, plan))[1]


async def test_what_is_no_answer_is_told_in_words(simcord_env: simcord.Env, services: Services):
    server, other = make_server(simcord_env, "league"), make_server(simcord_env, "other")
    theirs = await server.member.send(server.channel, f"{mention(simcord_env)} hello")
    answer = server.channel.last_message
    assert await asked(server.manager, server, theirs) == [NOT_MINE]
    await server.member.send(server.channel, mention(simcord_env))
    assert await asked(server.manager, server, server.channel.last_message) == [NOT_AN_ANSWER]
    await services.tracker.force_flush()
    await services.tracker.database.execute("DELETE FROM usage_records")
    assert await asked(server.manager, server, answer) == [FREE]
    assert await services.tracker.shown_answers.calls(other.guild.id, answer.id) is None


def a_call(**changes: Any) -> RecentCall:
    given: dict[str, Any] = {
        "id": "1", "started_at": datetime(2026, 3, 1, tzinfo=UTC), "kind": "llm", "guild_id": 1, "channel_id": 2,
        "user_id": "3", "session_id": None, "operation": "chat", "agent_name": None, "workflow_id": None,
        "model": "gpt-5-mini", "provider": "openai", "status": "ok", "estimated": False, "input_tokens": 1_200,
        "cached_input_tokens": 1_024, "output_tokens": 300, "reasoning_output_tokens": 128,
        "cost_nano_usd": 5_120_000, "duration_ms": 2_345, "error_type": None,
    }  # fmt: skip
    return RecentCall(**given | changes)


def test_the_sum_the_calls_and_how_sure_we_are():
    """I9."""
    calls = [a_call(), a_call(operation="a`b", cost_nano_usd=None, status="aborted")]
    number, each, sure = sections(calls, shows_money=True)
    assert number == "## $0.00512, and more\n-# 3,000\u00a0tokens · 2\u00a0calls · 4.7\u00a0s"
    assert each == (
        "`chat` on `gpt-5-mini`\n-# $0.00512 · 1,200\u00a0tokens in, 1,024 of them cached · "
        "300 out, 128 of them for reasoning · 2.3\u00a0s\n`a'b` on `gpt-5-mini` · broken off\n"
        "-# unknown · 1,200\u00a0tokens in, 1,024 of them cached · 300 out, 128 of them for reasoning · 2.3\u00a0s"
    )
    assert sure == (
        "-# Tokens as the provider reported them; a model without a known price is in no sum · only you see this"
    )


def test_the_same_in_spanish():
    calls = [a_call(), a_call(cost_nano_usd=None, cached_input_tokens=0, reasoning_output_tokens=0, status="aborted")]
    with speaking("es-ES"):
        assert sections(calls, shows_money=True) == [
            "## 0,00512\u00a0US$, y algo más\n-# 3.000\u00a0tokens · 2\u00a0llamadas · 4,7\u00a0s",
            (
                "`chat` con `gpt-5-mini`\n"
                "-# 0,00512\u00a0US$ · 1.200\u00a0tokens de entrada, 1.024 de ellos en caché · 300 de salida, 128 de "
                "ellos para razonar · 2,3\u00a0s\n"
                "`chat` con `gpt-5-mini` · se cortó\n"
                "-# desconocido · 1.200\u00a0tokens de entrada · 300 de salida · 2,3\u00a0s"
            ),
            (
                "-# Tokens tal como los informó el proveedor; un modelo sin precio conocido no entra en ninguna suma "
                "· solo tú ves esto"
            ),
        ]


@pytest.mark.parametrize(
    ("changes", "number", "sure"),
    [
        ({"cost_nano_usd": None}, "## Cost unknown\n", "-# Tokens as the provider"),
        ({"estimated": True}, "## $0.00512\n", "-# An estimate: "),
        ({"estimated": True, "status": "interrupted"}, "## $0.00512\n", "-# At most this: "),
        ({"cost_nano_usd": 0, "status": "error"}, "## $0.00000\n", "-# Exact: "),
    ],
)
def test_doubts_are_said(changes: dict[str, Any], number: str, sure: str):
    """I9, I21."""
    found = sections([a_call(**changes)], shows_money=True)
    assert found[0].startswith(number)
    assert found[-1].startswith(sure)


def test_many_calls_stay_within_a_message():
    found = sections([a_call(operation="x" * 300)] * 40, shows_money=False)
    assert found[1].endswith("\nand 32\u00a0more calls")
    assert sum(map(len, found)) < 4_000
