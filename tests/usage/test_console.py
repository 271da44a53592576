"""The `[Token Usage]` line, and the thread that prints it."""

import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from time import perf_counter, sleep

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.usage.console import QUEUE_LIMIT, Console, console_line
from bot.usage.records import Kind, Usage, UsageRecord
from tests.usage.making import a_call, a_settlement

PRINTING = """
import sys, threading
from bot.usage.console import Console
from tests.usage.making import a_record
console = Console()
for n in range(int(sys.argv[1])):
    console.show([a_record()] * 20)
console.close(float(sys.argv[2]))
sys.stderr.write(f"closed, skipped {console.skipped}")
"""


def record(**settled) -> UsageRecord:
    call = a_call(operation="general_conversation", guild_id=0, model="gpt-4o")
    usage = Usage(input_tokens=1024, output_tokens=256)
    return UsageRecord(call, a_settlement(**{"cost": 5_120_000, "duration_ms": 2345, "usage": usage, **settled}))


def test_the_line_of_the_design() -> None:
    """I8: exactly as documented, for people and for what reads it."""
    line = "[Token Usage] general_conversation | gpt-4o | In: 1024 Out: 256 | Cost: $0.00512 | 2345ms"
    assert console_line(record(response_model="gpt-4o")) == line


@pytest.mark.parametrize(
    ("cost", "text"),
    [(None, "unknown"), (0, "$0.00000"), (1, "<$0.00001"), (15_000, "$0.00002"), (25_000, "$0.00002")],
)
def test_costs_in_the_line(cost: int | None, text: str) -> None:
    """I9: unpriced says so, nearly nothing isn't nothing, halves go to the even neighbour."""
    assert f" | Cost: {text} | 2345ms" in console_line(record(cost=cost))


def test_what_stands_after_the_line() -> None:
    """I4: the server, and that it is an estimate, in this order, only where it applies."""
    in_guild = UsageRecord(a_call(guild_id=42), a_settlement(estimated=True))
    assert console_line(in_guild).endswith("ms | guild 42 | estimated")
    assert console_line(record(estimated=True)).endswith("2345ms | estimated")
    assert console_line(UsageRecord(a_call(guild_id=42), a_settlement())).endswith("7ms | guild 42")


@given(st.text(), st.text())
def test_no_name_forges_a_line(operation: str, model: str) -> None:
    """I7: whatever a caller names an operation or a server names a model, one call is one printable line."""
    call = a_call(operation=operation)
    line = console_line(UsageRecord(call, a_settlement(response_model=model)))
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    line.encode()


def test_names_that_try() -> None:
    """I7: newlines, escape sequences, separators and half characters become question marks; emoji stay."""
    forged = "x\n[Token Usage] y\r\x1b[2J\u2028\u0085\ud800\u202e"
    assert "x?[Token Usage] y??[2J????" in console_line(UsageRecord(a_call(operation=forged), a_settlement()))
    assert "🏈 días" in console_line(UsageRecord(a_call(operation="🏈 días"), a_settlement()))


def test_lines_come_in_order_and_closing_prints_the_rest() -> None:
    """I24: nothing is skipped where the output takes it, in the order of the calls."""
    printed: list[str] = []
    console = Console(printed.append)
    for n in range(1_000):
        console.show([record(duration_ms=n), record(duration_ms=n)])
    console.close()
    lines = "".join(printed).splitlines()
    assert [line.rsplit("| ", 1)[1] for line in lines] == [f"{n}ms" for n in range(1_000) for _ in range(2)]
    assert console.skipped == 0


def test_a_payments_fee_has_no_line() -> None:
    printed: list[str] = []
    console = Console(printed.append)
    paid = record(duration_ms=1)
    console.show(
        [record(duration_ms=0), replace(paid, call=replace(paid.call, kind=Kind.PAYMENT)), record(duration_ms=2)]
    )
    console.close()
    assert [line.rsplit("| ", 1)[1] for line in "".join(printed).splitlines()] == ["0ms", "2ms"]


@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "pipe"), ValueError("closed"), AttributeError("None"), Exception()]
)
def test_an_output_that_fails_is_survived(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """I23: a dead sink raises nothing, is logged once, and lines come again when it does."""
    printed: list[str] = []
    broken = True

    def write(text: str) -> None:
        if broken:
            raise error
        printed.append(text)

    console = Console(write)
    for _ in range(3):
        console.show([record(), record()])
    deadline = perf_counter() + 5
    while console.skipped < 6 and perf_counter() < deadline:
        sleep(0.001)
    broken = False
    console.show([record()])
    console.close()
    assert console.skipped == 6
    assert len(printed) == 1
    assert len(caplog.records) == 1


def test_a_record_that_has_no_line_is_survived() -> None:
    """I23: a malformed record costs its own line only."""
    printed: list[str] = []
    console = Console(printed.append)
    console.show([object()])  # type: ignore[list-item]
    console.show([record()])
    console.close()
    assert len(printed) == 1


def test_a_stuck_output_blocks_nobody_and_memory_is_bounded() -> None:
    """I24: behind a pipe that nobody reads, the caller goes on, and lines beyond the limit are counted, not kept."""
    go_on = threading.Event()
    console = Console(lambda text: (go_on.wait(20), None)[1])
    batch = [record()] * 1_000
    began = perf_counter()
    for _ in range(QUEUE_LIMIT // 1_000 + 50):
        console.show(batch)
    assert perf_counter() - began < 0.5
    assert 49_000 <= console.skipped <= 51_000
    began = perf_counter()
    console.close(0.2)
    assert perf_counter() - began < 1
    go_on.set()


def run(lines: int, patience: float, **how) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", PRINTING, str(lines), str(patience)], stderr=subprocess.PIPE, cwd=Path.cwd(), **how
    )


def test_a_process_with_a_stuck_pipe_ends() -> None:
    """I23: a program whose standard output nobody reads still closes and exits with 0."""
    process = run(300, 0.3, stdout=subprocess.PIPE)
    assert process.stderr is not None
    assert process.stderr.read(6) == b"closed"
    assert process.wait(10) == 0
    process.communicate()


def test_a_process_with_a_closed_pipe_ends() -> None:
    """I23: `python -m bot | head -1` is no crash."""
    process = run(300, 5, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert b"Traceback" not in process.stderr.read()
    process.wait(10)


def test_an_output_without_emoji() -> None:
    """I23: a character that the terminal's encoding lacks is a question mark; the line and its neighbours are there."""
    script = PRINTING.replace("a_record()", "UsageRecord(a_call(operation='🏈'), a_settlement())")
    script = script.replace("import a_record", "import UsageRecord, a_call, a_settlement")
    environment = {"PYTHONIOENCODING": "ascii", "PATH": ""}
    command = [sys.executable, "-c", script, "1", "5"]
    done = subprocess.run(command, capture_output=True, cwd=Path.cwd(), env=environment, check=True)
    assert done.stdout.count(b"[Token Usage] ? | ") == 20
    assert b"skipped 0" in done.stderr
