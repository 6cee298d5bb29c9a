"""Frames of clips brought to the measures: what follows what, by which motion, and what of the truth."""

from dataclasses import replace

import numpy as np
import pytest

from metricfit.trainers.data.example import ClipFrame, Example
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.judge.clips.report import NO_TRUTH, ClipReport
from metricfit.trainers.judge.clips.steadiness import SteadinessJudge
from metricfit.trainers.judge.likeliest import Likeliest

RIGHT = np.tile(np.float32([-3, 0]), (80, 90, 1))
"""The picture moves three pixels to the right with each frame."""


def frames(count=4, known=True, clip="clip", labels=False):
    """A picture that a camera goes along, with its mask, and the motion of each frame."""
    scene = open_source("scenes:test").load(11)
    for number in range(count):
        window = np.s_[40:120, 60 - 3 * number : 150 - 3 * number]
        motion = None if not known else RIGHT if number else np.full_like(RIGHT, np.nan)
        truth = {"labels": scene.labels[window]} if labels else {"mask": scene.mask[window]}
        yield Example(scene.image[window], name=str(number), frame=ClipFrame(clip, number, motion), **truth)


def judged(examples, find, **options):
    judge = SteadinessJudge(options.pop("target", "mask"), **options)
    for example in examples:
        judge.update(example, find(example))
    return judge.result()


def test_what_moves_with_the_picture_is_steady_by_its_motion_and_nearly_so_by_flow():
    found = judged(frames(), lambda example: example.mask.astype(np.float32))
    assert found.by_motion.flicker.max() == found.truth_by_motion.flicker.max() == 0
    assert found.truth_by_flow.flicker[1] > 0
    assert found.truth_by_flow.flicker[128] < 0.05
    np.testing.assert_array_equal(found.by_flow.flicker, found.truth_by_flow.flicker)
    assert list(found.scalars) == [
        "flicker", "mean_flicker", "blink", "followed", "flow_flicker", "truth_flicker", "truth_flow_flicker",
    ]  # fmt: skip
    assert found.scalars["flicker"] == 0
    assert found.scalars["flow_flicker"] == found.scalars["truth_flow_flicker"]
    assert list(found.figures("model")) == ["flicker"]
    assert "3 pairs of frames in a row were held against each other, over the 96.7% of the pixels" in found.note
    assert set(found.to_dict()) == {
        "threshold", "scalars", "by_flow", "by_motion", "truth_by_flow", "truth_by_motion",
    }  # fmt: skip


def test_scalars_are_those_at_the_threshold():
    def faint(example):
        return np.where(example.mask > 0, np.float32(0.3 + 0.3 * (example.frame.number % 2)), np.float32(0))

    low, high = (judged(frames(), faint, threshold=threshold).scalars for threshold in (0.2, 0.5))
    assert (low["flicker"], high["flicker"]) == (0, 1)
    assert (low["blink"], high["blink"] > 0) == (0, True)


def test_without_known_motion_flow_is_all_there_is():
    found = judged(frames(known=False), lambda example: example.mask.astype(np.float32))
    assert found.best is found.by_flow
    assert found.by_motion is found.truth_by_motion is None
    assert "flow_flicker" not in found.scalars
    assert "the optical flow follows" in found.note


def test_class_maps_have_a_flicker_for_each_class():
    names = open_source("scenes:test", needs="labels").class_names
    wrong = judged(
        frames(labels=True),
        lambda example: Likeliest(np.full_like(example.labels, example.frame.number % 2), np.ones((80, 90))),
        target="labels",
        class_names=names,
    )
    assert wrong.scalars["flicker"] == 1
    assert wrong.class_scalars == {names[0]: {"flicker": 1}, names[1]: {"flicker": 1}}
    assert wrong.truth_by_motion.flicker == 0
    assert wrong.figures("model") == {}
    report = ClipReport(steadiness=wrong)
    assert (report.scalars, report.class_scalars, report.note) == (wrong.scalars, wrong.class_scalars, NO_TRUTH)


def test_ignored_labels_are_one_more_class_of_the_truth():
    examples = list(frames(labels=True))
    for example in examples:
        example.labels[:10] = 255
    names = open_source("scenes:test", needs="labels").class_names
    zeros = Likeliest(np.zeros((80, 90), np.uint8), np.ones((80, 90)))
    found = judged(examples, lambda example: zeros, target="labels", class_names=names)
    assert found.truth_by_motion.by_class["ignored"] == 0


def test_what_does_not_follow_begins_anew():
    first, second = list(frames()), list(frames(clip="another"))
    apart = [*first[:2], *second[:2], second[3], Example(first[0].image, mask=first[0].mask), second[3]]
    found = judged(apart, lambda example: example.mask.astype(np.float32))
    assert (found.best.followed.frames, found.best.followed.pairs) == (6, 2)
    smaller = Example(first[1].image[:50], mask=first[1].mask[:50], frame=ClipFrame("clip", 1, RIGHT[:50]))
    with pytest.raises(MetricfitError, match="two frames in a row"):
        judged([first[0], smaller], lambda example: example.mask.astype(np.float32))


def test_where_flow_follows_nothing_the_known_motion_is_left():
    examples = list(frames())
    scenes = open_source("scenes:val")
    others = [replace(one, image=scenes.load(place).image[:80, :90]) for place, one in enumerate(examples)]
    found = judged(others, lambda example: example.mask.astype(np.float32))
    assert found.by_flow is found.truth_by_flow is None
    assert found.by_motion.flicker.max() == 0
    assert "flow_flicker" not in found.scalars
    assert list(found.to_dict()) == ["threshold", "scalars", "by_motion", "truth_by_motion"]
    assert list(found.figures("model")) == ["flicker"]


def test_pictures_that_are_of_no_clip_are_passed_over():
    assert judged([open_source("scenes:test").load(0)], lambda example: example.mask.astype(np.float32)) is None
