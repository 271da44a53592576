"""Who and what a model call is for, carried by a context variable.

Tasks and threads (`asyncio.to_thread`) inherit the context they were started in, so concurrent calls never mix.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

from bot.usage.records import Attribution

METADATA_LIMIT_BYTES = 4096
MAX_ID = 2**63 - 1
_NOBODY = Attribution()

_current: ContextVar[Attribution] = ContextVar("trilo_attribution", default=_NOBODY)


def current_attribution() -> Attribution:
    """The attribution that a call made here and now would be booked under."""
    return _current.get()


@asynccontextmanager
async def token_tracking_context(
    *,
    operation: str | None = None,
    guild_id: int | None = None,
    channel_id: int | None = None,
    user_id: object = None,
    session_id: object = None,
    workflow_id: object = None,
    execution_id: object = None,
    agent_name: str | None = None,
    role_ids: Iterable[int] | None = None,
    metadata: Mapping[str, Any] | None = None,
    operation_type: str | None = None,
    thread_id: object = None,
    world_id: object = None,
) -> AsyncIterator[Attribution]:
    """Book every model call made inside under these names. All arguments are optional.

    Contexts nest: the inner one overrides only what it names. `user_id`, `session_id`, `workflow_id` and
    `execution_id` may be int, str or UUID and are stored as text. `operation_type` is another name for
    `operation` and `thread_id` for `session_id`; `world_id` goes to the metadata. `metadata` is stored as given,
    4 KB of JSON at most, and added to that of the outer context.

    Raises `TypeError` where both names of one thing are given or `role_ids` is a text, `ValueError` for metadata that
    is too large or isn't JSON and for an id that doesn't fit 64 bits.
    """
    merged = dict(metadata or {})
    if world_id is not None:
        merged["world_id"] = str(world_id)
    outer = _current.get()
    named: dict[str, Any] = {
        "operation": text_of(_one("operation", operation, "operation_type", operation_type)),
        "guild_id": checked_id("guild_id", guild_id),
        "channel_id": checked_id("channel_id", channel_id),
        "user_id": text_of(user_id),
        "session_id": text_of(_one("session_id", session_id, "thread_id", thread_id)),
        "workflow_id": text_of(workflow_id),
        "execution_id": text_of(execution_id),
        "agent_name": text_of(agent_name),
        "role_ids": _role_ids(role_ids),
        "metadata": checked_metadata({**outer.metadata, **merged}) if merged else None,
    }
    inner = replace(outer, **{name: value for name, value in named.items() if value is not None})
    token = _current.set(inner)
    try:
        yield inner
    finally:
        with suppress(ValueError):  # an async generator may be closed from another context than it was started in
            _current.reset(token)


def checked_metadata(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """A copy, so that what is stored is what was checked. Raises `ValueError` where it isn't JSON or is over 4 KB."""
    try:
        text = json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"metadata must be JSON: {error}") from None
    if len(text) > METADATA_LIMIT_BYTES:
        raise ValueError(f"metadata takes {len(text)} bytes as JSON; at most {METADATA_LIMIT_BYTES} are stored")
    copy: dict[str, Any] = json.loads(storable_json(text))
    return copy


def storable(value: object) -> str:
    """Text that any database and any model takes: lone surrogates, which UTF-8 can't carry, and NULs become `?`."""
    text = str(value)
    return text if text.isprintable() else text.encode("utf-8", "replace").decode().replace("\0", "?")


def text_of(value: object) -> str | None:
    """The same of what may be missing."""
    return None if value is None else storable(value)


def storable_json(text: str) -> str:
    """JSON text of which the same holds: lone surrogates hide in its escapes until somebody reads it."""
    if "\\ud" not in text:
        return text
    return json.dumps(json.loads(storable(json.dumps(json.loads(text), ensure_ascii=False))))


def _one(name: str, value: Any, other_name: str, other: Any) -> Any:
    if value is not None and other is not None:
        raise TypeError(f"give {name} or {other_name}, not both: they are one thing")
    return value if value is not None else other


def _role_ids(role_ids: Iterable[int] | None) -> tuple[int, ...] | None:
    if isinstance(role_ids, str | bytes):
        raise TypeError("role_ids is a list of ids, not a single one")
    return None if role_ids is None else tuple(int(role_id) for role_id in role_ids)


def checked_id(name: str, value: int | None) -> int | None:
    """A server's or channel's id as a number. Raises `ValueError` where it is none, or doesn't fit 64 bits."""
    if value is not None and not -MAX_ID <= int(value) <= MAX_ID:
        raise ValueError(f"{name} must fit 64 bits, not {value}")
    return None if value is None else int(value)
