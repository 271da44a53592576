"""E-mail and webhooks, sent for real to a server on this machine."""

import asyncio
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from bot.alerts import outside as module
from bot.alerts.addresses import AddressRefusedError
from bot.alerts.outside import NotSentError, Outside
from bot.usage.alert_book import AlertBook
from bot.usage.alert_rows import AlertKind
from bot.usage.alert_targets import AlertTargets
from tests.alerts.web import Web, mail_server, web_server
from tests.usage.making import NOW, fresh_database

SECRET = "hunter2"
PRIVATE = "That host is on a private network, where I don't send anything."


@pytest.fixture
async def database(tmp_path: Path):
    async with fresh_database(tmp_path / "a.db") as opened:
        yield opened


@pytest.fixture
def targets(database) -> AlertTargets:
    return AlertTargets(database, lambda: NOW)


@pytest.fixture
async def web():
    async with web_server() as running:
        yield running


async def refused(sending) -> str:
    with pytest.raises(NotSentError) as caught:
        await sending
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


async def test_the_operator_s_addresses_may_be_anywhere(web: Web, targets: AlertTargets):
    outside = Outside([web.address], targets)
    (target,) = outside.operator_targets
    await outside.send(target, "Trilo: 90 % of a budget is used", "Budget: $5.00 a month")
    (body,) = web.received
    assert (body["title"], body["message"]) == ("Trilo: 90 % of a budget is used", "Budget: $5.00 a month")


async def test_by_e_mail(targets: AlertTargets):
    async with mail_server() as (port, received):
        outside = Outside([f"mailto://127.0.0.1:{port}?from=trilo@example.com&to=me@example.org"], targets)
        await outside.send(outside.operator_targets[0], "Trilo: 90 % of a budget is used", "Budget: $5.00 a month")
    (mail,) = received
    assert "To: me@example.org" in mail
    assert "Subject: Trilo: 90 % of a budget is used" in mail
    assert "Budget: $5.00 a month" in mail


def test_apprise_is_imported_only_to_send():
    """It would cost every start a tenth of a second."""
    code = "import sys, bot.client, cogs.alerts; print('apprise' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


async def test_its_name_in_the_books_says_nothing_of_it_and_stays(targets: AlertTargets):
    """I35: and two with different secrets are two, in any order."""
    one, two = f"json://me:{SECRET}@127.0.0.1/", "json://127.0.0.1/"
    names = Outside([one, two], targets).operator_targets
    assert Outside([two, one], targets).operator_targets == names[::-1]
    assert len(set(names)) == 2
    assert SECRET not in str(names)


async def test_a_server_s_address_on_a_private_network_is_refused_when_added_and_when_used(
    web: Web, targets: AlertTargets
):
    """Also one that got into the books in another way."""
    outside = Outside([], targets)
    with pytest.raises(AddressRefusedError) as caught:
        await outside.check(web.address)
    assert str(caught.value) == PRIVATE
    stored = await targets.add(1, web.address, "json://…", actor=1)
    assert await refused(outside.send(stored.id, "a", "b")) == PRIVATE
    assert web.received == []


async def test_a_name_that_answers_differently_the_second_time(
    web: Web, targets: AlertTargets, monkeypatch: pytest.MonkeyPatch
):
    """The check has seen a public address; the connection goes to this machine all the same, and isn't made."""
    monkeypatch.setattr("bot.alerts.addresses.require_public", lambda host: None)
    stored = await targets.add(1, web.address, "json://…", actor=1)
    assert await refused(Outside([], targets).send(stored.id, "a", "b")) == (
        "it can't be reached, or doesn't take the message"
    )
    assert web.received == []


async def test_what_cant_be_sent_is_told_without_the_address(web: Web, targets: AlertTargets):
    """I35."""
    web.status = 500
    removed = await targets.add(1, f"json://{SECRET}.invalid", "json://…", actor=1)
    outside = Outside([web.address, f"json://me:{SECRET}@127.0.0.1:1/", f"nonsense://{SECRET}"], targets)
    unreachable = "it can't be reached, or doesn't take the message"
    assert [await refused(outside.send(target, "a", "b")) for target in outside.operator_targets] == [
        unreachable,
        unreachable,
        "that is no address that a message can be sent to",
    ]
    assert await refused(outside.send(removed.id, "a", "b")) == (
        "I can't find that host. Check the address for a mistake."
    )
    await targets.remove(removed.id, guild_id=1, actor=1)
    assert await refused(outside.send(removed.id, "a", "b")) == "the address was removed"


async def test_nothing_of_an_address_is_logged(targets: AlertTargets, caplog: pytest.LogCaptureFixture):
    """I35: apprise and what it uses log whole addresses, at any level."""
    caplog.set_level(logging.DEBUG)
    outside = Outside([f"json://me:{SECRET}@127.0.0.1:1/{SECRET}"], targets)
    await refused(outside.send(outside.operator_targets[0], "a", "b"))
    assert SECRET not in caplog.text


async def test_one_that_hangs_holds_up_no_other_and_gets_no_second_thread(
    web: Web, targets: AlertTargets, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "SEND_SECONDS", 1.0)
    web.hangs.clear()
    async with web_server() as other:
        outside = Outside([f"{web.address}?rto=30", other.address], targets)
        hanging, good = outside.operator_targets
        slow = asyncio.create_task(refused(outside.send(hanging, "a", "b")))
        await outside.send(good, "a", "b")
        assert not slow.done()
        assert await slow == "no answer within 1 seconds"
        assert await refused(outside.send(hanging, "a", "b")) == "the message before is still on its way"
        assert len(other.received) == 1
        assert len(web.received) == 1
        web.hangs.set()
        while outside._under_way:
            await asyncio.sleep(0.01)
        await outside.send(hanging, "a", "b")


async def test_dead_targets_are_shown_to_the_operator_by_their_labels(database, targets: AlertTargets):
    book = AlertBook(database, lambda: NOW)
    stored = await targets.add(7, "jsons://example.com", "jsons://example.com/…", actor=1)
    outside = Outside([f"json://me:{SECRET}@example.org"], targets)
    await book.fire(AlertKind.PROVIDER_KEY, 7, "openai")
    await book.take_up(outside.operator_targets)
    assert await outside.dead_targets(book) == []
    for owed in await book.due():
        delivery = await book.claim(owed)
        assert delivery is not None
        await book.failed(delivery, f"{owed.target == stored.id}")
    found = {(label, trouble.messages, trouble.problem) for label, trouble in await outside.dead_targets(book)}
    assert found == {("json://example.org/… (ALERT_URLS)", 1, "False"), ("jsons://example.com/… (server 7)", 1, "True")}
