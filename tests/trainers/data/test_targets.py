"""Each kind of target: taken from an example, fitted to the input of a network, and what is found brought back."""

import numpy as np
import pytest

from metricfit.trainers.data.example import Example
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError, UsageError

SCENES = Scenes("val")


def test_targets_are_named_by_the_field_that_holds_them():
    example = SCENES.load(0)
    assert list(TARGETS) == ["mask", "labels", "boxes"]
    for name, target in TARGETS.items():
        np.testing.assert_array_equal(target.of(example, SCENES)[0], getattr(example, name))


@pytest.mark.parametrize("name", TARGETS)
def test_an_example_without_the_target_is_refused(name):
    bare = Example(SCENES.load(0).image, name="bare")
    with pytest.raises(DataError, match=f"bare of scenes:val has no {name}: choose a source"):
        TARGETS[name].of(bare, SCENES)
    with pytest.raises(DataError, match="has no boxes"):
        TARGETS["boxes"].of(Example(bare.image, boxes=np.zeros((1, 4), np.float32), name="bare"), SCENES)


def test_boxes_that_do_not_count_have_a_class_of_their_own():
    boxes = np.array([[0, 0, 4, 4], [1, 1, 5, 5], [2, 2, 6, 6]], np.float32)
    example = Example(
        np.zeros((8, 8, 3), np.uint8),
        boxes=boxes,
        classes=np.array([3, 4, 5], np.int32),
        difficult=np.array([False, True, False]),
        crowd=np.array([False, False, True]),
    )
    _, classes = TARGETS["boxes"].of(example, SCENES)
    assert classes.dtype == np.int32
    assert classes.tolist() == [3, -2, -2]


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_what_is_fitted_comes_back(resizing):
    example = SCENES.load(3)
    shape = example.image.shape[:2]
    for name in ("mask", "labels"):
        parts = TARGETS[name].of(example, SCENES)
        image, fitted = TARGETS[name].fit(example.image, parts, 320, resizing)
        assert image.shape == (320, 320, 3)
        assert fitted.shape == (320, 320)
        assert fitted.dtype == np.uint8
        assert (fitted == 255).any() == (resizing == "pad" and shape[0] != shape[1])
        found = (fitted == fitted[160, 160]).astype(np.float32)
        found = found if name == "mask" else np.stack([found, 1 - found], axis=-1)
        back = TARGETS[name].unfit(found, 320, resizing, shape)
        assert back.dtype == np.float32
        assert back.shape == (*shape, *found.shape[2:])
        inside = back if name == "mask" else back[..., 0]
        assert ((inside > 0.5) == (parts[0] == fitted[160, 160])).mean() > 0.99
    boxes, classes = TARGETS["boxes"].of(example, SCENES)
    image, fitted, codes = TARGETS["boxes"].fit(example.image, (boxes, classes), 320, resizing)
    assert image.shape == (320, 320, 3)
    assert codes is classes
    more = np.concatenate([fitted, fitted])
    found = more, np.linspace(1, 0, len(more)), np.concatenate([codes, codes]), np.int32(len(boxes))
    back, scores, kept = TARGETS["boxes"].unfit(found, 320, resizing, shape)
    np.testing.assert_allclose(back, boxes, atol=1e-3)
    assert len(scores) == len(kept) == len(boxes)


@pytest.mark.parametrize("name", TARGETS)
def test_there_is_no_other_resizing(name):
    example = SCENES.load(0)
    with pytest.raises(UsageError, match="resizing must be pad or stretch"):
        TARGETS[name].fit(example.image, TARGETS[name].of(example, SCENES), 64, "crop")
