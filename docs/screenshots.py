"""Takes the README's pictures anew: `make screenshots`. Starts the sandbox and works its page in headless Chromium.

Needs Chromium: CHROMIUM names it where it isn't /usr/bin/chromium.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Locator, Page, async_playwright

IMAGES = Path(__file__).parent / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
SECONDS = 1_000


async def main() -> None:
    """One sandbox, one page, one picture after another."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DATABASE_URL": f"sqlite:///{folder}/books.db"}
        sandbox = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "sandbox", stdout=asyncio.subprocess.PIPE, env=environment
        )
        try:
            assert sandbox.stdout is not None
            url = (await sandbox.stdout.readline()).decode().removeprefix("Sandbox: ").strip()
            await _take_pictures(url)
        finally:
            sandbox.terminate()
            await sandbox.wait()


async def _take_pictures(url: str) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport={"width": 1180, "height": 860})
        await page.goto(url)
        box = page.get_by_placeholder("Message #general")
        await box.wait_for()
        await page.wait_for_timeout(2 * SECONDS)
        await _say(page, box, "@Trilo hello", "How can I help")
        await _say(page, box, "@Trilo tell me a joke", None)
        await page.screenshot(path=IMAGES / "mention.png")
        await _open_stats(page, box)
        await page.screenshot(path=IMAGES / "token-stats.png")
        await _choose(page, 0, "Last 30 days")
        await _choose(page, 1, "Member")
        await page.screenshot(path=IMAGES / "token-stats-members.png")
        await browser.close()


async def _say(page: Page, box: Locator, text: str, answer: str | None) -> None:
    await box.fill(text)
    await box.press("Enter")
    if answer is not None:
        await page.get_by_role("region", name="Conversation").get_by_text(answer).last.wait_for()
    await page.wait_for_timeout(3 * SECONDS)


async def _open_stats(page: Page, box: Locator) -> None:
    await box.press_sequentially("/token-stats")
    await page.get_by_role("option", name="/token-stats").first.wait_for()
    await box.press("Enter")
    await page.get_by_role("button", name="Send").click()
    await page.get_by_role("region", name="Conversation").get_by_role("combobox").first.wait_for()
    await page.wait_for_timeout(1 * SECONDS)


async def _choose(page: Page, select: int, option: str) -> None:
    conversation = page.get_by_role("region", name="Conversation")
    await conversation.get_by_role("combobox").nth(select).click()
    await page.get_by_role("option", name=option).first.click()
    await page.wait_for_timeout(2 * SECONDS)


if __name__ == "__main__":
    asyncio.run(main())
