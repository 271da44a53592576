"""From what somebody asks for to a plan on the screen: slash options and plain language lead to the same plans.

Words in place of a plan say what is missing. Reading by a model raises `CallRefusedError`, `ModelAnswerError` and the
SDK's errors; every function raises `DatabaseUnavailableError`.
"""

import re
from collections.abc import Iterable, Sequence

import discord

from bot.assistant.league_commands import WeekRead
from bot.league.games import Game, parse_games
from bot.league.limits import ANNOUNCEMENT_CHANNELS
from bot.league.names import find_categories, parse_weeks, week_of
from bot.league.team_list import Team, TeamList
from bot.league.week_plan import WeekPlan, title_of
from bot.translation import _
from bot.usage.reporting.receipts import Receipt, receipt
from cogs._kit.asker import Asker
from cogs._kit.language import server_language
from cogs._league.deletion_plan import DeletionPlanView
from cogs._league.tag_plan import TagPlanView
from cogs._league.week_plan import WeekPlanView


async def plan_week(
    asker: Asker, *, text: str = "", games: str = "", week: int | None = None, title: str = "",
    pictures: Sequence[str] = (), private: bool | None = None,
) -> WeekPlanView:  # fmt: skip
    """A week from pictures (data addresses) or from what was typed; `private` None: as the server has set it.

    Typed `games` need no model if they are understood; a `text` in plain language and pictures do.
    """
    services = asker.client.services
    settings = await services.tracker.settings.of(asker.guild.id)
    listed = await services.league_book.teams(asker.guild.id)
    typed, unread = parse_games(games)
    read, paper = WeekRead(week=None, title=None, games=[], question=None), Receipt()
    if pictures or text or (unread and not typed):
        read, paper = await _read_week(asker, text or "\n".join(unread), pictures, listed)
    if read.games:
        unread = []
    week = read.week if week is None else week
    language = await server_language(asker.client, asker.guild)
    view = WeekPlanView(
        asker,
        WeekPlan(
            title=title_of(week, title or read.title, language=language),
            rows=(),
            week=week,
            private=settings.private_games if private is None else private,
            tag=settings.tag_players,
            language=language,
        ),
        games=[*typed, *(Game(game.away, game.home, game.confidence) for game in read.games)],
        unread=unread,
        teams=TeamList(listed),
        receipt=paper,
        shows_money=await asker.sees_money(),
        picture=pictures[0] if pictures else "",
    )
    view.question = read.question or ""
    return view


async def _read_week(
    asker: Asker, text: str, pictures: Sequence[str], teams: Sequence[Team]
) -> tuple[WeekRead, Receipt]:
    """What a model makes of it, and what that cost."""
    with receipt() as paper:
        async with asker.tracking():
            names = [team.name for team in teams]
            return await asker.client.services.league_commands.read_week(text, pictures, names), paper


async def plan_deletion(asker: Asker, text: str, *, in_plain_language: bool) -> DeletionPlanView:
    """Categories by their names or weeks. A model reads what is in plain language, or what the rules can't resolve."""
    names = {category.id: category.name for category in asker.guild.categories}
    found = [] if in_plain_language else find_categories(text, names)
    question, paper = "", Receipt()
    if not found:
        with receipt() as paper:
            async with asker.tracking():
                read = await asker.client.services.league_commands.read_deletion(text, list(names.values()))
        for said in [*(f"week {week}" for week in read.weeks), *read.names]:
            found += [one for one in find_categories(said, names) if one not in found]
        question = read.question or ""
    view = DeletionPlanView(asker, found, receipt=paper, shows_money=await asker.sees_money())
    view.question = question
    return view


async def plan_tags(asker: Asker, text: str) -> TagPlanView | str:
    """The players of the one category that a text means, by its name or week; words where it can't be told."""
    names = {category.id: category.name for category in asker.guild.categories}
    found = find_categories(text, names)
    if not found and len(weeks := parse_weeks(text)) == 1:
        found = [category_id for category_id, name in names.items() if week_of(name) == weeks[0]]
    if len(found) > 1:
        return _("Several categories could be meant. Name one week: `/league tag` offers those there are.")
    if not found:
        return _("I don't see which category you mean. Name one week: `/league tag` offers those there are.")
    category = asker.guild.get_channel(found[0])
    assert isinstance(category, discord.CategoryChannel)  # noqa: S101 - its id is a category's
    teams = TeamList(await asker.client.services.league_book.teams(asker.guild.id))
    return TagPlanView(asker, category, teams, week=week_of(category.name))


def channels_named(guild: discord.Guild, text: str | Iterable[str]) -> list[int]:
    """The text channels that a text names, by mention or by name, as many as an announcement goes to."""
    return _named(text, "#", {c.id: c.name for c in guild.text_channels})[:ANNOUNCEMENT_CHANNELS]


def roles_named(guild: discord.Guild, text: str | Iterable[str]) -> list[int]:
    """The roles that a text names, by mention or by name; never everyone's."""
    return _named(text, "@&", {role.id: role.name for role in guild.roles if not role.is_default()})


def _named(text: str | Iterable[str], mark: str, names: dict[int, str]) -> list[int]:
    parts = re.split(r"[,;\n]+|(?<=>)\s*(?=<)|\s+(?=[#@])", text) if isinstance(text, str) else list(text)
    ids = {_plain(name): entity_id for entity_id, name in reversed(names.items())}
    found: list[int] = []
    for part in parts:
        mentioned = re.fullmatch(rf"<{mark}(\d+)>", part.strip())
        meant = int(mentioned[1]) if mentioned else ids.get(_plain(part))
        if meant in names and meant not in found:
            found.append(meant)
    return found


def _plain(name: str) -> str:
    """A name without case, a leading mark, and the dashes and blanks that people mix up."""
    return re.sub(r"[\s_-]+", "-", name.strip().lstrip("#@").casefold()).strip("-")
