"""What each process and device gets of the stream: together it is the stream of one device."""

import numpy as np
import pytest

from metricfit.tests.conftest import Discs
from metricfit.trainers.data.augmentation.settings import Augmentation
from metricfit.trainers.data.batches.pipeline import evaluation_batches, training_batches
from metricfit.trainers.data.batches.share import WHOLE, Share
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import UsageError

SHARES = [(1, 1), (1, 4), (2, 1), (2, 2), (4, 1), (3, 2)]
GIVEN = {"size": 32, "resizing": "stretch"}


@pytest.mark.parametrize(("workers", "devices"), SHARES)
def test_all_shares_together_are_the_stream(workers, devices):
    batch, steps = 12, 5
    own = batch // workers
    shares = [Share(worker, workers, devices) for worker in range(workers)]
    found = [
        share.position(place, batch)
        for step in range(steps)
        for share in shares
        for place in range(step * own, (step + 1) * own)
    ]
    assert found == list(range(batch * steps))


@pytest.mark.parametrize("workers", [1, 2, 3, 9])
def test_batches_are_measured_whole_and_by_one_process_each(workers):
    shares = [Share(worker, workers).measured(23, 5) for worker in range(workers)]
    assert sorted(place for share in shares for place in share) == list(range(23))
    for places in shares:
        starts = places[::5]
        assert all(start % 5 == 0 for start in starts)
        assert places == [place for start in starts for place in range(start, min(start + 5, 23))]
    assert WHOLE.measured(23, 5) == list(range(23))


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(UsageError, match=r"--batch-size 6 .* all 4 devices .* multiple of 4"):
        Share(0, 2, 2).of_a_device(6)


def batches(share, start_step, steps):
    """Give the images and masks of some steps that a process prepares."""
    stream = training_batches(
        Discs("train", "mask"), TARGETS["mask"], batch_size=6, seed=3, augmentation=Augmentation(),
        start_step=start_step, share=share, **GIVEN,
    )  # fmt: skip
    return [tuple(map(np.array, element)) for element in stream.take(steps * share.devices)]


def test_shares_hold_the_pictures_of_the_same_step_also_after_an_entry():
    whole = batches(WHOLE, 4, 2)
    parts = [batches(Share(worker, 3, 2), 4, 2) for worker in range(3)]
    for step, expected in enumerate(whole):
        of_step = [element for worker in parts for element in worker[2 * step : 2 * step + 2]]
        for field in range(2):
            np.testing.assert_array_equal(np.concatenate([element[field] for element in of_step]), expected[field])


def test_the_shares_of_a_measurement_hold_the_batches_of_one_device():
    source = Discs("val", "mask")
    whole = list(evaluation_batches(source, TARGETS["mask"], batch_size=8, **GIVEN).as_numpy_iterator())
    for worker in range(3):
        given = evaluation_batches(source, TARGETS["mask"], batch_size=8, share=Share(worker, 3), **GIVEN)
        for found, expected in zip(given.as_numpy_iterator(), whole[worker::3], strict=True):
            np.testing.assert_array_equal(found[0], expected[0])
