"""The page over HTTP: who gets in and sees what; its figures are the reports'; nothing of it leaks or runs."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from bot.api.access import WRONG_A_MINUTE
from bot.api.app import create_app
from bot.api.keys import KeyBook
from bot.api.page.passes import Holder, Passes, Purpose, page_link
from bot.api.page.screens import HEADERS
from bot.api.page.visits import ENDED, FORM_OVER, OVER, VIEWS_A_MINUTE, WRONG_KEY
from bot.client import Services
from bot.doctor import examine
from bot.settings import Settings
from bot.translation import speaking
from bot.usage import UsageTracker, open_tracker
from bot.usage.money import format_cost
from bot.usage.reporting.reports import PERIODS, SPLITS
from tests.api.conftest import Clock

PUBLIC_URL = "https://trilo.example"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
Visit = Callable[[], httpx.AsyncClient]


async def names(guild_id, kind, ids) -> dict[str, str]:
    """One is known, and hostile; channels are everybody's business on one server alone."""
    return {key: f"{HOSTILE}{kind}" for key in ids if key == "ann"}


@pytest.fixture
async def visit(tracker: UsageTracker) -> AsyncIterator[Visit]:
    """A browser of its own, that goes on where it is sent."""
    app, made = create_app(tracker, public_url=PUBLIC_URL, names=names), []

    def browser() -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app, client=("203.0.113.5", 5))
        made.append(httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL, follow_redirects=True))
        return made[-1]

    yield browser
    for one in made:
        await one.aclose()


@pytest.fixture
def passes(tracker: UsageTracker, clock: Clock) -> Passes:
    return Passes(tracker.claims, clock)


@pytest.fixture
async def at_42(visit: Visit, passes: Passes) -> httpx.AsyncClient:
    """Somebody who followed server 42's link."""
    browser = visit()
    await browser.get(await page_link(passes, PUBLIC_URL, 42))
    return browser


async def sign_in(browser: httpx.AsyncClient, key: str) -> httpx.Response:
    form = re.search(r'name="form" value="([^"]+)"', (await browser.get("/page/")).text)
    return await browser.post("/page/sign-in", data={"form": form and form[1], "key": key})


async def test_a_link_is_exchanged_for_a_visit(visit: Visit, passes: Passes) -> None:
    """I35: the address that stays in the browser has no secret, and the cookie is for this page alone."""
    browser = visit()
    link = await page_link(passes, PUBLIC_URL, 42)
    assert re.fullmatch(r"https://trilo\.example/page/open\?link=guild\.42\.\d+\.[\w-]{43}&lang=en", link)
    answer = await browser.get(link)
    assert (answer.status_code, str(answer.url)) == (200, "https://trilo.example/page/")
    [first] = answer.history
    assert (first.status_code, first.headers["location"]) == (303, "./")
    name, _, rest = first.headers.get_list("set-cookie")[0].partition("=")
    assert (name, rest.split("; ")[1:]) == ("trilo_visit", ["HttpOnly", "Max-Age=3600", "SameSite=lax", "Secure"])
    assert link.partition("link=")[2].partition("&")[0] not in answer.text + rest
    left = await browser.post("/page/sign-out")
    assert ("Sign in" in left.text, browser.cookies.get("trilo_visit")) == (True, None)


async def test_a_server_sees_itself_alone(at_42: httpx.AsyncClient, visit: Visit, keys: KeyBook) -> None:
    """I26: by a link and by a key, on the screen and in the export."""
    by_key = visit()
    await sign_in(by_key, (await keys.create("one", guild_id=42))[1])
    for browser in (at_42, by_key):
        for period in ("month", "all"):
            for split in SPLITS:
                shown = (await browser.get(f"/page/?period={period}&by={split}")).text
                assert "gpt-4o" in shown
                assert not re.search(r"bob|Server 43|guild=43|\$0\.009(?!\d)", shown)
        assert "$0.005 <span>in all" in shown
        for path in ("?guild=43", "?guild=0", "export.csv?guild=43", "export.jsonl?guild=0"):
            other = await browser.get(f"/page/{path}")
            assert (other.status_code, "bob" in other.text) == (403, False)
            assert "That is another server than the one you may see." in other.text
        assert (await browser.get("/page/?guild=42")).status_code == 200
        assert (await browser.get("/page/?guild=x")).status_code == 404
        calls = await browser.get("/page/export.csv?period=all")
        assert [line.split(",")[5] for line in calls.text.splitlines()] == ["guild_id", "42", "42", "42"]


async def test_the_operator_sees_all_and_each(visit: Visit, keys: KeyBook) -> None:
    browser = visit()
    screen = await sign_in(browser, (await keys.create("all"))[1])
    assert (screen.status_code, str(screen.url)) == (200, "https://trilo.example/page/")
    assert "$0.009 <span>this month" in screen.text
    assert '<a href="?guild=43&amp;period=month"><bdi>43</bdi></a>' in screen.text
    one = (await browser.get("/page/?guild=43&period=month")).text
    assert ("$0.004 <span>this month" in one, "Server 43" in one) == (True, True)
    assert len((await browser.get("/page/export.jsonl")).text.splitlines()) == 4
    assert (await browser.get("/page/export.xml")).status_code == 404


async def test_forged_foreign_and_old_passes(
    visit: Visit, passes: Passes, clock: Clock, tmp_path: Path, keys: KeyBook
) -> None:
    """I26, I35: of another server, another end, another purpose, another bot; and what is over."""
    hour = timedelta(hours=1)
    link = await passes.issue(Purpose.LINK, Holder("guild", "42"), hour)
    kind, server, ends, signature = link.split(".")
    async with open_tracker(f"sqlite:///{tmp_path}/other.db", console=False, clock=clock) as other:
        foreign = await Passes(other.claims, clock).issue(Purpose.LINK, Holder("guild", "42"), hour)
    key, _ = await keys.create("all")
    forged = [
        f"{kind}.43.{ends}.{signature}",
        f"{kind}.{server}.{int(ends) + 1}.{signature}",
        f"key.{key.id}.{ends}.{signature}",
        f"{kind}.{server}.{ends}.",
        f"{kind}.{server}.{ends}",
        foreign,
        await passes.issue(Purpose.VISIT, Holder("guild", "42"), hour),
        link[:-1],
        link + "ä",
        "." * 300,
        "",
    ]
    for text in forged:
        answer = await visit().get("/page/open", params={"link": text})
        assert (answer.status_code, OVER in unescape(answer.text), "gpt-4o" in answer.text) == (403, True, False), text
    for text in (link, foreign, forged[0]):
        answer = await visit().get("/page/", headers={"Cookie": f"trilo_visit={text}"})
        assert (ENDED in unescape(answer.text), "gpt-4o" in answer.text) == (True, False), text
    browser, late = visit(), await page_link(passes, PUBLIC_URL, 42)
    assert "gpt-4o" in (await browser.get(late)).text
    clock.now += timedelta(minutes=15)
    assert (await visit().get(late)).status_code == 403
    kept = browser.cookies["trilo_visit"]
    clock.now += timedelta(minutes=44, seconds=59)
    assert "gpt-4o" in (await visit().get("/page/", headers={"Cookie": f"trilo_visit={kept}"})).text
    clock.now += timedelta(seconds=1)
    answer = await visit().get("/page/export.csv", headers={"Cookie": f"trilo_visit={kept}"})
    assert (answer.status_code, ENDED in unescape(answer.text)) == (403, True)


async def test_wrong_and_revoked_keys(visit: Visit, keys: KeyBook) -> None:
    """I35: told without the key; and who is in is out with the next request."""
    browser = visit()
    wrong = await sign_in(browser, "trilo_nobody's")
    assert (wrong.status_code, WRONG_KEY in unescape(wrong.text), "nobody" in wrong.text) == (403, True, False)
    key, text = await keys.create("mine")
    assert "this month" in (await sign_in(browser, text)).text
    await keys.revoke(key.id)
    assert ENDED in unescape((await browser.get("/page/")).text)
    assert (await sign_in(browser, text)).status_code == 403


async def test_no_other_site_signs_anybody_in(visit: Visit, keys: KeyBook) -> None:
    """A form that didn't come from here has not the cookie's word; nor is a long or broken one read."""
    _, text = await keys.create("theirs")
    for form in ("", "-", "guessed"):
        for browser in (visit(), visit()):
            answer = await browser.post("/page/sign-in", data={"form": form, "key": text})
            assert (answer.status_code, FORM_OVER in unescape(answer.text), browser.cookies.get("trilo_visit")) == (
                400,
                True,
                None,
            )
    assert (await visit().post("/page/sign-in", content=b"key=" + b"x" * 5_000)).status_code == 413
    assert (await visit().post("/page/sign-in", content=b"key=\xff")).status_code == 422
    assert (await visit().get("/page/sign-in")).status_code == 405


async def test_guessing_and_flooding_are_slowed_down(at_42: httpx.AsyncClient, visit: Visit) -> None:
    guesses = [(await visit().get("/page/open?link=x")).status_code for _ in range(WRONG_A_MINUTE + 1)]
    assert guesses == [403] * WRONG_A_MINUTE + [429]
    looks = [(await at_42.get("/page/export.csv?period=today")).status_code for _ in range(VIEWS_A_MINUTE)]
    assert (looks[0], looks[-1]) == (200, 429)


async def test_every_answer_keeps_to_itself(at_42: httpx.AsyncClient, visit: Visit, passes: Passes) -> None:
    """I26: not kept, framed, indexed or told to anybody, and nothing is loaded from elsewhere or run."""
    link = await page_link(passes, PUBLIC_URL, 42)
    for browser in (at_42, visit()):
        browser.follow_redirects = False
        for path in ("/page/", "/page/style.css", "/page/nowhere", "/page/export.csv", "/page/sign-in", link):
            answer = await browser.get(path)
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
    assert HEADERS["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    screen = (await at_42.get("/page/")).text
    assert not re.search(r"<script|<[^>]*\s(style|on\w+)=|https?://|@import|url\(", screen)
    assert not re.search(r"https?://|@import|url\(", (await at_42.get("/page/style.css")).text)


async def test_names_are_only_text(at_42: httpx.AsyncClient, tracker: UsageTracker) -> None:
    """Whatever callers call their operations, agents and models, and members themselves."""
    await tracker.track_llm_call(
        guild_id=42, user_id="ann", operation=HOSTILE, agent_name=HOSTILE, workflow_id=HOSTILE, model=HOSTILE,
        failed=True, error_type=HOSTILE, cost="0.5",
    )  # fmt: skip
    await tracker.set_budget("operation", HOSTILE, guild_id=42, limit_usd=1)
    for split in SPLITS[:-1]:
        shown = (await at_42.get(f"/page/?by={split}")).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
        assert "<script" not in shown
        assert "<img" not in shown
    assert "<script" not in (await at_42.get(f"/page/?by={HOSTILE}&period={HOSTILE}")).text


async def test_operations_of_ours_go_by_their_titles(at_42: httpx.AsyncClient, tracker: UsageTracker) -> None:
    """In the breakdown, among the calls and of budgets; the name that CSV and REST have is what a pointer shows."""
    await tracker.track_llm_call(guild_id=42, operation="setup_full_guide", model="gpt-4o", cost="0.5")
    await tracker.set_budget("operation", "setup_full_guide", guild_id=42, limit_usd=1)
    shown = (await at_42.get("/page/")).text
    assert shown.count('<bdi title="setup_full_guide">Set-up: whole guide</bdi>') == 4
    assert "$1.00 a month for operation Set-up: whole guide" in shown
    assert ",setup_full_guide," in (await at_42.get("/page/export.csv")).text


async def test_its_figures_are_the_reports(at_42: httpx.AsyncClient, tracker: UsageTracker) -> None:
    """I8: what a `Report` has is what is shown; budgets, failures and doubts beside it."""
    await tracker.track_llm_call(guild_id=42, user_id="cy", operation="draw", model="nobody-knows", input_tokens=7)
    await tracker.track_llm_call(
        guild_id=42, operation="draw", model="gpt-4o", cost="1.245", failed=True, error_type="timeout"
    )
    await tracker.set_budget("guild", 42, guild_id=42, limit_usd=2)
    await tracker.set_budget("each_user", guild_id=42, limit_tokens=1_000, mode="soft")
    for period in PERIODS:
        for split in ("model", "channel", "day"):
            screen = (await at_42.get(f"/page/?period={period}&by={split}")).text
            table = screen[screen.index('id="breakdown"') : screen.index('id="budgets"')]
            shown = re.findall(r'<th scope="row">(?:<bdi>)?([^<]*).*?<td class="figure">([^<]*)', table)
            report = await tracker.reports.spend(42, period, split)
            rest = [("Not attributed", report.rest)] if report.rest.calls else []
            lines = [(line.key, line) for line in report.rows] + rest + [("Total", report.total)]
            costs = [format_cost(line.known_cost_nano_usd) for _, line in lines]
            assert [cost for _, cost in shown] == costs
            assert split == "day" or [name for name, _ in shown] == [name for name, _ in lines]
    screen = (await at_42.get("/page/")).text
    assert screen[screen.index('id="calls"') :].count("<time ") == 5 + 1
    assert screen[screen.index('id="failures"') :].count("<time ") == 1
    shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", screen))
    for words in (
        "$1.25 this month", "Nothing to compare with", "5 calls · 337 tokens: 307 in, 30 out",
        "1 call unpriced: no price known, so not in the number above", "1 call failed",
        "$2.00 a month for this server stops at the limit $1.25 used, 62 %", "starts anew 1 Apr 00:00",
        "1,000 tokens a month for each member only warns", "330 tokens used, 33 %", "failed: timeout",
        "Dearest day: 15 Mar, $1.25.", "Days in UTC · read 15 Mar 12:00",
    ):  # fmt: skip
        assert words.lower() in shown.lower(), words


async def test_nothing_yet_is_told_in_words(visit: Visit, passes: Passes) -> None:
    browser = visit()
    shown = (await browser.get(await page_link(passes, PUBLIC_URL, 7))).text
    for words in ("No calls <span>this month", "No day with a cost", "Nothing in this period.", "None in this period."):
        assert words in shown


async def test_it_speaks_to_each_in_their_language(visit: Visit, passes: Passes, tracker: UsageTracker) -> None:
    """That of who pressed the button in Discord, for the whole visit; else the browser's, also at the door."""
    await tracker.track_llm_call(
        guild_id=42, operation="draw", model="gpt-4o", cost="1.245", failed=True, error_type="timeout"
    )
    await tracker.set_budget("guild", 42, guild_id=42, limit_usd=2)
    with speaking("es-419"):
        link = await page_link(passes, PUBLIC_URL, 42)
    pressed = visit()
    await pressed.get(link, headers={"Accept-Language": "en-US"})
    screen = (await pressed.get("/page/?by=model", headers={"Accept-Language": "en-US"})).text
    assert '<html lang="es-419">' in screen
    shown = unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", screen)))
    for words in (
        "USD 1.25 este mes", "4 llamadas · 330 tokens: 300 de entrada, 30 de salida",
        "USD 2.00 al mes para este servidor", "USD 1.25 gastados, 62 %", "falló: timeout",
        "Día más caro: 15 mar, USD 1.25.", "Días en UTC · leído el 15 mar 12:00",
    ):  # fmt: skip
        assert words in shown, words
    other = await pressed.get("/page/?guild=43")
    assert "Ese es otro servidor" in other.text
    stranger = visit()
    for header, tag, words in (
        ("es-ES,en;q=0.5", "es-ES", "Iniciar sesión"),
        ("de, en;q=0.7, es;q=0.2", "en", "Sign in"),
        ("", "en", "Sign in"),
        ("es-" + "x" * 5_000, "es", "Iniciar sesión"),
    ):
        door = (await stranger.get("/page/", headers={"Accept-Language": header})).text
        assert (f'<html lang="{tag}">' in door, words in door) == (True, True), header


async def test_books_out_of_reach(at_42: httpx.AsyncClient, tracker: UsageTracker) -> None:
    """I23: words, and when to try again."""
    await tracker.force_flush()
    await tracker.database.close()
    answer = await at_42.get("/page/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert "The books are out of reach just now." in answer.text


async def test_without_an_address_there_is_no_link(tracker: UsageTracker) -> None:
    def services(**settings: str) -> Services:
        return Services(Settings(_env_file=None, **settings), tracker, *[None] * 4)

    assert await services().page_link(42) is None
    link = await services(public_url="https://trilo.example/bot/").page_link(42)
    assert link is not None
    assert link.startswith("https://trilo.example/bot/page/open?link=guild.42.")


@pytest.mark.parametrize(
    ("settings", "ok", "words"),
    [
        ({"api_port": 8000}, True, "the page is at https://trilo.example/page/"),
        ({}, False, "set, but nothing is served there"),
        ({"database_url": "postgresql://nowhere/x"}, True, "the page is at"),
        ({"api_port": 1, "public_url": "http://trilo.example/"}, True, "without https"),
    ],
)
async def test_the_doctor_looks_at_the_address(tmp_path: Path, settings, ok, words) -> None:
    usual = {"database_url": f"sqlite:///{tmp_path}/d.db", "public_url": "https://trilo.example/"}
    found = await examine(Settings(_env_file=None, **(usual | settings)), online=False)
    [(told_ok, told)] = [(finding.ok, finding.words) for finding in found if finding.subject == "PUBLIC_URL"]
    assert (told_ok, told[: len(words)]) == (ok, words)
