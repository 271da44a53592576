"""The description holds: whatever is asked, by its rules or against them, is answered as it says."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from bot.api import access
from bot.api.app import create_app
from bot.api.keys import KeyBook
from bot.api.server import serving
from bot.usage import PriceList, open_tracker

BRIEFLY = settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, prices: PriceList) -> Iterator[tuple[dict, str, dict[str, str]]]:
    """The API on a loop of its own: its description, its address, and a key that may do everything."""
    started: list = []
    loop, ready, done = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve(path: Path) -> None:
        async with open_tracker(f"sqlite:///{path}/t.db", prices=prices, console=False) as tracker:
            app = create_app(tracker, metrics=lambda: b"")
            _, text = await KeyBook(tracker.database, tracker.clock).create("all", may_write=True)
            async with serving(app, "127.0.0.1", 0) as port:
                started.extend((app.openapi(), f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {text}"}))
                ready.set()
                await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve(tmp_path_factory.mktemp("api"))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "REQUESTS_A_MINUTE", 10**6)
        thread.start()
        assert ready.wait(20)
        yield tuple(started)
        loop.call_soon_threadsafe(done.set)
        thread.join(20)
    loop.close()


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_it_holds(served: tuple[dict, str, dict[str, str]], mode: GenerationMode) -> None:
    description, url, headers = served
    operations = [found.ok() for found in schemathesis.openapi.from_dict(description).get_all_operations()]
    assert len(operations) > 20
    for operation in operations:

        @given(operation.as_strategy(generation_mode=mode))
        @settings(BRIEFLY)
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(base_url=url, headers=headers, excluded_checks=[positive_data_acceptance])

        with suppress(Unsatisfiable):  # there is nothing about it that could be wrong
            holds()
