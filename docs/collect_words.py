"""Brings the catalogs of `bot/locales` up to date with what the code says: `make words`.

What is new is added without a translation, for `tests/test_translation.py` to ask for; what is gone goes. Names of
commands and options have the context `name` and are kept: the same test compares them with the commands there are.
"""

from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "bot/locales"
KEYWORDS = {"_": None, "n_": (1, 2), "mark": None}
NAMES = "name"
"""The context of what commands and their options are called."""


def collected() -> Catalog:
    """Everything that the code says to people, without translations."""
    found, kinds = Catalog(), [("**.py", "python"), ("**.html", "jinja2")]
    for folder in ("bot", "cogs"):
        said = extract_from_dir(ROOT / folder, kinds, keywords=KEYWORDS, directory_filter=_any_folder)
        for _file, _line, message, _comments, _context in said:
            found.add(message)
    return found


def _any_folder(_path: str) -> bool:
    """Babel itself leaves out folders whose names begin with an underscore."""
    return True


def read(path: Path) -> Catalog:
    """One language's catalog."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


def main() -> None:
    """Every catalog."""
    for path in sorted(FOLDER.glob("*.po")):
        catalog, template = read(path), collected()
        for message in [*catalog]:
            if message.context == NAMES:
                template.add(message.id, context=NAMES)
        catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
        missing = [message.id for message in catalog if message.id and not is_translated(message)]
        with path.open("wb") as file:
            write_po(file, catalog, width=120, no_location=True, ignore_obsolete=True, sort_output=True)
        print(f"{path.name}: {len(catalog)} messages, {len(missing)} to be translated")


def is_translated(message: Message) -> bool:
    """Whether a message has a translation, in each of its forms."""
    found = message.string
    return all(found) if isinstance(found, tuple | list) else bool(found)


if __name__ == "__main__":
    main()
