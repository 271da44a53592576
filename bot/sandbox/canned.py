"""What the stand-in model has to say in one language: `canned_english.py`, `canned_spanish.py`."""

import re
from dataclasses import dataclass

CODE = """\
```python
@bot.tree.command(description="When does the league advance?")
async def advance(interaction: discord.Interaction) -> None:
    await interaction.response.send_message("Sunday, 20:00. Play your games!")
```"""
Topic = tuple[re.Pattern[str], tuple[str, ...]]


def topic(pattern: str, *wordings: str) -> Topic:
    """What is said, in one of several wordings, where a question has that pattern in it."""
    return re.compile(pattern, re.IGNORECASE), wordings


@dataclass(frozen=True, slots=True)
class Canned:
    """All of it. Of `topics` the first found in the question wins; `fallback` is said where none is, with `{excerpt}`.

    `sized`, `weighed` and `elsewhere` are what can be said of a picture, `pictures` with them as `{seen}`. `whole_path`
    is said in place of the guide, which is in English, where all of it is asked for, and `before_guide` above it.
    """

    topics: tuple[Topic, ...]
    fallback: tuple[str, ...]
    nothing: str
    pictures: str
    sized: str
    weighed: str
    elsewhere: str
    asks_for_long: re.Pattern[str]
    long_answer: str
    whole_path: str = ""
    before_guide: str = ""


def long_answer(
    begin: str, season: tuple[tuple[str, str], ...], advice: str, points: str, calendar: str, week: str, end: str
) -> str:
    """Longer than one Discord message, with a code block across the place where it has to be split.

    `season` are its parts, each with what is said of it; `week` is a line of the `calendar`, with `{number}`.
    """
    parts = [begin]
    for name, about in season:
        parts += [f"## {name}\n{about} {advice}", points]
    weeks = "\n".join(week.format(number=number) for number in range(1, 19))
    parts.append(f"## {calendar}\n```python\nADVANCES = {{\n{weeks}\n}}\n```")
    return "\n".join([*parts, end])
