"""`python -m bot suggest` as an operator runs it, beside a running bot."""

import asyncio
import json
from pathlib import Path

from bot.usage import open_tracker
from tests.commands import run_code
from tests.test_command_line import TRY_ALL

SHOWN = """\
   $0.17  sum: gpt-4o-mini may do instead of gpt-4o. Over 40 calls its answers were as long (208
          tokens by the median, 208 over 40), and 0% failed or were sent again (0%). It would have
          saved $0.17 of $0.18.
       –  ?[2J: 1 of 1 calls to mystery have no known price, so they are in no sum, and budgets that
          stop refuse such calls. Add it to data/prices.toml, then `reprice`.
       –  setup_agent_1_intent on gpt-4o-mini: 99 of 100 answers have at most 64 tokens, and the cap
          is 400. 150 would do: the rest is reserved in every budget while a call runs, $0.00015 a
          call.
"""


async def test_it_reads_beside_a_bot(tmp_path: Path) -> None:
    """The bot's own operations have their caps, and no name can command a terminal."""
    async with open_tracker(f"sqlite:///{tmp_path}/books.db", console=False) as tracker:
        for operation, model, times, tokens in (
            ("sum", "gpt-4o", 40, (1_000, 200)),
            ("sum", "gpt-4o-mini", 40, (1_000, 200)),
            ("setup_agent_1_intent", "gpt-4o-mini", 100, (400, 60)),
            ("\x1b[2J", "mystery", 1, (400, 60)),
        ):
            for _ in range(times):
                await tracker.track_llm_call(
                    guild_id=7, operation=operation, model=model, input_tokens=tokens[0], output_tokens=tokens[1]
                )
        await tracker.force_flush()
        commands = [["suggest"], ["suggest", "--guild", "7", "--json"], ["suggest", "--guild", "8"]]
        wrong = [["suggest", "--days", "0"], ["suggest", "--guild", "mine"]]
        done = await asyncio.to_thread(
            run_code, tmp_path, TRY_ALL, json.dumps([*commands, *wrong]), DATABASE_URL="sqlite:///books.db"
        )
    whole, of_seven, of_eight, no_days, no_guild = json.loads(done.stdout)
    assert whole == [0, SHOWN, ""]
    assert [(one["advice"], one["saves_nano_usd"], one["cap"]) for one in json.loads(of_seven[1])] == [
        ("cheaper_model", 169_200_000, None), ("unpriced", None, None), ("lower_cap", None, 400),
    ]  # fmt: skip
    assert of_eight == [0, "nothing to suggest from the calls of the last 30 days\n", ""]
    assert (no_days[0], "isn't a number of days from 1 to 365" in no_days[2]) == (2, True)
    assert (no_guild[0], "is no server's id" in no_guild[2]) == (2, True)
