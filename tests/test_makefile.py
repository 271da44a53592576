"""`make run` and `make test`: what they install, decided before anything is installed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import REPOSITORY, environment

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")

DEVELOPMENT = "-r requirements.txt -r requirements-dev.txt || "
RUN_TIME_ONLY = "--require-hashes -r requirements.txt || "


@pytest.fixture
def checkout(tmp_path):
    """A fresh clone, as far as make looks at it."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(REPOSITORY / name, tmp_path / name)
    return tmp_path


def make(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=environment(**settings), capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("env_file", "settings", "installed"),
    [
        (None, {}, DEVELOPMENT),
        (None, {"DISCORD_TOKEN": ""}, DEVELOPMENT),
        (None, {"DISCORD_TOKEN": " "}, DEVELOPMENT),
        (None, {"DISCORD_TOKEN": "secret-token"}, RUN_TIME_ONLY),
        ("DISCORD_TOKEN=secret-token\n", {}, RUN_TIME_ONLY),
        ('FAST_MODEL=x\nexport DISCORD_TOKEN = "secret-token"\n', {}, RUN_TIME_ONLY),
        ("DISCORD_TOKEN=\n", {}, DEVELOPMENT),
        ("DISCORD_TOKEN=\r\n", {}, DEVELOPMENT),
        ("DISCORD_TOKEN=''\n", {}, DEVELOPMENT),
        ("# DISCORD_TOKEN=secret-token\nOTHER_DISCORD_TOKEN=secret-token\n", {}, DEVELOPMENT),
        ("DISCORD_TOKEN=\n", {"DISCORD_TOKEN": "secret-token"}, RUN_TIME_ONLY),
    ],
)
def test_run_installs_the_sandbox_where_there_is_no_token(checkout, env_file, settings, installed):
    """I35: the token decides, and isn't shown."""
    if env_file is not None:
        (checkout / ".env").write_bytes(env_file.encode())
    planned = make(checkout, "-n", "run", **settings)
    assert planned.returncode == 0, planned.stderr
    assert installed in planned.stdout
    assert (RUN_TIME_ONLY in planned.stdout) == (installed == RUN_TIME_ONLY)
    assert planned.stdout.endswith(".venv/bin/python -m bot\n")
    assert "secret-token" not in planned.stdout + planned.stderr


def test_the_example_as_it_stands_is_no_token(checkout):
    shutil.copy(REPOSITORY / ".env.example", checkout / ".env")
    assert DEVELOPMENT in make(checkout, "-n", "run").stdout


def test_test_installs_everything_and_runs_everything(checkout):
    planned = make(checkout, "-n", "test", DISCORD_TOKEN="secret-token")
    assert DEVELOPMENT in planned.stdout
    assert planned.stdout.splitlines()[-1].startswith(".venv/bin/pytest")


def test_what_is_installed_is_not_installed_again(checkout):
    (checkout / ".venv" / "bin").mkdir(parents=True)
    for name in ("bin/python", "run.stamp", "dev.stamp"):
        (checkout / ".venv" / name).touch()
    assert make(checkout, "-n", "run").stdout == ".venv/bin/python -m bot\n"


def test_a_wrong_python_is_told_in_words(checkout):
    """Too old, or not there at all: what is needed and how to name another, and no half-made .venv."""
    old = checkout / "python3.10"
    old.write_text(f"#!{sys.executable}\nimport sys\ncode = sys.argv[2]\nsys.version_info = (3, 10, 1)\nexec(code)\n")
    old.chmod(0o755)
    for python in (str(old), "no-such-python"):
        done = make(checkout, "run", f"PYTHON={python}")
        assert done.returncode == 2
        assert "Trilo needs Python 3.11 to 3.14." in done.stderr
        assert "make run PYTHON=python3.12" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (checkout / ".venv").exists()


def test_what_pip_cannot_do_is_told_in_words(checkout):
    """A newcomer without a network, or on a full disk."""
    pip = checkout / ".venv" / "bin" / "python"
    pip.parent.mkdir(parents=True)
    pip.write_text("#!/bin/sh\necho 'ERROR: No space left on device' >&2\nexit 1\n")
    pip.chmod(0o755)
    failed = make(checkout, "test")
    assert failed.returncode == 2
    assert failed.stderr.splitlines()[:3] == [
        "Installing what Trilo runs on and is tested with (once) ...",
        "ERROR: No space left on device",
        "The packages couldn't be installed: that takes the package index and 1 GB of disk. Run it again then.",
    ]
    assert not (checkout / ".venv" / "dev.stamp").exists()
