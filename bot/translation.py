"""In people's own language: what we say, looked up in the catalogs of `bot/locales`, and numbers as they write them.

The source is English. A language is a file `bot/locales/<language>.po`; adding one is all it takes. Whoever answers
says to whom first (`speak_to`, `speaking`); what is said then, in the same task, is in their language:

    _("{cost} of {limit} used", cost=…, limit=…)
    n_("{n} call", "{n} calls", count)         {n} is the number as they write it
    mark("Used up")                            marked where it stands, translated where it is shown: `_(TITLE)`

Knows neither Discord nor the books. Catalogs are read when somebody first speaks their language.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import date
from decimal import Decimal
from functools import cache
from hashlib import blake2s
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babel import Locale
    from babel.support import Translations

FOLDER = Path(__file__).parent / "locales"
ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", **{path.stem: path.stem for path in sorted(FOLDER.glob("*.po"))}}
"""What we speak, by code; `language_name` has each one's own name."""
_MOST_ACCEPTED = 20
"""Languages that are read of a header."""
_tag: ContextVar[str] = ContextVar("language", default=ENGLISH)


def speak_to(tag: str | None) -> None:
    """From here on in this task, speak the language of a tag such as `es-MX` or Discord's `es-419`; else English."""
    _tag.set(tag or ENGLISH)


@contextmanager
def speaking(tag: str | None) -> Iterator[None]:
    """Speak another language for a while: to a whole server, in the middle of speaking to one person."""
    before = _tag.set(tag or ENGLISH)
    try:
        yield
    finally:
        _tag.reset(before)


def language(tag: str | None = None) -> str:
    """The code of the catalog for a tag (by default: whom we speak to), `en` where we have none for it."""
    wanted = (tag or _tag.get()).replace("_", "-").lower()
    return next((code for code in LANGUAGES if wanted == code or wanted.startswith(f"{code}-")), ENGLISH)


def accepted(header: str) -> str:
    """The tag of the first language of an Accept-Language header that we speak; English where there is none.

    A region of which nothing is known is left out, so that a stranger can't make us remember endless tags.
    """
    from babel.localedata import normalize_locale

    wanted = []
    for part in header.split(",")[:_MOST_ACCEPTED]:
        tag, _semicolon, weight = "".join(part.split()).partition(";q=")
        with suppress(ValueError):
            wanted.append((-float(weight or 1), tag))
    for _weight, tag in sorted(wanted, key=lambda one: one[0]):
        if tag.lower().split("-")[0] == ENGLISH:
            return ENGLISH
        if tag and (code := language(tag)) != ENGLISH:
            return (normalize_locale(tag.replace("-", "_")) or code).replace("_", "-")
    return ENGLISH


def spoken() -> str:
    """The tag of whom we speak to, `en` for every English: what a picture of words is told apart by."""
    return ENGLISH if language() == ENGLISH else _tag.get()


def language_name(code: str) -> str:
    """A language's own name: `Español`."""
    if code == ENGLISH:
        return "English"
    from babel import Locale

    return (Locale.parse(code).get_display_name(code) or code).capitalize()


def _(message: str, /, **values: Any) -> str:
    """A message in the language of whom we speak to, with its values filled in."""
    code = language()
    return _filled(message if code == ENGLISH else _catalog(code).gettext(message), values)


def n_(one: str, many: str, number: int, /, **values: Any) -> str:
    """A message in the form that a number asks for; `{n}` in it is the number."""
    code = language()
    in_english = one if number == 1 else many
    found = in_english if code == ENGLISH else _catalog(code).ngettext(one, many, number)
    return _filled(found, {"n": count_text(number), **values})


def mark(message: str) -> str:
    """Mark a message that is translated where it is shown."""
    return message


def translated(message: str, tag: str, context: str = "") -> str | None:
    """A message in the language of a tag, None where there is none: for what Discord itself shows in every language."""
    code = language(tag)
    if code == ENGLISH:
        return None
    catalog = _catalog(code)
    found = str(catalog.pgettext(context, message) if context else catalog.gettext(message))
    return None if found == message else found


def catalogs_digest() -> str:
    """What changes when a translation does, at less than the cost of reading them."""
    return blake2s(b"".join(path.read_bytes() for path in sorted(FOLDER.glob("*.po")))).hexdigest()


def count_text(number: int) -> str:
    """A whole number: `1,204`, `1.204`."""
    return f"{number:,}" if language() == ENGLISH else decimal_text(Decimal(number), 0)


def decimal_text(number: Decimal, places: int) -> str:
    """A number with so many decimals: `1,204.50`, `1.204,50`."""
    if language() == ENGLISH:
        return f"{number:,.{places}f}"
    from babel.numbers import format_decimal

    return format_decimal(number, format=_pattern(places), locale=_locale())


def money_text(amount: Decimal, places: int) -> str:
    """US dollars with so many decimals: `$4.12`, `4,12 US$`."""
    if language() == ENGLISH:
        return f"${amount:,.{places}f}"
    from babel.numbers import format_currency

    pattern = _locale().currency_formats["standard"].pattern.replace("#,##0.00", _pattern(places))
    found = format_currency(
        amount, "USD", format=pattern, locale=_locale(), currency_digits=False, decimal_quantization=False
    )
    return re.sub(r"(?<=[A-Za-z])(?=\d)", "\u00a0", found)  # CLDR's currencySpacing, which Babel leaves out


def date_text(day: date, skeleton: str) -> str:
    """A date by a CLDR skeleton (unicode.org/reports/tr35): `MMMd` is `Oct 3`, `3 oct`."""
    from babel.dates import format_skeleton

    return format_skeleton(skeleton, day, locale=_locale())


def _filled(text: str, values: dict[str, Any]) -> str:
    return text.format(**values) if values else text


def _pattern(places: int) -> str:
    return "#,##0" + ("." + "0" * places if places else "")


@cache
def _catalog(code: str) -> "Translations":
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po
    from babel.support import Translations

    compiled = BytesIO()
    with (FOLDER / f"{code}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return Translations(compiled)


def _locale() -> "Locale":
    return _parsed(_tag.get(), language())


@cache
def _parsed(tag: str, code: str) -> "Locale":
    """The locale of a tag, whose region says how numbers are written; that of its language where there is none."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(tag.replace("-", "_") if tag.lower().startswith(code) else code)
    except (UnknownLocaleError, ValueError):
        return Locale.parse(code)
