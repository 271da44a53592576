"""P12: CPU and memory of the bot's process when it is ready and idle, over `import discord, openai`."""

import asyncio
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.measure import Effort, Row, in_turns, ratios

ROOT = Path(__file__).parents[1]
_REPORT = """
import pathlib, sys, time
status = pathlib.Path("/proc/self/status")
if status.exists():  # Not ru_maxrss, which starts at the parent's size.
    peak = next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(time.process_time(), peak)
"""
IMPORTS = "import discord, openai\n" + _REPORT
READY = f"""
import asyncio, importlib
from bot.application import open_services
from bot.client import EXTENSIONS, Trilo
from bot.settings import load_settings

async def start():
    settings = load_settings(_env_file=None)
    async with open_services(settings, database_url="sqlite:///bot.db", base_url=None, api_key="none") as services:
        async with Trilo(services) as bot:
            for extension in EXTENSIONS:
                await bot.load_extension(extension)
            exec({_REPORT!r}, {{}})

asyncio.run(start())
"""


def run(effort: Effort) -> list[Row]:
    """All rows of this file."""
    rounds = 3 if effort.quick else max(effort.rounds, 7)
    sides = {"ready": partial(_started, READY), "imports": partial(_started, IMPORTS)}
    found = asyncio.run(in_turns(sides, rounds))
    cpu, memory = ([[process[index] for process in found[side]] for side in sides] for index in (0, 1))
    return [
        Row("P12", "CPU until ready, idle / import discord, openai", ratios(*cpu), 1.5,
            note=f"{median(cpu[0]) * 1e3:.0f} ms on {median(cpu[1]) * 1e3:.0f} ms"),
        Row("P12", "peak memory by then / import discord, openai", ratios(*memory), 1.5,
            note=f"{median(memory[0]) / 1024:.0f} MB on {median(memory[1]) / 1024:.0f} MB"),
    ]  # fmt: skip


async def _started(program: str) -> tuple[float, float]:
    """Run a program in a fresh interpreter and an empty folder; its CPU in seconds and its peak memory in KB."""
    secrets = ("DISCORD_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL", "DATABASE_URL")
    environment = {name: value for name, value in os.environ.items() if name not in secrets}
    environment["PYTHONPATH"] = str(ROOT)
    with TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, cwd=folder, env=environment, stdout=subprocess.PIPE
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, "start-up")
    cpu, peak = output.decode().split()
    return float(cpu), float(peak)
