"""Runs one job of `bot.alerts.sender` in a process of its own, and kills it when its time is over."""

import asyncio
import json
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bot.alerts.sender import Answer, Job, Outcome

SEND_SECONDS = 15.0
"""The longest one message may take, from the start of its process to the end of the answer."""
ARGUMENTS = ("-m", "bot.alerts.sender")
_ROOT = Path(__file__).parents[2]


async def in_child(job: Job) -> Answer:
    """The answer to a job; `LATE` where there was none in time. Whoever is cancelled leaves no process behind.

    Raises `OSError` where no process can be started.
    """
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *ARGUMENTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=_ROOT,
        # What a server added goes through no proxy of ours and sees no key of ours; Windows can't do without variables.
        env={} if job.guarded and sys.platform != "win32" else None,
    )
    try:
        async with asyncio.timeout(SEND_SECONDS):
            said, _ = await child.communicate(json.dumps(asdict(job)).encode())
    except TimeoutError:
        return Answer(Outcome.LATE)
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return _read(said)


def _read(said: bytes) -> Answer:
    """A child that ran out of memory while it answered says nothing, or half of it."""
    try:
        answer = json.loads(said)
        return Answer(Outcome(answer["outcome"]), answer["fault"])
    except ValueError:
        return Answer(Outcome.BROKE, "no answer")
