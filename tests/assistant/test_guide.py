"""Our own guide: true, found by what people ask, and harmless whatever they ask."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.application import open_services
from bot.assistant import prompts
from bot.assistant.guide import COMMAND, Guide, Section
from bot.assistant.screen_names import screen_names
from bot.client import EXTENSIONS, Trilo
from bot.settings import Settings
from bot.usage.calls.tokens import count_tokens

GUIDE = Guide.load()
WITHOUT_COMMANDS = {"cogs.conversation", "cogs.subscriptions", "cogs.alerts", "cogs.reports"}
LEAGUE = {f"league {name}" for name in ("create", "delete", "restore", "advance", "tag", "teams", "history")}
SLASHED = re.compile(r"(?<![`\w/.<])/[a-z]")
"""A command that isn't in code font isn't checked."""


@pytest.fixture
async def commands(tmp_path: Path) -> AsyncIterator[set[str]]:
    """The names in the real command tree."""
    settings = Settings(_env_file=None)
    url = f"sqlite:///{tmp_path}/t.db"
    async with (
        open_services(
            settings, database_url=url, base_url="http://127.0.0.1:9/v1", api_key="k", console=False
        ) as open_,
        Trilo(open_, shard_count=1) as bot,
    ):
        for extension in EXTENSIONS:
            if extension not in WITHOUT_COMMANDS:
                await bot.load_extension(extension)
        yield {command.qualified_name for command in bot.tree.walk_commands()}


async def test_no_page_and_no_prompt_names_a_command_that_is_not_there(commands: set[str]) -> None:
    """I27: what people are told to type exists."""
    templates = [value for name, value in vars(prompts).items() if isinstance(value, str) and not name.startswith("__")]
    texts = [str(section) for section in GUIDE.sections] + templates
    named = {name for text in texts for name in COMMAND.findall(text)}
    assert {"league create", "token-stats", "settings", "help"} <= named
    assert named <= commands
    assert [text for text in texts if SLASHED.search(text)] == []


def test_a_page_has_a_title_and_short_sections() -> None:
    assert len({section.page for section in GUIDE.sections}) == 15
    for section in GUIDE.sections:
        assert section.page
        assert section.title
        assert 2 <= len(section.text.splitlines()) <= 10, section.title
        assert section.commands == tuple(dict.fromkeys(COMMAND.findall(section.text)))


def test_a_section_knows_what_it_says() -> None:
    (section,) = Guide(
        ["# Weeks\n\n## Making one\nRun `/league create`.\nThen `/league tag`, or `/league create`.\n"]
    ).sections
    text = "Run `/league create`.\nThen `/league tag`, or `/league create`."
    assert section == Section("Weeks", "Making one", text, ("league create", "league tag"))
    assert str(section) == f"## Weeks: Making one\n{text}"


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("create week picture screenshot", "From a picture of the schedule"),
        ("where do I change the time zone?", "Changing the time zone"),
        ("deleting old weeks", "Deleting old weeks"),
        ("restore deleted categories", "Restoring what was deleted"),
        ("announce advance", "Announcing it"),
        ("tag players", "Tagging the players of a week"),
        ("budget set limit", "Setting a budget"),
        ("pausing", "Pausing the AI"),
        ("permissions needed", "Which permissions I need"),
        ("weekly report", "Reports"),
        ("privacy stored data", "What is stored, and what isn't"),
        ("bot answering nothing, troubleshooting", "I don't answer"),
        ("league history", "Who did what"),
    ],
)
def test_what_people_ask_is_found(words: str, title: str) -> None:
    assert title in [section.title for section in GUIDE.search(words, 2)]


def test_what_the_guide_has_not_is_not_found() -> None:
    assert GUIDE.search("weather tomorrow") == []
    assert GUIDE.search("how do I do the thing with 3 of them?") == []
    assert GUIDE.search("") == []
    assert len(GUIDE.search("week", 3)) == 3


@given(
    st.text()
    | st.sampled_from(['" OR 1', "NEAR(week advance)", "title: week", "week*", "^week", "AND NOT week", "'; --"])
)
def test_no_words_are_orders_to_the_index(words: str) -> None:
    assert len(GUIDE.search(words, 5)) <= 5


def test_what_the_full_guide_is_written_from_begins_with_the_first_steps_and_fits() -> None:
    spine = GUIDE.spine()
    assert spine[0].title == "The whole path, from nothing to the first week"
    assert spine == list(GUIDE.sections[: len(spine)])
    named = {name for section in spine for name in section.commands}
    assert {"settings", *LEAGUE, "budget set"} <= named
    pages = list(map(str, spine))
    rules = prompts.FULL_GUIDE.format(
        commands="`/league create`, " * 25, names=screen_names(pages), guide="\n\n".join(pages)
    )
    assert count_tokens(rules, "gpt-4o") == pytest.approx(3_200, rel=0.1)


def test_settings_and_buttons_are_called_what_the_reader_sees() -> None:
    """In every other language we speak, those alone that are named."""
    found = GUIDE.search("change the time zone city", 1)
    assert (
        screen_names(map(str, found)) == "Español: Time zone and reports = Zona horaria e informes; Change = Cambiar."
    )
    assert screen_names(["Nothing of the kind. Changes, leagues."]) == ""


def test_any_change_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "2.md").write_text("# B\n\n## Two\nSecond.\n", encoding="utf-8")
    (tmp_path / "1.md").write_text("# A\n\n## One\nFirst.\n", encoding="utf-8")
    guide = Guide.load(tmp_path)
    assert [section.title for section in guide.sections] == ["One", "Two"]
    assert guide.version == Guide.load(tmp_path).version
    (tmp_path / "2.md").write_text("# B\n\n## Two\nSecond!\n", encoding="utf-8")
    assert guide.version != Guide.load(tmp_path).version


def test_without_pages_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no pages of the guide"):
        Guide.load(tmp_path)
