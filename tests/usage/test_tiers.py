"""data/tiers.toml: what is in it, what may be, and how mistakes are told."""

import logging
from pathlib import Path

import pytest

from bot.usage.budgeting.quotas import Tier, Tiers
from bot.usage.errors import DataFileError, UsageError

TOKENS = 'monthly_tokens must be a whole number from 0 on, or "unlimited"'
GOOD = "[free]\nmonthly_tokens = 10\n[premium]\nmonthly_tokens = 20\npremium = true\n"


def test_the_file_that_comes_with_it():
    """Row D2: free has 10,000 tokens a month."""
    tiers = Tiers.load()
    assert tiers.names == ("free", "premium")
    assert tiers.free == tiers.get("free") == Tier("free", 10_000, premium=False)
    assert tiers.get("premium") == Tier("premium", 1_000_000, premium=True)


def test_the_operators_own(tmp_path: Path):
    file = tmp_path / "tiers.toml"
    file.write_text(f'{GOOD}[gold-2]\nmonthly_tokens = "unlimited"\n[none]\nmonthly_tokens = 0\n')
    tiers = Tiers.load(file)
    assert tiers.names == ("free", "premium", "gold-2", "none")
    assert tiers.get("gold-2") == Tier("gold-2", None, premium=False)
    assert tiers.get("none") == Tier("none", 0, premium=False)


def test_a_name_that_is_gone_is_free_and_said_once(caplog: pytest.LogCaptureFixture):
    """I16: a tier that was taken out of the file blocks nobody."""
    tiers = Tiers([Tier("free", 10), Tier("premium", 20, premium=True)])
    with caplog.at_level(logging.WARNING):
        assert [tiers.get("silver"), tiers.get("silver")] == [tiers.free, tiers.free]
    assert caplog.messages == ["there is no tier 'silver' in the file of tiers: treated as free"]


@pytest.mark.parametrize(
    ("text", "entry", "problem"),
    [
        ("[free]\nmonthly_tokens = 1\n", "file", "needs a tier [premium]"),
        (f"{GOOD}[gold]\n", "gold", TOKENS),
        (f"{GOOD}[gold]\nmonthly_tokens = -1\n", "gold", TOKENS),
        (f"{GOOD}[gold]\nmonthly_tokens = true", "gold", TOKENS),
        (f"{GOOD}[gold]\nmonthly_tokens = 1\npremium = 1", "gold", "premium must be true or false"),
        (f"{GOOD}[gold]\ntokens = 1", "gold", "unknown key 'tokens'; known: monthly_tokens, premium"),
        (f"{GOOD}[Gold]\nmonthly_tokens = 1", "Gold", "a name has at most 32 small letters, digits, - and _"),
        (
            f"{GOOD}[exempt]\nmonthly_tokens = 1", "exempt",
            "is the word for people to whom no quota applies, so no tier can be called that",
        ),
        (GOOD.replace("premium = true", ""), "premium", "must have premium = true"),
        (f"gold = 1\n{GOOD}", "gold", "write a tier as [gold] with its keys below"),
    ],
)  # fmt: skip
def test_mistakes_name_file_entry_and_problem(tmp_path: Path, text: str, entry: str, problem: str):
    file = tmp_path / "tiers.toml"
    file.write_text(text)
    with pytest.raises(DataFileError) as caught:
        Tiers.load(file)
    assert (caught.value.path, caught.value.entry, caught.value.problem) == (file, entry, problem)
    assert str(caught.value) == f"{file}: {entry}: {problem}"
    assert isinstance(caught.value, UsageError)


def test_a_file_that_is_no_toml(tmp_path: Path):
    (tmp_path / "tiers.toml").write_text("free = ")
    with pytest.raises(DataFileError, match="file: isn't valid TOML: "):
        Tiers.load(tmp_path / "tiers.toml")


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(DataFileError, match=r"can't be read \(No such file or directory\)"):
        Tiers.load(tmp_path / "none.toml")
