"""How a budget is put into words for those who may see amounts. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.figures import at_limit
from bot.translation import speaking
from bot.usage.budgeting.budget_book import Standing
from bot.usage.budgeting.budgets import Budget, Level, Mode, Owner, Scope, Unit
from bot.usage.budgeting.calendars import Period
from bot.usage.budgeting.limits import LimitNotUnderstoodError, parse_limit
from cogs._budgets.budget_target import TargetError, Which, target_of
from cogs._budgets.budget_words import alerts_at, bar, grouped, label, misread, section, title, unnamed_title

USD = 10**9
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
ENDS = "Starts anew <t:1775001600:R>, <t:1775001600:f>."


def budget(**fields: Any) -> Budget:
    usual: dict[str, Any] = {"scope": Scope.GUILD, "scope_id": "1", "limit": USD, "mode": Mode.HARD}
    return Budget(**{"id": "b", "guild_id": 1, "period": Period.MONTH, "unit": Unit.USD, **usual, **fields})


def standing(level: Level, ends_at: datetime | None = APRIL, runs_out_at: datetime | None = None, **fields: Any):
    return Standing(budget(**fields), "", level, ends_at, runs_out_at)


@pytest.mark.parametrize(
    ("level", "cells"),
    [
        (Level(), "░░░░░░░░░░░░░░░░"),
        (Level(spent=1), "█░░░░░░░░░░░░░░░"),
        (Level(spent=USD // 2), "████████░░░░░░░░"),
        (Level(spent=USD // 4, doubtful=USD // 4, reserved=USD // 4), "████████▒▒▒▒░░░░"),
        (Level(reserved=1), "▒░░░░░░░░░░░░░░░"),
        (Level(spent=USD - 1), "███████████████░"),
        (Level(spent=USD), "████████████████"),
        (Level(spent=9 * USD), "████████████████"),
        (Level(spent=USD // 2, reserved=USD // 2), "████████▒▒▒▒▒▒▒▒"),
    ],
)
def test_the_bar_is_full_only_at_the_limit(level: Level, cells: str):
    assert bar(budget(), level) == f"`{cells}`"


def test_what_is_doubtful_is_named():
    """I4: the provider may have billed it, so it counts as used."""
    level = Level(spent=USD // 4, doubtful=USD // 4, reserved=USD // 10)
    assert section([standing(level)]).splitlines() == [
        "**$1.00 a month for this server**",
        "-# Stops at the limit · alerts at 80, 90 and 100\u00a0%",
        "`████████▒▒░░░░░░` 50\u00a0%",
        "$0.25 spent · $0.25 doubtful (the provider may have billed it) · $0.10 reserved · **$0.40 left**",
        "At this pace it lasts.",
        ENDS,
    ]


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (standing(Level(spent=USD), runs_out_at=APRIL), "⛔ Used up."),
        (
            standing(Level(spent=USD - 1, fired=100), runs_out_at=APRIL),
            "⛔ Used up: what is left is too little for another answer.",
        ),
        (standing(Level(spent=2 * USD), runs_out_at=APRIL, mode=Mode.SOFT), "⚠️ Over the limit."),
        (
            standing(Level(spent=1), runs_out_at=APRIL - timedelta(days=1)),
            "⚠️ At this pace it runs out <t:1774915200:R>, <t:1774915200:f>.",
        ),
        (standing(Level(spent=1)), "At this pace it lasts."),
        (standing(Level(spent=1), None), "At this pace it lasts for years."),
    ],
)
def test_the_pace(one: Standing, line: str):
    assert section([one]).splitlines()[4] == line


def test_a_limit_of_nothing_and_a_budget_that_never_starts_anew():
    assert section([standing(Level(), None, limit=0, period=Period.TOTAL)]).splitlines()[2:] == [
        "A limit of nothing allows nothing.",
        "$0.00 spent · **$0.00 left**",
        "Never starts anew.",
    ]
    assert "With a limit of nothing, all is over it." in section([standing(Level(), limit=0, mode=Mode.SOFT)])


def test_nearly_all_does_not_read_as_all():
    assert section([standing(Level(spent=998 * 10**6))]).splitlines()[3] == "$0.998 spent · **$0.002 left**"


def test_each_member_before_anybody_has_used_any():
    assert section([standing(Level(), scope=Scope.EACH_USER)]).splitlines()[2:] == [
        "Nobody has used any of it yet.",
        ENDS,
    ]


@pytest.mark.parametrize(
    ("fields", "words", "in_lists"),
    [
        ({}, "$1.00 a month for this server", "$1.00 a month for this server"),
        ({"scope": Scope.BOT}, "$1.00 a month for the whole bot", "$1.00 a month for the whole bot"),
        ({"scope": Scope.CHANNEL}, "$1.00 a month for <#1>", "$1.00 a month for a `name'"),
        ({"scope": Scope.USER}, "$1.00 a month for <@1>", "$1.00 a month for a `name'"),
        ({"scope": Scope.EACH_USER}, "$1.00 a month for each member", "$1.00 a month for each member"),
        ({"scope": Scope.ROLE}, "$1.00 a month for all of <@&1> together", "$1.00 a month for all of a `name'"),
        ({"scope": Scope.EACH_IN_ROLE}, "$1.00 a month for each member of <@&1>", "$1.00 a month for each of a `name'"),
        ({"unit": Unit.TOKENS, "limit": 1, "period": Period.DAY}, "1 token a day for this server", None),
        ({"period": Period.TOTAL, "scope": Scope.AGENT, "scope_id": "x`y"}, "$1.00 in total for the agent `x'y`", None),
    ],
)
def test_titles(fields: dict[str, Any], words: str, in_lists: str | None):
    """I27: what a name holds can't break out of its code font, and lists show no code font."""
    assert title(budget(**fields)) == words
    if in_lists is not None:
        assert label(budget(**fields), "a `name`") == in_lists.replace("`", "'")


def test_at_the_limit():
    assert [at_limit(budget(mode=mode)) for mode in Mode] == [
        "stops at the limit",
        "only warns",
        "takes the cheaper model from 80\u00a0% on, then stops",
    ]


def test_the_operators_come_first():
    own, cap = standing(Level(), id="own"), standing(Level(), id="cap", owner=Owner.OPERATOR)
    assert [[one.budget.id for one in found] for found in grouped([own, cap, own])] == [["cap"], ["own", "own"]]


@pytest.mark.parametrize(
    ("chosen", "which", "target"),
    [
        (None, Which(), (Scope.GUILD, "")),
        (None, Which(channel=1), (Scope.CHANNEL, "1")),
        (None, Which(role=2), (Scope.ROLE, "2")),
        (None, Which(member=3), (Scope.USER, "3")),
        (None, Which(operation="op"), (Scope.OPERATION, "op")),
        (Scope.EACH_USER, Which(), (Scope.EACH_USER, "")),
        (Scope.EACH_IN_ROLE, Which(role=2), (Scope.EACH_IN_ROLE, "2")),
    ],
)
def test_targets(chosen: Scope | None, which: Which, target: tuple[Scope, str]):
    assert target_of(chosen, which, {"op"}) == target


def test_many_operations_are_told_by_a_few_names():
    with pytest.raises(TargetError) as caught:
        target_of(None, Which(operation="nope"), {f"operation_{n:02}" + "`" * 200 for n in range(60)})
    assert len(str(caught.value)) < 1_000
    assert "`operation_00'" in str(caught.value)
    assert str(caught.value).endswith("…` and 50\u00a0others.")


@pytest.mark.parametrize(
    ("thresholds", "words"),
    [
        ((), "no alerts"),
        ((50,), "alerts at 50\u00a0%"),
        ((50, 75, 100), "alerts at 50, 75 and 100\u00a0%"),
    ],
)
def test_alerts(thresholds: tuple[int, ...], words: str):
    """A program may have set none."""
    assert alerts_at(budget(thresholds=thresholds)) == words


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "$1.00 a month for this server"),
        ({"scope": Scope.CHANNEL}, "$1.00 a month for a private channel"),
        ({"scope": Scope.USER}, "$1.00 a month for a member"),
    ],
)
def test_titles_without_names(fields: dict[str, Any], words: str):
    """I26."""
    assert unnamed_title(budget(**fields)) == words


def test_a_target_that_contradicts_itself():
    with pytest.raises(TargetError) as caught:
        target_of(Scope.EACH_USER, Which(channel=1), ())
    assert str(caught.value) == (
        "You chose **each member** and named a channel. Leave out `channel`, or choose another `applies-to`."
    )


def test_in_spanish():
    level = Level(spent=USD // 4, doubtful=USD // 4, reserved=USD // 10)
    used = [Standing(budget(scope=Scope.EACH_USER), str(n), Level(spent=USD // n), None, None) for n in range(1, 5)]
    with speaking("es-419"):
        assert section([standing(level, mode=Mode.CHEAPER, runs_out_at=APRIL)]).splitlines() == [
            "**USD\u00a01.00 al mes para este servidor**",
            "-# Pasa al modelo más barato a partir del 80\u00a0% y luego se detiene · alertas al 80, 90 y 100\u00a0%",
            "`████████▒▒░░░░░░` 50\u00a0%",
            (
                "gastado: USD\u00a00.25 · en duda: USD\u00a00.25 (el proveedor pudo haberlo cobrado) · "
                "reservado: USD\u00a00.10 · **disponible: USD\u00a00.40**"
            ),
            "⚠️ A este ritmo se agota <t:1775001600:R>, el <t:1775001600:f>.",
            "Empieza de nuevo <t:1775001600:R>, el <t:1775001600:f>.",
        ]
        assert section(used).splitlines()[-3:] == [
            "`██████░░░░░░░░░░` 33\u00a0% <@3> · gastado: USD\u00a00.33",
            "y 1\u00a0miembro más",
            "Nunca empieza de nuevo.",
        ]


def test_what_is_asked_back_in_spanish():
    with speaking("es-ES"):
        with pytest.raises(TargetError) as asked:
            target_of(Scope.EACH_USER, Which(operation="op"), {"op"})
        assert str(asked.value) == (
            "Elegiste **cada miembro** e indicaste una operación. Quita `operation` o elige otro `applies-to`."
        )
        with pytest.raises(LimitNotUnderstoodError) as caught:
            parse_limit("200k")
        assert misread(caught.value) == (
            "¿Son tokens o dólares? Agrega la unidad. "
            "Entiendo cantidades como `$5`, `0.05`, `1,000 usd`, `200k tokens` o `1.5M tokens`."
        )
