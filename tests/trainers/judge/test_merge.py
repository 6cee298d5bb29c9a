"""Judges of parts of a data set, merged, against one judge of all: cut anywhere, merged in any order."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit.trainers.data.example import Example
from metricfit.trainers.judge.base import evenly_spread
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.judge.classes import ClassJudge
from metricfit.trainers.judge.feeding import judge_all
from metricfit.trainers.judge.likeliest import Decided, Likeliest
from metricfit.trainers.judge.maps import MapJudge
from metricfit.trainers.metrics import ImageIoU, LogitFMeasure
from metricfit.trainers.metrics.expected_iou import Promised

from ..detections import random_pictures

NAMES = ("sky", "road", "car", "sign")


def image(shape):
    return np.zeros((*shape, 3), np.uint8)


def maps(seed, count):
    """(example, map) of several sizes; some without a salient pixel, some ignored as a whole."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        shape = tuple(rng.integers(1, 7, 2))
        mask = rng.choice([0, 0, 1, 255], shape).astype(np.uint8)
        mask[:] = np.where(index and rng.random() < 0.2, rng.choice([0, 255]), mask)
        mask.flat[0] = 1 if index == 0 else mask.flat[0]
        yield Example(image(shape), mask=mask, name=f"{index}"), rng.random(shape, np.float32)


def class_maps(seed, count):
    rng = np.random.default_rng(seed)
    for index in range(count):
        labels = rng.choice([0, 1, 2, 3, 255], (2, 4)).astype(np.uint8)
        labels[:] = 255 if index and rng.random() < 0.2 else labels
        labels[0, 0] = 0 if index == 0 else labels[0, 0]
        found = Likeliest(rng.integers(0, 4, (2, 4)).astype(np.uint8), rng.random((2, 4), np.float32))
        yield Example(image((2, 4)), labels=labels, name=f"{index}"), found


def boxes(seed, count):
    pictures = random_pictures(seed=seed, count=count + 3, classes=4)
    for index, (truth, found) in enumerate(pictures):
        example = Example(
            image((9, 9)), boxes=truth.boxes, classes=truth.classes, difficult=truth.difficult, crowd=truth.crowd,
            name=f"{index}",
        )  # fmt: skip
        yield example, found


def map_judge(**options):
    further = {"image_iou": ImageIoU(), "logit_f": LogitFMeasure()}
    return MapJudge(beta2=0.5, logit_scale=2.0, further=further, **options)


def class_judge(**options):
    return ClassJudge(NAMES, batch_size=3, **options)


def deciding_judge(**options):
    return ClassJudge(NAMES, batch_size=3, decision="iou", **options)


def decided_maps(seed, count):
    rng = np.random.default_rng(seed)
    for example, found in class_maps(seed, count):
        promised = [Promised(*rng.random((2, 4))) for _ in range(2)]
        yield example, found._replace(decided=Decided(rng.integers(0, 4, (2, 4)).astype(np.uint8), *promised))


def box_judge(**options):
    # Of four classes that are found the source has three.
    known = ("sign", "sky", "owl", "road", "car")
    return BoxJudge(NAMES, model_classes=known, correlation_bounds=True, intervals=20, **options)


def flat(value, path=""):
    """Give the leaves of nested data by their path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flat(inner, f"{path}/{key}")
    elif isinstance(value, list | tuple) and value and not np.isscalar(value[0]):
        for index, inner in enumerate(value):
            yield from flat(inner, f"{path}/{index}")
    else:
        yield path, np.asarray(value)


def agree(merged, whole):
    """To the bit: sums do not depend on how the parts were cut and merged."""
    one, other = (dict(flat({**report.to_dict(), "thresholds": report.thresholds})) for report in (merged, whole))
    assert list(one) == list(other)
    for path, values in other.items():
        np.testing.assert_array_equal(one[path], values, err_msg=path)
    assert [picture.name for picture in merged.pictures] == [picture.name for picture in whole.pictures]
    for picture, expected in zip(merged.pictures, whole.pictures, strict=True):
        assert picture.image is expected.image


@pytest.mark.parametrize(
    ("make", "examples"),
    [(map_judge, maps), (class_judge, class_maps), (deciding_judge, decided_maps), (box_judge, boxes)],
    ids=lambda one: one.__name__,
)
@settings(max_examples=30, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**16), count=st.integers(2, 12))
def test_merged_judges_give_what_one_gives(make, examples, data, seed, count):
    pairs = list(examples(seed, count))
    shown = evenly_spread(len(pairs), 4)
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(pairs)), max_size=3))), len(pairs)]
    parts = []
    for start, stop in itertools.pairwise(cuts):
        judge = make(start=start, shown=shown)
        judge_all(pairs[start:stop], judge)
        parts.append(judge)
    whole = make(shown=shown)
    judge_all(pairs, whole)
    first, *rest = data.draw(st.permutations(parts))
    for part in rest:
        first.merge(part)
    report = whole.result()
    assert "calibration" in report.to_dict()
    assert len(report.pictures) == len(shown)
    agree(first.result(), report)
    for name, values in getattr(report, "further", {}).items():
        np.testing.assert_array_equal(first.result().further[name], values)


def test_a_merged_judge_goes_on_behind_what_it_took_in():
    pairs = list(class_maps(3, 8))
    first, second = class_judge(shown=[7]), class_judge(start=5, shown=[7])
    judge_all(pairs[:5], first)
    judge_all(pairs[5:7], second)
    first.merge(second)
    judge_all(pairs[7:], first)
    assert [picture.name for picture in first.result().pictures] == ["7"]


def test_what_is_decided_otherwise_ends_where_its_judge_does():
    judge = deciding_judge(start=2)
    judge_all(decided_maps(0, 2), judge)
    judge.end_at(9)
    assert [one.jaccard._runs[-1].stop for one in (judge, judge.decided)] == [9, 9]
    with pytest.raises(ValueError, match="same measures"):
        judge.merge(class_judge())


def test_only_equal_judges_merge():
    with pytest.raises(ValueError, match="MapJudge merges with one of the same measures, got ClassJudge"):
        MapJudge().merge(ClassJudge(NAMES))
    with pytest.raises(ValueError, match="same measures"):
        MapJudge().merge(map_judge())
    with pytest.raises(ValueError, match="must share logit_scale"):
        MapJudge().merge(MapJudge(logit_scale=2.0))
    with pytest.raises(ValueError, match="must share correlation_bounds"):
        BoxJudge(("a",)).merge(BoxJudge(("a",), correlation_bounds=True))
    with pytest.raises(ValueError, match="must share thresholds"):
        BoxJudge(("a",)).merge(BoxJudge(("a",), thresholds=(0.5,)))
    with pytest.raises(ValueError, match="same measures"):
        MapJudge().merge(MapJudge(calibration=False))
    with pytest.raises(ValueError, match="must share beta2"):
        MapJudge().merge(MapJudge(beta2=1.0))
    with pytest.raises(ValueError, match="must share class_names"):
        ClassJudge(NAMES).merge(ClassJudge(NAMES[:2]))


def test_a_merge_that_is_refused_leaves_all_as_it_was():
    judges = [MapJudge(further={"logits": LogitFMeasure(beta2=beta2)}) for beta2 in (0.3, 0.7)]
    example = Example(np.zeros((4, 4, 3), np.uint8), mask=np.eye(4, dtype=np.uint8))
    for judge in judges:
        judge.update(example, np.eye(4, dtype=np.float32))
    with pytest.raises(ValueError, match="must share beta2"):
        judges[0].merge(judges[1])
    assert judges[0].result().results["curves"].images == 1
