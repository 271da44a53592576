"""Scenes of the gallery about what AI costs, settings, privacy and help: each a command or two, with pictures."""

from typing import Literal

from docs.gallery_stage import DESKTOP, PHONE, Stage


async def asking(stage: Stage) -> None:
    """An answer, and one about setting up, with what is missing here."""
    await stage.say("@Trilo hello")
    await stage.shoot("ask-answer")
    await stage.say("@Trilo How do I set up my league?")
    await stage.shoot("ask-setup")


async def token_stats(stage: Stage) -> None:
    """The view as it opens, each period and each split."""
    await stage.command("/token-stats")
    await stage.shoot("token-stats")
    for period in ("today", "7d", "30d", "all"):
        await stage.choose(period)
        await stage.shoot(f"token-stats-period-{period}")
    for split in ("model", "member", "channel", "day", "thread", "week", "command"):
        await stage.choose(split, 1)
        await stage.shoot(f"token-stats-by-{split}")


async def token_stats_closer(stage: Stage) -> None:
    """One model looked at more closely, the second page of a list, the form for other days, the export."""
    await stage.command("/token-stats")
    await stage.choose("model", 1)
    await stage.choose("gpt-4o", 2)
    await stage.shoot("token-stats-closer-model")
    await stage.press("← Back to all")
    await stage.choose("day", 1)
    await stage.press("▶")
    await stage.shoot("token-stats-page-2")
    await stage.choose("other")
    await stage.shoot_form("token-stats-other-days")
    await stage.press("Export CSV")
    await stage.shoot("token-stats-export")


async def spend_less(stage: Stage) -> None:
    """What it suggests."""
    await stage.command("/token-stats")
    await stage.press("Spend less")
    await stage.shoot("token-stats-spend-less")


async def usage_page(stage: Stage) -> None:
    """The page in the browser, light and dark."""
    await stage.command("/token-stats")
    address = await stage.last.get_by_role("link").last.get_attribute("href")
    browser = stage.page.context.browser
    assert address is not None
    assert browser is not None
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        context = await browser.new_context(color_scheme=scheme, locale=stage.language)
        page = await context.new_page()
        await page.goto(address)
        for device, size in (("desktop", DESKTOP), ("phone", PHONE)):
            await page.set_viewport_size(size)
            await page.screenshot(path=stage.folder / f"page-{scheme}-{device}.png", full_page=True)
        await context.close()


async def my_usage(stage: Stage) -> None:
    """Anybody's own tokens."""
    await stage.command("/my-usage")
    await stage.shoot("my-usage")
    await stage.choose("today")
    await stage.shoot("my-usage-today")


async def settings(stage: Stage) -> None:
    """Every page of the list."""
    await stage.command("/settings")
    for page in await stage.values(-1):
        await stage.choose(page, -1)
        await stage.shoot(f"settings-{page}")


async def settings_forms(stage: Stage) -> None:
    """Addresses, the time zone's form, quotas switched on."""
    await stage.command("/settings")
    await stage.press("Open")
    await stage.shoot("settings-addresses")
    await stage.command("/settings")
    await stage.choose("time", -1)
    await stage.press("Change")
    await stage.shoot_form("settings-zone-form")
    await stage.choose("quotas", -1)
    await stage.press("Turn on")
    await stage.shoot("settings-quotas-on")
    await stage.command("/my-usage")
    await stage.shoot("my-usage-quota")
    await stage.say("@Trilo hello")
    await stage.shoot("quota-used-up")
    await stage.command("/settings")
    await stage.choose("quotas", -1)
    await stage.press("Turn off")


async def pause(stage: Stage) -> None:
    """The AI paused, a question meanwhile, and the end of the pause."""
    await stage.command("/ai pause")
    await stage.shoot("ai-pause")
    await stage.say("@Trilo hello")
    await stage.shoot("ai-paused-question")
    await stage.command("/ai resume")
    await stage.shoot("ai-resume")
    await stage.command("/ai resume")
    await stage.shoot("ai-resume-again")


async def privacy(stage: Stage) -> None:
    """What is stored, the question before it is erased, and the export."""
    await stage.command("/privacy")
    await stage.shoot("privacy")
    await stage.press("Erase…")
    await stage.shoot("privacy-erase-question")
    await stage.press("Cancel")
    await stage.press("Export")
    await stage.shoot("privacy-export")


async def opting_out(stage: Stage) -> None:
    """Out of the AI, a question meanwhile, and in again. Last, since nothing is answered where it ends early."""
    await stage.command("/privacy")
    await stage.press("Opt out")
    await stage.shoot("privacy-opted-out")
    await stage.say("@Trilo hello")
    await stage.shoot("privacy-opted-out-question")
    await stage.command("/privacy")
    await stage.press("Opt in")
    await stage.shoot("privacy-opted-in")


async def help_topics(stage: Stage) -> None:
    """Each topic, and one that there isn't."""
    await stage.command("/help")
    await stage.shoot("help-start")
    for topic in ("asking", "league", "statistics", "budgets", "privacy", "commands"):
        await stage.command("/help", topic=topic)
        await stage.shoot(f"help-{topic}")
    await stage.command("/help", topic="weather")
    await stage.shoot("help-unknown")


async def empty_stats(stage: Stage) -> None:
    """A server of which nothing is known yet."""
    await stage.command("/token-stats")
    await stage.shoot("empty-token-stats")
    await stage.command("/my-usage")
    await stage.shoot("empty-my-usage")
    await stage.command("/privacy")
    await stage.shoot("empty-privacy")
