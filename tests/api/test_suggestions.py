"""Suggestions over HTTP: a server's key gets its own, with the exact saving and the reason in words."""

import httpx

from bot.usage import UsageTracker


async def test_a_server_is_shown_its_own(
    tracker: UsageTracker, everything: httpx.AsyncClient, of_42: httpx.AsyncClient
) -> None:
    """I26."""
    for model, guild in (("gpt-4o", 42), ("gpt-4o-mini", 42), ("gpt-4o", 43)):
        for _ in range(40):
            await tracker.track_llm_call(
                guild_id=guild, operation="sum", model=model, input_tokens=1_000, output_tokens=200
            )
    answer = await of_42.get("/suggestions?days=7")
    assert answer.json() == [
        {
            "advice": "cheaper_model",
            "operation": "sum",
            "model": "gpt-4o",
            "calls": 40,
            "cost_nano_usd": 180_000_000,
            "saves": 0.1692,
            "saves_nano_usd": 169_200_000,
            "instead": "gpt-4o-mini",
            "tokens": None,
            "cap": None,
            "reason": (
                "sum: gpt-4o-mini may do instead of gpt-4o. Over 40 calls its answers were as long (208 tokens by "
                "the median, 208 over 40), and 0% failed or were sent again (0%). It would have saved $0.17 of $0.18."
            ),
        }
    ]
    assert (await everything.get("/suggestions?guild_id=43")).json() == []
    assert [one["calls"] for one in (await everything.get("/suggestions")).json()] == [80]
    assert (await of_42.get("/suggestions?guild_id=43")).status_code == 403
