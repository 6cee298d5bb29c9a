"""Runs of images that follow on one another become one run."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit.trainers.metrics import Jaccard
from metricfit.trainers.metrics.batch_means import BatchRun


def score(confusion):
    return np.array([confusion[0, 0] / confusion.sum(), confusion[1, 1] / confusion.sum()])


def runs_of(images, cuts, size):
    runs = []
    for start, stop in zip([0, *cuts], [*cuts, len(images)]):
        run = BatchRun(start, size, score)
        for image in images[start:stop]:
            run.add(image)
        run.stop = stop
        runs.append(run)
    return runs


@settings(max_examples=150, deadline=None)
@given(data=st.data(), seed=st.integers(0, 99), count=st.integers(1, 14), size=st.integers(1, 5))
def test_joined_runs_score_the_batches_of_one(data, seed, count, size):
    images = list(np.random.default_rng(seed).integers(1, 9, (count, 2, 2)))
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=4)))
    batches = [score(np.sum(images[start : start + size], axis=0)) for start in range(0, count, size)]
    (joined,) = BatchRun.joined(runs_of(images, cuts, size))
    assert (joined.start, joined.stop, joined.images) == (0, count, count)
    np.testing.assert_allclose(BatchRun.mean([joined]), np.mean(batches, axis=0), rtol=1e-15)
    # Seen from an image before the first, batches begin elsewhere.
    (alone,) = runs_of(images, [], size)
    for one in (joined, alone):
        one.add(images[0])
    before = BatchRun(-1, size, score)
    before.add(images[-1])
    np.testing.assert_array_equal(BatchRun.mean([before, joined]), BatchRun.mean([before, alone]))


def test_a_gap_is_left_until_what_fills_it_comes():
    parts = [Jaccard(("a", "b"), batch_size=2, start=start) for start in (0, 2, 4)]
    for part in parts:
        part.update(np.zeros((2, 2), np.uint8), np.eye(2, dtype=np.uint8))
        part.end_at(part._runs[0].start + 2)  # the second of each is left out
    first, second, third = parts
    first.merge(third)
    assert len(first._runs) == 2
    first.merge(second)
    assert len(first._runs) == 1
    assert first.result().images == 3
