"""Discord's own description of its HTTP API, as an oracle for what the bot sends.

It finds wrong types, values and limits, and requests that don't exist; not typos, since unknown keys pass.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from simcord.http import router

PATH = Path(__file__).parents[2] / "shared" / "specs" / "discord-openapi.json"
"""Beside the checkout, never in it: it may not be there."""
IS_THERE = PATH.exists()
_JSON, _MULTIPART = "application/json", "multipart/form-data"
_LONGEST_PROBLEM = 200
"""Characters, of the end, where the rule is that was broken."""


def problems(method: str, path: str, body: Any) -> list[str]:
    """What is wrong with a request, as `POST /channels/1/messages: $.content: …`; nothing where it is valid.

    `path` is concrete and without the version, `body` what was sent as JSON (in a multipart form: `payload_json`),
    None where nothing was. Where the description isn't there, nothing is ever wrong.
    """
    if not IS_THERE:
        return []
    template = _template_of(method, path)
    if template is None:
        return [f"{method} {path}: Discord has no such request"]
    validator, is_required = _body_of(method, template)
    if body is None:
        return [f"{method} {path}: has no body"] if is_required else []
    if validator is None:
        return [f"{method} {path}: takes no body"]
    return [f"{method} {path}: {fault}" for fault in _faults(method, template, json.dumps(body))]


@dataclass
class Sent:
    """What a bot inside simcord has sent: each request as `POST /channels/1/messages`, and what is wrong with them."""

    checked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def check(self, method: str, path: str, body: Any) -> None:
        self.checked.append(f"{method} {path}")
        self.problems += problems(method, path, body)


@contextmanager
def all_valid() -> Iterator[Sent]:
    """Within the block, check whatever a bot inside simcord sends; at its end, fail the test if anything is wrong."""
    sent, dispatch = Sent(), router.dispatch

    def checking(backend: Any, method: str, path: str, **given: Any) -> Any:
        sent.check(method, path, given.get("json"))
        return dispatch(backend, method, path, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(router, "dispatch", checking)  # REST, interaction callbacks and webhooks all end here
        yield sent
    if sent.problems:
        pytest.fail("the bot has sent what Discord refuses:\n" + "\n".join(sent.problems), pytrace=False)


@lru_cache(10_000)  # every start of the bot sends its commands, which take longest to check
def _faults(method: str, template: str, body: str) -> list[str]:
    validator, _ = _body_of(method, template)
    assert validator is not None
    found = map(_innermost, validator.iter_errors(json.loads(body)))
    return [f"{error.json_path}: {error.message[-_LONGEST_PROBLEM:]}" for error in found]


def _innermost(error: ValidationError) -> ValidationError:
    """Where every branch of a union fails, the fault within the one that was meant: whose kind and `type` fit."""
    branches: dict[Any, list[ValidationError]] = {}
    for fault in error.context or ():
        branches.setdefault(fault.schema_path[0], []).append(fault)
    meant = [faults for faults in branches.values() if not any(map(_is_of_another_kind, faults))]
    return _innermost(min(meant, key=len)[0]) if meant else error


def _is_of_another_kind(fault: ValidationError) -> bool:
    return list(fault.path) == ["type"] or (not fault.path and fault.validator in ("type", "const"))


@cache
def _description() -> dict[str, Any]:
    description: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    # Discord takes a snowflake as a number too, and discord.py sends some so.
    snowflake = description["components"]["schemas"]["SnowflakeType"]
    snowflake["type"] = ["string", "integer"]
    # Media channels are missing there, though Discord has them: discord.py names them wherever any channel will do.
    description["components"]["schemas"]["ChannelTypes"]["oneOf"].append({"title": "GUILD_MEDIA", "const": 16})
    return description


def _template_of(method: str, path: str) -> str | None:
    """The path as the description has it: of those that fit, the one with the fewest parameters."""
    parts = path.strip("/").split("/")
    fitting = [
        (template.count("{"), template)
        for template, pattern in _templates().get((method.lower(), len(parts)), ())
        if all(wanted is None or wanted == part for wanted, part in zip(pattern, parts, strict=True))
    ]
    return min(fitting)[1] if fitting else None


@cache
def _templates() -> dict[tuple[str, int], list[tuple[str, list[str | None]]]]:
    """Templates and their parts (None for a parameter) by method and number of parts."""
    found: dict[tuple[str, int], list[tuple[str, list[str | None]]]] = {}
    for template, methods in _description()["paths"].items():
        parts = [None if part.startswith("{") else part for part in template.strip("/").split("/")]
        for method in methods:
            found.setdefault((method, len(parts)), []).append((template, parts))
    return found


@cache
def _body_of(method: str, template: str) -> tuple[Draft202012Validator | None, bool]:
    """What checks an operation's body, None where it takes none; and whether there must be one."""
    description = _description()
    body = description["paths"][template][method.lower()].get("requestBody")
    if body is None:
        return None, False
    content = body["content"].get(_JSON) or body["content"][_MULTIPART]
    schema = {**content["schema"], "components": description["components"]}
    return Draft202012Validator(schema), body.get("required", False)
