"""Whatever Discord lets somebody type into any field of any form: words, and no ping. Views and forms are found, not
listed: a new one is tried without a word here.
"""

from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Any

import pytest
import simcord
from hypothesis import given
from simcord.components import walk_components

from cogs._questions.ask import NAME as ASK
from tests.cogs.helpers import Server
from tests.cogs.hostile import answers, close_views, commands, examples, many, needed
from tests.cogs.league.conftest import settings, simcord_bot  # noqa: F401 - the whole bot, and a stand-in for the model

BUTTON, LIST, FIELD = 2, 3, 4
"""Kinds of components."""


class Presser:
    """Presses everything in a message, and in what that opens, and fills in forms; `fields` are those it has met."""

    def __init__(self, boss: simcord.MemberActor, texts: Iterable[str]) -> None:
        self.boss = boss
        self._texts = cycle(texts)
        self.fields: set[str] = set()
        self.pressed: set[tuple[str, str]] = set()

    async def press_all(self, message: simcord.ResponseMessage) -> None:
        while (way := next(self._ways(message), None)) is not None:
            self.pressed.add(way)
            custom_id, value = way
            await self.look_at(
                await self.boss.select(message, [value], custom_id=custom_id)
                if value
                else await self.boss.click(message, custom_id=custom_id)
            )

    async def look_at(self, result: simcord.InteractionResult) -> None:
        """Press what was answered; what was answered with a form, once that is sent."""
        if result.modal is not None:
            result = await self._filled(result)
        for answer in answers(result):
            await self.press_all(answer)

    async def _filled(self, form: simcord.InteractionResult) -> simcord.InteractionResult:
        values: dict[str, Any] = {}
        for control in walk_components(form.modal["components"]):
            if control.get("type") == FIELD:
                values[control["custom_id"]] = next(self._texts)[: control["max_length"]] or "x"
                self.fields.add(f"{form.modal['title']}: {control['custom_id']}")
            elif control.get("type") == LIST:
                values[control["custom_id"]] = [control["options"][-1]["value"]]
        return await self.boss.submit_modal(form, values)

    def _ways(self, message: simcord.ResponseMessage) -> Iterator[tuple[str, str]]:
        """The buttons, and the entries of the lists, that weren't pressed yet."""
        for control in walk_components(message.components):
            if control.get("custom_id") and control.get("type") in (BUTTON, LIST) and not control.get("disabled"):
                for option in control.get("options") or [{"value": ""}]:
                    if (way := (control["custom_id"], option["value"])) not in self.pressed:
                        yield way


@pytest.mark.usefixtures("nothing_failed")
@examples(1)
@given(texts=many)
async def test_every_form(
    boss: simcord.MemberActor, server: Server, standing: list[simcord.ResponseMessage], texts: list[str]
):
    """I27, I30: whatever commands, menus, alerts and the hello open."""
    presser = Presser(boss, texts)
    question = await boss.send(server.channel, "a trade")
    await presser.look_at(await boss.context_menu(server.channel, ASK, question))
    for message in standing:
        await presser.press_all(message)
    for name, options in commands(boss, server):
        close_views()
        presser.pressed.clear()
        await presser.look_at(await boss.slash(server.channel, name, **needed(options)))
    assert len(presser.fields) > 14
