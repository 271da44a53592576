"""Words of alerts that the whole path's tests don't come to."""

from datetime import UTC, date, datetime

import pytest

from bot.alerts.cause import Cause
from bot.alerts.facts import AlertFacts
from bot.translation import speaking
from bot.usage.budgeting.alert_rows import Alert, AlertKind
from bot.usage.budgeting.budget_book import Standing
from bot.usage.budgeting.budgets import Budget, Level, Mode, Scope, Unit
from bot.usage.budgeting.calendars import Period
from bot.usage.reporting.reports import Days
from cogs._alerts.alert_text import discord_text, heading, plain_text

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
ENDS = datetime(2026, 4, 1, tzinfo=UTC)
DAYS = Days(date(2026, 3, 10), date(2026, 3, 10))
BEFORE = Days(date(2026, 3, 9), date(2026, 3, 9))


def facts(
    scope: Scope, scope_id: str = "", *, key: str = "", guild_id: int = 7, cause: Cause | None = None
) -> AlertFacts:
    budget = Budget("b", guild_id, scope, scope_id, Period.MONTH, Unit.TOKENS, 200_000, Mode.SOFT)
    alert = Alert("a", guild_id, AlertKind.BUDGET, "b", key, "2026-03-01", 90, 180_000, 200_000, AT)
    return AlertFacts(alert, Standing(budget, key, Level(180_000), ENDS, None), cause)


@pytest.mark.parametrize(
    ("scope", "scope_id", "key", "named", "unnamed", "outside"),
    [
        (Scope.GUILD, "7", "", "this server**", "this server**", "the server"),
        (Scope.CHANNEL, "11", "", "<#11>**", "<#11>**", "a channel"),
        (Scope.USER, "22", "", "<@22>**", "a member**", "a member"),
        (Scope.EACH_USER, "", "22", "each member**: <@22>", "each member**", "each member"),
        (Scope.EACH_IN_ROLE, "33", "22", "each member of <@&33>**: <@22>", "each member of <@&33>**",
         "each member of a role"),
        (Scope.OPERATION, "chat", "", "the operation `chat`**", "the operation `chat`**", "the operation chat"),
    ],
)  # fmt: skip
def test_whom_it_is_for(scope, scope_id, key, named, unnamed, outside):
    """I26: members are named only where not everybody reads, and never outside Discord."""
    found = facts(scope, scope_id, key=key)
    before = "**200,000 tokens a month for "
    assert discord_text(found, with_members=True).splitlines()[1] == before + named
    assert discord_text(found, with_members=False).splitlines()[1] == before + unnamed
    assert plain_text(found, "league").splitlines()[:3] == [
        "Server: league",
        f"Budget: 200,000 tokens a month for {outside}",
        "180,000 tokens of 200,000 tokens (90\u00a0%) used since 1 Mar.",
    ]


@pytest.mark.parametrize(
    ("split", "key", "in_discord", "outside"),
    [
        (
            "operation",
            "setup_full_guide",
            "the operation `Set-up: whole guide`",
            "the operation Set-up: whole guide",
        ),
        ("channel", "11", "<#11>", "the channel 11"),
        ("user", "22", "<@22>", "the user 22"),
        ("guild", "7", "the server `7`", "the server 7"),
    ],
)
def test_the_cause(split, key, in_discord, outside):
    pool = facts(Scope.BOT, guild_id=0, cause=Cause(split, key, 3_000, DAYS, BEFORE))
    words = "3,000 tokens more than the day before."
    assert discord_text(pool, with_members=True).splitlines()[3] == f"Grew most: {in_discord}, {words}"
    channel = facts(Scope.CHANNEL, "11", cause=Cause(split, key, 3_000, DAYS, BEFORE))
    assert plain_text(channel, "league").splitlines()[3] == f"On the whole server, grew most: {outside}, {words}"


@pytest.mark.parametrize(
    ("mode", "threshold", "first"),
    [
        (Mode.HARD, 90, "## ⚠️ 90\u00a0% of a budget is used"),
        (Mode.HARD, 100, "## ⛔ A budget is used up"),
        (Mode.CHEAPER, 100, "## ⛔ A budget is used up"),
        (Mode.SOFT, 100, "## ⚠️ 100\u00a0% of a budget is used"),
    ],
)
def test_how_grave_it_is(mode, threshold, first):
    budget = Budget("b", 7, Scope.GUILD, "7", Period.MONTH, Unit.TOKENS, 200_000, mode)
    alert = Alert("a", 7, AlertKind.BUDGET, "b", "", "2026-03-01", threshold, 200_000, 200_000, AT)
    found = AlertFacts(alert, Standing(budget, "", Level(200_000), ENDS, None), None)
    assert discord_text(found, with_members=False).splitlines()[0] == first


def test_used_up_before_all_of_it_is_spent():
    """The first refusal is the alert, and the figures alone would puzzle."""
    budget = Budget("b", 7, Scope.GUILD, "7", Period.MONTH, Unit.TOKENS, 200_000, Mode.HARD)
    alert = Alert("a", 7, AlertKind.BUDGET, "b", "", "2026-03-01", 100, 199_900, 200_000, AT)
    found = AlertFacts(alert, Standing(budget, "", Level(199_900), ENDS, None), None)
    assert plain_text(found, "league").splitlines() == [
        "Server: league",
        "Budget: 200,000 tokens a month for the server",
        "199,900 tokens of 200,000 tokens (>99\u00a0%) used since 1 Mar.",
        "What is left is too little for another answer.",
        "Further questions are refused until 2026-04-01 00:00 UTC.",
    ]


@pytest.mark.parametrize(("is_over", "told"), [(False, "used today."), (True, "used on 10 Mar.")])
def test_a_days_budget_says_today_and_which_day_it_was(is_over: bool, told: str):
    budget = Budget("b", 7, Scope.GUILD, "7", Period.DAY, Unit.USD, 10**9, Mode.HARD)
    alert = Alert("a", 7, AlertKind.BUDGET, "b", "", "2026-03-10", 80, 998 * 10**6, 10**9, AT)
    found = AlertFacts(alert, Standing(budget, "", Level(998 * 10**6), ENDS, None), is_over=is_over)
    assert discord_text(found, with_members=False).splitlines()[2] == f"$0.998 of $1.00 (>99\u00a0%) {told}"


def test_a_name_cant_break_out_of_its_mark():
    """I27."""
    cause = Cause("operation", "x`\n# @everyone <@1>", 3_000, DAYS, BEFORE)
    (line,) = [
        line
        for line in discord_text(facts(Scope.GUILD, "7", cause=cause), with_members=False).splitlines()
        if line.startswith("Grew")
    ]
    assert line == "Grew most: the operation `x' # @everyone <@1>`, 3,000 tokens more than the day before."


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (AlertKind.PROVIDER_KEY, "The AI provider refuses the key"),
        (AlertKind.PROVIDER_CREDIT, "The AI account is out of credit"),
    ],
)
def test_the_provider_s_trouble(kind, words):
    found = AlertFacts(Alert("a", 7, kind, "", "openai", "", 0, 0, 0, AT))
    assert heading(found) == words
    assert discord_text(found, with_members=False).splitlines()[0] == f"## ⛔ {words}"
    assert plain_text(found, "league").startswith("Server: league\nQuestions can't be answered until")


def test_in_spanish():
    """As people in Spain write numbers, outside Discord as well."""
    found = facts(Scope.OPERATION, "chat", cause=Cause("channel", "11", 3_000, DAYS, BEFORE))
    with speaking("es-ES"):
        assert discord_text(found, with_members=True, server="Liga").splitlines() == [
            "## ⚠️ Se usó el 90\u00a0% de un presupuesto",
            "En el servidor **Liga**",
            "**200.000 tokens al mes para la operación `chat`**",
            "Usado desde el 1 mar: 180.000 tokens de 200.000 tokens (90\u00a0%).",
            "Lo que más creció en todo el servidor: <#11>, 3.000 tokens más que el día anterior.",
            "Al 100\u00a0% solo aviso: las preguntas se responden de todos modos.",
        ]
        assert plain_text(found, "Liga").splitlines()[:2] == [
            "Servidor: Liga",
            "Presupuesto: 200.000 tokens al mes para la operación chat",
        ]
