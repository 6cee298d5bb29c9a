"""Clips made of pictures: the same frames every time, and motion that leads where it says."""

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.sources import all_scenes, open_source
from metricfit.trainers.data.sources.clips import CLIPS, FRAMES, VIEWS, Clips
from metricfit.trainers.errors import UsageError


class Smooth(Source):
    """Two smooth pictures, whose red is a tenth of the column and green of the row, and masks of all values."""

    name, class_names, names = "smooth", ("background", "thing"), ("a", "b")

    def __init__(self, height=200, width=240):
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        waves = [columns * 255 / width, rows * 255 / height, 127 + 100 * np.sin((rows + columns) / 20)]
        self.image = np.stack(waves, axis=-1).astype(np.uint8)
        self.mask = np.zeros((height, width), np.uint8)
        self.mask[60:140, 60:160], self.mask[:30] = 1, 255

    def __len__(self):
        return 2

    def load(self, index):
        return Example(self.image, self.mask, labels=self.mask, name=self.names[index])


def without_noise(way):
    return replace(way, noise=(0.0, 0.0), exposure=0.0)


@pytest.mark.parametrize("way", [CLIPS, VIEWS])
@pytest.mark.parametrize("index", [0, 1])
def test_motion_leads_to_where_each_pixel_was(way, index):
    source = Clips(Smooth(), without_noise(way), "clips:smooth")
    frames = [source.load(index * FRAMES + number) for number in range(FRAMES)]
    assert np.isnan(frames[0].frame.motion).all()
    moved = 0.0
    for before, now in pairwise(frames):
        height, width = now.size
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        places = np.stack([columns, rows], axis=-1) + now.frame.motion
        there = (places >= 0).all(axis=-1) & (places[..., 0] <= width - 1) & (places[..., 1] <= height - 1)
        image = cv2.remap(before.image, places, None, cv2.INTER_LINEAR)
        assert np.abs(image[there].astype(int) - now.image[there]).max() <= 3
        mask = cv2.remap(before.mask, places, None, cv2.INTER_NEAREST)
        assert (mask[there] != now.mask[there]).mean() < 0.02
        moved = max(moved, float(np.abs(now.frame.motion).max()))
    assert moved > 1


def test_frames_stay_within_the_picture():
    inside = Smooth()
    inside.image = np.full_like(inside.image, 200)
    inside.image[0] = inside.image[-1] = inside.image[:, 0] = inside.image[:, -1] = 0
    for way in (CLIPS, VIEWS):
        source = Clips(inside, without_noise(way), "clips:smooth")
        assert all(source.load(index).image.min() > 190 for index in range(len(source)))


def test_a_clip_is_noisy_and_the_same_every_time():
    source, again = (open_source("clips:scenes:test") for _ in range(2))
    assert len(source) == 200 * FRAMES
    assert source.names[FRAMES + 3] == "test-00001-03"
    first, same = source.load(FRAMES + 3), again.load(FRAMES + 3)
    again.load(0)
    for one in (same, again.load(FRAMES + 3)):
        np.testing.assert_array_equal(first.image, one.image)
        np.testing.assert_array_equal(first.frame.motion, one.frame.motion)
    assert (first.frame.clip, first.frame.number) == ("test-00001", 3)
    assert set(np.unique(first.mask)) == {0, 1}


@pytest.mark.parametrize(("way", "least", "most"), [(CLIPS, 2, 6), (VIEWS, 5.8, 6.2)])
def test_noise_is_of_so_many_grey_levels(way, least, most):
    noisy, plain = (Clips(Smooth(), one, "clips:smooth") for one in (way, without_noise(way)))
    for index in (2, FRAMES + 3):
        example = plain.load(index)
        grain = noisy.load(index).image.astype(float) - example.image
        inside = (example.image > 40) & (example.image < 215)
        # Not of what is cut off at white and black.
        assert least < grain[inside].std() < most
        assert abs(grain[inside].mean()) < 6


def test_labels_come_along_and_boxes_do_not():
    example = open_source("clips:scenes:test", needs="labels").load(0)
    assert example.labels.shape == example.image.shape[:2]
    assert example.boxes is None
    with pytest.raises(UsageError, match=r"^clips sources hold masks or labels, not boxes: use voc"):
        open_source("clips:scenes:test", needs="boxes")
    with pytest.raises(UsageError, match=r"expected views:SOURCE, found no source behind 'views:'"):
        open_source("views:")


def test_large_pictures_are_made_smaller_and_tiny_ones_are_taken():
    large = Clips(Smooth(1600, 2400), VIEWS, "views:smooth")
    example = large.load(0)
    assert example.size == (427 - 8, 640 - 8)
    assert example.mask.shape == example.size
    tiny = Clips(Smooth(3, 1), CLIPS, "clips:smooth").load(5)
    assert tiny.size == (2, 1)


def test_lists_sums_and_kinds_of_what_is_behind_the_colon(tmp_path):
    (tmp_path / "few.txt").write_text("test-00004\ntest-00002\n")
    few = open_source(f"clips:scenes:test:{tmp_path / 'few.txt'}")
    assert [few.names[0], few.names[FRAMES]] == ["test-00004-00", "test-00002-00"]
    assert len(few) == 2 * FRAMES
    both = open_source("clips:scenes:test + views:scenes:test")
    assert len(both) == 400 * FRAMES
    assert both.load(200 * FRAMES + 1).frame.number == 1
    assert all_scenes("clips:scenes:test + scenes")
    assert not all_scenes("views:folder:photos")
