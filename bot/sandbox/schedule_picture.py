"""What stands in a picture of a schedule, for a model that has no eyes: read from a note in the file itself.

The pictures that `docs/schedule_picture.py` draws carry one; of any other picture nothing is read.
"""

import json
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError

from bot.sandbox.pictures import content_of

NOTE = "Schedule"
"""The keyword of the note: a tEXt chunk of the PNG file."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Schedule(BaseModel):
    """A week's games as a good model reads them: away, home, and how sure it is. `words` stand beside them."""

    week: int | None = None
    games: list[tuple[str, str, float]] = []
    words: str = ""


def schedule_in(address: str) -> Schedule | None:
    """The schedule in a picture, given as a data address; None where nothing can be read."""
    content = content_of(address) or b""
    for kind, data in _chunks(content):
        keyword, _, text = data.partition(b"\0")
        if kind == b"tEXt" and keyword == NOTE.encode():
            try:
                return Schedule.model_validate_json(text)
            except ValidationError:
                return None
    return None


def note_of(schedule: Schedule) -> str:
    """The text of the note."""
    return json.dumps(schedule.model_dump())


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The parts of a PNG file, by their kinds; none of anything else."""
    position = len(_SIGNATURE) if content.startswith(_SIGNATURE) else len(content)
    while position + 12 <= len(content):
        end = position + 8 + int.from_bytes(content[position : position + 4])
        yield content[position + 4 : position + 8], content[position + 8 : end]
        position = end + 4
