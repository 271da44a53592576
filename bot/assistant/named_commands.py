"""Only commands that exist: what a model wrote is mended, or loses the line, where it names another."""

import re
from collections.abc import Collection

NEAR = 90
"""From this likeness on (0 to 100) a name was meant to be that of an existing command."""
_MENTION = re.compile(r"</([^:<>\n]+):\d+>")
"""Discord's notation for a command that can be clicked. A model can't know the number in it."""
_NAMED = re.compile(r"(?<![\w/.~])/([^\W\d_][\w-]*)(?![/\w-]|\.\w)((?: [^\W\d_][\w-]*){0,2})")
"""A slash with a word behind it: no fraction, no and/or, no path. Up to two more words may belong to the name."""
_ADDRESS = re.compile(r"<?\bhttps?://\S+")
_SPEAKS = re.compile(r"^\s*(?!#)(?:[-*>]|\d+[.)])?\s*\S*\w", re.MULTILINE)
"""A line that says something by itself, unlike a heading or an empty bullet."""


def only_existing(text: str, commands: Collection[str]) -> str:
    """`text` without commands that aren't among `commands`, the qualified names in the tree ("league create").

    One that is nearly right becomes the right one, with whatever comes after it; else its line goes. Empty where only
    headings are left. In a code block, a line that begins with a command counts; all else in it stays as it is.
    """
    known = _Known(commands)
    kept: list[str] = []
    in_block, dropped = False, False
    for line in _MENTION.sub(r"`/\1`", text).split("\n"):
        if line.lstrip().startswith("```"):
            in_block = not in_block
        mended = known.mend(line, at_start_only=in_block)
        dropped |= mended is None
        if mended is not None:
            kept.append(mended)
    left = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() if dropped else "\n".join(kept)
    return left if _SPEAKS.search(left) else ""


class _Known:
    """The commands there are, as names that can be run. A group's own name can only be spoken of."""

    def __init__(self, commands: Collection[str]) -> None:
        self._groups = {name.rpartition(" ")[0] for name in commands} - {""}
        self._names = sorted(set(commands) - self._groups)

    def mend(self, line: str, *, at_start_only: bool) -> str | None:
        """The line with every command in it right; None where one is beyond repair."""
        addresses = [found.span() for found in _ADDRESS.finditer(line)]
        pieces, end = [], 0
        for found in _NAMED.finditer(line):
            if any(start <= found.start() < stop for start, stop in addresses):
                continue
            if at_start_only and line[: found.start()].strip():
                continue
            right = self._right(f"{found[1]}{found[2]}", alone=not found[2] and not line[found.end() :].startswith(" "))
            if right is None:
                return None
            pieces += [line[end : found.start()], "/", right]
            end = found.end()
        return "".join([*pieces, line[end:]])

    def _right(self, written: str, *, alone: bool) -> str | None:
        """What was written, with the command's name at its beginning as it should be; None where there is none."""
        words = written.split(" ")
        beginnings = [" ".join(words[:count]) for count in range(len(words), 0, -1)]
        for name in beginnings:
            if name.casefold() in self._names:
                return name.casefold() + written[len(name) :]
        group = words[0].casefold()
        if group in self._groups and (alone or words[1:2] in (["command"], ["commands"])):
            return group + written[len(group) :]
        return self._nearest(written, beginnings)

    def _nearest(self, written: str, beginnings: list[str]) -> str | None:
        from rapidfuzz import fuzz, process  # which take a while to load, and aren't often needed

        found = [
            (score, name, beginning)
            for beginning in beginnings
            for name, score, _ in process.extract(
                beginning, self._names, scorer=fuzz.ratio, processor=_plain, score_cutoff=NEAR, limit=1
            )
        ]
        if not found:
            return None
        _, name, beginning = max(found, key=lambda one: one[0])
        return name + written[len(beginning) :]


def _plain(name: str) -> str:
    """Blanks, dashes and underscores are one thing when names are compared."""
    return re.sub(r"[-_]", " ", name).casefold()
