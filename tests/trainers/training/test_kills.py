"""Two kills of `tests/soak/kills.py`, which kills by the hundred."""

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_killed_twice_a_training_goes_on_to_the_same_bits(plain_trained):
    against = str(plain_trained.folder)
    words = [sys.executable, "-m", "tests.soak.kills", "--times", "2", "--seed", "52", "--against", against]
    done = subprocess.run(words, capture_output=True, text=True)
    assert "kills: tried 2, passed 2, failed 0" in done.stdout, done.stdout + done.stderr
