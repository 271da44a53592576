"""What the tests of hostile input share: what is typed, every command there is, and what its answer may be."""

from collections.abc import Iterator
from typing import Any

import simcord
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from simcord import interactions

from bot.translation import _
from bot.words import FALLBACK
from cogs._kit import private
from tests.cogs.helpers import Server, texts

MOST = 6_000
"""Characters of an option."""
GOOD = {"limit": "$5", "usd": "5", "server": "league", "who": "league", "tier": "premium", "weeks": "3", "week": "3"}
"""What an option that must be there is filled with while another one is tried."""
NASTY = (
    "\0\ud800\u200b\u202eevil\n\t",
    "@everyone @here <@&1> <@1> <#1>",
    "<@99999999999999999999>",
    "99999999999999999999",
    "'; DROP TABLE budgets; -- ../../etc/passwd",
    '=HYPERLINK("http://x","y")',
    "```\n**_~~||`[x](http://x) {0.__class__} %s %(x)d",
    "$1e400 NaN -1",
    "$1e30",
    "week " + "9" * 300,
    "2026-02-30 25:61",
    "٣٤ ² ½ 🏈👩‍👩‍👧‍👧e\u0301",
    "a vs b\n" * 600,
    "json://[",
    "x" * MOST,
)
many = st.builds(lambda nasty, other: [*nasty, *other], st.permutations(NASTY), st.lists(st.text(max_size=30)))


def examples(most: int) -> Any:
    """So many runs, always the same ones. What fails is small already."""
    return hypothesis_settings(
        max_examples=most,
        derandomize=True,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def commands(boss: simcord.MemberActor, server: Server) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Every command with its options, as Discord was told of them."""
    for root in boss._env.backend.visible_commands(user_id=boss.id, channel_id=server.channel.id):
        for path, leaf in interactions.command_leaves(root) if root.get("type", 1) == 1 else ():
            yield " ".join(path), leaf.get("options") or []


def needed(options: list[dict[str, Any]]) -> dict[str, Any]:
    return {one["name"]: GOOD.get(one["name"], "x") for one in options if one.get("required")}


def close_views() -> None:
    """Each that is open has a timer, at which simcord looks after every step."""
    for view in list(private._open.values()):
        view.stop()


def answers(result: simcord.InteractionResult) -> list[simcord.ResponseMessage]:
    """What somebody was told, to themselves; it isn't that something went wrong."""
    assert result.acknowledged
    found = [answer for answer in (result.response, *result.followups) if answer is not None]
    assert all(answer.ephemeral for answer in found)
    assert _(FALLBACK) not in "\n".join(text for answer in found for text in texts(answer))
    return found
