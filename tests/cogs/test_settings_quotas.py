"""The quotas of `/settings`: a role gets a tier, another, none; what no role stands for any more can be removed."""

from typing import Any

import discord
import pytest
import simcord

from bot.client import Trilo
from bot.usage.budgeting.quotas import Tier, Tiers
from bot.usage.tracker import UsageTracker
from cogs._kit.access import NOT_A_MANAGER
from cogs._settings.settings_quota_rules import tier_words
from tests.cogs.helpers import Server, settings_page, texts

ROLES, OTHERS, TIERS = "settings:quota-role", "settings:quota-others", "settings:quota-tier"
HEADING = ["**Quotas by role**", "-# Of several tiers that a member has, the best one holds."]
NOT_YET = "-# They hold once quotas are on."


def rules(view: simcord.ResponseMessage) -> list[str]:
    """The lines of the list, without its heading."""
    (text,) = [text for text in texts(view) if text.startswith(HEADING[0])]
    lines = text.splitlines()
    assert lines[:2] == HEADING
    return lines[2:]


def lists(view: simcord.ResponseMessage) -> dict[str, list[tuple[str, str | None, bool]]]:
    """Its lists of words: label, description and whether chosen of each option."""
    items = discord.ui.LayoutView.from_message(view.message).walk_children()
    selects = [item for item in items if isinstance(item, discord.ui.Select) and item.custom_id != "settings:page"]
    return {s.custom_id: [(o.label, o.description, o.default) for o in s.options] for s in selects}


async def gives(server: Server, view: simcord.ResponseMessage, role: Any, tier: str) -> str:
    """What is told of giving a role a tier."""
    await server.manager.select(view, [role], custom_id=ROLES)
    await server.manager.select(view, [tier], custom_id=TIERS)
    return texts(view)[-1]


async def test_a_role_gets_a_tier_another_and_none(server: Server, tracker: UsageTracker):
    coaches = server.guild.create_role("Coaches")
    view = await settings_page(server, "quotas")
    assert rules(view) == []
    assert lists(view) == {}
    mark = f"<@&{coaches.id}>"
    assert await gives(server, view, coaches, "exempt") == f"✅ {mark}: no quota."
    assert rules(view) == [f"{mark}: no quota", NOT_YET]
    await tracker.settings.choose(server.guild.id, quotas=True)
    assert await gives(server, view, coaches, "premium") == f"✅ {mark}: premium, 1,000,000\u00a0tokens a month."
    assert rules(view) == [f"{mark}: premium, 1,000,000\u00a0tokens a month"]
    assert lists(view) == {
        TIERS: [
            ("No quota", None, False),
            ("Remove", "The rule, not the role", False),
            ("free", "10,000\u00a0tokens a month", False),
            ("premium", "1,000,000\u00a0tokens a month", True),
        ]
    }
    await server.manager.select(view, ["-"], custom_id=TIERS)
    assert texts(view)[-1] == f"✅ {mark}: has no rule of its own now."
    assert rules(view) == []
    assert [label for label, *_ in lists(view)[TIERS]] == ["No quota", "free", "premium"]
    assert await tracker.quotas.rules(server.guild.id) == {}
    written = [line for line in await tracker.settings.audit(server.guild.id) if line.action == "quota rule"]
    assert [(line.actor, line.facts["tier"]) for line in written] == [
        (str(server.manager.id), None),
        (str(server.manager.id), "premium"),
        (str(server.manager.id), "exempt"),
    ]


async def test_what_was_chosen_can_be_left_alone(server: Server, tracker: UsageTracker):
    """A role without a rule has none to remove; another page, or no role, ends the choice."""
    view = await settings_page(server, "quotas")
    await server.manager.select(view, [server.managers], custom_id=ROLES)
    assert [label for label, *_ in lists(view)[TIERS]] == ["No quota", "free", "premium"]
    await server.manager.select(view, [], custom_id=ROLES)
    assert lists(view) == {}
    await server.manager.select(view, [server.managers], custom_id=ROLES)
    await server.manager.select(view, ["alerts"], custom_id="settings:page")
    await server.manager.select(view, ["quotas"], custom_id="settings:page")
    assert lists(view) == {}
    assert await gives(server, view, server.guild.default_role, "premium") == (
        "✅ everyone: premium, 1,000,000\u00a0tokens a month."
    )


async def test_a_rule_of_a_deleted_role_can_be_removed(server: Server, bot: Trilo, tracker: UsageTracker):
    """And one of a person, which callers of the library give."""
    gone = server.guild.create_role("Gone")
    for subject, tier in ((f"role:{gone.id}", "premium"), (f"user:{server.member.id}", "exempt"), ("user:a-b", "free")):
        await tracker.quotas.set_rule(server.guild.id, subject, tier)
    guild = bot.get_guild(server.guild.id)
    assert guild is not None
    await guild.get_role(gone.id).delete()  # type: ignore[union-attr]
    view = await settings_page(server, "quotas")
    deleted = f"deleted role {str(gone.id)[-4:]}"
    assert rules(view) == [
        f"{deleted}: premium, 1,000,000\u00a0tokens a month",
        f"<@{server.member.id}>: no quota",
        "member a-b: free, 10,000\u00a0tokens a month",
        NOT_YET,
    ]
    assert lists(view) == {
        OTHERS: [
            (f"{deleted}: premium, 1,000,000\u00a0tokens a month", None, False),
            (f"member {str(server.member.id)[-4:]}: no quota", None, False),
            ("member a-b: free, 10,000\u00a0tokens a month", None, False),
        ]
    }
    for subject in list(await tracker.quotas.rules(server.guild.id)):
        await server.manager.select(view, [subject], custom_id=OTHERS)
        await server.manager.select(view, ["-"], custom_id=TIERS)
    assert texts(view)[-1] == "✅ member a-b: has no rule of its own now."
    assert (rules(view), lists(view)) == ([], {})


async def test_many_rules_fit(server: Server, tracker: UsageTracker):
    for number in range(30):
        await tracker.quotas.set_rule(server.guild.id, f"role:{10**17 + number}", "premium")
    await tracker.quotas.set_rule(server.guild.id, f"user:{'x' * 200}", "free")
    view = await settings_page(server, "quotas")
    assert rules(view)[-2:] == ["and 11\u00a0others", NOT_YET]
    assert len(lists(view)[OTHERS]) == 25


async def test_who_may(server: Server, bot: Trilo, tracker: UsageTracker):
    """I26: asked anew at each press."""
    view = await settings_page(server, "quotas")
    await server.manager.select(view, [server.managers], custom_id=ROLES)
    guild = bot.get_guild(server.guild.id)
    assert guild is not None
    await guild.get_role(server.managers.id).edit(permissions=discord.Permissions.none())  # type: ignore[union-attr]
    press = await server.manager.select(view, ["exempt"], custom_id=TIERS)
    assert (press.response.content, press.response.ephemeral) == (NOT_A_MANAGER, True)
    assert await tracker.quotas.rules(server.guild.id) == {}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("exempt", "no quota"),
        ("gold", "gold, as many tokens a month as they like"),
        ("free", "free, 1\u00a0token a month"),
        ("silver", "silver, which isn't there any more: as free"),
    ],
)
def test_words_of_tiers(name: str, words: str):
    tiers = Tiers([Tier("free", 1), Tier("gold", None)])
    assert tier_words(tiers, name) == words


async def test_a_rule_whose_id_is_too_long_for_a_list_is_shown_alone(server: Server, tracker: UsageTracker):
    """Another program's: Discord takes 100 characters as an entry's value."""
    await tracker.quotas.set_rule(server.guild.id, f"user:{'x' * 96}", "premium")
    view = await settings_page(server, "quotas")
    assert rules(view) == ["member xxxx: premium, 1,000,000\u00a0tokens a month", NOT_YET]
    assert lists(view) == {}
