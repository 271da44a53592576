"""The trials at small size; by hand they run at large."""

from pathlib import Path

import pytest

from bot.usage import PriceList
from trials.chaos import chaos
from trials.hard_budget import fire


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_hard_budget_under_fire(tmp_path: Path, seed: int) -> None:
    """I13, I14: 150 calls of every kind at once: the provider's own bill stays within the limit, nothing is held."""
    finding = await fire(150, "0.02", seed=seed, folder=tmp_path, prices=PriceList.load())
    assert finding.problems == []
    assert finding.limit == 20_000_000
    assert 0 < finding.billed <= finding.standing.level.used <= 20_000_000
    assert finding.ends["answered"] > 10
    assert finding.ends["refused: busy"] + finding.ends["refused: used_up"] > 10
    assert len(finding.ends) >= 4
    assert len(finding.served) >= 4


async def test_a_worker_that_is_killed_again_and_again(tmp_path: Path) -> None:
    """I8, I14, I21, I22, I25: the stub's own log against the books, over ten lives, with the database in trouble."""
    finding = await chaos(10, 4, tmp_path, PriceList.load())
    assert finding.problems == []
    assert finding.lives == {"moved away": 3, "opening": 2, "none": 3, "locked": 2}
    assert finding.statuses["ok"] > 30
    assert finding.statuses["interrupted"] > 10
    assert finding.served > 50
    assert 0 < finding.billed <= finding.booked + finding.doubtful
