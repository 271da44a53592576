"""Scenes of the gallery about what AI costs, settings, privacy and help: each a command or two, with pictures."""

from typing import Literal

from docs.gallery_stage import DESKTOP, PHONE, Stage


async def asking(stage: Stage) -> None:
    """An answer, and one about setting up, with what is missing here."""
    await stage.shoot("ask-answer", stage.say("@Trilo hello"))
    await stage.shoot("ask-setup", stage.say("@Trilo How do I set up my league?"))


async def token_stats(stage: Stage) -> None:
    """The view as it opens, each period and each split."""
    await stage.shoot("token-stats", stage.command("/token-stats"))
    for period in ("today", "7d", "30d", "all"):
        await stage.shoot(f"token-stats-period-{period}", stage.choose(period))
    for split in ("model", "member", "channel", "day", "thread", "week", "command"):
        await stage.shoot(f"token-stats-by-{split}", stage.choose(split, 1))


async def token_stats_closer(stage: Stage) -> None:
    """One model looked at more closely, the second page of a list, the form for other days, the export."""
    await stage.command("/token-stats")
    await stage.choose("model", 1)
    await stage.shoot("token-stats-closer-model", stage.choose("gpt-4o", 2))
    await stage.press("← Back to all")
    await stage.choose("day", 1)
    await stage.shoot("token-stats-page-2", stage.press("▶"))
    await stage.choose("other")
    await stage.shoot_form("token-stats-other-days")
    await stage.shoot("token-stats-export", stage.press("Export CSV"))


async def spend_less(stage: Stage) -> None:
    """What it suggests."""
    await stage.command("/token-stats")
    await stage.shoot("token-stats-spend-less", stage.press("Spend less"))


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
    await stage.shoot("my-usage", stage.command("/my-usage"))
    await stage.shoot("my-usage-today", stage.choose("today"))


async def settings(stage: Stage) -> None:
    """Every page of the list."""
    await stage.command("/settings")
    for page in await stage.values(-1):
        await stage.shoot(f"settings-{page}", stage.choose(page, -1))


async def settings_forms(stage: Stage) -> None:
    """Addresses, the time zone's form, quotas switched on."""
    await stage.command("/settings")
    await stage.shoot("settings-addresses", stage.press("Open"))
    await stage.command("/settings")
    await stage.choose("time", -1)
    await stage.press("Change")
    await stage.shoot_form("settings-zone-form")
    await stage.choose("quotas", -1)
    await stage.shoot("settings-quotas-on", stage.press("Turn on"))
    await stage.shoot("my-usage-quota", stage.command("/my-usage"))
    await stage.shoot("quota-used-up", stage.say("@Trilo hello"))
    await stage.command("/settings")
    await stage.choose("quotas", -1)
    await stage.press("Turn off")


async def pause(stage: Stage) -> None:
    """The AI paused, a question meanwhile, and the end of the pause."""
    await stage.shoot("ai-pause", stage.command("/ai pause"))
    await stage.shoot("ai-paused-question", stage.say("@Trilo hello"))
    await stage.shoot("ai-resume", stage.command("/ai resume"))
    await stage.shoot("ai-resume-again", stage.command("/ai resume"))


async def privacy(stage: Stage) -> None:
    """What is stored, the question before it is erased, and the export."""
    await stage.shoot("privacy", stage.command("/privacy"))
    await stage.shoot("privacy-erase-question", stage.press("Erase…"))
    await stage.press("Cancel")
    await stage.shoot("privacy-export", stage.press("Export"))


async def opting_out(stage: Stage) -> None:
    """Out of the AI, a question meanwhile, and in again. Last, since nothing is answered where it ends early."""
    await stage.command("/privacy")
    await stage.shoot("privacy-opted-out", stage.press("Opt out"))
    await stage.shoot("privacy-opted-out-question", stage.say("@Trilo hello"))
    await stage.command("/privacy")
    await stage.shoot("privacy-opted-in", stage.press("Opt in"))


async def help_topics(stage: Stage) -> None:
    """Each topic, and one that there isn't."""
    await stage.shoot("help-start", stage.command("/help"))
    for topic in ("asking", "league", "statistics", "budgets", "privacy", "commands"):
        await stage.shoot(f"help-{topic}", stage.command("/help", topic=topic))
    await stage.shoot("help-unknown", stage.command("/help", topic="weather"))


async def empty_stats(stage: Stage) -> None:
    """A server of which nothing is known yet."""
    await stage.shoot("empty-token-stats", stage.command("/token-stats"))
    await stage.shoot("empty-my-usage", stage.command("/my-usage"))
    await stage.shoot("empty-privacy", stage.command("/privacy"))
