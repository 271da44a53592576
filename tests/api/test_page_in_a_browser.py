"""The page in real headless Chromium without JavaScript: on a phone, in the dark, by keyboard, loading nothing."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest

from bot.api.app import create_app
from bot.api.page.passes import Passes, page_link
from bot.api.server import serving
from bot.usage import UsageTracker
from tests.api.conftest import Clock

CHROMIUM = shutil.which(os.environ.get("CHROMIUM", "chromium"))
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
WIDE = "W" * 200
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: CHROMIUM names it")


@pytest.fixture
async def url(tracker: UsageTracker) -> AsyncIterator[str]:
    """Where the page is, with names that would break a line."""
    await tracker.track_llm_call(
        guild_id=42, operation=WIDE, agent_name=WIDE, user_id="عمر " * 8, model=WIDE, cost="0.5"
    )
    await tracker.set_budget("operation", WIDE, guild_id=42, limit_usd=1)
    async with serving(create_app(tracker), "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}"


async def test_a_phone_in_the_dark(url: str, tracker: UsageTracker, clock: Clock) -> None:
    playwright = pytest.importorskip("playwright.async_api")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        dark = await browser.new_context(
            viewport={"width": 375, "height": 800}, color_scheme="dark", java_script_enabled=False
        )
        page = await dark.new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        await page.goto(await page_link(Passes(tracker.claims, clock), url, 42))
        assert page.url == f"{url}/page/"
        for role in ("banner", "navigation", "main", "contentinfo"):
            assert await page.get_by_role(role).count() == 1, role
        picture = page.get_by_role("img", name="Cost by day, 1–15 Mar")
        assert await picture.locator("rect").count() == 3
        assert await page.locator(".scale span").all_text_contents() == ["$0.60", "$0.30", "$0.00"]
        await page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the figures")
        seen = await skip.evaluate("link => [link === document.activeElement, link.getBoundingClientRect().top >= 0]")
        assert seen == [True, True]
        for period, split in (("All time", "By member"), ("Today", "By agent"), ("This month", "By operation")):
            await page.get_by_label("Period").select_option(period)
            await page.get_by_label("Split").select_option(split)
            await page.get_by_role("button", name="Show").press("Enter")
            await page.get_by_role("heading", name=split).wait_for()
            await page.wait_for_load_state()  # its style too
            assert await page.evaluate("document.documentElement.scrollWidth") == 375, split
        assert await page.locator("h2.number").text_content() == "$0.50 this month"
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 24, 29)"
        await page.emulate_media(color_scheme="light")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("Key").wait_for()
        await browser.close()
    assert {address.removeprefix(url)[:6] for address in asked} == {"/page/"}
    assert [told for told in complaints if "Content Security Policy" in told] == []
