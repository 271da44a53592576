"""What we say in other languages: all of it, with the same values in it, and numbers as people write them."""

import ast
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from bot import translation
from bot.translation import (
    ENGLISH,
    LANGUAGES,
    _,
    accepted,
    date_text,
    language,
    language_name,
    money_text,
    n_,
    speak_to,
    speaking,
)
from docs.collect_words import FOLDER, NAMES, collected, is_translated, read

ROOT = Path(__file__).resolve().parents[1]
OTHERS = [code for code in LANGUAGES if code != ENGLISH]
PLACE = re.compile(r"\{(\w*)\}")
COMMAND = re.compile(r"`/[a-z-]+(?: [a-z-]+\b(?!:))?")
"""An option has a name of its own in each language: `topic:privacy`."""


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    speak_to("en-US")
    yield
    speak_to(None)


@pytest.mark.parametrize("code", OTHERS)
def test_everything_is_translated(code: str) -> None:
    """Nothing is missing, nothing is left over: `make words` shows what to do."""
    said = {(message.id, message.context) for message in collected() if message.id}
    kept = {(message.id, message.context): message for message in read(FOLDER / f"{code}.po") if message.id}
    assert said - kept.keys() == set()
    assert {key for key in kept.keys() - said if key[1] != NAMES} == set()
    assert [message.id for message in kept.values() if not is_translated(message)] == []


@pytest.mark.parametrize("code", OTHERS)
def test_translations_say_the_same(code: str) -> None:
    """The same values, the same commands, the same Markdown around them, no message that grew a line."""
    wrong = []
    for message in read(FOLDER / f"{code}.po"):
        if not message.id:
            continue
        sources = message.id if isinstance(message.id, tuple) else (message.id,)
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        for form in forms:
            allowed = [set(PLACE.findall(source)) for source in sources]
            if set(PLACE.findall(form)) not in allowed and not (
                isinstance(message.id, tuple) and set(PLACE.findall(form)) <= set.union(*allowed)
            ):
                wrong.append((message.id, form))
            same = all(form.count(mark) == sources[-1].count(mark) for mark in ("**", "\n", "-#", "`")) and sorted(
                COMMAND.findall(form)
            ) == sorted(COMMAND.findall(sources[-1]))
            if not same:
                wrong.append((message.id, form))
    assert wrong == []


NOT_FOR_PEOPLE = {
    "stored in the books, and shown by way of a marked word": (
        "advance announced", "budget removed", "budget set", "league created", "league deleted", "league restored",
        "league players tagged", "players tagged", "quota rule", "rolled back", "cut off", "AI paused", "AI resumed",
        "alert address added", "alert address removed", "sum repaired", "tier granted", "tier taken back",
        "owner guild", "synced commands", "league delete", "league restore", "time zone", "message {}", "hello {} {}",
        "week {}",
    ),
    "for the operator, the console or the model": (
        "Discord has lost sight of that server for now", "Discord was out of reach", "For whoever runs this bot",
        "What is in this picture?", "none of the bot's owners takes direct messages from it", "the provider",
        "the bot isn't on that server any more", "the whole bot", "direct messages", "channel {}", "server {}",
        "Discord doesn't let me write there (code {})", "Trilo: {}", "{}, taken back{}", " at {}:{}",
        "alert {}: budget {} of {} has reached {} %", "alert {}: {} of {}, met on {}",
    ),
    "what the page counts by, signs with, and tells programs": (
        "page {}", "wrong {}", "page passes", "noindex, nofollow",
    ),
    "what Discord keeps as it is": ("{} vs {}", "{}: {} vs {}"),
    "what a person said, put in a sentence for the model": ("The next advance is: {}",),
}  # fmt: skip
SPEAKS = ("_", "n_", "mark")
SILENT = ("log", "answer_failure", "re", "ValueError", "TypeError", "AssertionError")
ELSEWHERE = ("custom_id", "template", "reason")


def literals(path: Path) -> Iterator[tuple[int, str]]:
    """Every text in a module that isn't given to `_`, `n_`, `mark` or a log, and isn't a docstring; with its line.

    What is filled in is `{}`.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    excused: set[int] = set()
    for node in ast.walk(tree):
        inside: list[ast.AST] = []
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func).split(".")
            inside = [node] if called[-1] in SPEAKS or called[0] in SILENT else []
            inside += [keyword for keyword in node.keywords if keyword.arg in ELSEWHERE]
        elif isinstance(node, ast.Assert | ast.Expr):
            inside = [node] if isinstance(node, ast.Assert) or isinstance(node.value, ast.Constant) else []
        elif isinstance(node, ast.JoinedStr):
            inside = [part for part in node.values if isinstance(part, ast.Constant)]
        excused.update(id(part) for each in inside for part in ast.walk(each))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and id(node) not in excused:
            yield node.lineno, "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in excused:
            yield node.lineno, node.value


def is_for_people(text: str) -> bool:
    """Whether it may be: several words, and neither a command, a statement in SQL nor a pattern."""
    words = re.search(r"[a-z]{2,}[,.:]? +[A-Za-z{]|[{}a-z]+ [a-z]{3,}", text)
    return bool(words) and not re.match(r"/|\s*AND |SELECT |INSERT |UPDATE |DELETE |\(\?|- `/owner |\w+\[", text)


def test_nothing_is_said_in_english_only() -> None:
    """What a cog says is given to `_`, `n_` or `mark`; the operator's `/owner` is English."""
    files = [*sorted((ROOT / "cogs").rglob("*.py")), *sorted((ROOT / "bot/league").glob("*.py"))]
    files += [ROOT / f"bot/{name}.py" for name in ("words", "client", "figures", "suggestion_texts")]
    files += (ROOT / "bot/api/page").glob("*.py")
    known = {text for texts in NOT_FOR_PEOPLE.values() for text in texts}
    found = [
        f"{path.relative_to(ROOT)}:{line} {text!r}"
        for path in files
        if "owner" not in path.name and path.name not in ("league_book.py", "under_way.py")
        for line, text in literals(path)
        if is_for_people(text) and text not in known
    ]
    assert found == []


class Shown(HTMLParser):
    """What a template shows by itself: its text, and the attributes that people read or hear."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", source))

    def handle_data(self, data: str) -> None:
        self.found.append(data.strip())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("aria-label", "alt", "title", "placeholder")]


def test_the_page_says_nothing_in_english_only() -> None:
    """Neither around what its templates fill in, nor within: what they say is given to `_` or `n_`."""
    wrong = []
    for path in sorted((ROOT / "bot/api/page/templates").glob("*.html")):
        source = path.read_text(encoding="utf-8")
        wrong += [text for text in Shown(source).found if re.search(r"[A-Za-z]{2}", text)]
        tree = Environment(autoescape=True).parse(source)
        said = [call for call in tree.find_all(nodes.Call) if getattr(call.node, "name", "") in ("_", "n_")]
        excused = {id(const) for call in said for const in call.find_all(nodes.Const)}
        consts = [node.value for node in tree.find_all(nodes.Const) if id(node) not in excused]
        wrong += [text for text in consts if isinstance(text, str) and re.search(r"^[A-Z]|[a-z] [a-z]", text)]
    assert sorted(set(wrong)) == ["CSV", "JSON Lines", "Trilo", "trilo_…", "· Trilo"]


def test_languages_are_found_by_their_tags() -> None:
    tags = ("en-US", "es", "es-ES", "es-419", "es_MX", "est", "pt-BR", None)
    assert [language(tag) for tag in tags] == ["en", "es", "es", "es", "es", "en", "en", "en"]
    assert [language_name(code) for code in ("en", "es")] == ["English", "Español"]
    headers = (
        "es-MX,es;q=0.9",
        "de,en;q=0.7,es;q=0.5",
        "ES-mx;q=1",
        "es-XX",
        "en;q=x,es",
        "fr",
        "",
        ",;q=,",
        "en; q=0.5, es",
    )
    assert [accepted(header) for header in headers] == ["es-MX", "en", "es-MX", "es", "es", "en", "en", "en", "es"]


def test_what_is_not_translated_is_said_in_english() -> None:
    with speaking("es"):
        assert _("nobody ever said {what} before", what="this") == "nobody ever said this before"
        assert n_("{n} unheard-of thing", "{n} unheard-of things", 1_204) == "1.204 unheard-of things"
    assert n_("{n} thing", "{n} things", 1) == "1 thing"


def test_numbers_money_and_dates() -> None:
    found = {}
    for tag in ("en-US", "es-ES", "es-419", "fr"):
        with speaking(tag):
            amounts = [money_text(Decimal(amount), places) for amount, places in (("4.12", 2), ("0.00002", 5))]
            found[tag] = [translation.count_text(12_045), *amounts, date_text(date(2026, 10, 3), "MMMd")]
    assert found == {
        "en-US": ["12,045", "$4.12", "$0.00002", "Oct 3"],
        "es-ES": ["12.045", "4,12\u00a0US$", "0,00002\u00a0US$", "3 oct"],
        "es-419": ["12,045", "USD\u00a04.12", "USD\u00a00.00002", "3 oct"],
        "fr": ["12,045", "$4.12", "$0.00002", "Oct 3"],
    }


def test_speaking_to_one_does_not_change_what_others_hear() -> None:
    speak_to("es-419")
    with speaking("en-GB"):
        assert language() == "en"
    assert language() == "es"
