"""Only commands that exist reach people, whatever a model writes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.assistant.named_commands import only_existing

COMMANDS = {
    "ai", "ai pause", "budget", "budget set", "help", "league", "league advance", "league create", "league delete",
    "league restore", "league tag", "my-usage", "settings", "token-stats",
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "Run `/league create`, then **/settings** (or /help).",
        "`/league create week 7` and /league tag week:7",
        "The `/league` commands; all /league commands; see /budget.",
        "and/or, 3/4, 24/7, km/h, w/o, he / she, https://example.com/nuke?x=/nuke, <https://example.com/nuke>",
        "/usr/bin/env, ~/league, ./nuke, data/setup_guide, /nuke.txt, /r/NFL",
        "```\n/usr/bin/env\nls /nuke\n```",
        "Hi @everyone and <@42>, <#7>!",
        "  two  blanks\n\n\n\nand lines stay",
    ],
)
def test_what_is_right_stays_as_it_is(text: str) -> None:
    assert only_existing(text, COMMANDS) == text


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("/league crate week:7 games:a vs b", "/league create week:7 games:a vs b"),
        (
            "`/tokenstats`, `/token stats` or /token_stats by day",
            "`/token-stats`, `/token-stats` or /token-stats by day",
        ),
        ("/league-create", "/league create"),
        ("`/League Create`", "`/league create`"),
        ("`/my usage` and `/setings`.", "`/my-usage` and `/settings`."),
        ("</league create:123456> it", "`/league create` it"),
    ],
)
def test_what_is_nearly_right_is_mended(text: str, mended: str) -> None:
    assert only_existing(text, COMMANDS) == mended


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("First:\n- /nuke everything\nThen `/help`.", "First:\nThen `/help`."),
        ("Ask.\n`/league destroy`\nDone.", "Ask.\nDone."),
        ("Ask.\nThe /league destroyer\nDone.", "Ask.\nDone."),
        ("`/league create` or `/league restart`\nok", "ok"),  # near to restore, yet not near enough
        ("a\n</nuke:1>\nb", "a\nb"),
        ("```\n/nuke\n/help\n```\nok", "```\n/help\n```\nok"),
        ("one\n\n/nuke\n\ntwo", "one\n\ntwo"),
        ("# How to\n\n1. /nuke\n- `/boom`", ""),
        ("/nuke", ""),
        ("", ""),
    ],
)
def test_what_is_not_there_loses_its_line(text: str, left: str) -> None:
    """I27: a model can't send people to a command that isn't ours."""
    assert only_existing(text, COMMANDS) == left


def test_without_any_commands_none_is_named() -> None:
    assert only_existing("Hello.\nRun /league create\n", set()) == "Hello."


@given(st.text(alphabet="ab/ `\n-:<>1.#_", max_size=60), st.sets(st.sampled_from(["a", "ab", "a b", "b-a"])))
def test_a_second_look_changes_nothing(text: str, commands: set[str]) -> None:
    once = only_existing(text, commands)
    assert only_existing(once, commands) == once


@given(st.lists(st.sampled_from(["/nuke", "`/boom now`", "/league crate", "see", "\n", "/help", "(/x)"]), max_size=12))
def test_whatever_is_named_exists(words: list[str]) -> None:
    """I27."""
    left = only_existing(" ".join(words), COMMANDS)
    assert set(re.findall(r"/([a-z]+(?: create)?)", left)) <= {"league create", "help"}
