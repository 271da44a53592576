"""What a message to us wants, guessed by rules alone: most messages need no model to be sorted."""

import re
from enum import StrEnum

LOOKED_AT = 1_000
"""How many characters of a message the rules look at: orders and questions about us are short."""


class Route(StrEnum):
    """Where a message goes: to the conversation, to the guide, or to one of the league's actions."""

    CONVERSATION = "conversation"
    SETUP = "setup"
    CREATE_WEEK = "create_week"
    DELETE_CATEGORIES = "delete_categories"
    ANNOUNCE_ADVANCE = "announce_advance"
    TAG_PLAYERS = "tag_players"


def first_guess(text: str, *, has_pictures: bool) -> Route | None:
    """Where a message goes. None: it may be about setting up or about the league, but the rules can't tell.

    An order to do something to the league's channels is an action; a question on how to do such a thing, or where a
    setting is, is SETUP, and so is a wish to pause the AI, which only a command does; what names nothing of ours is
    CONVERSATION. SETUP and None are worth one cheap call that looks closer, the others none. A league action is only
    ever a plan to be confirmed, so a wrong guess harms nobody.
    """
    said = " ".join(text.casefold().translate(_PLAIN_MARKS).split())[:LOOKED_AT]
    said = _POLITE.sub("", said)
    asks = _ASKS_HOW.search(said) is not None
    if (asks and (re.search(_OURS, said) or asks_for_everything(text))) or re.match(_SWITCH, said):
        return Route.SETUP
    if not asks:
        for route, order in _ORDERS:
            if re.match(order, said):
                return route
        if has_pictures and re.search(_NEW_CHANNELS, said) and "?" not in said:
            return Route.CREATE_WEEK
    perhaps = re.search(_PERHAPS, said) or (has_pictures and re.search(_SCHEDULE, said))
    return None if perhaps else Route.CONVERSATION


def asks_for_everything(text: str) -> bool:
    """Whether the whole path is asked for: "How do I set up my league?", and nothing narrower."""
    return _EVERYTHING.search(" ".join(text.casefold().split())) is not None


def _words(pattern: str) -> str:
    """A pattern whose blanks don't count; `{…}` stands for one of `_PARTS`. `re` compiles it when it is first used:
    all of them at start would take a tenth of what starting takes.
    """
    return f"(?x){pattern.format(**_PARTS)}"


_PARTS = {
    # "week 7", "weeks 3 to 5", "wk7", "semana 7"; `any_week`: without a number too
    "week": r"(?:(?:weeks?|wk|semanas?)\s*(?:no\.?\s*|\#)?\d+)",
    "any_week": r"(?:(?:weeks?|wk|semanas?)\s*(?:no\.?\s*|\#)?\d+|(?:this|next|old|last)\s+weeks?)",
    "the": r"(?:(?:all|the|an?|my|our|me|us|those|these|new|old|games?'?|league|of|to"
    r"|las?|los?|el|todas?|todos?|del?|al)\s+)*",
    "channels": r"(?:channels?|categor(?:y|ies|[ií]as?)|match-?ups?|canal(?:es)?)",
    "make": r"(?:create|make|set\s+up|build|add|open|generate|crea(?:r|me)?|haz|abre|genera)",
    "delete": r"(?:delete|remove|erase|drop|clean\s+up|clear|get\s+rid\s+of|borra(?:r|me)?|elimina(?:r)?|quita)",
    "announce": r"(?:announce|post|send|anuncia(?:r)?|publica(?:r)?)",
    "tag": r"(?:tag|ping|mention|remind|notify|etiqueta(?:r)?|menciona(?:r)?|avisa(?:r)?)",
    # Texts about a week are something to write, not to set up
    "not_talk": r"(?!\d|\s*(?:power|rank|predict|recap|preview|pick|article|graphic|score|stat|highlight|hype|poll))",
    "players": r"(?:players?|coaches|users?|owners?|everyone|everybody|jugador(?:es)?)",
}
_PLAIN_MARKS = str.maketrans({"’": "'", "¿": " ", "¡": " ", "“": " ", "”": " ", '"': " "})
_POLITE = re.compile(
    r"^(?:(?:hey|hi|hello|ok|okay|so|now|and|then|trilo|please|pls|plz|por\s+favor|oye|hola)[\s,!.:]+"
    r"|(?:can|could|would|will)\s+you\s+(?:please\s+|pls\s+)?|(?:i|we)\s+(?:want|need)\s+you\s+to\s+"
    r"|(?:i|we)(?:'d|\s+would)\s+like\s+you\s+to\s+|go\s+ahead\s+and\s+|puedes\s+|podr[ií]as\s+)+"
)
"""What people say before an order. "Can you delete weeks 3 to 5?" is one."""
_ASKS_HOW = re.compile(
    r"\b(?:how\s+(?:do|can|could|would|should|to|does|did|much|many)|how's|where\s+(?:do|can|is|are|should|would|to)"
    r"|(?:which|what)\s+(?:slash\s+)?(?:commands?|permissions?|settings?)|what\s+do\s+(?:i|we)\s+need"
    r"|(?:show|tell|teach)\s+me\s+(?:how|where)|(?:can|could)\s+(?:you\s+)?(?:explain|walk\s+me)|explain\s+(?:how|to)"
    r"|is\s+there\s+a\s+(?:way|command|setting)|what\s+does\s+`?/|who\s+(?:can|may)|(?:can|may)\s+(?:i|we)\b"
    r"|why\s+(?:can't|don't|doesn't|won't|isn't|didn't)|walk\s+me\s+through|help\s+me\s+(?:set|configure)"
    r"|c[oó]mo\s+(?:se\s+)?(?:puedo|hago|configur|cre|cambi|borr|elimin|anunci|etiquet|invit|pong|us|funcion)\w*"
    r"|d[oó]nde\s+(?:se\s+)?(?:puedo|cambi|configur|est[aá]|veo|encuentro)\w*|qu[eé]\s+(?:comandos?|permisos?|ajustes)\b)"
)
_OURS = _words(
    r"""(?<!\S)`?/[a-z]
    | \b(?:{channels} | commissioners?\b | comisionado | time\s?zones? | zona\s+horaria | budgets? | presupuestos?
    | ai\s+(?:costs?|answers?) | quotas? | alerts? | settings? | ajustes | configur\w* | permissions? | permisos?
    | commands? | comandos? | slash | bot\b | trilo\b | snapshots? | token-?\s?stats | advance\b | avance\b
    | (?:{make}|{delete}|{announce}|restore)\s+{the}{any_week}
    | (?:create|make|add|set\s+up|start)\s+(?:the\s+|a\s+|my\s+|our\s+)?(?:new\s+)?week
    | {tag}\s+{the}{players} | {players}\s+to\s+{the}teams?
    | (?:invite|invitar?|pause|pausar?|restore|restaurar?|announce|anunciar?)\b
    | set\s?up\s+{the}(?:server|discord|everything|you\b|servidor|liga)
    | (?:reports?|history|tokens?|privacy|premium)\s+(?:here|work|go|channel|page|settings?)
    | my\s+(?:usage|tokens))"""
)
"""What only makes sense about this bot, or nearly so. A question on how, with one of these, is about setting up."""
_SWITCH = _words(
    r"(?:un)?(?:pause|stop|resume|switch\s+o(?:n|ff)|turn\s+o(?:n|ff)|pausar?|det[eé]n|reanudar?|apagar?)\s+"
    r"(?:the\s+|all\s+|your\s+|la\s+|al\s+)?(?:ai|ia|bot|answers|respuestas|answering)\b"
)
_NEW_CHANNELS = _words(r"\b{any_week}\b.*\b{channels}\b | \b{channels}\b.*\b{any_week}\b")
_SCHEDULE = _words(r"\b(?:{channels}|schedule|calendario|{any_week})\b")
_ORDERS = (
    (
        Route.DELETE_CATEGORIES,
        _words(
            r"{delete}\s+{the}(?:{channels}\s+)?(?:(?:for|of|from|de|para)\s+)?{the}(?:{week}|{channels}\b.*{week}){not_talk}"
        ),
    ),
    (
        Route.ANNOUNCE_ADVANCE,
        _words(r"(?:{announce}\s+{the}(?:next\s+)?(?:advance|avance)\b | advance\s+{the}(?:league\s+)?to\s+{week})"),
    ),
    (
        Route.TAG_PLAYERS,
        _words(r"{tag}\s+{the}(?:{players}\b.*{any_week} | {week}\s*(?:'s\s+)?{players} | {week}\s*[.!]*$)"),
    ),
    (
        Route.CREATE_WEEK,
        _words(
            r"""{make}\s+{the}(?:{week}{not_talk}
            | (?:{channels}|games?|schedule|partidos)\b.*{any_week})"""
        ),
    ),
)
"""Orders that leave no doubt: what to do, to what, and which week. Deleting first: it may name what was created."""
_PERHAPS = _words(
    r"""\b(?:{delete}\b.*\b(?:{channels}|{any_week}) | {make}\b.*\b{channels} | {make}\b.*\bweek\b
    | {announce}\b.*\b(?:advanc(?:e|ing)|avance) | advanc(?:e|ing)\s+{the}(?:week|league|us)\b
    | (?:move|go)\s+to\s+{week} | stored?\s+about\s+(?:me|us)\b | {tag}\s+{the}{players}
    | restore\b.*\b(?:{channels}|{any_week})
    | (?:set\s?up|setup|configur\w*|getting\s+started|get\s+started)\b | new\s+(?:here\s+)?to\s+(?:this\s+)?bot
    | time\s?zone\s+(?:is|to) | (?:change|switch|turn)\s.*\b(?:settings?|time\s?zone|quotas?|alerts?|budgets?)
    | help\b.*\b(?:this\s+bot|league\s+channels|commands?) | commands?\b.*\b(?:work|not|fail)
    | commissioner\s+role | slash\s+commands? | zona\s+horaria)"""
)
"""What may be about us. A message without any of these is a conversation."""
_EVERYTHING = re.compile(
    r"(?:set\s?up|configure|start|configur(?:o|ar|amos)|mont(?:o|ar))\s+"
    r"(?:everything|todo|(?:my|our|the|a|this|mi|nuestra|nuestro|la|una|el)(?:\s+(?:new|nueva))?"
    r"\s+(?:league|server|bot|liga|servidor))"
    r"(?:\s+(?:here|up|on\s+discord|on\s+this\s+server|with\s+(?:you|trilo|this\s+bot)|from\s+scratch|aqu[ií]))*\s*[?!.]*$"
)
