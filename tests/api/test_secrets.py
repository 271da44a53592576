"""How secrets are compared: nobody learns by its time, or by what it asks of the books, how near a guess was."""

import ast
import hmac
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.api.keys import KeyBook
from bot.api.page.passes import Holder, Passes, Purpose
from bot.usage import UsageTracker
from tests.api.conftest import Ask, Clock

ROOT = Path(__file__).parents[2]
SECRETS = re.compile(r"secret|signature|digest|password|passes|cookie|hmac", re.IGNORECASE)
KEEPERS = ("bot/api/keys.py", "bot/api/access.py", "bot/api/page/passes.py", "bot/api/page/visits.py")
"""Whatever is compared in there is looked at, by whatever name."""
HARMLESS = {
    "bot/api/keys.py: self.guild_id == guild_id",
    "bot/client.py: await claims.recall(name) == digest",  # of our own commands
    "bot/usage/calls/tokens.py: hashlib.sha256(data).hexdigest() == _SHA256[encoding]",  # of a public file
}


def equalities() -> Iterator[str]:
    """Every `==` and `!=` between two values of which neither is written there."""
    for path in sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "cogs").rglob("*.py")]):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
                continue
            words = ast.unparse(node)
            is_written = any(isinstance(side, ast.Constant) for side in (node.left, *node.comparators))
            if not is_written and (name in KEEPERS or SECRETS.search(words)):
                yield f"{name}: {words}"


def test_no_secret_is_compared_by_equality() -> None:
    """I35: by `hmac.compare_digest`, or by looking a digest up."""
    assert set(equalities()) == HARMLESS


@pytest.fixture
def asked(tracker: UsageTracker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that the books are asked, without their values."""
    seen: list[str] = []
    fetch, execute = tracker.database.fetch, tracker.database.execute

    async def fetching(sql: str, *values: Any) -> Any:
        seen.append(sql)
        return await fetch(sql, *values)

    async def executing(sql: str, *values: Any) -> Any:
        seen.append(sql)
        return await execute(sql, *values)

    monkeypatch.setattr(tracker.database, "fetch", fetching)
    monkeypatch.setattr(tracker.database, "execute", executing)
    return seen


async def test_a_wrong_key_and_a_revoked_one_cost_the_same(ask: Ask, keys: KeyBook, asked: list[str]) -> None:
    """One look at an index of digests, and the same words: nobody learns that a key was one."""
    key, revoked = await keys.create("old", guild_id=42)
    await keys.revoke(key.id)
    _, right = await keys.create("mine")
    told, looks = [], []
    for text in ("trilo_wrong", revoked, revoked[:-1], right[:-1]):
        asked.clear()
        answer = await ask(text).get("/summary")
        told.append((answer.status_code, answer.json(), dict(answer.headers)))
        looks.append(list(asked))
    assert told == [told[0]] * 4
    assert looks == [looks[0]] * 4
    [look] = looks[0]
    asked.clear()
    assert (await ask(right).get("/summary")).status_code == 200
    assert asked[0] == look
    plan = await keys._database.fetch(f"EXPLAIN QUERY PLAN {look}", "x")
    assert re.search(r"SEARCH api_keys USING INDEX \w+ \(digest=\?\)", plan[0][-1])


async def test_a_forged_pass_costs_what_a_real_one_does(
    tracker: UsageTracker, clock: Clock, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is compared in constant time, and only then is looked at what it says."""
    passes = Passes(tracker.claims, clock)
    real = await passes.issue(Purpose.VISIT, Holder("guild", "42"), timedelta(hours=1))
    words, _, signature = real.rpartition(".")
    compared: list[bool] = []
    compare_digest = hmac.compare_digest

    def comparing(one: str, other: str) -> bool:
        compared.append(compare_digest(one, other))
        return compared[-1]

    monkeypatch.setattr(hmac, "compare_digest", comparing)
    forged = [
        f"{words}.{'A' * 43}",
        f"{words}.{signature[:-1]}",
        f"guild.43.9999999999.{signature}",
        f"a.b.c.d.{signature}",
        "",
        ".",
    ]
    looks = []
    for text in [*forged, real]:
        asked.clear()
        holder = await passes.holder(Purpose.VISIT, text)
        looks.append(list(asked))
        assert holder == (Holder("guild", "42") if text == real else None), text
    assert await passes.holder(Purpose.LINK, real) is None
    clock.now += timedelta(hours=1)
    assert await passes.holder(Purpose.VISIT, real) is None
    assert compared == [False] * len(forged) + [True, False, True]
    assert looks == [looks[0]] * len(looks)
