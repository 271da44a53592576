"""`python -m bot` as an operator starts it: a process of its own, in an empty folder, with a clean environment."""

import os
import signal
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def environment(**settings: str) -> dict[str, str]:
    """Nothing of this shell but what any process needs. A setting given here wins."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **settings}


def run(folder: Path, *arguments: str, stdin: str | bytes = b"", **settings: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; its output as text."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        timeout=50,
        check=False,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "backslashreplace")
    )


def run_code(folder: Path, code: str, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The same for a few lines of Python, for what would cost a hundred processes."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment(**settings),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )


def start(folder: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    """Start a command that goes on until it gets a signal."""
    return start_python(folder, "-m", "bot", *arguments, **settings)


def start_python(folder: Path, *arguments: str, **settings: str) -> subprocess.Popen[str]:
    """Start a Python that goes on until it gets a signal."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env=environment(**settings),
        text=True,
        encoding="utf-8",
    )


def stop(process: subprocess.Popen[str], how: signal.Signals = signal.SIGTERM) -> tuple[str, str]:
    """Signal it and wait for its end: what it had left to say on standard output and standard error."""
    process.send_signal(how)
    try:
        return process.communicate(timeout=20)
    finally:
        process.kill()
