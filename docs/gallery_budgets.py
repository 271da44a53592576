"""Scenes of the gallery about budgets and their alerts."""

from docs.gallery_stage import Stage

SMALL = "0.00017"
"""Dollars, of which the first questions take more than 80 %."""


async def budget_set(stage: Stage) -> None:
    """None yet, one that can't be read, the question, and what follows."""
    await stage.shoot("budget-show-none", stage.command("/budget show"))
    await stage.shoot("budget-set-misread", stage.command("/budget set", "a lot"))
    await stage.shoot("budget-set-question", stage.command("/budget set", "$5"))
    await stage.shoot("budget-set-done", stage.press("Confirm"))


async def budget_show(stage: Stage) -> None:
    """One in use, its form, what happened, a test alert, and the question before it goes."""
    await stage.command("/budget set", "0.8")
    await stage.press("Confirm")
    await stage.say("@Trilo tell me a joke")
    await stage.shoot("budget-show", stage.command("/budget show"))
    await stage.press("Edit")
    await stage.shoot_form("budget-edit-form")
    await stage.shoot("budget-history", stage.press("History"))
    await stage.shoot("budget-test-alert", stage.press("Test alert"), messages=2)
    await stage.command("/budget show")
    await stage.shoot("budget-remove-question", stage.press("Remove"))
    await stage.shoot("budget-remove-kept", stage.press("Keep"))


async def alerts(stage: Stage) -> None:
    """An alert with its buttons and the form behind one, and a question that the budget refuses."""
    await stage.command("/budget set", SMALL, per="day")
    await stage.press("Confirm")
    await stage.shoot("budget-set-channel", stage.choose("#general"))
    for question in ("hello", "tell me a joke", "give me a long answer"):
        await stage.say(f"@Trilo {question}")
    await stage.appears("See the stats")
    await stage.shoot("alert")
    await stage.press("Raise the limit")
    await stage.shoot_form("alert-raise-form")
    for _again in range(2):
        await stage.say("@Trilo give me a long answer")
    await stage.page.wait_for_timeout(4_000)
    await stage.shoot("budget-used-up", messages=4)
    await stage.shoot("budget-show-used-up", stage.command("/budget show"))
    await stage.press("Remove")
    await stage.shoot("budget-removed", stage.press("Remove"))
