"""A demo that runs on takes no more memory, threads or open files: minutes of it are in tests/soak/demo.py."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.soak.demo import Samples

ROOT = Path(__file__).resolve().parents[3]
MEGABYTE = 1 << 20


@pytest.mark.long
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_a_demo_takes_no_more_as_it_goes_on():
    # In a process of its own: in one that has trained networks, other things come and go.
    command = [sys.executable, "-m", "tests.soak.demo", "--minutes", "0.15", "--model", "fake"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in 15 recordings" in done.stdout
    assert "demo: tried 1, passed 1, failed 0" in done.stdout


@pytest.mark.parametrize(
    ("memory", "threads", "files", "said"),
    [
        ([100, 180, 200, 201, 200, 202, 201, 203], [3] * 8, [9] * 8, []),
        ([100, 180, 200, 202, 204, 206, 208, 210], [3] * 8, [9] * 8, ["memory grows by 8.0 MB in 4 s"]),
        ([200] * 8, [3, 3, 3, 3, 3, 3, 3, 4], [9] * 8, ["threads grow from 3 to 4"]),
        ([200] * 8, [3] * 8, [9, 9, 9, 9, 10, 11, 12, 13], ["open files grow from 9 to 13"]),
    ],
)
def test_what_grows_is_said(memory, threads, files, said):
    samples = Samples([float(second) for second in range(8)], [MEGABYTE * one for one in memory], threads, files)
    assert samples.faults() == said
