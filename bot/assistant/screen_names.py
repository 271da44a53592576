"""What settings, buttons and permissions that the guide names are called on the screen, in each language."""

import re
from collections.abc import Iterable

from bot.translation import ENGLISH, LANGUAGES, _, language_name, mark, speaking

NAMES = (
    mark("Alerts"),
    mark("Where I answer"),
    mark("Who may see usage"),
    mark("Quotas for members"),
    mark("Time zone and reports"),
    mark("Privacy"),
    mark("Language"),
    mark("League"),
    mark("Commissioners"),
    mark("Private game channels"),
    mark("Tag the players"),
    mark("Channel for announcements"),
    mark("Change"),
    mark("Manage Server"),
    mark("Manage Channels"),
    mark("Send Messages"),
)
"""As the guide and the English screen have them; permissions in Discord's own words."""


def screen_names(texts: Iterable[str]) -> str:
    """Those that the texts name, as people read them in every other language that we speak; empty where none is."""
    whole = "\n".join(texts)
    named = [name for name in NAMES if re.search(rf"\b{re.escape(name)}\b", whole)]
    lines = []
    for code in LANGUAGES:
        if code != ENGLISH and named:
            with speaking(code):
                pairs = "; ".join(f"{name} = {_(name)}" for name in named)
            lines.append(f"{language_name(code)}: {pairs}.")
    return "\n".join(lines)
