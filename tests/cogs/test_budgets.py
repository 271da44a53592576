"""`/budget set` and `/budget remove` as somebody who manages a server uses them: asked, confirmed, on the books."""

import sys
from typing import Any

import discord
import pytest
import simcord
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.client import Trilo
from bot.usage.budgeting.budgets import Budget, Mode, Owner, Scope, Unit, Unknown
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.limits import UNDERSTOOD
from bot.usage.tracker import UsageTracker
from cogs._kit.private import TIMEOUT_SECONDS
from cogs.budgets import NOT_A_BOT, NOT_A_BUDGET
from tests.cogs.helpers import Books, Server, a_month, chosen, everybody_speaks, texts

USD = 10**9
UNRECORDED = "It counts from now on: what roles have spent before isn't on record."
NOTHING = "⛔ **A limit of nothing allows nothing**: every question under it is refused."
APRIL = "<t:1775001600:R>, <t:1775001600:f>"


async def asked(server: Server, **options: Any) -> simcord.ResponseMessage:
    """The question that `/budget set` puts, to its asker alone."""
    result = await server.manager.slash(server.channel, "budget set", **options)
    assert result.acknowledged
    assert result.response is not None
    assert result.response.ephemeral
    return result.response


def seen(budget: Budget) -> tuple[Any, ...]:
    return (budget.scope, budget.scope_id, budget.period, budget.unit, budget.limit, budget.mode)


async def test_nothing_is_set_before_it_is_confirmed(server: Server, books: Books, tracker: UsageTracker):
    await a_month(books, server)
    question = await asked(server, limit="$5")
    (words,) = texts(question)
    assert words.splitlines() == [
        "## Set this budget?",
        "**$5.00 a month for this server**",
        "It stops at the limit, with alerts at 80, 90 and 100\u00a0%.",
        "It is new: it replaces no other.",
        "Spent $0.015 so far this month. That is <1\u00a0% of it.",
    ]
    assert await tracker.budgets.of(server.guild.id) == []
    press = await server.manager.click(question, label="Confirm")
    assert press.acknowledged
    assert texts(question)[0] == (
        "✅ **Set**\n"
        "**$5.00 a month for this server**\n"
        "-# Stops at the limit · alerts at 80, 90 and 100\u00a0%\n"
        "`█░░░░░░░░░░░░░░░` <1\u00a0%\n"
        "$0.015 spent · **$4.98 left**\n"
        "At this pace it lasts.\n"
        f"Starts anew {APRIL}."
    )
    (budget,) = await tracker.budgets.of(server.guild.id)
    assert seen(budget) == (Scope.GUILD, str(server.guild.id), Period.MONTH, Unit.USD, 5 * USD, Mode.HARD)
    assert budget.owner is Owner.SERVER
    (line,) = await tracker.settings.audit(server.guild.id)
    assert (line.actor, line.action, line.facts["limit"]) == (str(server.manager.id), "budget set", 5 * USD)


async def test_in_spanish(server: Server, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch):
    everybody_speaks("es-419", monkeypatch)
    question = await asked(server, limit="$5", **{"at-limit": "soft"})
    assert texts(question)[0].splitlines() == [
        "## ¿Fijar este presupuesto?",
        "**USD\u00a05.00 al mes para este servidor**",
        "Este presupuesto solo avisa; alertas al 80, 90 y 100\u00a0%.",
        "Es nuevo: no reemplaza a ningún otro.",
        "Gastado este mes hasta ahora: USD\u00a00.00.",
    ]
    await server.manager.click(question, label="Confirmar")
    assert texts(question)[0].startswith("✅ **Listo**\n**USD\u00a05.00 al mes para este servidor**\n-# Solo avisa ·")
    assert len(await tracker.budgets.of(server.guild.id)) == 1


async def test_cancelled_nothing_is_set(server: Server, tracker: UsageTracker, simcord_env: simcord.Env):
    question = await asked(server, limit="$5")
    await server.manager.click(question, label="Cancel")
    assert texts(question) == ["Nothing was changed."]
    await simcord_env.advance_time(TIMEOUT_SECONDS + 10)
    assert texts(question) == ["Nothing was changed."]
    assert await tracker.budgets.of(server.guild.id) == []


async def test_what_it_replaces_is_said_and_its_finer_choices_stay(
    server: Server, books: Books, tracker: UsageTracker, bot: Trilo
):
    await a_month(books, server)
    await tracker.force_flush()
    before = await tracker.budgets.set(
        scope=Scope.GUILD,
        guild_id=server.guild.id,
        limit_usd=3,
        thresholds=(50, 100),
        unknown=Unknown.ADMIT,
        mode=Mode.CHEAPER,
        cheaper_at=70,
    )
    question = await asked(server, limit="0.01", **{"at-limit": "soft"})
    (words,) = texts(question)
    assert words.splitlines() == [
        "## Set this budget?",
        "**$0.01 a month for this server**",
        "It only warns, with alerts at 50 and 100\u00a0%.",
        "It replaces $3.00 a month, which takes the cheaper model from 70\u00a0% on, then stops.",
        "Spent $0.015 so far this month. That is 151\u00a0% of it.",
        "⚠️ **That reaches the new limit already**: a warning goes out at once.",
    ]
    await server.manager.click(question, label="Confirm")
    (budget,) = await tracker.budgets.of(server.guild.id)
    assert (budget.id, budget.limit, budget.mode) == (before.id, 10_000_000, Mode.SOFT)
    assert (budget.thresholds, budget.unknown, budget.cheaper_at) == ((50, 100), Unknown.ADMIT, 70)


async def test_what_is_announced_at_once_is_said_and_nothing_else(server: Server, books: Books, tracker: UsageTracker):
    """I20: by a new budget, and by one whose thresholds were told before."""
    await books.book(server.guild.id, 85 * 10**7)
    await tracker.force_flush()

    async def last_lines(limit: str, at_limit: str = "hard") -> list[str]:
        question = await asked(server, limit=limit, **{"at-limit": at_limit})
        words = texts(question)[0].splitlines()[4:]
        await server.manager.click(question, label="Confirm")
        return [*words, *(str(alert.threshold) for alert in await tracker.alerts.owed())]

    def spent(percent: int) -> str:
        return f"Spent $0.85 so far this month. That is {percent}\u00a0% of it."

    reached = "⚠️ **That reaches the new limit already**"
    assert await last_lines("$1") == [spent(85), "⚠️ **80\u00a0% are passed already**: an alert goes out at once.", "80"]
    assert await last_lines("$1.01") == [spent(84), "80"]
    assert await last_lines("$0.50", "soft") == [spent(170), f"{reached}: a warning goes out at once.", "80", "100"]
    assert await last_lines("$0.50", "soft") == [spent(170), f"{reached}, as was announced before.", "80", "100"]
    assert await last_lines("$0.50") == [spent(170), f"{reached}: further questions are refused at once.", "80", "100"]


async def test_the_operators_cap_above_it_is_named(server: Server, tracker: UsageTracker):
    guild = server.guild.id
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=guild, limit_usd=5, owner=Owner.OPERATOR)
    warning = "⚠️ The operator's cap of $5.00 a month for this server stands above it."
    assert warning in texts(await asked(server, limit="$5.01"))[0]
    assert warning not in texts(await asked(server, limit="$5"))[0]
    assert warning not in texts(await asked(server, limit="900M tokens"))[0]
    question = await asked(server, limit="$20")
    await server.manager.click(question, label="Confirm")
    assert [(b.owner, b.limit) for b in await tracker.budgets.of(guild)] == [
        (Owner.OPERATOR, 5 * USD),
        (Owner.SERVER, 20 * USD),
    ]


async def test_every_kind_of_target(server: Server, books: Books, tracker: UsageTracker):
    tracker.define_operation("general_conversation")
    await a_month(books, server)
    channel, member, role = server.channel.id, server.member.id, server.managers.id
    wanted: list[tuple[dict[str, Any], str, tuple[Scope, str, Period, Unit, int]]] = [
        (
            {"limit": "200k tokens", "per": "day", "member": server.member},
            f"**200,000 tokens a day for <@{member}>**|Spent 1,280 tokens so far today. That is <1\u00a0% of it.",
            (Scope.USER, str(member), Period.DAY, Unit.TOKENS, 200_000),
        ),
        (
            {"limit": "$1", "applies-to": "each_user", "per": "total"},
            "**$1.00 in total for each member**|The member who spent most spent $0.035 so far. That is 4\u00a0% of it.",
            (Scope.EACH_USER, "", Period.TOTAL, Unit.USD, USD),
        ),
        (
            {"limit": "$1", "applies-to": "channel", "channel": server.channel, "per": "week"},
            f"**$1.00 a week for <#{channel}>**|Spent $0.015 so far this week. That is 2\u00a0% of it.",
            (Scope.CHANNEL, str(channel), Period.WEEK, Unit.USD, USD),
        ),
        (
            {"limit": "$1", "role": server.managers},
            f"**$1.00 a month for all of <@&{role}> together**|{UNRECORDED}",
            (Scope.ROLE, str(role), Period.MONTH, Unit.USD, USD),
        ),
        (
            {"limit": "$1", "applies-to": "each_in_role", "role": server.managers},
            f"**$1.00 a month for each member of <@&{role}>**|{UNRECORDED}",
            (Scope.EACH_IN_ROLE, str(role), Period.MONTH, Unit.USD, USD),
        ),
        (
            {"limit": "0", "operation": "general_conversation"},
            f"**$0.00 a month for the operation `Questions`**|{NOTHING}",
            (Scope.OPERATION, "general_conversation", Period.MONTH, Unit.USD, 0),
        ),
    ]
    for options, words, _ in wanted:
        question = await asked(server, **options)
        _, title, _, _, spent = texts(question)[0].splitlines()
        assert f"{title}|{spent}" == words
        await server.manager.click(question, label="Confirm")
    assert [seen(budget)[:5] for budget in await tracker.budgets.of(server.guild.id)] == [each for *_, each in wanted]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"applies-to": "channel"}, "Which channel? Fill in the option `channel` as well."),
        ({"applies-to": "each_in_role"}, "Which role? Fill in the option `role` as well."),
        ({"applies-to": "user"}, "Which member? Fill in the option `member` as well."),
        ({"operation": "nonsense"}, "I know no such operation. Those I know: `general_conversation`."),
        (
            {"applies-to": "guild", "operation": "general_conversation"},
            "You chose **server** and named an operation. Leave out `operation`, or choose another `applies-to`.",
        ),
        ({"limit": "five"}, f"I can't read that as a limit. {UNDERSTOOD}"),
        ({"limit": "200k"}, f"Is that tokens or dollars? Add the unit. {UNDERSTOOD}"),
    ],
)
async def test_what_is_missing_or_contradicts_itself_is_said(
    server: Server, tracker: UsageTracker, options: dict[str, Any], words: str
):
    tracker.define_operation("general_conversation")
    assert texts(await asked(server, **{"limit": "$5", **options})) == [words]
    assert await tracker.budgets.of(server.guild.id) == []


async def test_two_targets_are_one_too_many(server: Server, simcord_env: simcord.Env):
    words = "One budget is for one thing, and you named `channel` and `member`. Leave out all but one."
    assert texts(await asked(server, limit="1", channel=server.channel, member=server.member)) == [words]
    robot = server.guild.add_member(simcord_env.create_user("robot", bot=True))
    assert texts(await asked(server, limit="1", member=robot)) == [NOT_A_BOT]


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.text(min_size=1, max_size=60).filter(str.strip))
async def test_whatever_is_typed_as_a_limit_gets_an_answer(server: Server, tracker: UsageTracker, typed: str):
    """I27, I29: hostile input pings nobody, sets nothing, and is never met with silence."""
    told = texts(await asked(server, limit=typed))[0]
    assert told.startswith(("## Set this budget?", "I can't read that", "Is that", "Give the", "A limit", "Tokens"))
    assert await tracker.budgets.of(server.guild.id) == []


async def test_the_first_budget_asks_where_alerts_go(server: Server, tracker: UsageTracker):
    question = await asked(server, limit="$5")
    await server.manager.click(question, label="Confirm")
    assert texts(question)[1].startswith("**Where should alerts go?**")
    await server.manager.select(question, [server.channel], custom_id="budget:alerts")
    assert texts(question)[-1] == (
        f"Alerts go to <#{server.channel.id}>. ⚠️ Everyone can read that channel, amounts of money included."
    )
    assert texts(question)[1] == "**Channel for alerts**\n-# `/settings` changes it later."
    assert chosen(question) == {"budget:alerts": [server.channel.id]}
    assert (await tracker.settings.of(server.guild.id)).alert_channel_id == server.channel.id
    await server.manager.select(question, [], custom_id="budget:alerts")
    assert texts(question)[1].startswith("**Where should alerts go?**")
    assert (texts(question)[-1], chosen(question)) == ("Alerts have no channel now.", {"budget:alerts": []})
    await server.manager.select(question, [server.channel], custom_id="budget:alerts")
    second = await asked(server, limit="$6")
    await server.manager.click(second, label="Confirm")
    assert len(texts(second)) == 1


async def test_a_channel_that_we_cannot_write_in_is_not_taken(server: Server, tracker: UsageTracker):
    hidden = server.guild.create_text_channel(
        "hidden", overwrites={server.guild.me: discord.PermissionOverwrite(send_messages=False)}
    )
    question = await asked(server, limit="$5")
    await server.manager.click(question, label="Confirm")
    await server.manager.select(question, [hidden], custom_id="budget:alerts")
    assert texts(question)[-1] == (
        f"Nothing was changed: I may not write in <#{hidden.id}>: give me View Channel and Send Messages there."
    )
    assert (await tracker.settings.of(server.guild.id)).alert_channel_id is None


async def test_removing_asks_first(server: Server, tracker: UsageTracker):
    guild = server.guild.id
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=guild, limit_usd=5, owner=Owner.OPERATOR)
    keep = await tracker.budgets.set(scope=Scope.EACH_USER, guild_id=guild, limit_usd=1)
    gone = await tracker.budgets.set(scope=Scope.CHANNEL, scope_id=server.channel.id, guild_id=guild, limit_tokens=5)
    choices = await server.manager.autocomplete(server.channel, "budget remove", "budget", "")
    assert choices == [
        {"name": "$1.00 a month for each member", "value": keep.id},
        {"name": "5 tokens a month for #general", "value": gone.id},
    ]
    typed = await server.manager.autocomplete(server.channel, "budget remove", "budget", "GENERAL")
    assert [choice["value"] for choice in typed] == [gone.id]
    result = await server.manager.slash(server.channel, "budget remove", budget=gone.id)
    (words,) = texts(result.response)
    assert words == (
        f"## Remove this budget?\n**5 tokens a month for <#{server.channel.id}>**\nWhat it has counted goes with it. "
        "What was spent stays in `/token-stats`, and other budgets stay as they are."
    )
    await server.manager.click(result.response, label="Keep")
    assert len(await tracker.budgets.of(guild)) == 3
    result = await server.manager.slash(server.channel, "budget remove", budget=gone.id)
    await server.manager.click(result.response, label="Remove")
    assert texts(result.response)[-1] == f"✅ Removed: 5 tokens a month for <#{server.channel.id}>."
    assert [budget.id for budget in await tracker.budgets.of(guild) if budget.owner is Owner.SERVER] == [keep.id]


async def test_only_the_servers_own_budgets_can_be_removed(server: Server, tracker: UsageTracker):
    """I26: neither the operator's cap nor another server's budget, whatever id is sent by hand."""
    guild = server.guild.id
    cap = await tracker.budgets.set(scope=Scope.GUILD, guild_id=guild, limit_usd=5, owner=Owner.OPERATOR)
    other = await tracker.budgets.set(scope=Scope.GUILD, guild_id=guild + 1, limit_usd=5)
    for budget_id in (cap.id, other.id, "nonsense"):
        result = await server.manager.slash(server.channel, "budget remove", budget=budget_id)
        assert texts(result.response) == [NOT_A_BUDGET]
    assert len(await tracker.budgets.of(guild)) == len(await tracker.budgets.of(guild + 1)) == 1


async def test_operations_are_completed(server: Server, tracker: UsageTracker):
    for name in ("general_conversation", "setup_full_guide"):
        tracker.define_operation(name)
    choices = await server.manager.autocomplete(server.channel, "budget set", "operation", "SETUP", limit="$1")
    assert choices == [{"name": "Set-up: whole guide · setup_full_guide", "value": "setup_full_guide"}]


async def test_with_many_operations_a_wrong_one_still_gets_an_answer(server: Server, tracker: UsageTracker):
    for number in range(60):
        tracker.define_operation(f"operation_number_{number:02}_with_a_long_name")
    (words,) = texts(await asked(server, limit="$5", operation="nope"))
    assert words.startswith("I know no such operation. Those I know: `operation_number_00_")
    assert words.endswith("and 50\u00a0others.")


async def test_words_that_are_too_long_for_a_message_are_cut(server: Server, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.modules["cogs.budgets"], "NOT_A_BUDGET", "x" * 2_001)
    result = await server.manager.slash(server.channel, "budget remove", budget="nope")
    assert texts(result.response) == ["x" * 1_999 + "…"]


async def test_an_operation_too_long_for_a_choice_is_not_offered(server: Server, tracker: UsageTracker):
    for name in ("x" * 100, "x" * 101):
        tracker.define_operation(name)
    choices = await server.manager.autocomplete(server.channel, "budget set", "operation", "xx", limit="$1")
    assert choices == [{"name": "x" * 100, "value": "x" * 100}]
