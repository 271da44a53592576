"""Scenes of the gallery about a league, refusals, errors, and the people who run the bot."""

from pathlib import Path

from docs.gallery_stage import Stage

SCHEDULE = Path(__file__).parent / "images" / "schedule-week-8.png"


async def league_create(stage: Stage) -> None:
    """An empty plan and its form, a picture, doubtful rows, and a week that is created."""
    await stage.shoot("league-create-empty", stage.command("/league create"))
    await stage.press("Edit")
    await stage.shoot_form("league-create-form")
    await stage.shoot("league-create-picture", stage.command("/league create", picture=str(SCHEDULE)))
    await stage.say("@Trilo create week 9: Texans vs Colts, Chiefs vs Broncos, Eagels vs Giants, Bills vs Bills")
    await stage.shoot("league-create-doubtful")
    await stage.shoot("league-create-plan", stage.say("@Trilo create week 10: Texans vs Colts, Chiefs vs Broncos"))
    await stage.shoot("league-create-done", stage.go_ahead())


async def league_delete(stage: Stage) -> None:
    """What would go, that it went, and what happened."""
    await stage.shoot("league-delete-plan", stage.command("/league delete", "7"))
    await stage.shoot("league-delete-done", stage.go_ahead())
    await stage.shoot("league-restore-unknown", stage.command("/league restore", "week"))
    await stage.shoot("league-history", stage.command("/league history"))


async def league_restore(stage: Stage) -> None:
    """What was deleted before, to be built again: after `league_delete`."""
    await stage.box.press_sequentially("/league restore")
    await stage.page.get_by_role("option", name="/league restore").first.wait_for()
    await stage.box.press("Enter")
    await stage.page.wait_for_timeout(500)
    await stage.page.keyboard.type("week")
    await stage.page.get_by_role("option", name="UTC").first.click()
    await stage.page.get_by_role("button", name="Send", exact=True).click()
    await stage.page.wait_for_timeout(1_000)
    await stage.settle()
    await stage.shoot("league-restore-plan")


async def league_teams(stage: Stage) -> None:
    """The list, a team picked, and the two forms."""
    await stage.shoot("league-teams", stage.command("/league teams"))
    await stage.shoot("league-teams-picked", stage.choose("Texans"))
    await stage.press("Add a team")
    await stage.shoot_form("league-teams-add-form")
    await stage.press("Paste a list")
    await stage.shoot_form("league-teams-list-form")


async def league_advance(stage: Stage) -> None:
    """An announcement and its form, and mentions of a week's players."""
    await stage.shoot("league-advance", stage.say("@Trilo announce the advance to week 8, Sunday 8pm"))
    await stage.press("Edit")
    await stage.shoot_form("league-advance-form")
    await stage.shoot("league-tag-unknown", stage.command("/league tag", "week 99"))
    await stage.shoot("league-tag", stage.command("/league tag", "week-7"))


async def errors(stage: Stage) -> None:
    """The model in trouble."""
    for words in ("please fail", "please be busy", "please hang up", "out of credit"):
        await stage.say(f"@Trilo {words}")
        await stage.page.wait_for_timeout(4_000)
        await stage.shoot(f"error-{words.replace(' ', '-')}")


async def owner(stage: Stage) -> None:
    """What only the people who run the bot see."""
    for name in ("servers", "health", "prices"):
        await stage.shoot(f"owner-{name}", stage.command(f"/owner {name}"))
    await stage.shoot("owner-prices-model", stage.command("/owner prices", model="gpt-4o"))


async def refusals(stage: Stage) -> None:
    """A member who may manage nothing tries what they can see, and somebody else's plan."""
    await stage.say("@Trilo create week 12: Texans vs Colts")
    await stage.page.get_by_label("Viewing as").select_option(label="Jordan")
    await stage.settle()
    await stage.shoot("refusal-press", stage.go_ahead())
    for name, required in (("/league teams", ""), ("/league delete", "7")):
        await stage.shoot(f"refusal-{name[1:].replace(' ', '-')}", stage.command(name, required))
    await stage.shoot("refusal-plain-words", stage.say("@Trilo create week 3: Texans vs Colts"))
    await stage.shoot("refusal-help-budgets", stage.command("/help", topic="budgets"))
    await stage.shoot("my-usage-member", stage.command("/my-usage"))
