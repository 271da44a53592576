"""The documents against the code: what they link to, name or quote must be there."""

import ast
import re
from pathlib import Path

import pytest

from bot.__main__ import _parser
from bot.usage import open_tracker

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
OURS = [ROOT / "docs" / name for name in ("quick-start.md", "production-checklist.md", "troubleshooting.md")]
MORE = ("README.md", "docs/budgets.md", "docs/deploy.md", "docs/rest-api.md")
WITH_SETTINGS = [*OURS, *(ROOT / name for name in MORE)]
NOT_SETTINGS = {"RAILWAY_DEPLOYMENT_DRAINING_SECONDS"}
"""Names of others'."""


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    """The places in a document that a link can name, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|mailto:)([^)\s]+)\)", text_of(path)):
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), f"{path.name}: {target}"
        assert not anchor or anchor in anchors(found), f"{path.name}: {target}"


def test_commands_exist_with_their_options() -> None:
    """Every `python -m bot COMMAND --option` that any document names."""
    (commands,) = (action.choices for action in _parser()._actions if action.choices)
    for path in DOCUMENTS:
        for command, rest in re.findall(r"python -m bot ([a-z]+)([^`\n|#]*)", text_of(path)):
            assert command in commands, f"{path.name}: {command}"
            helped = commands[command].format_help() + "--write --guild --json"  # of keys' own commands
            for option in re.findall(r"--[a-z-]+", rest):
                assert option in helped, f"{path.name}: {command} {option}"


def test_settings_exist() -> None:
    known = set(re.findall(r"^(?:# )?([A-Z][A-Z_]+)=", text_of(ROOT / ".env.example"), re.MULTILINE))
    for path in WITH_SETTINGS:
        named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text_of(path)))
        assert named - NOT_SETTINGS - known == set(), path.name


def test_slash_commands_exist() -> None:
    """Every `/command` that these documents name is in the source of the cogs."""
    cogs = "\n".join(map(text_of, sorted((ROOT / "cogs").glob("*.py"))))
    for path in OURS:
        for name in re.findall(r"`/([a-z-]+(?: [a-z]+)?)`", text_of(path)):
            assert all(f'name="{part}"' in cogs for part in name.split()), f"{path.name}: /{name}"


async def test_what_the_tracker_offers_exists() -> None:
    """Every `tracker.name` of the guides is there."""
    async with open_tracker("sqlite:///:memory:", console=False) as tracker:
        for path in DOCUMENTS:
            for name in re.findall(r"\btracker\.([a-z_]+)\b", text_of(path)):
                assert hasattr(tracker, name), f"{path.name}: tracker.{name}"


def test_quoted_words_are_said_somewhere() -> None:
    """What stands in quotes in the guide to trouble is what people see, word for word."""
    said = [text_of(ROOT / "Makefile"), *(words for name in ("bot", "cogs") for words in _strings(ROOT / name))]
    quoted = re.findall(r"“([^”]+)”", text_of(ROOT / "docs" / "troubleshooting.md"))
    assert len(quoted) > 25
    assert [words for words in quoted if words not in "\n".join(said)] == []


def _strings(folder: Path) -> list[str]:
    trees = (ast.parse(text_of(path)) for path in sorted(folder.rglob("*.py")))
    nodes = (node for tree in trees for node in ast.walk(tree))
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
