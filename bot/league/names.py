"""Names in a league's server: what a channel may be called, which week a category is, what somebody means by one."""

import re
import unicodedata
from collections.abc import Mapping

from bot.league.limits import NAME_CHARACTERS

MAX_WEEK = 60
"""The highest number that is taken for a week."""
MAX_WEEKS = 60
"""How many weeks are read from one text."""

_WORD = r"(?:weeks?|wks?|w|semanas?|sem|jornadas?)"
_NUMBER = r"(?!(?:19|20)\d\d(?!\d))\d+(?![^\W_])(?!:\d)"
"""No year and no time of day."""
_TO = r"(?:-+|[–—‒−~]|\.\.+|to|through|thru|until|till|hasta|al?)"
_AND = r"(?:[,;&+/]\s*(?:and|y)?|and|y|e)"
_LIST = rf"{_NUMBER}(?:\s*(?:{_TO}|{_AND})\s*(?:{_WORD}\s*)?{_NUMBER})*"
_NAMED_WEEKS = re.compile(rf"(?<![^\W_]){_WORD}[\W_]{{0,3}}({_LIST})")
_ONLY_WEEKS = re.compile(rf"[\W_]*(?:{_WORD}[\W_]{{0,3}})?({_LIST})[\W_]*")
_ONE_WEEK = re.compile(rf"{_WORD}0*\d+")
_RANGE = re.compile(rf"(\d+)(?:\s*{_TO}\s*(?:{_WORD}\s*)?(\d+))?")
_NOT_IN_NAMES = re.compile(r"[!-,./:-@\[-^`{-~]")
"""ASCII's punctuation but for the dash and the underscore."""
_JOINERS = "\u200c\u200d"
"""They hold emoji together, and words of some scripts."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_SEEN = ("L", "N", "S", "P")


def channel_name(text: str) -> str:
    """What Discord makes of a text channel's name: lower case, dashes for spaces, no ASCII punctuation.

    Letters of any script and emoji stay. At most 100 characters. Empty where nothing that can be seen is left.
    """
    name = "-".join(_NOT_IN_NAMES.sub("", text.lower()).split())
    name = "".join(c for c in name if c in _JOINERS or _is_tag(c) or unicodedata.category(c) not in _UNSEEN)
    name = re.sub("-{2,}", "-", name).strip("-" + _JOINERS)[:NAME_CHARACTERS].strip("-" + _JOINERS)
    return name if any(unicodedata.category(c)[0] in _SEEN for c in name) else ""


def game_channel(away: str, home: str) -> str:
    """The name of a game's channel, `texans-vs-colts`; empty where none can be made of one of the two."""
    room = (NAME_CHARACTERS - len("-vs-")) // 2
    names = [channel_name(channel_name(team)[:room]) for team in (away, home)]
    return "-vs-".join(names) if all(names) else ""


def week_of(name: str) -> int | None:
    """The number of the one week that a category's name names: 7 for `🏈 WEEK-07`. None for none, or for several."""
    weeks = _weeks(_NAMED_WEEKS.findall(_plain(name)))
    return weeks[0] if len(weeks) == 1 else None


def parse_weeks(text: str) -> list[int]:
    """The weeks that a text names, sorted: `weeks 3 to 5`, `week 3 and week 6`, or `3-5` where it says nothing else.

    Empty where it names none. A range that goes on beyond the last week there can be ends there.
    """
    plain = _plain(text)
    only = _ONLY_WEEKS.fullmatch(plain)
    return _weeks([only[1]] if only else _NAMED_WEEKS.findall(plain))


def find_categories(text: str, names: Mapping[int, str]) -> list[int]:
    """The ids of the categories that somebody means, of `names` by id, in their order there.

    A name counts whatever its case, emoji and dashes; else the weeks that are named. Several go with commas between
    them. Nothing is guessed: where a part means no category, or can't be told from another, the answer is empty.
    """
    parts = [text] if _named(text, names) else [part for part in re.split(r"[,;\n]", text) if part.strip()]
    found: set[int] = set()
    for part in parts:
        meant = _named(part, names) or _of_weeks(part, names)
        if not meant:
            return []
        found |= set(meant)
    return [category for category in names if category in found]


def _named(text: str, names: Mapping[int, str]) -> list[int]:
    said, key = text.strip(), key_of(text)
    literally = [category for category, name in names.items() if said and name.strip() == said]
    return literally or [category for category, name in names.items() if key and key_of(name) == key]


def _of_weeks(text: str, names: Mapping[int, str]) -> list[int]:
    """Nothing but weeks is said, and each that exists is one category, or those called by its number alone."""
    if not _ONLY_WEEKS.fullmatch(_plain(text)):
        return []
    found: list[int] = []
    for week in parse_weeks(text):
        of_week = [category for category, name in names.items() if week_of(name) == week]
        if len(of_week) > 1:
            of_week = [category for category in of_week if _ONE_WEEK.fullmatch(key_of(names[category]))]
            if not of_week:
                return []
        found += of_week
    return found


def key_of(name: str) -> str:
    """A name's letters and digits alone, in one case: what two names are compared by."""
    return "".join(character for character in _plain(name) if character.isalnum())


def _plain(text: str) -> str:
    """In one case, and without the letters of other shapes (`𝗪𝗲𝗲𝗸`) that people decorate names with."""
    return unicodedata.normalize("NFKC", text).casefold()


def _weeks(lists: list[str]) -> list[int]:
    found: set[int] = set()
    for first, last in (match for text in lists for match in _RANGE.findall(text)):
        ends = sorted(_number(end) for end in (first, last or first))
        found |= set(range(ends[0], min(ends[1], MAX_WEEK) + 1))
    return sorted(found)[:MAX_WEEKS]


def _number(digits: str) -> int:
    return int(digits.lstrip("0")[:6] or "0")


def _is_tag(character: str) -> bool:
    """A part of a flag's emoji."""
    return "\U000e0020" <= character <= "\U000e007f"
