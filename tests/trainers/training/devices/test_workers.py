"""Two processes of one training; `tests/soak/workers.py` ends them by the dozen."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_two_processes_one_of_which_is_killed_come_to_what_one_device_comes_to(tmp_path):
    words = [sys.executable, "-m", "metricfit.tests.trainers.training.devices.workers", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "weights differ by" in done.stdout
