"""Many small arrays as one long one."""

import pickle

import numpy as np
import pytest

from metricfit.trainers.metrics import LRP, CocoAP
from metricfit.trainers.metrics.ranking.columns import Column, narrowed

from ...detections import random_pictures

CLASSES = ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([0, 127]), np.int8),
        (np.array([0, 128]), np.int16),
        (np.array([2**31]), np.int64),
        (np.array([0.5, 2.0**100]), np.float32),
        (np.array([0.1]), np.float64),
        (np.array([1e300]), np.float64),
        (np.array([True]), np.bool_),
        (np.zeros(0), np.float32),
    ],
)
def test_numbers_become_narrower_only_where_nothing_is_lost(values, dtype):
    assert narrowed(values).dtype == dtype
    np.testing.assert_array_equal(narrowed(values).astype(values.dtype), values)


@pytest.mark.parametrize("lengths", [[], [0], [0, 0], [3, 0, 1], [2]])
def test_arrays_come_back_as_they_were(lengths):
    arrays = [np.random.default_rng(length).random((length, 4)) for length in lengths]
    found = list(Column.of(arrays, np.zeros((0, 4))).arrays())
    assert [(one.shape, one.dtype) for one in found] == [(one.shape, one.dtype) for one in arrays]
    for one, expected in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(one, expected)


def test_measures_of_boxes_are_small_for_other_processes_and_the_same():
    pictures = random_pictures(seed=1, count=200, classes=4)
    for measure in (CocoAP(CLASSES, start=5), LRP(CLASSES, start=5)):
        empty = len(pickle.dumps(measure))
        pickle.loads(pickle.dumps(measure)).update(*pictures[0])
        for picture in pictures:
            measure.update(*picture)
        packed = pickle.dumps(measure)
        boxes = sum(len(truth.boxes) + len(found.boxes) for truth, found in pictures)
        assert len(packed) < empty + 1000 + 60 * boxes + 60 * len(pictures)
        again = pickle.loads(packed)
        assert again.result().scalars == measure.result().scalars
        again.update(*pictures[0])
        measure.update(*pictures[0])
        assert again.result().scalars == measure.result().scalars
