"""Every view and state as pictures in `gallery/`, to be looked at: `make gallery`; `ARGS="league_teams owner"` takes
those scenes alone.

Starts the sandbox in English and in Spanish and works its page in headless Chromium. What can't be shown is named at
the end, and the others are taken all the same.
"""

import asyncio
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from docs import gallery_budgets, gallery_league, gallery_views
from docs.gallery_stage import DESKTOP, Stage
from docs.sandbox_page import opened, running_sandbox

GALLERY = Path(__file__).parent.parent / "gallery"
Scene = Callable[[Stage], Awaitable[None]]
LANGUAGES = {"en": "en-US", "es": "es-419"}
FULL: tuple[Scene, ...] = (
    gallery_budgets.alerts,
    gallery_budgets.budget_set,
    gallery_views.asking,
    gallery_views.token_stats,
    gallery_views.token_stats_closer,
    gallery_views.spend_less,
    gallery_views.usage_page,
    gallery_views.my_usage,
    gallery_views.settings,
    gallery_views.settings_forms,
    gallery_budgets.budget_show,
    gallery_views.pause,
    gallery_views.privacy,
    gallery_views.help_topics,
    gallery_league.league_create,
    gallery_league.league_teams,
    gallery_league.league_advance,
    gallery_league.league_delete,
    gallery_league.league_restore,
    gallery_league.errors,
    gallery_league.owner,
    gallery_league.refusals,
    gallery_views.opting_out,
)
"""What fits together stands together: budgets come before today has cost anything."""
EMPTY: tuple[Scene, ...] = (gallery_views.empty_stats,)
SERVER = 1456074443980800003
"""The sandbox's, the same at every start: its people see /owner."""


async def main(wanted: Sequence[str]) -> int:
    """Both languages at once, each with its own books; then a server of which nothing is known yet."""
    taken = await asyncio.gather(*(_take(folder, tag, wanted) for folder, tag in LANGUAGES.items()))
    failed = [name for names in taken for name in names]
    pictures = len(list(GALLERY.rglob("*.png")))
    print(f"{pictures} pictures in {GALLERY.name}/", *(f"failed: {name}" for name in failed), sep="\n")
    return 1 if failed else 0


async def _take(folder: str, tag: str, wanted: Sequence[str]) -> list[str]:
    failed = []
    (GALLERY / folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        books = Path(place) / "books.db"
        for scenes in (FULL, EMPTY):
            chosen = [scene for scene in scenes if not wanted or scene.__name__ in wanted]
            if scenes is EMPTY and books.exists():
                _forget(books)
            if chosen:
                failed += await _play(folder, tag, books, chosen)
    return failed


def _forget(books: Path) -> None:
    """The server's calls, but not the operator's sums, so that the sandbox doesn't make new ones up."""
    with sqlite3.connect(books) as connection:
        connection.execute("DELETE FROM spend_daily WHERE guild_id <> 0")
        connection.execute("DELETE FROM usage_records")


async def _play(folder: str, tag: str, books: Path, scenes: Sequence[Scene]) -> list[str]:
    port = str(_free_port())
    settings = {
        "API_PORT": port,
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "OWNER_GUILD_ID": str(SERVER),
        "CALLS_PER_MINUTE_MEMBER": "0",
        "CALLS_PER_MINUTE_SERVER": "0",
    }
    with (GALLERY / folder / "sandbox.log").open("a") as log:
        async with (
            running_sandbox(books, tag, log=log, **settings) as url,
            opened(url, GALLERY / folder, tag, DESKTOP) as stage,
        ):
            for scene in scenes:
                await stage.act(scene.__name__, scene)
            return stage.failed


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
