"""Two processes of one training; `tests/soak/workers.py` ends them by the dozen."""

import subprocess
import sys

import pytest


def compared(folder, *how):
    words = [sys.executable, "-m", "metricfit.tests.trainers.training.devices.workers", str(folder), *how]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "weights differ by" in done.stdout


@pytest.mark.slow
def test_two_processes_come_to_what_one_device_comes_to(tmp_path):
    compared(tmp_path)


@pytest.mark.long  # how workers wait, meet again and hear that one is gone is tried in the files beside this
def test_so_they_do_where_one_is_killed_and_started_again(tmp_path):
    compared(tmp_path, "killed")
