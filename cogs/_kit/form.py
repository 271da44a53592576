"""A form for somebody to fill in, which this process knows for as long as it can be sent."""

from weakref import WeakValueDictionary

import discord

from cogs._kit.private import TIMEOUT_SECONDS

_open: WeakValueDictionary[str, "Form"] = WeakValueDictionary()


def is_known(custom_id: str) -> bool:
    """Whether a form of that id was made by this process, and hasn't expired."""
    form = _open.get(custom_id)
    return form is not None and not form.is_finished()


class Form(discord.ui.Modal):
    """What every form is; subclasses say what it asks, and put its failures into words."""

    def __init__(self, title: str) -> None:
        super().__init__(title=title, timeout=TIMEOUT_SECONDS)
        _open[self.custom_id] = self
