"""Flicker and blink: hand-made clips, slow loops pixel by pixel, and motion found in moved pictures."""

import numpy as np
import pytest

from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.metrics.flicker.classes import ClassFlicker
from metricfit.trainers.metrics.flicker.flow import flow_between
from metricfit.trainers.metrics.flicker.maps import MapFlicker
from metricfit.trainers.metrics.flicker.trails import Trails

from ...reference import flicker as reference

STILL = np.zeros((20, 24, 2), np.float32)


def measured(measure, frames, motions):
    trails = Trails()
    for frame, motion in zip(frames, motions, strict=True):
        trails.begin() if motion is None else trails.advance(motion)
        measure.update(frame, trails)
    return measure.result()


def square(x, y=5, value=1.0):
    frame = np.zeros((20, 24), np.float32)
    frame[y : y + 6, x : x + 6] = value
    return frame


def test_a_still_clip_has_none():
    frame = np.random.default_rng(0).random((20, 24), np.float32)
    result = measured(MapFlicker(), [frame] * 5, [None] + [STILL] * 4)
    assert result.flicker.max() == result.blink.max() == 0
    assert result.followed.to_dict() == {"frames": 5, "pairs": 4, "windows": 3, "cuts": 0, "share": 1.0}


def test_a_square_that_moves_with_its_picture_has_none():
    left = STILL + np.float32([-2, 0])  # it went to the right: each pixel came from the left
    frames = [square(3 + 2 * step) for step in range(5)]
    result = measured(MapFlicker(), frames, [None] + [left] * 4)
    assert result.flicker.max() == result.blink.max() == 0
    assert result.followed.share == pytest.approx(22 / 24)
    still = measured(MapFlicker(), frames, [None] + [STILL] * 4)
    assert still.flicker[128] == pytest.approx(1 - 4 / 8)


def test_a_mask_that_comes_and_goes_blinks():
    frames = [square(3, value=value) for value in (1, 0, 1, 0, 1)]
    result = measured(MapFlicker(), frames, [None] + [STILL] * 4)
    np.testing.assert_array_equal(result.flicker[1:], 1)
    assert result.flicker[0] == 0  # where everything is the mask
    np.testing.assert_allclose(result.blink[1:], 36 / 480)
    assert result.scalars(0.5) == pytest.approx(
        {"flicker": 1, "mean_flicker": 255 / 256, "blink": 36 / 480, "followed": 1}
    )


@pytest.mark.parametrize(
    ("values", "blinks"),
    [((0, 1, 0, 0), 1), ((0, 1, 1, 0), 1), ((0, 1, 1, 1, 0), 0), ((0, 0, 1, 1), 0), ((1, 0, 0, 1), 1)],
)
def test_what_is_back_within_three_frames_blinks_once(values, blinks):
    frames = [square(3, value=value) for value in values]
    for measure in (MapFlicker(), ClassFlicker(("background", "thing"))):
        given = frames if isinstance(measure, MapFlicker) else [frame.astype(np.uint8) for frame in frames]
        result = measured(measure, given, [None] + [STILL] * (len(values) - 1))
        blink = result.blink[200] if isinstance(measure, MapFlicker) else result.blink
        assert blink == pytest.approx(blinks * 36 / 480 / (len(values) - 2))


def made_up(seed, count=6, shape=(13, 15)):
    """Random frames, and motions of eighths of pixels with places that are not known."""
    rng = np.random.default_rng(seed)
    frames = [rng.random(shape, np.float32) for _ in range(count)]
    motions = [(rng.integers(-12, 13, (*shape, 2)) / 8).astype(np.float32) for _ in range(count)]
    for motion in motions:
        motion[rng.random(shape) < 0.02] = np.nan
    return frames, motions


@pytest.mark.parametrize("seed", range(3))
def test_maps_agree_with_slow_loops(seed):
    frames, motions = made_up(seed)
    result = measured(MapFlicker(), frames, [None, *motions[1:]])
    for place in (40, 128, 190):
        threshold = np.float32(place) / np.float32(255)
        flicker, blink = reference.flicker(frames, motions, lambda value, least=threshold: bool(value >= least))
        assert result.flicker[place] == pytest.approx(flicker, abs=1e-9)
        assert result.blink[place] == pytest.approx(blink, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_class_maps_agree_with_slow_loops(seed):
    frames, motions = made_up(seed)
    motions = [np.where(np.isnan(motion), motion, np.rint(motion)) for motion in motions]
    maps = [np.minimum(frame * 4, 3).astype(np.uint8) for frame in frames]
    result = measured(ClassFlicker(("a", "b", "c", "d", "never")), maps, [None, *motions[1:]])
    flicker, blink = reference.flicker(maps, motions, int, read=lambda frame, x, y: frame[round(y), round(x)])
    assert (result.flicker, result.blink) == (pytest.approx(flicker, abs=1e-9), pytest.approx(blink, abs=1e-9))
    assert list(result.by_class) == ["a", "b", "c", "d"]


def test_flicker_of_a_class_is_of_the_pairs_that_have_it():
    empty, one = np.zeros((20, 24), np.uint8), square(3).astype(np.uint8)
    result = measured(ClassFlicker(("background", "thing")), [empty, empty, one], [None, STILL, STILL])
    assert result.by_class == pytest.approx({"background": 36 / 480 / 2, "thing": 1})
    assert result.flicker == pytest.approx((0 + (36 / 480 + 1) / 2) / 2)


def test_empty_masks_are_steady_and_appearing_is_not():
    empty = np.zeros((20, 24), np.float32)
    assert measured(MapFlicker(), [empty] * 3, [None, STILL, STILL]).flicker[128] == 0
    assert measured(MapFlicker(), [empty, empty, square(3)], [None, STILL, STILL]).flicker[128] == 0.5


def test_one_frame_is_not_enough():
    with pytest.raises(MetricfitError, match="two frames in a row whose motion is known, got none among 1"):
        measured(MapFlicker(), [square(3)], [None])


def test_two_frames_flicker_and_cannot_blink():
    result = measured(MapFlicker(), [square(3)] * 2, [None, STILL])
    assert set(result.scalars(0.5)) == {"flicker", "mean_flicker", "followed"}
    assert "blink" not in result.to_dict()
    assert set(measured(ClassFlicker(("a", "b")), [square(3)] * 2, [None, STILL]).scalars()) == {"flicker", "followed"}


def test_a_new_clip_a_cut_and_another_size_are_held_against_nothing():
    lost = np.full_like(STILL, np.nan)
    lost[0] = 0  # a twentieth of the pixels
    frames, others = [square(3)] * 2, [square(12)] * 2
    begun = measured(MapFlicker(), [*frames, *others], [None, STILL, None, STILL])
    assert (begun.flicker.max(), begun.followed.pairs, begun.followed.cuts) == (0, 2, 0)
    cut = measured(MapFlicker(), [*frames, *others], [None, STILL, lost, STILL])
    assert (cut.flicker.max(), cut.followed.pairs, cut.followed.cuts) == (0, 2, 1)
    smaller = [frame[:10, :20] for frame in others]
    resized = measured(MapFlicker(), [*frames, *smaller], [None, STILL, *[STILL[:10, :20]] * 2])
    assert (resized.flicker.max(), resized.followed.pairs) == (0, 2)


def test_clips_that_were_measured_apart_are_merged():
    whole, first, second = MapFlicker(), MapFlicker(), MapFlicker()
    for seed, part in enumerate((first, second)):
        frames, motions = made_up(seed)
        for measure in (whole, part):
            measured(measure, frames, [None, *motions[1:]])
    first.merge(second)
    np.testing.assert_array_equal(first.result().flicker, whole.result().flicker)
    np.testing.assert_array_equal(first.result().blink, whole.result().blink)
    assert first.followed == whole.followed
    with pytest.raises(ValueError, match="share class_names"):
        ClassFlicker(("a",)).merge(ClassFlicker(("b",)))


@pytest.mark.parametrize("wrong", [np.full((4, 4), 1.5), np.full((4, 4), np.nan), np.zeros((4, 4, 1))])
def test_what_is_no_map_is_refused(wrong):
    with pytest.raises(ValueError, match=r"a map must be \[H, W\] in \[0, 1\]"):
        MapFlicker().update(wrong, Trails())
    with pytest.raises(ValueError, match="a class map must be"):
        ClassFlicker(("a", "b")).update(np.full((4, 4), 2, np.uint8), Trails())


def test_the_flow_of_a_moved_picture_is_found():
    image = open_source("scenes:val").load(0).image
    before, now = image[4:-4, 4:-4], image[2:-6, 7:-1]  # the camera went 3 to the right and 2 up
    motion = flow_between(before, now)
    assert motion.shape == (*now.shape[:2], 2)
    known = np.isfinite(motion).all(axis=-1)
    assert known.mean() > 0.8
    error = np.abs(motion[known] - [3, -2])
    assert np.median(error) < 0.1
    large = flow_between(*(np.kron(frame, np.ones((3, 3, 1), np.uint8)) for frame in (before, now)))
    assert np.nanmedian(np.abs(large - [9, -6])) < 0.5


def test_what_was_hidden_has_no_motion():
    image = open_source("scenes:val").load(0).image
    other = open_source("scenes:val").load(1).image[: image.shape[0], : image.shape[1]]
    now = image.copy()
    now[20:120, 20:120] = other[20:120, 20:120]
    motion = flow_between(image, now)
    lost = np.isnan(motion[..., 0])
    assert lost[20:120, 20:120].mean() > 0.5
    assert lost[140:].mean() < 0.05


def test_other_scenes_are_cuts():
    scenes, measure, trails = open_source("scenes:val"), MapFlicker(), Trails()
    frames = [scenes.load(place).image[:192, :192] for place in (0, 0, 1, 3, 4, 4)]
    for before, now in zip([None, *frames], frames, strict=False):
        trails.begin() if before is None else trails.advance(flow_between(before, now))
        measure.update(np.zeros(now.shape[:2], np.float32), trails)
    followed = measure.result().followed
    assert (followed.pairs, followed.cuts) == (2, 3)


@pytest.mark.parametrize("shape", [(1, 1), (9, 40), (13, 2000), (3000, 20), (700, 600)])
def test_frames_of_all_sizes_have_a_flow(shape):
    frame = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    motion = flow_between(frame, frame)
    assert motion.shape == (*shape, 2)
    assert np.abs(motion).max() < 0.05
