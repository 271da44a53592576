"""`/settings`: every row changes what it says, tells what it did, and what it didn't."""

from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import pytest
import simcord
from hypothesis import given
from hypothesis import strategies as st

from bot.assistant.guide import Guide
from bot.assistant.screen_names import NAMES
from bot.translation import _, speaking
from bot.usage.budgeting.calendars import Period
from bot.usage.tracker import UsageTracker
from cogs._kit.private import TIMEOUT_SECONDS
from cogs._settings.settings_rows import PAGES
from cogs._settings.settings_zone_form import NO_SUCH_ZONE
from cogs._settings.settings_zones import MOST, zone_names, zones_matching
from tests.cogs.helpers import NOW, Clock, Server, chosen, everybody_speaks, selected, settings_page, texts


@pytest.mark.parametrize("page", PAGES)
async def test_every_page_shows_its_rows(server: Server, page: str):
    view = await settings_page(server, page)
    heading, *rows = texts(view)
    assert heading == f"## Settings: {PAGES[page].title}"
    assert len(rows) == len(PAGES[page].rows)
    assert page in selected(view)


async def test_the_guide_calls_settings_what_they_are_called_on_the_screen(
    server: Server, monkeypatch: pytest.MonkeyPatch
):
    """Every page is in it; and what a model is told of each name in another language is what is read there."""
    guide = "\n".join(map(str, Guide.load().sections))
    assert [page.title for page in PAGES.values() if f"- **{page.title}**: " not in guide] == []
    everybody_speaks("es-419", monkeypatch)
    view, shown = await settings_page(server), ""
    for page in PAGES:
        await server.manager.select(view, [page], custom_id="settings:page")
        items = list(discord.ui.LayoutView.from_message(view.message).walk_children())
        shown += "\n".join([*texts(view), *(item.label or "" for item in items if isinstance(item, discord.ui.Button))])
    with speaking("es"):
        told = [_(name) for name in NAMES if name != "Send Messages"]  # a permission of ours, not of who reads this
    assert [name for name in told if name not in shown] == []


async def test_a_list_is_never_taken_for_the_one_that_stood_in_its_place(server: Server):
    """Discord keeps what was chosen in a list by its id, which would otherwise be its position in the message."""
    view = await settings_page(server)
    lists: dict[int, str] = {}
    for page in PAGES:
        await server.manager.select(view, [page], custom_id="settings:page")
        items = discord.ui.LayoutView.from_message(view.message).walk_children()
        for item in items:
            if isinstance(item, discord.ui.Select | discord.ui.ChannelSelect | discord.ui.RoleSelect):
                assert lists.setdefault(item.id, item.custom_id) == item.custom_id
    assert len(lists) == 13


async def test_the_channel_for_alerts(server: Server, tracker: UsageTracker, simcord_env: simcord.Env):
    guild = server.guild
    team = guild.create_text_channel(
        "team",
        overwrites={
            guild.default_role: discord.PermissionOverwrite(view_channel=False),
            guild.me: discord.PermissionOverwrite(view_channel=True),
            server.managers: discord.PermissionOverwrite(view_channel=True),
        },
    )
    view = await settings_page(server)
    await server.manager.select(view, [server.channel], custom_id="settings:alerts")
    warning = f"Alerts go to <#{server.channel.id}>. ⚠️ Everyone can read that channel, amounts of money included."
    assert texts(view)[-1] == warning
    await server.manager.select(view, [team], custom_id="settings:alerts")
    assert texts(view)[-1] == f"Alerts go to <#{team.id}>."
    assert (await tracker.settings.of(guild.id)).alert_channel_id == team.id
    await server.manager.select(view, [], custom_id="settings:alerts")
    assert texts(view)[-1] == "Alerts have no channel now."
    assert (await tracker.settings.of(guild.id)).alert_channel_id is None
    assert {line.actor for line in await tracker.settings.audit(guild.id)} == {str(server.manager.id)}


@pytest.mark.parametrize(
    ("page", "custom_id"),
    [
        ("alerts", "settings:alerts"),
        ("time", "settings:reports"),
        ("league", "settings:announcements"),
        ("where", "settings:answer-channels"),
    ],
)
async def test_a_channel_that_was_chosen_is_shown_as_chosen(server: Server, page: str, custom_id: str):
    """At once, after another page, and when it is opened anew; one that can't be taken changes nothing."""
    view = await settings_page(server, page)
    assert chosen(view)[custom_id] == []
    await server.manager.select(view, [server.channel], custom_id=custom_id)
    assert chosen(view)[custom_id] == [server.channel.id]
    for other in ("quotas", page):
        await server.manager.select(view, [other], custom_id="settings:page")
    assert chosen(view)[custom_id] == [server.channel.id]
    assert chosen(await settings_page(server, page))[custom_id] == [server.channel.id]
    await server.manager.select(view, [], custom_id=custom_id)
    assert chosen(view)[custom_id] == []


async def test_addresses_outside_discord_have_a_view_of_their_own(server: Server):
    press = await server.manager.click(await settings_page(server), custom_id="settings:addresses")
    (view,) = press.followups
    assert view.ephemeral
    assert texts(view)[0].startswith("## E-mail and webhooks\n")


async def test_a_view_opened_from_another_expires_as_its_own_message(server: Server, simcord_env: simcord.Env):
    settings = await settings_page(server)
    (addresses,) = (await server.manager.click(settings, custom_id="settings:addresses")).followups
    before = texts(settings), texts(addresses)
    expired = "-# These controls have expired. Use `/settings` for fresh ones."
    await simcord_env.advance_time(TIMEOUT_SECONDS + 10)
    assert (texts(settings), texts(addresses)) == tuple([*shown, expired] for shown in before)


@pytest.mark.parametrize(
    ("page", "custom_id", "name", "shown"),
    [
        ("alerts", "settings:alert_owner", "alert_owner", "**Direct message to the owner: {}**"),
        ("quotas", "settings:quotas", "quotas", "**Quotas for members: {}**"),
    ],
)
async def test_switches(server: Server, tracker: UsageTracker, page: str, custom_id: str, name: str, shown: str):
    view = await settings_page(server, page)
    for on in (True, False):
        await server.manager.click(view, custom_id=custom_id)
        assert getattr(await tracker.settings.of(server.guild.id), name) is on
        assert any(text.startswith(shown.format("on" if on else "off")) for text in texts(view))


async def test_the_role_that_may_see_usage(server: Server, tracker: UsageTracker):
    view = await settings_page(server, "people")
    await server.manager.select(view, [server.managers], custom_id="settings:usage-role")
    assert texts(view)[-1] == f"<@&{server.managers.id}> may see usage now."
    assert (await tracker.settings.of(server.guild.id)).usage_role_id == server.managers.id
    await server.manager.select(view, [server.guild.default_role], custom_id="settings:usage-role")
    assert texts(view)[-1].startswith("That role is everyone's:")
    assert (await tracker.settings.of(server.guild.id)).usage_role_id == server.managers.id
    await server.manager.select(view, [], custom_id="settings:usage-role")
    assert texts(view)[-1] == "No role may see usage besides Manage Server now."
    assert (await tracker.settings.of(server.guild.id)).usage_role_id is None


async def test_reports(server: Server, tracker: UsageTracker):
    view = await settings_page(server, "time")
    await server.manager.select(view, ["week"], custom_id="settings:every")
    assert texts(view)[-1] == "Reports: weekly. Choose a channel for them as well."
    await server.manager.select(view, [server.channel], custom_id="settings:reports")
    assert texts(view)[-1].startswith(f"Reports go to <#{server.channel.id}>.")
    settings = await tracker.settings.of(server.guild.id)
    assert (settings.report_every, settings.report_channel_id) == ("week", server.channel.id)
    await server.manager.select(view, ["off"], custom_id="settings:every")
    assert texts(view)[-1] == "Reports: off."
    assert (await tracker.settings.of(server.guild.id)).report_every is None


async def typed_zone(server: Server, view: simcord.ResponseMessage, typed: str, *, button: str = "Change") -> Any:
    form = await server.manager.click(view, label=button)
    return await server.manager.submit_modal(form, {"zone": typed})


async def test_the_time_zone_by_city(server: Server, tracker: UsageTracker, clock: Clock):
    """I17: what runs goes on to its end as it began; the next day is the new zone's."""
    view = await settings_page(server, "time")
    assert texts(view)[1].startswith("**Time zone: UTC**\n-# A change holds from the next start of each day, week")
    await typed_zone(server, view, " new york ")
    assert texts(view)[1].startswith("**Time zone: America/New_York**")
    assert texts(view)[-1] == ("✅ America/New_York: each day, week and month is counted there from its next start on.")
    assert (await tracker.settings.of(server.guild.id)).time_zone == "America/New_York"
    calendar = tracker.ledger.rules.calendar(server.guild.id)
    assert calendar.end(Period.DAY, NOW) == datetime(2026, 3, 16, 4, tzinfo=UTC)
    await typed_zone(server, view, "america/new_york")
    assert texts(view)[-1] == "America/New_York is the time zone already."
    assert len(await tracker.settings.audit(server.guild.id)) == 1


async def test_where_several_match_one_is_chosen(server: Server, tracker: UsageTracker):
    view = await settings_page(server, "time")
    await typed_zone(server, view, "louisville")
    assert texts(view)[-1] == "Several time zones match. Choose one from the list."
    await server.manager.select(view, ["America/Kentucky/Louisville"], custom_id="settings:zones")
    assert (await tracker.settings.of(server.guild.id)).time_zone == "America/Kentucky/Louisville"
    with pytest.raises(simcord.SetupError):
        await server.manager.select(view, ["America/Louisville"], custom_id="settings:zones")


@pytest.mark.parametrize("typed", ["Atlantis", "@everyone", "../../etc/passwd", "\u202e"])
async def test_a_zone_that_is_none_changes_nothing(server: Server, tracker: UsageTracker, typed: str):
    done = await typed_zone(server, await settings_page(server, "time"), typed)
    (told,) = done.followups
    assert told.ephemeral
    assert told.content == f"{NO_SUCH_ZONE} Nothing was changed."
    assert (await tracker.settings.of(server.guild.id)).time_zone == "UTC"


async def test_the_language_of_the_server(server: Server, tracker: UsageTracker):
    """One that we speak, by its own name, or Discord's."""
    view = await settings_page(server, "language")
    items = discord.ui.LayoutView.from_message(view.message).walk_children()
    choices, _pages = [item.options for item in items if isinstance(item, discord.ui.Select)]
    assert [(option.label, option.value, option.description) for option in choices] == [
        ("As in Discord", "discord", "English"),
        ("English", "en", None),
        ("Español", "es", None),
    ]
    for value, stored, told in (("es", "es", "Español"), ("en", "en", "English"), ("discord", None, "English")):
        await server.manager.select(view, [value], custom_id="settings:language")
        assert texts(view)[-1] == f"What everybody reads here is in {told} now."
        assert (await tracker.settings.of(server.guild.id)).language == stored
        assert selected(view) == [value, "language"]


async def test_the_view_in_spanish(server: Server, monkeypatch: pytest.MonkeyPatch):
    """The person's own language, on a server that speaks English."""
    everybody_speaks("es-419", monkeypatch)
    view = await settings_page(server, "time")
    await server.manager.select(view, ["week"], custom_id="settings:every")
    assert texts(view) == [
        "## Ajustes: Zona horaria e informes",
        (
            "**Zona horaria: UTC**\n"
            "-# Un cambio vale desde el próximo inicio de cada día, semana y mes: los que están en curso terminan como "
            "empezaron. Los días que ya pasaron se quedan como se contaron."
        ),
        "**Informes**\n-# Cuánto costó la IA desde el último, en el canal que elijas.",
        "Informes: cada semana. Elige también un canal para ellos.",
    ]
    await typed_zone(server, view, "bogota", button="Cambiar")
    assert texts(view)[-1] == "✅ America/Bogota: cada día, semana y mes se cuenta ahí desde su próximo inicio."


async def test_the_pause_is_a_line(server: Server, tracker: UsageTracker, clock: Clock):
    await tracker.settings.pause(server.guild.id, clock.now + timedelta(hours=1), actor=1)
    assert "⏸️ **The AI is paused on this server** until" in texts(await settings_page(server))[0]


@pytest.mark.parametrize(
    ("typed", "zones"),
    [
        ("Europe/Berlin", ["Europe/Berlin"]),
        ("europe/berlin", ["Europe/Berlin"]),
        ("berlin", ["Europe/Berlin"]),
        ("New   York", ["America/New_York"]),
        ("utc", ["UTC"]),
        ("indianapolis", ["America/Indiana/Indianapolis", "America/Indianapolis"]),
        ("zurich", ["Europe/Zurich"]),
        ("sao_paulo", ["America/Sao_Paulo"]),
        ("", []),
        ("  ", []),
        ("posix/UTC", []),
    ],
)
def test_zones_by_what_people_type(typed: str, zones: list[str]):
    assert zones_matching(typed) == zones


@given(st.text(max_size=60))
def test_whatever_is_typed_matches_zones_or_nothing(typed: str):
    found = zones_matching(typed)
    assert len(found) <= MOST
    assert set(found) <= set(zone_names())
