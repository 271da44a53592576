"""The examples that newcomers copy, run as they stand: the README's, and docs/budgets.md's after it."""

import re
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.usage.shapes import chat
from tests.usage.stub import Stub, answer

ROOT = Path(__file__).parents[1]
USED = {"prompt_tokens": 1_000, "completion_tokens": 200, "total_tokens": 1_200}


def example(file: str) -> str:
    found = re.search(r"```python\n(.*?)```", (ROOT / file).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def runnable(url: str, usd: str) -> Callable[[], Awaitable[None]]:
    """Both examples as one coroutine function; only the key is replaced, and how much ann may use."""
    source = example("README.md") + textwrap.indent(example("docs/budgets.md"), "    ")
    for written, tried in (
        ('api_key="…"', f'api_key="k", base_url="{url}"'),
        ('limit_usd="0.05"', f'limit_usd="{usd}"'),
    ):
        assert written in source
        source = source.replace(written, tried)
    namespace: dict[str, Any] = {}
    exec("async def run():\n" + textwrap.indent(source, "    "), namespace)
    return namespace["run"]


@pytest.mark.parametrize(
    ("usd", "asked", "printed"),
    [
        ("0.05", 1, ["'total_cost': 0.00252, 'total_tokens': 1500", "user 2520000 47480000 None"]),
        ("0.000001", 0, ["used_up 1000", "'total_cost': 0.00225, 'total_tokens': 300", "user 2250000 0 2"]),
    ],
)
async def test_the_examples_run(
    usd: str,
    asked: int,
    printed: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    async with Stub() as stub:
        stub.default = lambda _: answer(chat(usage=USED))
        await runnable(stub.url, usd)()
        assert len(stub.requests) == asked
    shown = capsys.readouterr().out
    for words in [*printed, "agent 0 2000000000 None", "[Token Usage] unattributed | gpt-4o | In: 100 Out: 200"]:
        assert words in shown


async def test_the_guides_calls_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows A1, A2, B3, B4, D1 to D7, E1 to E3: the guides' snippets as docs/tracking-your-own-calls.md has them."""
    monkeypatch.chdir(tmp_path)
    async with Stub() as stub:
        stub.default = lambda _: answer(chat(usage=USED))
        source = example("docs/tracking-your-own-calls.md").replace(
            'api_key="…"', f'api_key="k", base_url="{stub.url}"'
        )
        namespace: dict[str, Any] = {}
        exec("async def run():\n" + textwrap.indent(source, "    "), namespace)
        await namespace["run"]()
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("[Token Usage]")]
    assert lines[0] == "True False 8800"
    assert lines[1] == "4 requests, 1,654 tokens, $0.00036"
    assert lines[2].endswith(": $0.00036")
    assert lines[3] == "0.000360150 0.599000000"
    assert "'user_id': 'ann', 'total_tokens': 1654" in lines[4]
    assert lines[5:] == ["1000000", "334"]
