"""Smoothing from frame to frame: the equation pixel by pixel, and what it does to clips."""

import math

import numpy as np
import pytest

from metricfit.trainers.data.example import ClipFrame, Example
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import UsageError
from metricfit.trainers.judge.clips.smoothing import LEAST, SIGMA, Smoother
from metricfit.trainers.judge.feeding import found_in
from metricfit.trainers.metrics.flicker.maps import MapFlicker
from metricfit.trainers.metrics.flicker.trails import Trails

STILL = np.full((6, 8, 3), 90, np.uint8)


def grey(level):
    return np.full_like(STILL, level)


def smoothed(keep, maps, levels):
    """The equation with a plain number for each pixel; frames are of one grey each."""
    kept, before, results = None, None, []
    for scores, level in zip(maps, levels, strict=True):
        given = np.clip(scores.astype(float), LEAST, 1 - LEAST)
        logits = np.vectorize(lambda p: math.log(p / (1 - p)))(given)
        if kept is None:
            results.append(scores)
        else:
            share = keep * math.exp(-abs(level - before) / SIGMA)
            logits = share * kept + (1 - share) * logits
            results.append(np.vectorize(lambda z: 1 / (1 + math.exp(-z)))(logits))
        kept, before = logits, level
    return results


def test_maps_follow_the_equation():
    rng = np.random.default_rng(0)
    maps = [rng.random((6, 8), np.float32) for _ in range(5)]
    maps[2][0], maps[3][1] = 0, 1
    levels = [90, 90, 100, 30, 30]
    smoother, given = Smoother(0.7), [one.copy() for one in maps]
    for scores, level, expected in zip(maps, levels, smoothed(0.7, given, levels), strict=True):
        found = smoother(scores, grey(level))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_array_equal(maps, given)  # what is given is left as it is


def test_class_maps_are_smoothed_in_the_logarithms_and_sum_to_one():
    rng = np.random.default_rng(0)
    maps = rng.dirichlet(np.ones(4), (3, 6, 8)).astype(np.float32)
    smoother = Smoother(0.6)
    np.testing.assert_array_equal(smoother(maps[0], STILL), maps[0])
    kept = np.log(np.clip(maps[0].astype(float), LEAST, 1 - LEAST))
    for scores in maps[1:]:
        found = smoother(scores, STILL)
        kept = 0.6 * kept + 0.4 * np.log(np.clip(scores.astype(float), LEAST, 1 - LEAST))
        expected = np.exp(kept) / np.exp(kept).sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_moves_is_found_anew_and_the_rest_is_kept():
    before, now = grey(20), grey(20)
    now[:, 4:] = 220
    smoother = Smoother(0.8)
    smoother(np.full((6, 8), 0.9, np.float32), before)
    found = smoother(np.full((6, 8), 0.1, np.float32), now)
    np.testing.assert_allclose(found[:, 7], 0.1, atol=1e-3)
    np.testing.assert_allclose(found[:, 0], 1 / (1 + math.exp(-0.6 * math.log(9))), atol=1e-5)


def test_one_frame_does_not_turn_a_sure_pixel_and_several_do():
    smoother, one, none = Smoother(0.8), np.ones((6, 8), np.float32), np.zeros((6, 8), np.float32)
    smoother(one, STILL)
    found = [float(smoother(none, STILL)[0, 0]) for _ in range(5)]
    assert found[0] > 0.5 > found[4]
    assert found == sorted(found, reverse=True)


def test_nothing_is_kept_across_clips():
    smoother, rng = Smoother(0.9), np.random.default_rng(0)
    for shape in ((6, 8), (6, 8), (5, 8)):
        smoother.begin()
        scores = rng.random(shape, np.float32)
        np.testing.assert_array_equal(smoother(scores, STILL[: shape[0]]), scores)
    other = rng.random((6, 8), np.float32)
    np.testing.assert_array_equal(smoother(other, STILL), other)  # of another size


def test_examples_say_what_follows_what():
    rng = np.random.default_rng(0)
    frames = [("a", 0), ("a", 1), ("a", 3), ("b", 4), ("b", 5)]
    examples = [Example(STILL, frame=ClipFrame(clip, number)) for clip, number in frames] + [Example(STILL)] * 2
    maps = rng.uniform(0.1, 0.9, (7, 6, 8)).astype(np.float32)
    smoother = Smoother(0.5)
    images = np.stack([STILL] * 7)
    parts = [slice(0, 3), slice(3, 7)]
    found = np.concatenate([smoother.over(maps[part], images[part], examples[part]) for part in parts])
    same = [bool(np.array_equal(one, given)) for one, given in zip(found, maps, strict=True)]
    assert same == [True, False, True, True, False, True, True]
    whole = Smoother(0.5).over(maps, images, examples)
    np.testing.assert_array_equal(found, whole)


def test_what_is_found_in_a_source_is_smoothed_before_it_is_brought_to_the_size_of_the_pictures():
    source = Subset(open_source("views:scenes:test"), range(13, 19))
    scores = np.random.default_rng(0).random((6, 32, 32), np.float32)
    given = iter(scores)

    def predict(images):
        return np.stack([next(given) for _ in images])

    pairs = list(
        found_in(predict, source, TARGETS["mask"], size=32, resizing="stretch", batch_size=4, smooth=0.7, quiet=True)
    )
    examples = [example for example, _ in pairs]
    images = np.stack([fit_image(example.image, 32, "stretch") for example in examples])
    expected = Smoother(0.7).over(scores, images, examples)
    assert not np.allclose(expected[4], scores[4])
    np.testing.assert_array_equal(expected[3], scores[3])  # where the next clip begins
    for (example, found), one in zip(pairs, expected, strict=True):
        np.testing.assert_array_equal(found, TARGETS["mask"].unfit(one, 32, "stretch", example.size))


def test_noise_from_frame_to_frame_flickers_less_than_half():
    rng = np.random.default_rng(0)
    plain, smooth, smoother, trails = MapFlicker(), MapFlicker(), Smoother(0.8), Trails()
    logits = rng.normal(0, 2, (30, 40))
    for number in range(20):
        image = (90 + rng.normal(0, 6, (30, 40, 3))).clip(0, 255).astype(np.uint8)
        scores = (1 / (1 + np.exp(-logits - rng.normal(0, 1, logits.shape)))).astype(np.float32)
        trails.advance(np.zeros((30, 40, 2), np.float32)) if number else trails.begin()
        plain.update(scores, trails)
        smooth.update(smoother(scores, image), trails)
    assert smooth.result().flicker[128] < 0.5 * plain.result().flicker[128]
    assert smooth.result().blink[128] < 0.5 * plain.result().blink[128]


@pytest.mark.parametrize("keep", [-0.1, 1.0, float("nan")])
def test_what_is_no_share_is_refused(keep):
    with pytest.raises(UsageError, match="--smooth is how much of the frame before is kept, from 0 to below 1"):
        Smoother(keep)
