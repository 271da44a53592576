"""The whole path of one call, as one list of facts."""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import chain, repeat

from aiohttp import web

from bot.usage import get_tracker, open_tracker, token_tracking_context
from bot.usage.records import SpendLine

AT = datetime(2026, 3, 31, 23, 59, 59, 250_000, tzinfo=UTC)
AT_MICROSECONDS = 1_775_001_599_250_000
USAGE = {
    "prompt_tokens": 1024,
    "completion_tokens": 256,
    "total_tokens": 1280,
    "prompt_tokens_details": {"cached_tokens": 24},
    "completion_tokens_details": {"reasoning_tokens": 56},
}
COST = 5_090_000  # 1,000 at $2.50, 24 cached at $1.25 and 256 at $10 a million


async def serve_one_answer(asked):
    """A provider on loopback that gives one known answer to everything."""

    async def chat(request):
        asked.append(await request.json())
        return web.json_response(
            {
                "id": "chatcmpl-777",
                "object": "chat.completion",
                "created": 1_775_000_000,
                "model": "gpt-4o-2024-08-06",
                "service_tier": "default",
                "choices": [
                    {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Forty-two."}}
                ],
                "usage": USAGE,
            }
        )

    app = web.Application()
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def test_one_call(tmp_path, capfd, monkeypatch):
    """I1, I2, I5, I6, I7, I8, I11, I12, I33: one call, and everything that anybody will ever know of it."""
    monkeypatch.setattr("bot.usage.calls.tracked_call.perf_counter", chain([10.0], repeat(12.345)).__next__)
    asked: list[dict] = []
    provider = await serve_one_answer(asked)
    port = provider.addresses[0][1]
    async with open_tracker(f"sqlite:///{tmp_path}/books.db", clock=lambda: AT) as tracker:
        client = tracker.openai(api_key="secret-key", base_url=f"http://127.0.0.1:{port}/v1")
        async with token_tracking_context(
            operation="general_conversation",
            guild_id=42,
            channel_id=5,
            user_id=7,
            session_id="thread-1",
            workflow_id="week-7",
            execution_id="run-1",
            agent_name="scout",
            metadata={"message_id": "99"},
        ):
            answer = await client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "What is it?"}], max_completion_tokens=300
            )
        await tracker.force_flush()
        database = tracker.ledger._database
        columns = [row[1] for row in await database.fetch("PRAGMA table_info(usage_records)")]
        stored = await database.fetch("SELECT * FROM usage_records")
        daily = await database.fetch("SELECT * FROM spend_daily ORDER BY guild_id, dimension, key")
        report = await tracker.reports.spend(42, "today", "model")
        summary = get_tracker().get_summary()
        record_id = stored[0][0]
    await provider.cleanup()

    # What the caller and the provider see: an ordinary call.
    assert answer.choices[0].message.content == "Forty-two."
    assert answer.usage.model_dump(exclude_unset=True) == USAGE
    assert asked == [
        {
            "model": "gpt-4o",
            "messages": [{"role": "user", "content": "What is it?"}],
            "max_completion_tokens": 300,
        }
    ]

    # The record: every column.
    assert len(stored) == 1
    assert len(record_id) == 32
    assert dict(zip(columns, stored[0], strict=True)) == {
        "id": record_id,
        "worker_id": tracker.ledger.worker_id,
        "kind": "llm",
        "api": "chat",
        "started_at": AT_MICROSECONDS,
        "guild_id": 42,
        "channel_id": 5,
        "user_id": "7",
        "operation": "general_conversation",
        "agent_name": "scout",
        "session_id": "thread-1",
        "workflow_id": "week-7",
        "execution_id": "run-1",
        "metadata": '{"message_id": "99"}',
        "provider": "127.0.0.1",
        "request_model": "gpt-4o",
        "status": "ok",
        "reserved_nano_usd": 3_037_500,  # "What is it?" is 4 tokens, 7 around it, 4 more at worst: 15 and 300
        "input_tokens": 1024,
        "cached_input_tokens": 24,
        "cache_write_input_tokens": 0,
        "output_tokens": 256,
        "reasoning_output_tokens": 56,
        "input_audio_tokens": 0,
        "output_audio_tokens": 0,
        "cached_input_audio_tokens": 0,
        "input_image_tokens": 0,
        "output_image_tokens": 0,
        "cached_input_image_tokens": 0,
        "units": None,
        "cost_nano_usd": COST,
        "price_source": f"genai-prices {version('genai-prices')}",
        "doubtful_nano_usd": 0,
        "response_model": "gpt-4o-2024-08-06",
        "response_id": "chatcmpl-777",
        "service_tier": "default",
        "estimated": 0,
        "flagged": None,
        "error_type": None,
        "attempts": 1,
        "duration_ms": 2345,
        "first_token_ms": None,
        "doubtful_tokens": 0,
        "held": None,
        "raw_usage": json.dumps(USAGE),
    }

    # The daily sums: the server's own, and the operator's under guild 0.
    measures = (1, 0, 0, 0, 1024, 24, 256, 56, COST, 2345)
    assert daily == [
        (guild, dimension, "2026-03-01" if dimension == "user/month" else "2026-03-31", key, *measures)
        for guild, dimension, key in (
            (0, "bot_agent", "scout"),
            (0, "bot_channel", "5"),
            (0, "bot_model", "gpt-4o-2024-08-06"),
            (0, "bot_operation", "general_conversation"),
            (0, "bot_user", "7"),
            (0, "bot_workflow", "week-7"),
            (0, "guild", "42"),
            (42, "agent", "scout"),
            (42, "channel", "5"),
            (42, "model", "gpt-4o-2024-08-06"),
            (42, "operation", "general_conversation"),
            (42, "total", ""),
            (42, "user", "7"),
            (42, "user/month", "7"),
            (42, "workflow", "week-7"),
        )
    ]

    # The report, the summary and the console line.
    line = SpendLine("gpt-4o-2024-08-06", *measures)
    assert (report.total, report.rows, report.rest) == (SpendLine("", *measures), [line], SpendLine(""))
    assert summary == {
        "total_cost": 0.00509,
        "total_tokens": 1280,
        "operations": 1,
        "by_operation": {"general_conversation": {"count": 1, "total_tokens": 1280, "total_cost": 0.00509}},
    }
    printed = capfd.readouterr()
    assert printed.out == (
        "[Token Usage] general_conversation | gpt-4o-2024-08-06 | In: 1024 Out: 256 | Cost: $0.00509 | 2345ms"
        " | guild 42\n"
    )
    assert printed.err == ""

    # Nothing of what was said, nor the key, is anywhere in the files.
    for path in tmp_path.iterdir():
        kept = path.read_bytes()
        assert not any(secret in kept for secret in (b"What is it?", b"Forty-two", b"secret-key")), path
