"""The benchmarks run; what they measure is for `make bench` to say, on a quiet machine."""

import subprocess
import sys
from pathlib import Path


def test_one_benchmark_prints_its_table():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "pricing"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    header, rule, *lines = done.stdout.splitlines()
    assert header.split()[0] == "ratio"
    assert set(rule) == {"-", " "}
    assert [line.split()[0] for line in lines[:2]] == ["P4", "P4"]
    assert "genai-prices 0." in done.stdout
