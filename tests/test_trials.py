"""The trials at small size; by hand they run at large."""

import sys
from pathlib import Path
from shutil import copy, copytree

import pytest

from bot.usage import PriceList
from tests.usage.postgres_server import running_server
from trials import image
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


async def test_what_a_host_builds(tmp_path: Path) -> None:
    """The process that the Procfile names, as a host runs it, here with the packages that the tests have."""
    app = tmp_path / "app"
    for name in ("bot", "cogs", "data"):
        copytree(image.ROOT / name, app / name, ignore=lambda _, names: [n for n in names if n.startswith("trilo.db")])
    for name in ("Procfile", "pyproject.toml"):
        copy(image.ROOT / name, app)
    finding = image.Finding()
    with running_server() as server:
        url = await server.new_database()
        await image.try_out(image.Image(app, Path(sys.executable)), url, tmp_path, finding)
    assert finding.problems == []
    assert list(finding.seconds) == ["connected after", "answered after", "stopped in"]


def test_what_is_not_as_it_should_be_is_said() -> None:
    finding = image.Finding(seconds={"built in": 1.0})
    finding.expect("it exits with", 0, 0)
    finding.expect("it exits with", 1, 78)
    assert finding.problems == ["it exits with: 1, not 78"]
    assert str(finding) == "built in 1.0 s; ; 1 BROKEN"
