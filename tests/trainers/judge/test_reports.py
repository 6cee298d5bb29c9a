"""What judges tell: the figures of their measures, thresholds as cards have them, and which pictures they keep."""

import numpy as np
import pytest

from metricfit.trainers.data.example import Example
from metricfit.trainers.errors import DataError
from metricfit.trainers.judge.base import evenly_spread, known
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.judge.feeding import judge_all
from metricfit.trainers.judge.maps import MapJudge, SaliencyReport, scale_logits
from metricfit.trainers.metrics import FMeasureCurve, Found

from ..detections import NAMES, Squares


def maps(count=5):
    rng = np.random.default_rng(0)
    for index in range(count):
        mask = (rng.random((6, 7)) < 0.4).astype(np.uint8)
        example = Example(np.zeros((6, 7, 3), np.uint8), mask=mask, name=f"{index}")
        yield example, np.clip(0.6 * mask + rng.random((6, 7)) * 0.4, 0, 1).astype(np.float32)


def test_maps_are_judged_with_their_logits_scaled():
    judge, curve = MapJudge(beta2=0.5, logit_scale=5.0, shown=[1, 4]), FMeasureCurve(0.5)
    for example, found in maps():
        judge.update(example, found)
        curve.update(scale_logits(found, 5.0), example.mask)
    report, expected = judge.result(), curve.result()
    assert report.scalars["mean_f"] == expected.mean_f
    assert report.thresholds == {
        "optimal": expected.optimal_threshold, "band": list(expected.band), "per_class": [],
    }  # fmt: skip
    assert [picture.name for picture in report.pictures] == ["1", "4"]
    plain = MapJudge(beta2=0.5)
    judge_all(maps(), plain)
    assert plain.result().scalars["polarisation"] < report.scalars["polarisation"]
    assert set(report.figures()) == {"thresholds", "panels"}
    assert set(plain.result().figures()) == {"thresholds"}
    assert set(SaliencyReport({}, pictures=report.pictures).figures()) == {"panels"}


def test_thresholds_of_boxes_are_those_of_the_model_s_classes():
    judge = BoxJudge(NAMES, model_classes=("emu", "owl", "cat", "dog"))
    source = Squares()
    for index in range(len(source)):
        example = source.load(index)
        kinds = np.array([judge.model_classes.index(NAMES[kind]) for kind in example.classes])
        judge.update(example, Found(example.boxes, 0.5 + 0.1 * kinds, kinds))
    report = judge.result()
    assert report.thresholds["per_class"] == pytest.approx([report.scalars["f1_threshold"], 0.6, 0.7, 0.8])
    assert report.thresholds["optimal"] == pytest.approx(0.6)
    assert report.thresholds["band"] == [report.scalars["band_low"], report.scalars["band_high"]]


def test_pictures_are_spread_evenly():
    assert evenly_spread(11, 6) == [0, 2, 4, 6, 8, 10]
    assert evenly_spread(3, 6) == [0, 1, 2]


def test_what_cannot_be_judged_is_one_sentence():
    with pytest.raises(DataError, match="a picture has no mask: judge on data that have them"):
        known(Example(np.zeros((2, 2, 3), np.uint8), name="a picture"), "mask")
