"""What people and models wrote, made fit to stand among words of ours: no control characters, bounded, or one line."""


def one_line(text: str | None, most: int) -> str | None:
    """One trimmed line of at most so many characters; None where nothing is left."""
    return cleaned(" ".join((text or "").split()), most)


def cleaned(text: str | None, most: int) -> str | None:
    """Trimmed, without control characters, cut to length; None where nothing is left."""
    seen = "".join(character for character in text or "" if character.isprintable() or character in "\n\u200c\u200d")
    return seen.strip()[:most].strip() or None
