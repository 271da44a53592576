"""A sandbox of its own and its page in headless Chromium, to be worked for pictures.

CHROMIUM names the browser where it isn't /usr/bin/chromium.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

from playwright.async_api import ViewportSize, async_playwright

from docs.gallery_stage import Stage

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
PATIENCE = 30_000
"""Milliseconds: several sandboxes may be at work at once."""


@asynccontextmanager
async def running_sandbox(
    books: Path, language: str, *, log: IO[str] | None = None, **settings: str
) -> AsyncIterator[str]:
    """A sandbox that speaks a language; yields its page's address."""
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{books}", **settings}
    command = (sys.executable, "-m", "bot", "sandbox", "--language", language)
    sandbox = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=log, env=environment)
    assert sandbox.stdout is not None
    reading = None
    try:
        url = (await sandbox.stdout.readline()).decode().removeprefix("Sandbox: ").strip()
        reading = asyncio.create_task(sandbox.stdout.read())  # its cost lines, or it would wait for a reader
        yield url
    finally:
        sandbox.terminate()
        await sandbox.wait()
        if reading is not None:
            await reading


@asynccontextmanager
async def opened(url: str, folder: Path, language: str, size: ViewportSize) -> AsyncIterator[Stage]:
    """The page at an address, its first messages there; its pictures go into the folder."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page(viewport=size, bypass_csp=True)  # for a style of ours
        page.set_default_timeout(PATIENCE)
        await page.goto(url)
        stage = Stage(page, folder, language)
        await stage.box.wait_for()
        await stage.settle()
        yield stage
        await browser.close()
