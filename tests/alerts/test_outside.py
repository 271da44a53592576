"""E-mail and webhooks, sent for real to a server on this machine."""

import asyncio
import gzip
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from bot.alerts import child
from bot.alerts import outside as module
from bot.alerts.addresses import AddressRefusedError
from bot.alerts.outside import SERVERS_AT_ONCE, NotSentError, Outside
from bot.usage.alerting.alert_book import AlertBook
from bot.usage.alerting.alert_targets import AlertTarget, AlertTargets
from bot.usage.budgeting.alert_rows import AlertKind
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
    for address in (web.address, f"ntfy://127.0.0.1:{web.port}/topic"):
        with pytest.raises(AddressRefusedError) as caught:
            await outside.check(address, 1)
        assert str(caught.value) == PRIVATE
    with pytest.raises(AddressRefusedError) as caught:
        await outside.check("jsons://no-such-host.invalid/", 1)
    assert str(caught.value) == "I can't find that host. Check the address for a mistake."
    stored = await targets.add(1, web.address, "json://…", actor=1)
    assert await refused(outside.send(stored.id, "a", "b")) == PRIVATE
    assert web.received == []


def trusting(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    """Children that take the host of every address for a public one when they look it up, and do what is said."""
    lines = ["import bot.alerts.sender as sender", "sender.require_public = lambda host: None", *more, "sender.main()"]
    monkeypatch.setattr(child, "ARGUMENTS", ("-c", "\n".join(lines)))


PUBLIC = "import bot.alerts.public_only as public_only; public_only.is_public = lambda address: True"


async def test_a_name_that_answers_differently_the_second_time(
    web: Web, targets: AlertTargets, monkeypatch: pytest.MonkeyPatch
):
    """The check has seen a public address; the connection goes to this machine all the same, and isn't made."""
    trusting(monkeypatch)
    stored = await targets.add(1, web.address, "json://…", actor=1)
    assert await refused(Outside([], targets).send(stored.id, "a", "b")) == (
        "it can't be reached, or doesn't take the message"
    )
    assert web.received == []
    trusting(monkeypatch, PUBLIC)
    await Outside([], targets).send(stored.id, "a", "b")
    assert len(web.received) == 1


async def test_an_answer_without_end_costs_a_child_s_memory_and_not_ours(
    web: Web, targets: AlertTargets, monkeypatch: pytest.MonkeyPatch
):
    """A gigabyte of zeros, packed into one megabyte, from the host that a server's admin named."""
    trusting(monkeypatch, PUBLIC)
    web.headers = "content-encoding: gzip\r\n"
    web.body = gzip.compress(bytes(10_000_000)) * 100
    stored = await targets.add(1, web.address, "json://…", actor=1)
    with pytest.raises(NotSentError) as caught:
        await Outside([], targets).send(stored.id, "a", "b")
    assert (str(caught.value), caught.value.perhaps) == ("it failed: MemoryError", True)


async def test_an_answer_that_drips_has_one_deadline_and_leaves_nothing_behind(
    web: Web, targets: AlertTargets, monkeypatch: pytest.MonkeyPatch
):
    """The message may have arrived, so that it isn't sent twenty times. The operator's has a place of its own."""
    monkeypatch.setattr(child, "SEND_SECONDS", 4.0)
    trusting(monkeypatch, PUBLIC)
    web.hangs.clear()
    stored = [await targets.add(n, f"{web.address}/{n}", "json://…", actor=1) for n in range(SERVERS_AT_ONCE)]
    async with web_server() as other:
        outside = Outside([other.address], targets)

        async def send(target: AlertTarget) -> NotSentError:
            async with outside.turn(target.id, target.guild_id):
                with pytest.raises(NotSentError) as caught:
                    await outside.send(target.id, "a", "b")
                return caught.value

        slow = [asyncio.create_task(send(target)) for target in stored]
        await asyncio.sleep(0)
        (ours,) = outside.operator_targets
        async with outside.turn(ours, 0):
            await outside.send(ours, "a", "b")
        assert len(other.received) == 1
        monkeypatch.setattr(module, "WAIT_SECONDS", 0.0)
        assert await refused(outside.send_now(stored[0].id, 0, "a", "b")) == (
            "too many messages are on their way at once"
        )
        found = await asyncio.gather(*slow)
    assert {(str(error), error.perhaps) for error in found} == {("no answer within 15 seconds", True)}
    await web.left.wait()


async def test_who_is_cancelled_leaves_no_process(web: Web, targets: AlertTargets):
    """At shutdown."""
    web.hangs.clear()
    outside = Outside([web.address], targets)
    sending = asyncio.create_task(outside.send(outside.operator_targets[0], "a", "b"))
    while not web.received:
        await asyncio.sleep(0.01)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await web.left.wait()


async def test_a_child_sees_no_key_of_ours_and_the_address_on_its_input_alone(
    web: Web, targets: AlertTargets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """I35."""
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    seen = tmp_path / "seen"
    trusting(monkeypatch, f"import os; open({str(seen)!r}, 'w').write(repr((dict(os.environ), sender.sys.argv)))")
    stored = await targets.add(1, f"json://me:{SECRET}@127.0.0.1:{web.port}", "json://…", actor=1)
    await refused(Outside([], targets).send(stored.id, "a", "b"))
    assert SECRET not in seen.read_text()


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
