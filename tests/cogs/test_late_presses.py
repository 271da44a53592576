"""Two presses at once: the second comes while Discord is still shown what the first one did."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import simcord

from bot.usage.tracker import UsageTracker
from cogs._kit import private
from cogs._kit.private import PrivateView
from tests.cogs.helpers import Books, Server, settings_page, texts

Meanwhile = Callable[..., None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Press that button of a view too, while what the next press did (its n-th edit) is on its way to Discord."""
    show, buttons, tasks = PrivateView.update, list[Any](), list[asyncio.Task[None]]()

    async def update(view: PrivateView, interaction: Any) -> None:
        if buttons and (button := buttons.pop()) is not None:
            tasks.append(asyncio.create_task(button.callback(interaction)))
        await show(view, interaction)

    def press(shown: simcord.ResponseMessage, custom_id: str, edit: int = 1) -> None:
        items = private._open[shown.id].walk_children()
        found = next(item for item in items if getattr(item, "custom_id", "") == custom_id)
        buttons[:] = [found, *[None] * (edit - 1)]

    monkeypatch.setattr(PrivateView, "update", update)
    return press


async def test_a_budget_is_either_set_or_cancelled(server: Server, tracker: UsageTracker, meanwhile: Meanwhile):
    shown = (await server.manager.slash(server.channel, "budget set", limit="$5")).response
    meanwhile(shown, "budget:cancel")
    await server.manager.click(shown, custom_id="budget:confirm")
    assert texts(shown)[0].startswith("✅ **Set**")
    shown = (await server.manager.slash(server.channel, "budget set", limit="$9")).response
    meanwhile(shown, "budget:confirm")
    await server.manager.click(shown, custom_id="budget:cancel")
    assert texts(shown) == ["Nothing was changed."]
    assert [budget.limit for budget in await tracker.budgets.of(server.guild.id)] == [5 * 10**9]


@pytest.mark.parametrize("second", ["budgets:confirm", "budgets:keep"])
async def test_one_budget_is_removed(server: Server, tracker: UsageTracker, meanwhile: Meanwhile, second: str):
    """The other one, which the list has chosen by the time of the second press, stays."""
    kept, gone = [
        await tracker.set_budget("guild", server.guild.id, guild_id=server.guild.id, period=period, limit_usd=5)
        for period in ("day", "month")
    ]
    shown = (await server.manager.slash(server.channel, "budget remove", budget=gone.id)).response
    meanwhile(shown, second)
    await server.manager.click(shown, custom_id="budgets:confirm")
    assert await tracker.budgets.of(server.guild.id) == [kept]
    assert texts(shown)[-1] == "✅ Removed: $5.00 a month for this server."


@pytest.mark.parametrize("second", ["settings:shorter", "settings:as-before"])
async def test_a_shorter_retention_holds(server: Server, tracker: UsageTracker, meanwhile: Meanwhile, second: str):
    shown = await settings_page(server, "privacy")
    await server.manager.select(shown, ["30"], custom_id="settings:retention")
    meanwhile(shown, second)
    await server.manager.click(shown, custom_id="settings:shorter")
    assert (await tracker.settings.of(server.guild.id)).retention_days == 30
    assert texts(shown)[-1] == "Single calls are kept for 30\u00a0days."


@pytest.mark.parametrize("second", ["privacy:everywhere", "privacy:here", "privacy:cancel"])
async def test_what_is_erased_is_told_once(server: Server, books: Books, meanwhile: Meanwhile, second: str):
    """I34: and it isn't said that nothing was erased."""
    await books.book(server.guild.id, 10**6, user=server.member.id)
    shown = (await server.member.slash(server.channel, "privacy")).response
    await server.member.click(shown, label="Erase…")
    books.clock.now += timedelta(seconds=1)
    meanwhile(shown, second, edit=2)
    await server.member.click(shown, custom_id="privacy:everywhere")
    assert texts(shown)[-1].startswith("✅ Erased everywhere: 1 call doesn't name you any more")
