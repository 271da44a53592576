"""The process that sends one message outside Discord: `python -m bot.alerts.sender`, which `bot.alerts.child` runs.

apprise reads an answer whole, however large, and waits for each piece of it anew. Here that costs a process of limited
memory and life, which can be killed. The job comes on standard input and the answer goes to standard output, each as
one JSON object: an address is a secret, and never an argument or a variable (I35). Imports little: it starts each time.
"""

import json
import logging
import signal
import sys
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from bot.alerts.public_only import PrivateAddressError, public_only, require_public

MEMORY_BYTES = 512 * 1024 * 1024
"""Address space of the child; five times what a message takes."""
LIFE_SECONDS = 30
"""It ends by itself after so long, where nobody is left to kill it."""
CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
"""Longer than the parent waits: what is read too slowly counts as perhaps arrived, which apprise wouldn't tell us."""


class Outcome(StrEnum):
    """How a job ended. After `BROKE` and `LATE` the message may have arrived all the same."""

    DONE = "done"
    NO_ADDRESS = "no address"
    PRIVATE = "private"
    UNKNOWN_HOST = "unknown host"
    FAILED = "failed"
    BROKE = "broke"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Job:
    """A message for an address, or only a look at the address where `text` is empty.

    `host` is where it goes, as far as the address says; of the operator's own (`guarded` is False) nothing is checked.
    """

    address: str
    host: str = ""
    guarded: bool = True
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a job ended, and for `BROKE` the kind of fault: a class name, which holds nothing of the address."""

    outcome: Outcome
    fault: str = ""


def run(job: Job) -> Answer:
    """Do a job in this process. Raises nothing."""
    try:
        with public_only() if job.guarded else nullcontext():
            return Answer(_run(job))
    except Exception as error:  # noqa: BLE001 - a hundred services, and their words may quote the address
        return Answer(Outcome.BROKE, type(error).__name__)


def main() -> None:
    """Limit this process, read the job, do it, answer."""
    _limit()
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed isn't the answer
    answer = run(Job(**json.load(sys.stdin)))
    json.dump(asdict(answer), answers)


def _run(job: Job) -> Outcome:
    if job.guarded and job.host:
        try:
            require_public(job.host)
        except PrivateAddressError:
            return Outcome.PRIVATE
        except (OSError, UnicodeError):
            return Outcome.UNKNOWN_HOST
    service = _service(job)
    if service is None:
        return Outcome.NO_ADDRESS
    if not job.text or service.notify(body=job.text, title=job.title):
        return Outcome.DONE
    return Outcome.FAILED


def _service(job: Job) -> Any:
    """What apprise makes of an address; None where it makes no sense. Redirects are followed for the operator alone."""
    import apprise  # what only looks at a job has no need of it

    for name in ("apprise", "urllib3", "requests"):  # they log addresses, passwords included (I35)
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    asset = apprise.AppriseAsset(app_id="Trilo", app_desc="Trilo", http_redirects=not job.guarded)
    service = apprise.Apprise.instantiate(job.address, asset=asset, suppress_exceptions=True)
    if service is not None:
        service.socket_connect_timeout, service.socket_read_timeout = CONNECT_SECONDS, READ_SECONDS
    return service


def _limit() -> None:
    """Where the platform has such limits; the parent's deadline holds everywhere."""
    if hasattr(signal, "alarm"):
        signal.alarm(LIFE_SECONDS)
    try:
        import resource
    except ImportError:
        return
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()
