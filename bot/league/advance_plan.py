"""An advance to be announced: which week, when the next one is, whom it mentions, and the words themselves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.league.limits import ANNOUNCEMENT_CHANNELS, MESSAGE_CHARACTERS
from bot.translation import ENGLISH, _, count_text, speaking

MESSAGE_MOST = 1_500
"""The longest message of one's own: the rest of the announcement fits beside it."""


@dataclass(frozen=True, slots=True)
class AdvancePlan:
    """What will be posted. `at` is the next advance (UTC), `role_ids` those that are mentioned, ids throughout.

    `language` is that of whom it is posted for, the server's: plans and their remarks are in the person's own.
    """

    week: int | None = None
    at: datetime | None = None
    channel_ids: tuple[int, ...] = ()
    role_ids: tuple[int, ...] = ()
    message: str = ""
    language: str = ENGLISH


def announcement(plan: AdvancePlan) -> str:
    """The text, in Discord's Markdown and the plan's language, with the time as everybody's own clock shows it."""
    with speaking(plan.language):
        return "\n".join(_lines(plan))


def obstacles(plan: AdvancePlan, *, questions: Sequence[str] = ()) -> list[str]:
    """What has to be mended before it can be posted: a sentence each."""
    found = list(questions)
    if plan.week is None and plan.at is None and not plan.message:
        found.append(_("Nothing is said yet. Give a week, a time or a message under **Edit**."))
    if not plan.channel_ids:
        found.append(_("Choose the channels that it goes to."))
    if len(plan.channel_ids) > ANNOUNCEMENT_CHANNELS:
        found.append(_("It goes to at most {most} channels.", most=ANNOUNCEMENT_CHANNELS))
    if len(announcement(plan)) > MESSAGE_CHARACTERS:
        found.append(_("It is too long: Discord takes {most} characters.", most=count_text(MESSAGE_CHARACTERS)))
    return found


def _lines(plan: AdvancePlan) -> Iterator[str]:
    yield _("## Week {week} is here", week=plan.week) if plan.week is not None else _("## The league has advanced")
    if plan.role_ids:
        yield " ".join(f"<@&{role_id}>" for role_id in plan.role_ids)
    if plan.message:
        yield plan.message
    if plan.at is not None:
        yield _("**Next advance:** <t:{seconds}:F> (<t:{seconds}:R>)", seconds=int(plan.at.timestamp()))
