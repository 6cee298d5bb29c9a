"""The standard error of a figure over the pictures, where it is known otherwise; and what a report warns of."""

import math
import re

import numpy as np
import pytest

from metricfit.metrics import FMeasure
from metricfit.tests.conftest import Discs
from metricfit.trainers.data.example import Example
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.judge.classes import ClassJudge
from metricfit.trainers.judge.feeding import judge_all
from metricfit.trainers.judge.maps import MapJudge, SaliencyReport
from metricfit.trainers.judge.spread import interval, judged_in_blocks
from metricfit.trainers.metrics import Found
from metricfit.trainers.tasks import get_task

from ..detections import NAMES, Squares
from ..training.devices.test_exchange import each
from .test_merge import agree, box_judge, boxes, class_judge, class_maps, map_judge, maps


@pytest.mark.parametrize(
    ("make", "examples", "figure"),
    [(map_judge, maps, "max_f"), (class_judge, class_maps, "dataset_miou"), (box_judge, boxes, "ap")],
    ids=lambda one: getattr(one, "__name__", one),
)
def test_the_report_is_that_of_one_judge_and_no_picture_is_lost(make, examples, figure):
    pairs, whole = list(examples(3, 23)), make(shown=(0, 9))
    judge_all(pairs, whole)
    report, error = judged_in_blocks(iter(pairs), lambda start: make(start=start, shown=(0, 9)), 23, figure, 5)
    agree(report, whole.result())
    assert error > 0 or figure == "ap", "boxes at random are all wrong"


def test_the_error_of_a_mean_over_pictures_is_their_deviation_over_the_root_of_their_number():
    pairs, scores = list(class_maps(0, 12)), []
    for example, found in pairs:
        judge = class_judge()
        judge.update(example, found)
        if judge.jaccard._images:
            scores.append(judge.result().scalars["image_miou"])
    _, error = judged_in_blocks(pairs, lambda start: class_judge(start=start), 12, "image_miou", 12)
    count = len(scores)
    assert 0 < count < 12
    # A picture without a pixel that counts changes nothing when it is left out.
    values = [np.mean(scores[:one] + scores[one + 1 :]) for one in range(count)]
    assert error == pytest.approx(np.sqrt(11 * np.var(values + (12 - count) * [np.mean(scores)])))
    assert np.sqrt((count - 1) * np.var(values)) == pytest.approx(np.std(scores, ddof=1) / np.sqrt(count))


@pytest.mark.parametrize("blocks", [2, 7, 20])
def test_boxes_that_are_matched_once_have_the_error_of_boxes_that_are_matched_anew(blocks, monkeypatch):
    rng, source, pairs = np.random.default_rng(0), Squares(), []
    for place in range(20):
        example = source.load(place % len(source))
        noise = rng.normal(0, 4, example.boxes.shape).astype(np.float32)
        found = Found(example.boxes + noise, rng.random(len(noise)).astype(np.float32), example.classes)
        pairs.append((example, found))
    report, error = judged_in_blocks(pairs, lambda start: BoxJudge(NAMES, start=start), 20, "ap", blocks)
    monkeypatch.setattr(BoxJudge, "without_each", classmethod(lambda judge, parts, name: None))
    slow, expected = judged_in_blocks(pairs, lambda start: BoxJudge(NAMES, start=start), 20, "ap", blocks)
    assert error == pytest.approx(expected, rel=1e-9)
    assert 0.005 < error < report.scalars["ap"] == slow.scalars["ap"]


def test_the_error_of_keras_own_validation_is_about_that_of_a_jackknife():
    rng = np.random.default_rng(1)
    masks = (rng.random((40, 8, 8)) < 0.4).astype(np.int32)
    noise = rng.uniform(0, 0.6, masks.shape)
    saliency = np.clip(masks * rng.uniform(0, 0.9, (40, 1, 1)) + noise, 0, 1).astype("float32")
    metric = FMeasure()
    for part in (slice(0, 30), slice(30, 40)):
        metric.update_state(masks[part], saliency[part])
    pairs = [
        (Example(np.zeros((8, 8, 3), np.uint8), mask=mask.astype(np.uint8)), found)
        for mask, found in zip(masks, saliency)
    ]
    _, error = judged_in_blocks(pairs, lambda start: MapJudge(start=start), 40, "max_f", 40)
    assert metric.max_f_error() == pytest.approx(error, rel=0.1)
    metric.reset_state()
    assert math.isnan(metric.max_f_error())
    assert math.isnan(FMeasure(average="images").max_f_error())


def test_one_picture_tells_no_error_and_few_a_wide_interval():
    report, error = judged_in_blocks(list(maps(0, 1)), lambda start: MapJudge(start=start), 1, "max_f")
    assert isinstance(report, SaliencyReport)
    assert math.isnan(error)
    assert interval(0.5, 0.1, 6) == pytest.approx((0.5 - 0.26, 0.5 + 0.26))
    assert interval(0.5, 0.1, 500) == pytest.approx((0.3, 0.7))
    assert interval(0.9, 0.1, 2) == (0.0, 1.0)


def map_report(found):
    judge, rng = MapJudge(), np.random.default_rng(0)
    for _ in range(4):
        mask = (rng.random((9, 9)) < 0.3).astype(np.uint8)
        judge.update(Example(np.zeros((9, 9, 3), np.uint8), mask=mask), found(mask).astype(np.float32))
    return judge.result()


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (lambda mask: 0.4 + 0.2 * mask, r"the maps are nearly constant: 0\.60 on the objects and 0\.40 beside"),
        (lambda mask: 0.0 * mask, r"the maps mark nothing: 0\.00 on the objects and 0\.00 beside"),
        (lambda mask: 0.9 + 0.1 * mask, "the maps mark everything"),
        (lambda mask: 1.0 - mask, "the maps mark what is beside the objects: 0.00 on the objects and 1.00"),
    ],
)
def test_maps_that_tell_nothing_are_warned_of(found, sentence):
    assert re.match(sentence, map_report(found).warning)


@pytest.mark.parametrize("found", [lambda mask: 1.0 * mask, lambda mask: 0.4 + 0.3 * mask, lambda mask: 0.3 * mask])
def test_maps_that_tell_something_are_not_warned_of(found):
    assert map_report(found).warning == ""


def test_classes_and_boxes_that_tell_nothing_are_warned_of():
    labels = np.repeat(np.arange(2, dtype=np.uint8), (90, 10)).reshape(10, 10)
    for found, warned in ((labels, False), (np.zeros_like(labels), True)):
        judge = ClassJudge(("road", "car"))
        judge.update(Example(np.zeros((10, 10, 3), np.uint8), labels=labels), found)
        assert (judge.result().warning == "nearly every pixel is called road: 100.0% of all, where 90.0% are") is warned
    source, alike = Squares(), ClassJudge(("road", "car"))
    alike.update(Example(np.zeros((10, 10, 3), np.uint8), labels=np.zeros_like(labels)), np.zeros_like(labels))
    assert alike.result().warning == "", "there is nothing else"
    for shift, warned in ((0, False), (500, True)):
        judge = BoxJudge(NAMES)
        for example in map(source.load, range(len(source))):
            judge.update(example, Found(example.boxes + shift, np.ones(len(example.boxes)), example.classes))
        assert ("hardly any object is found" in judge.result().warning) is warned


class Bright:
    """Finds what is bright."""

    size, resizing, class_names = 32, "stretch", ()

    def __call__(self, images):
        return np.asarray(images, np.float32).mean(axis=-1) / 255


@pytest.mark.parametrize(("pictures", "workers"), [(7, 2), (30, 3), (2, 3)])
def test_several_processes_find_the_figures_and_errors_of_one(pictures, workers):
    task, source = get_task("saliency"), Subset(Discs("val", "mask"), range(pictures))
    given = {"errors": True, "quiet": True}
    alone = task.evaluate(Bright(), source, **given)
    for report in each(workers, lambda exchange: task.evaluate(Bright(), source, exchange=exchange, **given)):
        assert (report.scalars, report.errors) == (alone.scalars, alone.errors)
