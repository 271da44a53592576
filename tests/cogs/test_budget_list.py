"""`/budget show`: how budgets stand, and everything its buttons do."""

from datetime import timedelta
from typing import Any

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.usage.budgeting.budgets import Budget, Mode, Owner, Scope, Unknown
from bot.usage.tracker import UsageTracker
from cogs._budgets.budget_form import GONE
from cogs._budgets.budget_list import NONE_YET, PAGE
from cogs._kit.private import TIMEOUT_SECONDS
from tests.cogs.helpers import NOW, Books, Clock, Server, a_month, selected, texts

USD = 10**9
APRIL = "Starts anew <t:1775001600:R>, <t:1775001600:f>."


async def shown(server: Server) -> simcord.ResponseMessage:
    result = await server.manager.slash(server.channel, "budget show")
    assert result.acknowledged
    assert result.response is not None
    assert result.response.ephemeral
    return result.response


def labels(message: simcord.ResponseMessage) -> list[str | None]:
    view = discord.ui.LayoutView.from_message(message.message)
    return [item.label for item in view.walk_children() if isinstance(item, discord.ui.Button)]


@pytest.fixture
async def budget(server: Server, books: Books, tracker: UsageTracker) -> Budget:
    """$0.02 a month for the server, of which $0.01512 are spent."""
    await a_month(books, server)
    await tracker.force_flush()
    return await tracker.budgets.set(scope=Scope.GUILD, guild_id=server.guild.id, limit_usd="0.02")


async def test_without_budgets_it_says_how_to_set_one(server: Server):
    view = await shown(server)
    assert texts(view) == ["## Budgets of this server\n-# Days, weeks and months in UTC", NONE_YET]
    assert labels(view) == ["History"]


async def test_the_operators_cap_is_shown_without_buttons(server: Server, tracker: UsageTracker):
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=server.guild.id, limit_usd=5, owner=Owner.OPERATOR)
    view = await shown(server)
    assert texts(view)[1:] == [
        "**$5.00 a month for this server**\n"
        "-# Stops at the limit · alerts at 80, 90 and 100\u00a0% · "
        "the operator's cap, which only the bot's operator can change\n"
        "`░░░░░░░░░░░░░░░░` 0\u00a0%\n"
        "$0.00 spent · **$5.00 left**\n" + APRIL,
        NONE_YET,
    ]
    assert labels(view) == ["History"]


async def test_how_a_budget_stands(server: Server, budget: Budget):
    """14.5 days took $0.01512: the $0.00488 left last another 4 days and 16 hours."""
    view = await shown(server)
    runs_out = int((NOW + timedelta(days=14.5) * (4_880_000 / 15_120_000)).timestamp())
    assert texts(view) == [
        "## Budgets of this server\n-# Days, weeks and months in UTC",
        "**$0.02 a month for this server**\n"
        "-# Stops at the limit · alerts at 80, 90 and 100\u00a0%\n"
        "`█████████████░░░` 76\u00a0%\n"
        "$0.015 spent · **$0.0049 left**\n"
        f"⚠️ At this pace it runs out <t:{runs_out}:R>, <t:{runs_out}:f>.\n" + APRIL,
    ]
    assert labels(view) == ["Edit", "Test alert", "History", "Remove"]


async def test_each_member_has_a_line_up_to_three(server: Server, books: Books, tracker: UsageTracker):
    for number in range(5):
        await books.book(server.guild.id, (number + 1) * 100_000_000, user=10**17 + number)
    await tracker.force_flush()
    await tracker.budgets.set(scope=Scope.EACH_USER, guild_id=server.guild.id, limit_usd=1)
    assert texts(await shown(server))[1].splitlines() == [
        "**$1.00 a month for each member**",
        "-# Stops at the limit · alerts at 80, 90 and 100\u00a0%",
        "`████████░░░░░░░░` 50\u00a0% <@100000000000000004> · $0.50 spent",
        "`███████░░░░░░░░░` 40\u00a0% <@100000000000000003> · $0.40 spent",
        "`█████░░░░░░░░░░░` 30\u00a0% <@100000000000000002> · $0.30 spent",
        "and 2\u00a0other members",
        APRIL,
    ]


async def test_editing(server: Server, budget: Budget, tracker: UsageTracker):
    view = await shown(server)
    form = await server.manager.click(view, label="Edit")
    done = await server.manager.submit_modal(
        form, {"limit": "$7", "thresholds": "100, 50 %", "mode": ["cheaper"], "unknown": ["refuse"]}
    )
    assert done.acknowledged
    assert texts(view)[-1] == (
        "✅ Changed: $7.00 a month for this server, takes the cheaper model from 80\u00a0% on, then stops."
    )
    (now,) = await tracker.budgets.of(server.guild.id)
    assert (now.id, now.limit, now.thresholds, now.mode) == (budget.id, 7 * USD, (50, 100), Mode.CHEAPER)
    assert (await tracker.settings.audit(server.guild.id))[0].actor == str(server.manager.id)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"limit": "@everyone"}, "I can't read that as a limit."),
        ({"limit": "20k tokens"}, "This budget counts dollars. For tokens, set another with `/budget set`."),
        ({"thresholds": "80, ninety"}, "Give one to 10 percentages from 1 to 1000, like `80, 90, 100`."),
        ({"thresholds": "0"}, "Give one to 10 percentages from 1 to 1000, like `80, 90, 100`."),
    ],
)
async def test_an_edit_that_makes_no_sense_changes_nothing(
    server: Server, budget: Budget, tracker: UsageTracker, typed: dict[str, str], words: str
):
    view = await shown(server)
    form = await server.manager.click(view, label="Edit")
    done = await server.manager.submit_modal(
        form, {"limit": "$1", "thresholds": "80", "mode": ["hard"], "unknown": ["refuse"], **typed}
    )
    (told,) = done.followups
    assert told.ephemeral
    assert told.content.startswith(words)
    assert told.content.endswith(" Nothing was changed.")
    assert await tracker.budgets.of(server.guild.id) == [budget]


async def test_what_was_removed_meanwhile_is_gone(server: Server, budget: Budget, tracker: UsageTracker):
    view, second = await shown(server), await shown(server)
    form = await server.manager.click(view, label="Edit")
    await server.manager.click(second, label="Remove")
    await tracker.budgets.remove(budget.id, guild_id=server.guild.id)
    await server.manager.submit_modal(
        form, {"limit": "$1", "thresholds": "80", "mode": ["hard"], "unknown": ["refuse"]}
    )
    await server.manager.click(second, label="Remove")
    assert [texts(each)[-1] for each in (view, second)] == [GONE] * 2
    assert await tracker.budgets.of(server.guild.id) == []


async def test_what_cannot_be_estimated(server: Server, budget: Budget, tracker: UsageTracker):
    """I15: refused or answered by the server's own choice."""
    view = await shown(server)
    for unknown, told in ((Unknown.ADMIT, " · answers questions of unknown cost"), (Unknown.REFUSE, "")):
        form = await server.manager.click(view, label="Edit")
        await server.manager.submit_modal(
            form, {"limit": "$1", "thresholds": "80", "mode": ["hard"], "unknown": [unknown.value]}
        )
        assert (await tracker.budgets.of(server.guild.id))[0].unknown is unknown
        assert texts(view)[1].splitlines()[1] == f"-# Stops at the limit · alerts at 80\u00a0%{told}"


async def test_removing(server: Server, budget: Budget, tracker: UsageTracker):
    view = await shown(server)
    await server.manager.click(view, label="Remove")
    assert texts(view)[0].startswith("## Remove this budget?\n**$0.02 a month for this server**\n")
    await server.manager.click(view, label="Keep")
    assert texts(view)[-1] == "Nothing was changed."
    await server.manager.click(view, label="Remove")
    await server.manager.click(view, label="Remove")
    assert texts(view)[1:] == [NONE_YET, "✅ Removed: $0.02 a month for this server."]
    assert await tracker.budgets.of(server.guild.id) == []


async def test_many_budgets_are_pages_and_the_buttons_are_for_the_chosen_one(server: Server, tracker: UsageTracker):
    guild, ids = server.guild.id, []
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=guild, limit_usd=5, owner=Owner.OPERATOR)
    for number in range(PAGE + 2):
        set_ = await tracker.budgets.set(
            scope=Scope.OPERATION, scope_id=f"op{number}", guild_id=guild, limit_usd=number
        )
        ids.append(set_.id)
    view = await shown(server)
    assert texts(view)[0] == "## Budgets of this server\n-# Days, weeks and months in UTC · page 1 of 2"
    assert selected(view) == [ids[0]]
    await server.manager.select(view, [ids[2]], custom_id="budgets:choose")
    assert selected(view) == [ids[2]]
    await server.manager.click(view, label="▶")
    assert selected(view) == [ids[PAGE - 1]]
    assert [text.splitlines()[0] for text in texts(view)[1:]] == [
        f"**${number}.00 a month for the operation `op{number}`**" for number in range(PAGE - 1, PAGE + 2)
    ]
    await server.manager.click(view, label="◀")
    assert selected(view) == [ids[0]]
    for budget_id in ids[:3]:
        await tracker.budgets.remove(budget_id, guild_id=guild)
    assert texts(await shown(server))[0] == "## Budgets of this server\n-# Days, weeks and months in UTC"


async def test_it_fits_into_a_message_at_its_fullest(server: Server, books: Books, tracker: UsageTracker):
    """Discord takes 4,000 characters and 40 components, and simcord refuses more as Discord does."""
    for number in range(5):
        await books.book(server.guild.id, 10**9 + number, user=10**18 + number, operation="o" * 200)
    await tracker.force_flush()
    for period in ("day", "week", "month", "total"):
        for scope in (Scope.EACH_USER, Scope.GUILD):
            await tracker.budgets.set(
                scope=scope, guild_id=server.guild.id, limit_usd="123456.123456789", mode=Mode.CHEAPER, period=period
            )
    await tracker.budgets.set(scope=Scope.OPERATION, scope_id="`" * 200, guild_id=server.guild.id, limit_usd=1)
    view = await shown(server)
    assert sum(map(len, texts(view))) < 4_000
    await server.manager.click(view, label="▶")
    assert f"the operation `{'`' * 3}" not in texts(view)[-1]


async def test_the_pause_is_a_line(server: Server, tracker: UsageTracker, clock: Clock):
    await tracker.settings.pause(server.guild.id, actor=1)
    assert texts(await shown(server))[0].splitlines()[1] == (
        "⏸️ **The AI is paused on this server** until somebody resumes it. `/ai resume` ends that."
    )
    await tracker.settings.pause(server.guild.id, clock.now + timedelta(hours=1), actor=1)
    at = int(clock.now.timestamp()) + 3600
    assert texts(await shown(server))[0].splitlines()[1] == (
        f"⏸️ **The AI is paused on this server** until <t:{at}:f> (<t:{at}:R>). `/ai resume` ends that."
    )


async def test_a_test_alert_is_handed_to_whoever_delivers_them(server: Server, budget: Budget, bot: Trilo):
    heard: list[Any] = []

    async def listener(interaction: discord.Interaction[Trilo], about: Budget) -> None:
        heard.append((interaction.user.id, about.id))

    bot.add_listener(listener, "on_trilo_test_alert")
    press = await server.manager.click(await shown(server), label="Test alert")
    assert press.acknowledged
    assert heard == [(server.manager.id, budget.id)]


async def test_the_history(server: Server, budget: Budget, tracker: UsageTracker):
    """I19: what was passed when it was set or lowered is an alert; who changed what is a line."""
    guild, at = server.guild.id, f"<t:{int(NOW.timestamp())}:f>"
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=guild, limit_usd="0.015", actor=server.owner.id)
    gone = await tracker.budgets.set(scope=Scope.EACH_USER, guild_id=guild, limit_usd="0.001", actor=7)
    await tracker.budgets.remove(gone.id, guild_id=guild, actor=7)
    await tracker.settings.choose(guild, quotas=True, alert_owner=True, actor=7)
    press = await server.manager.click(await shown(server), label="History")
    (told,) = press.followups
    assert told.ephemeral
    changes, alerts = (text.splitlines() for text in texts(told))
    assert changes[:2] == ["## History", "**Changes**"]
    assert sorted(changes[2:]) == sorted(
        [
            f"- {at} <@7>: changed quotas, alerts to the server's owner",
            f"- {at} <@7>: budget removed, $0.001 a month for each member, stops at the limit",
            f"- {at} <@7>: budget set, $0.001 a month for each member, stops at the limit",
            f"- {at} <@{server.owner.id}>: budget set, $0.015 a month for this server, stops at the limit",
            f"- {at} Trilo itself: budget set, $0.02 a month for this server, stops at the limit",
        ]
    )
    assert alerts[0] == "**Alerts**"
    assert f"- {at} 100\u00a0% of $0.015 a month for this server: $0.0151 used · not delivered yet" in alerts
    assert f"- {at} 100\u00a0% of a budget that has been removed since · not delivered yet" in alerts


async def test_a_history_of_nothing(server: Server):
    press = await server.manager.click(await shown(server), label="History")
    assert texts(press.followups[0]) == [
        "## History\n**Changes**\nNobody has changed anything yet.",
        "**Alerts**\nThere has been none yet.",
    ]


async def test_a_long_history_fits_a_message(server: Server, books: Books, tracker: UsageTracker):
    """Discord takes 4,000 characters: of long lines there are fewer."""
    for number in range(15):
        name = f"{number:02}" + "x" * 60
        await books.book(server.guild.id, 10**15, operation=name)
        await tracker.budgets.set(
            scope=Scope.OPERATION, scope_id=name, guild_id=server.guild.id, limit_usd=900_000, mode=Mode.CHEAPER
        )
    (told,) = (await server.manager.click(await shown(server), label="History")).followups
    changes, alerts = (text.splitlines() for text in texts(told))
    assert len(changes) < 2 + 15
    assert len(alerts) < 1 + 10
    assert 3_000 < sum(map(len, texts(told))) <= 4_000


async def test_after_a_while_the_controls_are_off(server: Server, budget: Budget, simcord_env: simcord.Env):
    view = await shown(server)
    before = texts(view)
    await simcord_env.advance_time(TIMEOUT_SECONDS + 10)
    assert texts(view) == [*before, "-# These controls have expired. Use `/budget show` for fresh ones."]
    items = discord.ui.LayoutView.from_message(view.message).walk_children()
    controls = [item for item in items if isinstance(item, discord.ui.Select | discord.ui.Button)]
    assert [control.disabled for control in controls] == [True] * 4


async def test_a_role_of_many_accents_fits_its_label(server: Server, budget: Budget, tracker: UsageTracker):
    """Accents take no column, but Discord counts them: a label has at most 100 characters."""
    role = server.guild.create_role("กิ๊" * 33)
    await tracker.budgets.set(
        scope=Scope.EACH_IN_ROLE, scope_id=str(role.id), guild_id=server.guild.id, limit_usd="1000.25"
    )
    view = discord.ui.LayoutView.from_message((await shown(server)).message)
    (pick,) = [item for item in view.walk_children() if isinstance(item, discord.ui.Select)]
    assert [len(option.label) for option in pick.options] == [len("$5.00 a month for this server"), 100]
    choices = await server.manager.autocomplete(server.channel, "budget remove", "budget", "1,000")
    assert [len(choice["name"]) for choice in choices] == [100]


async def test_members_are_asked_for_by_the_hundred_and_only_those_shown(
    server: Server, tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch
):
    for number in range(230):
        await tracker.budgets.set(
            scope=Scope.USER, scope_id=str(10**17 + number), guild_id=server.guild.id, limit_usd=1
        )
    asked: list[int] = []

    async def query(_guild: discord.Guild, *, user_ids: list[int], **_options: Any) -> list[discord.Member]:
        asked.append(len(user_ids))
        return []

    monkeypatch.setattr(discord.Guild, "query_members", query)
    await shown(server)
    assert asked == [PAGE]
    await server.manager.autocomplete(server.channel, "budget remove", "budget", "")
    await server.manager.autocomplete(server.channel, "budget remove", "budget", "member")
    assert asked[1:] == [25, 100, 100, 30]


@pytest.mark.parametrize("thresholds", [(), tuple(range(991, 1001))])
async def test_alerts_that_a_program_set_stay_where_nobody_changes_them(
    server: Server, tracker: UsageTracker, thresholds: tuple[int, ...]
):
    await tracker.budgets.set(scope=Scope.GUILD, guild_id=server.guild.id, limit_usd=5, thresholds=thresholds)
    view = await shown(server)
    form = await server.manager.click(view, label="Edit")
    await server.manager.submit_modal(
        form, {"limit": "$7", "thresholds": ", ".join(map(str, thresholds)), "mode": ["hard"], "unknown": ["refuse"]}
    )
    (now,) = await tracker.budgets.of(server.guild.id)
    assert (now.limit, now.thresholds) == (7 * USD, thresholds)
