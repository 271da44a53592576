"""Takes the README's pictures anew: `make screenshots`. Starts the sandbox and works its page in headless Chromium."""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import ViewportSize

from docs.gallery_stage import Stage
from docs.sandbox_page import opened, running_sandbox

IMAGES = Path(__file__).parent / "images"
LANGUAGE = "en-US"
WIDTH, HEIGHT = 1180, 860
_LIMIT = "0.0002"
"""Of which the questions asked take more than 80 and less than 90 %."""


async def main() -> None:
    """One sandbox after another, each with a page of its own, and one picture after another."""
    for take in (_ask_and_look, _plan_a_week):
        with tempfile.TemporaryDirectory() as folder:
            async with (
                running_sandbox(Path(folder) / "books.db", LANGUAGE) as url,
                opened(url, IMAGES, LANGUAGE, _size(HEIGHT)) as stage,
            ):
                await take(stage)


async def _ask_and_look(stage: Stage) -> None:
    await stage.say("@Trilo hello")
    await stage.say("@Trilo tell me a joke")
    await _take(stage, "mention")
    await stage.resize(_size(1480))
    await stage.command("/token-stats")
    await _take(stage, "token-stats")
    await stage.choose("30d")
    await stage.choose("member", 1)
    await _take(stage, "token-stats-members")
    await stage.resize(_size(HEIGHT))
    await stage.command("/budget set", _LIMIT, per="day")
    await stage.press("Confirm")
    await stage.choose("#general")
    await stage.say("@Trilo give me a long answer")
    await stage.appears("See the stats")
    await _take(stage, "alert")
    await stage.command("/budget show")
    await _take(stage, "budget-show")


async def _plan_a_week(stage: Stage) -> None:
    """From the picture of a schedule, one row of which is smeared."""
    await stage.resize(_size(1030))
    await stage.command("/league create", picture=str(IMAGES / "schedule-week-8.png"))
    await _take(stage, "plan")


async def _take(stage: Stage, name: str) -> None:
    """The whole page, at the end of the newest message."""
    await stage.last.evaluate("message => message.scrollIntoView({block: 'end'})")
    await stage.page.wait_for_timeout(1_000)
    await stage.page.screenshot(path=IMAGES / f"{name}.png")


def _size(height: int) -> ViewportSize:
    return {"width": WIDTH, "height": height}


if __name__ == "__main__":
    asyncio.run(main())
