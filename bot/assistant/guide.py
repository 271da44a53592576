"""Our own guide, `data/setup_guide/*.md`: read once, searched without a model."""

import hashlib
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bot.usage.data_files import data_file

SPINE_CHARACTERS = 12_000
"""How much the full guide is written from: some 2,900 tokens, so that the question fits beside it in 3,200."""
COMMAND = re.compile(r"`/([a-z][a-z-]*(?: [a-z][a-z-]*)*)`")
"""A command as the guide writes it, in code font; its name without the slash."""
_WORD = re.compile(r"[^\W\d_]\w+")
"""Numbers and single letters say nothing: the guide's own lists are numbered."""
_COMMON = frozenset(
    _WORD.findall(
        "about all also am an and any anyone are as at be been but by can could did do does for from get has have "
        "hello help here hey hi how if in into is it its just like make may me mine my need no not of on or our "
        "please set show so some somebody someone tell than that the their them then there these they thing things "
        "this to up use using want was we were what when where which who why will with work works would you your "
        "como cómo cual cuál de del donde dónde el en es esta este hago la las lo los mi mis para por puedo que qué se "
        "su un una"
    )
)
"""Words that say nothing about what is asked: with them every question would find something."""


@dataclass(frozen=True, slots=True)
class Section:
    """One `##` section of a page. `commands` are the names of those in its text, without the slash."""

    page: str
    title: str
    text: str
    commands: tuple[str, ...]

    def __str__(self) -> str:
        """As it is put before the model, and before people where the model's own words can't be used."""
        return f"## {self.page}: {self.title}\n{self.text}"


class Guide:
    """The pages in order, the one for beginners first. `version` changes with any word of them."""

    def __init__(self, pages: Sequence[str]) -> None:
        self.sections = tuple(section for page in pages for section in _sections(page))
        self.version = hashlib.sha256("\0".join(pages).encode()).hexdigest()[:16]
        # Read by one thread at a time, though not always by the one that opened it.
        self._index = sqlite3.connect(":memory:", check_same_thread=False)
        self._index.execute("CREATE VIRTUAL TABLE sections USING fts5(page, title, text, tokenize='porter unicode61')")
        self._index.executemany(
            "INSERT INTO sections (rowid, page, title, text) VALUES (?, ?, ?, ?)",
            [(number, s.page, s.title, s.text) for number, s in enumerate(self.sections)],
        )

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Read data/setup_guide, or the folder given. Raises `FileNotFoundError` where it has no pages."""
        folder = folder or data_file("setup_guide")
        files = sorted(folder.glob("*.md"))
        if not files:
            raise FileNotFoundError(f"{folder} has no pages of the guide")
        return cls([file.read_text(encoding="utf-8") for file in files])

    def search(self, words: str, limit: int = 5) -> list[Section]:
        """The sections that fit these words best, best first; none where no word of them says anything.

        Any text is taken: each word is looked for as it is, whatever it means to the index.
        """
        wanted = {word for word in _WORD.findall(words.casefold()) if word not in _COMMON}
        if not wanted:
            return []
        found = self._index.execute(
            "SELECT rowid FROM sections WHERE sections MATCH ? ORDER BY bm25(sections, 3.0, 4.0, 1.0), rowid LIMIT ?",
            (" OR ".join(f'"{word}"' for word in sorted(wanted)), limit),
        )
        return [self.sections[number] for (number,) in found]

    def spine(self) -> list[Section]:
        """What the full guide is written from: the first page, and of the others in order as much as fits."""
        kept, left = [], SPINE_CHARACTERS
        for section in self.sections:
            left -= len(str(section)) + 1
            if left < 0:
                break
            kept.append(section)
        return kept


def _sections(page: str) -> list[Section]:
    head, *parts = re.split(r"^## ", page, flags=re.MULTILINE)
    name = head.strip().removeprefix("# ").strip()
    sections = []
    for part in parts:
        title, _, text = part.partition("\n")
        commands = tuple(dict.fromkeys(COMMAND.findall(text)))
        sections.append(Section(name, title.strip(), text.strip(), commands))
    return sections
