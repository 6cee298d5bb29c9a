"""Measures of parts of a data set, merged, against one measure of all: cut anywhere, merged in any order."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit.trainers.metrics import LRP, CocoAP, FMeasureCurve, Found, ImageIoU, Jaccard, LogitFMeasure
from metricfit.trainers.metrics.ranking.matching import Matches

from ..detections import random_pictures

NAMES = ("sky", "road", "car", "sign")
SEEDS = st.integers(0, 2**16)


def maps(seed, count):
    """(saliency, mask) of several sizes; some without a salient pixel, some ignored as a whole."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        shape = rng.integers(1, 7, 2)
        mask = rng.choice([0, 0, 1, 255], shape).astype(np.uint8)
        mask[:] = np.where(rng.random() < 0.2, rng.choice([0, 255]), mask)
        pairs.append((rng.random(shape, np.float32), mask))
    return pairs + [(np.full((2, 2), 0.3, np.float32), np.eye(2, dtype=np.uint8))]


def class_maps(seed, count):
    """(labels, classes) of which about every fifth is ignored as a whole."""
    rng = np.random.default_rng(seed)
    pairs = [(rng.choice([0, 1, 2, 3, 255], (2, 4)), rng.integers(0, 4, (2, 4))) for _ in range(count)]
    for labels, _ in pairs:
        labels[:] = 255 if rng.random() < 0.2 else labels
    return pairs + [(np.array([0, 1]), np.array([0, 2]))]


def boxes(seed, count):
    return random_pictures(seed=seed, count=count + 3, classes=4)


def cuts(data, length):
    """Where up to three cuts fall, parts of nothing included."""
    return [0, *sorted(data.draw(st.lists(st.integers(0, length), min_size=1, max_size=3))), length]


def measure(make, pictures, **options):
    measured = make(**options)
    for picture in pictures:
        measured.update(*picture)
    return measured


def whole_and_merged(data, make, pictures, placed):
    """One measure of all pictures, and one merged of parts: in any order where the parts know their places."""
    places = cuts(data, len(pictures))
    parts = [
        measure(make, pictures[start:stop], **({"start": start} if placed else {}))
        for start, stop in itertools.pairwise(places)
    ]
    first, *rest = data.draw(st.permutations(parts)) if placed or data.draw(st.booleans()) else parts
    for part in rest:
        first.merge(part)
    return measure(make, pictures), first


def fields(result):
    return vars(result) if hasattr(result, "__dict__") else {"": result}


def assert_equal_results(found, expected):
    for (name, one), other in zip(fields(found).items(), fields(expected).values()):
        if (isinstance(one, np.ndarray) and one.dtype.kind == "f") or isinstance(one, float):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(one, other, err_msg=name)


@pytest.mark.parametrize(
    "make",
    [
        FMeasureCurve,
        lambda: FMeasureCurve(0.5, "images", "published"),
        ImageIoU,
    ],
    ids=["curves", "images", "iou"],
)
@settings(deadline=None, max_examples=40)
@given(data=st.data(), seed=SEEDS, count=st.integers(0, 9))
def test_maps(make, data, seed, count):
    whole, merged = whole_and_merged(data, make, maps(seed, count), placed=False)
    assert merged.images == whole.images
    assert_equal_results(merged.result(), whole.result())


@settings(deadline=None, max_examples=40)
@given(data=st.data(), seed=SEEDS, count=st.integers(0, 9))
def test_logits(data, seed, count):
    pairs = [(8 * saliency - 4, mask) for saliency, mask in maps(seed, count)]
    whole, merged = whole_and_merged(data, LogitFMeasure, pairs, placed=False)
    assert_equal_results(merged.result(), whole.result())


@settings(deadline=None, max_examples=150)
@given(data=st.data(), seed=SEEDS, count=st.integers(0, 24), batch_size=st.integers(1, 6))
def test_class_maps(data, seed, count, batch_size):
    def make(start=0):
        return Jaccard(NAMES, batch_size=batch_size, start=start)

    whole, merged = whole_and_merged(data, make, class_maps(seed, count), placed=True)
    assert merged.result().confusion.dtype == np.int64
    assert_equal_results(merged.result(), whole.result())


@settings(deadline=None, max_examples=25)
@given(data=st.data(), seed=SEEDS, count=st.integers(0, 12))
def test_average_precision(data, seed, count):
    whole, merged = whole_and_merged(data, lambda start=0: CocoAP(NAMES, start=start), boxes(seed, count), placed=True)
    if not any((~truth.ignored).any() for _, truth, _ in whole._seen):
        return
    assert_equal_results(merged.result(), whole.result())


@settings(deadline=None, max_examples=40)
@given(data=st.data(), seed=SEEDS, count=st.integers(0, 12))
def test_matches(data, seed, count):
    whole, merged = whole_and_merged(data, lambda start=0: Matches(NAMES, start=start), boxes(seed, count), placed=True)
    assert merged.images == whole.images
    for found, expected in zip(merged.by_class(), whole.by_class()):
        for name, value in vars(expected).items():
            np.testing.assert_array_equal(getattr(found, name), value)


@settings(deadline=None, max_examples=40)
@given(data=st.data(), seed=SEEDS, count=st.integers(0, 12))
def test_lrp(data, seed, count):
    whole, merged = whole_and_merged(data, lambda start=0: LRP(NAMES, start=start), boxes(seed, count), placed=True)
    if not whole.matches._truths.any():
        return
    assert_equal_results(merged.result(), whole.result())


def test_a_merged_measure_goes_on_after_its_last_picture():
    pairs = class_maps(1, 20)
    late = measure(Jaccard, pairs[8:12], class_names=NAMES, batch_size=5, start=8)
    early = measure(Jaccard, pairs[:8], class_names=NAMES, batch_size=5)
    late.merge(early)
    alone = early.result()
    for pair in pairs[12:]:
        late.update(*pair)
    assert_equal_results(late.result(), measure(Jaccard, pairs, class_names=NAMES, batch_size=5).result())
    assert_equal_results(early.result(), alone)


@pytest.mark.parametrize("make", [CocoAP, Matches])
def test_boxes_of_equal_scores_keep_the_order_of_the_pictures(make):
    pictures = [(truth, Found(found.boxes, 0 * found.scores, found.classes)) for truth, found in boxes(3, 20)]
    early = measure(make, pictures[:8], class_names=NAMES)
    early.merge(measure(make, pictures[8:15], class_names=NAMES, start=8))
    for picture in pictures[15:]:
        early.update(*picture)
    again = make(NAMES)
    again.merge(early)
    whole = measure(make, pictures, class_names=NAMES)
    if make is CocoAP:
        assert_equal_results(again.result(), whole.result())
        return
    for found, expected in zip(again.by_class(), whole.by_class()):
        np.testing.assert_array_equal(found.iou, expected.iou)


def test_what_was_merged_stays_apart():
    pairs = class_maps(2, 9)
    total = Jaccard(NAMES, batch_size=4)
    part = measure(Jaccard, pairs[:6], class_names=NAMES, batch_size=4)
    total.merge(part)
    before = part.result()
    total.update(*pairs[6])
    assert_equal_results(part.result(), before)


def test_only_equal_measures_merge():
    with pytest.raises(ValueError, match=r"must share beta2, got 0\.3 and 1\.0"):
        FMeasureCurve().merge(FMeasureCurve(1.0))
    with pytest.raises(ValueError, match="must share tau"):
        LRP(NAMES).merge(LRP(NAMES, 0.75))
    with pytest.raises(ValueError, match="must share class_names"):
        CocoAP(NAMES).merge(CocoAP(NAMES[:2]))
    with pytest.raises(ValueError, match="must share batch_size"):
        Jaccard(NAMES).merge(Jaccard(NAMES, batch_size=2))
    with pytest.raises(ValueError, match="ImageIoU merges with its own kind only, got FMeasureCurve"):
        ImageIoU().merge(FMeasureCurve())
