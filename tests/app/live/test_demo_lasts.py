"""A demo that runs on takes no more memory, threads or open files: minutes of it are in tests/soak/demo.py."""

import random
import sys

import numpy as np
import pytest

from tests.soak.demo import attempt

from ..fakes import load_fake_predictor

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")


def test_a_demo_takes_no_more_as_it_goes_on(tmp_path):
    faults, samples, frames = attempt(
        load_fake_predictor(), tmp_path, 10, lambda _, frames: frames >= 15, random.Random(0), lambda: None
    )
    assert faults == []
    assert frames == 150
    assert len(samples.memory) == 10


def test_a_leak_would_be_noticed(tmp_path):
    kept, open_files = [], []

    def leak():
        kept.append(np.ones(1 << 19))
        if len(kept) % 10 == 1:
            open_files.append((tmp_path / "in.mp4").open("rb"))

    rng = random.Random(0)
    faults, _, frames = attempt(load_fake_predictor(), tmp_path, 8, lambda _, frames: frames >= 5, rng, leak)
    assert frames == 40
    assert [fault.partition(" grow")[0] for fault in faults] == ["memory", "open files"]
    for file in open_files:
        file.close()
