"""Calls as lines of the journal: what the books store of a call and nothing else, as JSON behind its check sum."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from decimal import Decimal
from typing import Any
from zlib import crc32

from bot.usage.records import Attribution, Kind, OpenCall, Price, Settlement, Status, Usage, UsageRecord
from bot.usage.storage.rows import from_microseconds, microseconds

_DEFAULTS = {
    kind: [(f.name, f.default_factory() if f.default_factory is not MISSING else f.default) for f in fields(kind)]
    for kind in (Attribution, Price, Settlement, Usage)
}
Entry = OpenCall | UsageRecord
"""A call that left, or one that has ended: then with all that is known of it, so that it stands for itself."""


def line_of(entry: Entry) -> bytes:
    """One line. Raises `TypeError`, `ValueError` or `OverflowError` for what JSON, or no clock, can hold."""
    call = entry if isinstance(entry, OpenCall) else entry.call
    values: dict[str, Any] = {
        "id": call.id,
        "kind": call.kind,
        "api": call.api,
        "at": microseconds(call.started_at),
        "who": _lean(call.attribution),
        "provider": call.provider,
        "model": call.request_model,
        "usage": _lean(call.reserved_usage),
        "price": _lean(call.reserved),
    }
    if not isinstance(entry, OpenCall):
        end = entry.settlement
        values["end"] = {**_lean(end), "usage": _lean(end.usage), "price": _lean(end.price)}
    text = json.dumps(values, separators=(",", ":"), default=_plain).encode()
    return b"%08x %s\n" % (crc32(text), text)


def entry_of(line: bytes) -> Entry | None:
    """What `line_of` made; None where the line was damaged or is of another version."""
    checksum, _, text = line.strip().partition(b" ")
    try:
        if int(checksum, 16) != crc32(text):
            return None
        values = json.loads(text)
        call = OpenCall(
            id=values["id"],
            kind=Kind(values["kind"]),
            api=values["api"],
            started_at=from_microseconds(values["at"]),
            attribution=_attribution(values["who"]),
            provider=values["provider"],
            request_model=values["model"],
            reserved_usage=_usage(values["usage"]),
            reserved=Price(**values["price"]),
        )
        return UsageRecord(call, _settlement(values["end"])) if "end" in values else call
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None


def _attribution(values: dict[str, Any]) -> Attribution:
    return Attribution(**{**values, "role_ids": tuple(values.get("role_ids", ()))})


def _usage(values: dict[str, Any]) -> Usage:
    return Usage(**{**values, "audio_seconds": Decimal(values.get("audio_seconds", 0))})


def _settlement(values: dict[str, Any]) -> Settlement:
    known = {"status": Status(values["status"]), "usage": _usage(values["usage"]), "price": Price(**values["price"])}
    return Settlement(**{**values, **known})


def _lean(values: Any) -> dict[str, Any]:
    """The fields of a dataclass that aren't as they are by default."""
    found = ((name, getattr(values, name), default) for name, default in _DEFAULTS[type(values)])
    return {name: value for name, value, default in found if value != default}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in the journal")
