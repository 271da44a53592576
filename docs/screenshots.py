"""Takes the README's pictures anew: `make screenshots`. Starts the sandbox and works its page in headless Chromium.

Needs Chromium: CHROMIUM names it where it isn't /usr/bin/chromium.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Locator, Page, async_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
SECONDS = 1_000
_LIMIT = "0.00017"
"""Of which the questions asked take more than 80 and less than 90 %."""


async def main() -> None:
    """One sandbox after another, each with a page of its own, and one picture after another."""
    IMAGES.mkdir(exist_ok=True)
    for take in (_take_pictures, _plan_a_week):
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "DATABASE_URL": f"sqlite:///{folder}/books.db"}
            sandbox = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "sandbox", stdout=asyncio.subprocess.PIPE, env=environment
            )
            try:
                assert sandbox.stdout is not None
                url = (await sandbox.stdout.readline()).decode().removeprefix("Sandbox: ").strip()
                await _with_page(url, take)
            finally:
                sandbox.terminate()
                await sandbox.wait()


async def _with_page(url: str, take: Callable[[Page, Locator], Awaitable[None]]) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1180, "height": 860})
        await page.goto(url)
        box = page.get_by_placeholder("Message #general")
        await box.wait_for()
        await page.wait_for_timeout(2 * SECONDS)
        await take(page, box)
        await browser.close()


async def _take_pictures(page: Page, box: Locator) -> None:
    await _say(page, box, "@Trilo hello", "How can I help")
    await _say(page, box, "@Trilo tell me a joke", None)
    await page.screenshot(path=IMAGES / "mention.png")
    await page.set_viewport_size({"width": 1180, "height": 1480})
    await _open_stats(page, box)
    await page.screenshot(path=IMAGES / "token-stats.png")
    await _choose(page, 0, "Last 30 days")
    await _choose(page, 1, "Member")
    await page.screenshot(path=IMAGES / "token-stats-members.png")
    await page.set_viewport_size({"width": 1180, "height": 860})
    await _set_budget(page, box)
    await _say(page, box, "@Trilo give me a long answer", None)
    await _show(page, "See the stats")
    await page.screenshot(path=IMAGES / "alert.png")
    await _command(page, box, "/budget show")
    await _show(page, "Test alert")
    await page.screenshot(path=IMAGES / "budget-show.png")


async def _say(page: Page, box: Locator, text: str, answer: str | None) -> None:
    await box.fill(text)
    await box.press("Enter")
    if answer is not None:
        await page.get_by_role("region", name="Conversation").get_by_text(answer).last.wait_for()
    await page.wait_for_timeout(3 * SECONDS)


async def _open_stats(page: Page, box: Locator) -> None:
    await _command(page, box, "/token-stats")
    await page.get_by_role("region", name="Conversation").get_by_role("combobox").first.wait_for()
    await page.wait_for_timeout(1 * SECONDS)


async def _set_budget(page: Page, box: Locator) -> None:
    """A small one a day, with its alerts in the channel that the page shows."""
    await _command(page, box, "/budget set", _LIMIT, "day")
    await page.get_by_role("button", name="Confirm").click()
    await page.get_by_text("A channel for alerts").click()
    await page.get_by_role("option", name="general").last.click()
    await page.keyboard.press("Escape")
    await page.get_by_text("Alerts go to").wait_for()
    await page.wait_for_timeout(1 * SECONDS)


async def _plan_a_week(page: Page, box: Locator) -> None:
    """From the picture of a schedule, one row of which is smeared."""
    await page.set_viewport_size({"width": 1180, "height": 1030})
    await box.press_sequentially("/league create")
    await page.get_by_role("option", name="league create").first.wait_for()
    await box.press("Enter")
    await page.get_by_role("option", name="picture").first.click()
    await page.locator("input[type=file]").last.set_input_files(IMAGES / "schedule-week-8.png")
    await page.wait_for_timeout(1 * SECONDS)
    await page.get_by_role("button", name="Send", exact=True).click()
    await _show(page, "Create 8")
    await page.screenshot(path=IMAGES / "plan.png")


async def _command(page: Page, box: Locator, name: str, limit: str | None = None, per: str | None = None) -> None:
    await box.press_sequentially(name)
    await page.get_by_role("option", name=name).first.wait_for()
    await box.press("Enter")
    if limit is not None and per is not None:
        await page.keyboard.type(limit)
        await page.get_by_text("+7 more").click()
        await page.get_by_text("per", exact=True).last.click()
        await page.get_by_role("option", name=per, exact=True).click()
    await page.get_by_role("button", name="Send", exact=True).click()


async def _show(page: Page, button: str) -> None:
    await page.get_by_role("button", name=button).last.scroll_into_view_if_needed()
    await page.wait_for_timeout(1 * SECONDS)


async def _choose(page: Page, select: int, option: str) -> None:
    conversation = page.get_by_role("region", name="Conversation")
    await conversation.get_by_role("combobox").nth(select).click()
    await page.get_by_role("option", name=option).first.click()
    await page.wait_for_timeout(2 * SECONDS)


if __name__ == "__main__":
    asyncio.run(main())
