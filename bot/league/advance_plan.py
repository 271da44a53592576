"""An advance to be announced: which week, when the next one is, whom it mentions, and the words themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.league.limits import ANNOUNCEMENT_CHANNELS, MESSAGE_CHARACTERS

MESSAGE_MOST = 1_500
"""The longest message of one's own: the rest of the announcement fits beside it."""


@dataclass(frozen=True, slots=True)
class AdvancePlan:
    """What will be posted. `at` is the next advance (UTC), `role_ids` those that are mentioned, ids throughout."""

    week: int | None = None
    at: datetime | None = None
    channel_ids: tuple[int, ...] = ()
    role_ids: tuple[int, ...] = ()
    message: str = ""


def announcement(plan: AdvancePlan) -> str:
    """The text, in Discord's Markdown, with the time as everybody's own clock shows it."""
    lines = [f"## Week {plan.week} is here" if plan.week is not None else "## The league has advanced"]
    if plan.role_ids:
        lines.append(" ".join(f"<@&{role_id}>" for role_id in plan.role_ids))
    if plan.message:
        lines.append(plan.message)
    if plan.at is not None:
        seconds = int(plan.at.timestamp())
        lines.append(f"**Next advance:** <t:{seconds}:F> (<t:{seconds}:R>)")
    return "\n".join(lines)


def obstacles(plan: AdvancePlan, *, questions: Sequence[str] = ()) -> list[str]:
    """What has to be mended before it can be posted: a sentence each."""
    found = list(questions)
    if plan.week is None and plan.at is None and not plan.message:
        found.append("Nothing is said yet. Give a week, a time or a message under **Edit**.")
    if not plan.channel_ids:
        found.append("Choose the channels that it goes to.")
    if len(plan.channel_ids) > ANNOUNCEMENT_CHANNELS:
        found.append(f"It goes to at most {ANNOUNCEMENT_CHANNELS} channels.")
    if len(announcement(plan)) > MESSAGE_CHARACTERS:
        found.append(f"It is too long: Discord takes {MESSAGE_CHARACTERS:,} characters.")
    return found
