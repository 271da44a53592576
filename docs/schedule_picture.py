"""Draws `docs/images/schedule-week-8.png`, a schedule as a console game shows it: `python -m docs.schedule_picture`.

One row is smeared. A note in the file says what a good model would read, for the sandbox's stand-in, which has no eyes.
"""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont
from PIL.PngImagePlugin import PngInfo

from bot.sandbox.schedule_picture import NOTE, Schedule, note_of

FILE = Path(__file__).parent / "images" / "schedule-week-8.png"
WEEK = 8
GAMES = (
    ("Texans", "Chiefs", "Sun 1:00 PM"),
    ("Eagles", "Bills", "Sun 1:00 PM"),
    ("Ravens", "Niners", "Sun 1:00 PM"),
    ("Giants", "Broncos", "Sun 4:05 PM"),
    ("Bengals", "Rams", "Sun 4:25 PM"),
    ("Dolphins", "Colts", "Sun 4:25 PM"),
    ("Packers", "Bears", "Sun 8:20 PM"),
    ("Cowboys", "Jets", "Mon 8:15 PM"),
)
SMEARED = 4
READ_THERE = ("Ben als", "Rams", 0.41)
SURE = 0.98

SIZE = (1280, 720)
TOP, ROW = 168, 60
BACKGROUND, PANEL, STRIPE = (12, 18, 30), (22, 32, 50), (28, 40, 62)
WHITE, GREY, ACCENT = (236, 240, 247), (138, 150, 170), (240, 168, 48)


def main() -> None:
    """Draw it, smear a row, and write it with its note."""
    picture = Image.new("RGB", SIZE, BACKGROUND)
    draw = ImageDraw.Draw(picture)
    _write(draw, (64, 40), "LEAGUE SCHEDULE", 46, WHITE)
    _write(draw, (64, 100), "SUNDAY DYNASTY LEAGUE    2026 REGULAR SEASON", 20, GREY)
    draw.rounded_rectangle((1010, 44, 1216, 108), radius=10, fill=ACCENT)
    _write(draw, (1113, 76), f"WEEK {WEEK}", 32, BACKGROUND, anchor="mm")
    for number, game in enumerate(GAMES):
        _row(draw, number, *game)
    _write(draw, (64, 676), "A  View matchup      B  Back      LB / RB  Change week", 18, GREY)
    smear = (60, TOP + SMEARED * ROW + 4, 640, TOP + (SMEARED + 1) * ROW - 8)
    blurred = picture.crop(smear).filter(ImageFilter.BoxBlur(7)).filter(ImageFilter.GaussianBlur(2))
    picture.paste(blurred, smear)
    note = PngInfo()
    note.add_text(NOTE, note_of(_as_read()))
    picture.save(FILE, pnginfo=note, optimize=True)


def _as_read() -> Schedule:
    games = [(away, home, SURE) for away, home, _ in GAMES]
    games[SMEARED] = READ_THERE
    return Schedule(week=WEEK, games=games)


def _row(draw: ImageDraw.ImageDraw, number: int, away: str, home: str, kick_off: str) -> None:
    top = TOP + number * ROW
    draw.rounded_rectangle((60, top, 1220, top + ROW - 8), radius=8, fill=STRIPE if number % 2 else PANEL)
    middle = top + (ROW - 8) // 2
    for x, name in ((84, away), (664, home)):
        hue = 37 * sum(map(ord, name)) % 360
        draw.ellipse((x, middle - 16, x + 32, middle + 16), fill=f"hsl({hue}, 60%, 45%)")
        _write(draw, (x + 16, middle), name[0], 20, WHITE, anchor="mm")
        _write(draw, (x + 50, middle), name.upper(), 28, WHITE, anchor="lm")
    _write(draw, (580, middle), "AT", 20, GREY, anchor="mm")
    _write(draw, (1196, middle), kick_off, 22, GREY, anchor="rm")


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    colour: tuple[int, int, int],
    anchor: str = "la",
) -> None:
    draw.text(at, text, font=ImageFont.load_default(size), fill=colour, anchor=anchor)


if __name__ == "__main__":
    main()
