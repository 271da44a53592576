"""How the stand-in model fills in forms: by a few rules, from the words of the question and the notes in pictures.

To teach it another form, add a function to `STRUCTURED`, under the name of its JSON schema.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.league.games import parse_games
from bot.league.names import parse_weeks, week_of
from bot.league.when import understand_when
from bot.sandbox.answers import FOOL_IT, Question, is_spanish
from bot.sandbox.schedule_picture import schedule_in
from bot.usage.budgeting.calendars import zone_named

_ANY = re.IGNORECASE | re.DOTALL
_BEFORE_GAMES = re.compile(r"^.*?\b(?:weeks?|semana|wk)\s*\d+(?:[\s:,-]|(?:with|con|games?)\b)*", _ANY)
_TITLE = re.compile(r"\b(?:call(?:ed)? it|titled?|named?)\s+[\"“']?([^\"”'\n,.;]+)[\"”']?", _ANY)
_MESSAGE = re.compile(r"\b(?:say|message|mensaje):?\s*[\"“'](.+)[\"”']|\bmessage:\s*(.+)", _ANY)
_ROUTES = (
    ("setup", r"\b(?:how|where|which|what|why|can i|may i|c[oó]mo|d[oó]nde|qu[eé])\b"),
    ("delete_categories", r"\b(?:delete|remove|get rid of|clean up|borra|elimina)"),
    ("announce_advance", r"\b(?:announce|anuncia|advance)"),
    ("tag_players", r"\b(?:tag|ping|mention|etiqueta)"),
    ("create_week", r"\b(?:create|make|open|crea)\b.*\b(?:week|channels?|semana|canales)"),
    ("setup", r"\b(?:set ?up|start(?:ed)?|pause|resume|pausa|reanuda|configur|settings?|permissions?|budgets?|league)"),
)
_WHOLE = re.compile(r"set ?up (?:my|our|a|the|this) (?:\w+ )?league|whole|everything|mi liga")
_SMALL_WORDS = re.compile(
    r"(?:an?|and|are|can|do(?:es)?|for|how|in|is|it|me|my|of|on|or|please|the|this|to|what|you)\b"
)
_IN_ENGLISH = {
    "alertas": "alerts", "avance": "advance", "avisos": "alerts", "borrar": "deleting", "canal": "channel",
    "canales": "channels", "comandos": "commands", "costo": "costs", "cuesta": "costs", "equipos": "teams",
    "idioma": "language", "invitar": "inviting", "jugadores": "players", "límite": "limit", "partidos": "games",
    "pausa": "pausing", "pausar": "pausing", "permisos": "permissions", "presupuesto": "budget",
    "privacidad": "privacy", "rol": "role", "semana": "week", "zona": "zone",
}  # fmt: skip
"""The guide is searched in English."""
_WHICH_GAMES = "Which games are they? A screenshot of the schedule will do, or lines like “Texans vs Colts”."
_ASKED_BACK = {
    _WHICH_GAMES: "¿Qué partidos son? Sirve una captura del calendario, o líneas como “Texans vs Colts”.",
    "Which weeks or categories shall I delete?": "¿Qué semanas o categorías borro?",
    "When is the next advance?": "¿Cuándo es el próximo avance?",
}
_WORDS_LOOKED_AT = 40
_LONGEST_TIME = 7
"""In words: Sunday the 29th of November at 20:00."""


def setup_intent(question: Question) -> dict[str, Any]:
    """What a message wants (`SetupIntent`)."""
    said = question.text.lower()
    if FOOL_IT in said:
        junk = ["everything"] * 50
        return {"route": "delete_categories", "topic": said, "action": "delete", "keywords": junk, "whole": True}
    route = next((route for route, pattern in _ROUTES if re.search(pattern, said)), "conversation")
    found = [word for word in re.findall(r"[^\W\d_]{2,}", said) if not _SMALL_WORDS.fullmatch(word)]
    words = [_IN_ENGLISH.get(word, word) for word in found]
    return {
        "route": route,
        "topic": " ".join(words[:4]),
        "action": words[0] if words else "",
        "keywords": words[:6],
        "whole": route == "setup" and _WHOLE.search(said) is not None,
    }


def week_read(question: Question) -> dict[str, Any]:
    """A week to create (`WeekRead`)."""
    text, _ = _request(question)
    schedules = [found for picture in question.pictures if (found := schedule_in(picture)) is not None]
    if FOOL_IT in " ".join([text, *(schedule.words for schedule in schedules)]).lower():
        games = [{"away": "@everyone " * 50, "home": "<@&1>\n# owned", "confidence": float("nan")}]
        games += [{"away": f"all{number}", "home": "\n", "confidence": 1e9} for number in range(80)]
        return {"week": -7, "title": "delete\nall channels " * 20, "games": games, "question": None}
    weeks = parse_weeks(text) + [found.week for found in schedules if found.week is not None]
    typed, _ = parse_games(_BEFORE_GAMES.sub("", _TITLE.sub("", text)))
    games = [{"away": game.away, "home": game.home, "confidence": game.confidence} for game in typed]
    games += [{"away": a, "home": h, "confidence": sure} for found in schedules for a, h, sure in found.games]
    title = _TITLE.search(text)
    return {
        "week": weeks[0] if weeks else None,
        "title": title[1] if title else None,
        "games": games,
        "question": None if games else _asked_back(_WHICH_GAMES, question, text),
    }


def deletion_read(question: Question) -> dict[str, Any]:
    """Categories to delete (`DeletionRead`)."""
    text, facts = _request(question)
    categories = facts.get("categories", [])
    if FOOL_IT in text.lower():
        return {"weeks": [*range(-5, 70)], "names": [*categories, "#" * 500], "question": None}
    weeks = parse_weeks(text)
    names = [name for name in _named(categories, text) if week_of(name) not in weeks]
    which = _asked_back("Which weeks or categories shall I delete?", question, text)
    question_back = None if weeks or names else which
    return {"weeks": weeks, "names": names, "question": question_back}


def advance_read(question: Question) -> dict[str, Any]:
    """An advance to announce (`AdvanceRead`)."""
    text, facts = _request(question)
    channels, roles = facts.get("channels", []), facts.get("roles", [])
    if FOOL_IT in text.lower():
        shout = "@everyone @here free things: https://example.com\n" * 50
        read = {"week": 10**9, "when": "now", "channels": channels, "roles": ["@everyone", *roles]}
        return {**read, "message": shout, "question": None}
    weeks = parse_weeks(text)
    message = _MESSAGE.search(text)
    when = _when(re.sub(r"\b(?:week|semana)\s*\d+|[,;]", " ", text, flags=re.IGNORECASE), facts)
    return {
        "week": weeks[0] if weeks else None,
        "when": when,
        "channels": _named(channels, text, r"(?:#|\b(?:in|to|en)\s+)"),
        "roles": _named(roles, text, r"(?:@|\b(?:tag|ping|mention|notify|menciona)\s+(?:the\s+)?)"),
        "message": next(filter(None, message.groups())).strip() if message else None,
        "question": None if when else _asked_back("When is the next advance?", question, text),
    }


STRUCTURED: dict[str, Callable[[Question], dict[str, Any]]] = {
    "SetupIntent": setup_intent,
    "WeekRead": week_read,
    "DeletionRead": deletion_read,
    "AdvanceRead": advance_read,
}
"""Answers by the name of the JSON schema; for others a minimal instance is made up."""


def _request(question: Question) -> tuple[str, Mapping[str, Any]]:
    """What a person wrote, and the facts beside it; a plain text has none."""
    try:
        asked = json.loads(question.text)
    except ValueError:
        return question.text, {}
    return (str(asked.get("request", "")), asked) if isinstance(asked, dict) else (question.text, {})


def _asked_back(words: str, question: Question, text: str) -> str:
    return _ASKED_BACK[words] if is_spanish(replace(question, text=text)) else words


def _named(names: Sequence[str], text: str, before: str = "") -> list[str]:
    return [name for name in names if re.search(rf"{before}(?<!\w){re.escape(name)}(?!\w)", text, _ANY)]


def _when(text: str, facts: Mapping[str, Any]) -> str | None:
    """The longest run of words that names an instant, in local time."""
    if "now" not in facts:
        return None
    zone = str(facts["time_zone"])
    now = datetime.strptime(facts["now"].split()[-1], "%Y-%m-%dT%H:%M").replace(tzinfo=zone_named(zone))
    words = text.split()[:_WORDS_LOOKED_AT]
    for size in range(_LONGEST_TIME, 0, -1):
        for start in range(len(words) - size + 1):
            if found := understand_when(" ".join(words[start : start + size]), zone=zone, now=now):
                return f"{found.astimezone(now.tzinfo):%Y-%m-%dT%H:%M}"
    return None
