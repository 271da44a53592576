"""P14: calls a second through us, in the caller's own process, over those through a LiteLLM proxy; the same stub.

The proxy is installed for this into an environment of its own, which `make clean` takes away: it has many requirements.
It runs with one worker and its usual settings, without a database: it keeps no books then, so it has less to do.
"""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import httpx2
import openai

from benchmarks.history import FOLDER
from benchmarks.measure import Effort, Row, in_turns, ratios
from benchmarks.sides import CROWD, MODEL, Nowhere, ask_whole
from benchmarks.stub import running_stub
from bot.usage import open_tracker, token_tracking_context

PACKAGE = "litellm[proxy]==1.108.7"
READY_SECONDS = 120.0
KEY = "sk-benchmark"


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    return asyncio.run(_run(effort))


async def _run(effort: Effort) -> list[Row]:
    calls = effort.some(2_000)
    with running_stub() as stub, TemporaryDirectory() as folder, contextlib.redirect_stdout(Nowhere()):
        async with (
            _proxy(f"{stub}/v1", Path(folder)) as address,
            open_tracker(f"sqlite:///{folder}/bench.db") as tracker,
            openai.AsyncOpenAI(api_key="k", base_url=f"{stub}/v1") as plain,
            openai.AsyncOpenAI(api_key=KEY, base_url=address) as through,
        ):
            await tracker.set_budget(scope="bot", limit_usd="1000000")
            ours = tracker.openai(api_key="k", base_url=f"{stub}/v1")

            async def tracked() -> None:
                async with token_tracking_context(operation="general_conversation", guild_id=1):
                    await ask_whole(ours)

            sides = {
                "ours": lambda: _rate(tracked, calls),
                "proxy": lambda: _rate(lambda: ask_whole(through), calls // 5),
                "plain": lambda: _rate(lambda: ask_whole(plain), calls),
            }
            found = await in_turns(sides, effort.rounds)
    ours, proxy, alone = (median(found[name]) for name in ("ours", "proxy", "plain"))
    note = f"{ours:,.0f} a second on {proxy:,.0f}, the SDK alone {alone:,.0f}"
    what = f"calls a second, {CROWD} at once, tracked / through a LiteLLM proxy"
    return [Row("P14", what, ratios(found["ours"], found["proxy"]), 4.5, at_least=True, note=note)]


async def _rate(call: Callable[[], Awaitable[None]], calls: int) -> float:
    left = iter(range(calls))

    async def caller() -> None:
        for _ in left:
            await call()

    began = perf_counter()
    await asyncio.gather(*(caller() for _ in range(CROWD)))
    return calls / (perf_counter() - began)


@contextlib.asynccontextmanager
async def _proxy(stub: str, folder: Path) -> AsyncIterator[str]:
    """A LiteLLM proxy before the stub; its address."""
    binary = await asyncio.to_thread(_installed)
    settings = folder / "litellm.yaml"
    parameters = {"model": f"openai/{MODEL}", "api_base": stub, "api_key": "k"}
    served = [{"model_name": MODEL, "litellm_params": parameters}]
    # JSON is YAML too.
    settings.write_text(json.dumps({"model_list": served, "general_settings": {"master_key": KEY}}))
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        binary, "--config", settings, "--host", "127.0.0.1", "--port", str(port),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"},
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        await _ready(f"{address}/health/liveliness", process)
        yield address
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _ready(address: str, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(READY_SECONDS), httpx2.AsyncClient() as client:
        while process.returncode is None:
            with contextlib.suppress(httpx2.TransportError):
                if (await client.get(address)).status_code == httpx2.codes.OK:
                    return
            await asyncio.sleep(0.5)
    raise RuntimeError("the proxy ended before it was ready")


def _installed() -> str:
    """The proxy's command, installed where it isn't yet."""
    environment = FOLDER / "litellm"
    binary = environment / "bin/litellm"
    if not binary.exists():
        print("installing a LiteLLM proxy for comparison …", file=sys.stderr, flush=True)
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", environment], check=True)
        subprocess.run([*uv, "pip", "install", "--quiet", "--python", environment, PACKAGE], check=True)
    return str(binary)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
