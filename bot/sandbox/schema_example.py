"""A minimal value that a JSON schema accepts, for questions that want a structured answer."""

import re
from collections.abc import Mapping
from typing import Any

_DEPTH = 20
_FORMATS = {
    "date-time": "2026-01-04T20:00:00Z",
    "date": "2026-01-04",
    "time": "20:00:00Z",
    "duration": "P1D",
    "email": "coach@example.com",
    "uri": "https://example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def example_of(schema: Any) -> Any:
    """A small instance of `schema`, as far as the schema can be understood. `pattern` is ignored."""
    return _example(schema, schema, _DEPTH)


def _example(schema: Any, root: Any, depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth < 0:
        return None
    if "$ref" in schema:
        return _example(_resolve(str(schema["$ref"]), root), root, depth - 1)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return _example(_simplest(schema[key]), root, depth - 1)
    if schema.get("allOf"):
        merged = {name: value for part in schema["allOf"] if isinstance(part, Mapping) for name, value in part.items()}
        return _example(merged, root, depth - 1)
    return _of_type(schema, root, depth)


def _of_type(schema: Mapping[str, Any], root: Any, depth: int) -> Any:
    kind = schema.get("type", "object" if "properties" in schema else "null")
    match kind[0] if isinstance(kind, list) and kind else kind:
        case "object":
            properties = schema.get("properties", {})
            wanted = schema.get("required", ())
            return {name: _example(part, root, depth - 1) for name, part in properties.items() if name in wanted}
        case "array":
            return [_example(schema.get("items"), root, depth - 1)] * int(schema.get("minItems", 0))
        case "string":
            return _text(schema)
        case "integer":
            return int(_number(schema, 1))
        case "number":
            return _number(schema, 0.5)
        case "boolean":
            return False
        case _:
            return None


def _text(schema: Mapping[str, Any]) -> str:
    text = _FORMATS.get(str(schema.get("format")), "example")
    text = text.ljust(int(schema.get("minLength", 0)), "x")
    return text[: int(schema["maxLength"])] if "maxLength" in schema else text


def _number(schema: Mapping[str, Any], step: float) -> Any:
    lowest = schema.get("minimum", schema["exclusiveMinimum"] + step if "exclusiveMinimum" in schema else 0)
    highest = schema.get("maximum", schema["exclusiveMaximum"] - step if "exclusiveMaximum" in schema else lowest)
    value = min(max(0, lowest), highest) if highest >= lowest else lowest
    multiple = schema.get("multipleOf")
    return value if not multiple else -(-value // multiple) * multiple


def _simplest(choices: Any) -> Any:
    """The first choice that isn't null, so that the answer says something."""
    return next((choice for choice in choices if choice != {"type": "null"}), choices[0])


def _resolve(reference: str, root: Any) -> Any:
    found = root
    for step in re.split("/", reference.removeprefix("#").strip("/")) if reference != "#" else ():
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
