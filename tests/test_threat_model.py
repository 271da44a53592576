"""The threat model against the tests: whatever it says is covered is covered by a test that is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::([\w:]+))?`", TEXT)))
THREATS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| Threat ")]


def names_in(path: str) -> set[str]:
    """The tests of a file as pytest names them: `test_x`, `TestY::test_x`."""
    body = ast.parse((ROOT / path).read_text(encoding="utf-8")).body
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    found = [(f"{part.name}::", node) for part in classes for node in part.body] + [("", node) for node in body]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {f"{place}{node.name}" for place, node in found if isinstance(node, functions)}


@pytest.mark.parametrize("path", sorted({path for path, _ in NAMED}))
def test_every_test_that_it_names_is_there(path: str) -> None:
    named = {name for found, name in NAMED if found == path and name}
    assert named - {name for name in names_in(path) if name.split("::")[-1].startswith("test_")} == set()


def test_every_threat_has_a_test() -> None:
    """What has none belongs into the list at the end."""
    assert len(THREATS) > 30
    assert [line for line in THREATS if "`tests/" not in line.rsplit(" | ", 1)[-1]] == []


def test_a_test_that_is_gone_would_be_noticed() -> None:
    assert "test_every_threat_has_a_test" in names_in("tests/test_threat_model.py")
    assert "TestTheAdvance::test_all_of_it" in names_in("tests/assistant/test_league_commands.py")
    assert "TestTheAdvance" not in names_in("tests/assistant/test_league_commands.py")
