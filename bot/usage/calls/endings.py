"""How a call ended, told from its answer, the end of its stream, or what it raised."""

import asyncio
from dataclasses import replace

from bot.usage.calls.answers import Answer, code_name
from bot.usage.calls.metered_body import End
from bot.usage.records import Status


def ending(answer: Answer, end: End, error: BaseException | None, *, finished: bool) -> tuple[Status, Answer]:
    """How a streamed call ended, and the answer with what went wrong."""
    if end is End.BROKEN and error is not None:
        return status_after(error), replace(answer, error_type=answer.error_type or exception_name(error))
    if finished or answer.error_type:
        return status_of(answer), answer
    if end is End.LEFT:
        return Status.ABORTED, answer
    return Status.ERROR, replace(answer, error_type="truncated")


def status_of(answer: Answer) -> Status:
    """How a call ended that was answered."""
    if answer.status == "cancelled":
        return Status.ABORTED
    return Status.ERROR if answer.error_type or answer.status == "failed" else Status.OK


def status_after(error: BaseException) -> Status:
    """How a call ended that raised."""
    return Status.ABORTED if isinstance(error, asyncio.CancelledError) else Status.ERROR


def exception_name(error: BaseException) -> str:
    """The provider's code where it gave one, else the exception's name. Never a message, which may quote a prompt."""
    return code_name(getattr(error, "code", None)) or type(error).__name__
