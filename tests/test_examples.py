"""The example that newcomers run, as a process of its own: everything it prints, offline and with `--live`."""

import asyncio
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.stand_in_model import StandInModel
from tests.commands import environment
from tests.test_readme import example

PRINTED = """
== 1. Automatic tracking
[Token Usage] chat | gpt-4o-mini | In: 14 Out: 42 | Cost: $0.00003 | …ms
[Token Usage] chat | gpt-4o-mini | In: 11 Out: 18 | Cost: $0.00001 | …ms
[Token Usage] search | text-embedding-3-small | In: 3 Out: 0 | Cost: <$0.00001 | …ms

== 2. Manual tracking
[Token Usage] summary | gpt-4o | In: 1024 Out: 256 | Cost: $0.00512 | …ms
[Token Usage] unattributed | stable-diffusion-xl | In: 0 Out: 0 | Cost: $0.00000 | …ms
[Token Usage] summary | mystery | In: 90 Out: 9 | Cost: unknown | …ms

== 3. Statistics
ann: 3 calls, 88 tokens, $0.00004
bob: 3 calls, 1,379 tokens, $0.00512, 1 without a price
thread-1: 3 calls, by agent {'librarian': 1}

== 4. A budget that stops
[Token Usage] chat | gpt-4o-mini | In: 15 Out: 56 | Cost: $0.00004 | …ms
[Token Usage] chat | gpt-4o-mini | In: 15 Out: 56 | Cost: $0.00004 | …ms
[Token Usage] chat | gpt-4o-mini | In: 15 Out: 56 | Cost: $0.00004 | …ms
[Token Usage] chat | gpt-4o-mini | In: 15 Out: 56 | Cost: $0.00004 | …ms
[Token Usage] chat | gpt-4o-mini | In: 15 Out: 56 | Cost: $0.00004 | …ms
after 5 answers: used_up, $0.00018 of $0.0002

== 5. Cost analysis
$2.24671 in 371 calls; payments' fees $0.59
  answer_from_guide   120 x         $1.63   72.3%
  translate           240 x         $0.62   27.4%
  summary               2 x       $0.0051    0.2%
  chat                  7 x      $0.00022    0.0%
  search                1 x   $0.00000006    0.0%
  unattributed          1 x         $0.00    0.0%
one more answer_from_guide: about $0.01355, nine of ten stay within $0.01374

== 6. Suggestions
- answer_from_guide on gpt-4o: no prompt has fewer than 4,992 tokens, and hardly any came from the
  provider's cache. Put what is always the same first, and what changes last. If all of that were
  the same, it would have saved $0.75 of $1.63 at most.
- translate: gpt-4o-mini may do instead of gpt-4o. Over 120 calls its answers were as long (320
  tokens by the median, 320 over 120), and 0% failed or were sent again (0%). It would have saved
  $0.55 of $0.58.
- summary: 1 of 1 calls to mystery have no known price, so they are in no sum, and budgets that stop
  refuse such calls. Add it to data/prices.toml, then `reprice`.
- answer_from_guide on gpt-4o: 99 of 100 answers have at most 112 tokens, and the cap is 4,000. 224
  would do: the rest is reserved in every budget while a call runs, $0.038 a call.
"""


def run_example(folder: Path, *arguments: str, **settings: str) -> tuple[int, str, str]:
    """Its exit code and what it printed, without how long calls took."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.token_tracking", *arguments],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )
    return done.returncode, re.sub(r"\d+ms$", "…ms", done.stdout, flags=re.MULTILINE), done.stderr


def test_offline(tmp_path: Path) -> None:
    """Row B5: manual and automatic tracking, statistics, a budget that refuses, cost analysis, suggestions."""
    assert run_example(tmp_path) == (0, PRINTED, "")
    assert list(tmp_path.iterdir()) == []


async def test_live(tmp_path: Path) -> None:
    """The same with a key, asked of whatever OPENAI_BASE_URL names; without a key, words."""
    async with StandInModel(latency=0, token_delay=0) as model:
        settings = {"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.base_url}
        assert await asyncio.to_thread(lambda: run_example(tmp_path, "--live", **settings)) == (0, PRINTED, "")
    code, printed, words = await asyncio.to_thread(run_example, tmp_path, "--live")
    assert (code, printed) == (1, "")
    assert words == "OPENAI_API_KEY is missing: set it in .env or the environment, or leave out --live\n"


async def test_the_quick_starts_snippet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    async with StandInModel(latency=0, token_delay=0) as model:
        source = example("docs/quick-start.md").replace('api_key="…"', f'api_key="k", base_url="{model.base_url}"')
        namespace: dict[str, Any] = {}
        exec("async def run():\n" + textwrap.indent(source, "    "), namespace)
        await namespace["run"]()
    chat = "{'count': 1, 'total_tokens': 23, 'total_cost': 1.02e-05}"
    sums = f"{{'total_cost': 1.02e-05, 'total_tokens': 23, 'operations': 1, 'by_operation': {{'chat': {chat}}}}}"
    assert sums in capsys.readouterr().out.splitlines()
