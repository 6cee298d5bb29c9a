"""The embedded scenes: always the same, consistent in all their labels, and not to be solved by simple means."""

import hashlib
import subprocess
import sys

import cv2
import numpy as np
import pytest

from metricfit.trainers.data.example import Source
from metricfit.trainers.data.sources import open_source, scenes
from metricfit.trainers.data.sources.scenes import CLASS_NAMES, Scenes, scene
from metricfit.trainers.data.sources.scenes.shapes import SHAPES
from metricfit.trainers.data.targets.boxes import BoxTarget

COUNT = 60


@pytest.fixture(scope="module")
def examples():
    source = open_source("scenes:val")
    return [source.load(index) for index in range(COUNT)]


def digest(example):
    parts = (example.image, example.mask, example.labels, example.boxes, example.classes)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def test_same_bytes_in_another_process_and_in_any_order():
    code = (
        "import hashlib; from metricfit.trainers.data.sources.scenes import scene\n"
        "for index in (7, 0, 3):\n"
        "    e = scene(11, index)\n"
        "    parts = (e.image, e.mask, e.labels, e.boxes, e.classes)\n"
        "    print(hashlib.sha256(b''.join(p.tobytes() for p in parts)).hexdigest())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    source = open_source("scenes")
    assert source.name == "scenes:train"
    assert printed == [digest(source.load(index)) for index in (7, 0, 3)]


def test_splits_have_their_lengths_and_share_no_picture():
    sources = {split: open_source(f"scenes:{split}") for split in ("train", "val", "test")}
    assert [len(source) for source in sources.values()] == [2000, 200, 200]
    assert all(isinstance(source, Source) for source in sources.values())
    names = [name for source in sources.values() for name in source.names]
    assert len(set(names)) == 2400
    digests = {digest(source.load(index)) for source in sources.values() for index in range(30)}
    assert len(digests) == 90


def test_shapes_types_and_names(examples):
    sizes = set()
    for index, example in enumerate(examples):
        height, width = example.image.shape[:2]
        sizes.add((height, width))
        assert example.image.shape == (height, width, 3)
        assert max(height, width) == 256
        assert min(height, width) >= 192
        assert example.image.dtype == example.mask.dtype == example.labels.dtype == np.uint8
        assert (example.boxes.dtype, example.classes.dtype) == (np.float32, np.int32)
        assert example.name == Scenes("val").names[index]
    assert any(h > w for h, w in sizes)
    assert any(h < w for h, w in sizes)
    with pytest.raises(ValueError, match="64"):
        scene(0, 0, size=32)


def test_mask_labels_and_boxes_say_the_same(examples):
    counts, kinds = [], set()
    for example in examples:
        assert set(np.unique(example.mask)) <= {0, 1}
        np.testing.assert_array_equal(example.mask, example.labels > 0)
        assert set(np.unique(example.labels)) - {0} == set(example.classes.tolist())
        assert len(example.boxes) == len(example.classes) >= 1
        inside = np.zeros(example.mask.shape, bool)
        for (x0, y0, x1, y1), kind in zip(example.boxes.astype(int), example.classes):
            assert 0 <= x0 < x1 <= example.mask.shape[1]
            assert 0 <= y0 < y1 <= example.mask.shape[0]
            window = example.labels[y0:y1, x0:x1] == kind
            # The box is tight: its class reaches all four sides.
            assert window[0].any() and window[-1].any() and window[:, 0].any() and window[:, -1].any()  # noqa: PT018
            inside[y0:y1, x0:x1] = True
        assert not (example.mask.astype(bool) & ~inside).any()
        counts.append(len(example.boxes))
        kinds |= set(example.classes.tolist())
    assert set(counts) == {1, 2, 3}
    assert kinds == set(range(1, len(CLASS_NAMES)))
    assert 0.1 < np.mean([example.mask.mean() for example in examples]) < 0.3


def max_f(maps, masks, beta2=0.3):
    """MaxF of the means of precision and recall over 256 thresholds, the slow way."""
    precision, recall = [], []
    for saliency, mask in zip(maps, masks):
        selected = saliency[None] >= (np.arange(256) / 255)[:, None, None]
        hits = (selected & (mask == 1)).sum((1, 2))
        precision.append(hits / np.maximum(selected.sum((1, 2)), 1))
        recall.append(hits / (mask == 1).sum())
    p, r = np.mean(precision, 0), np.mean(recall, 0)
    return float(((1 + beta2) * p * r / np.maximum(beta2 * p + r, 1e-9)).max())


def otsu(image):
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1].astype(float)


def distance_to_border_colour(image):
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB).astype(float)
    border = np.ones(lab.shape[:2], bool)
    border[8:-8, 8:-8] = False
    distance = np.linalg.norm(lab - lab[border].mean(0), axis=-1)
    return distance / distance.max()


def centre_prior(image):
    y, x = (np.linspace(-1, 1, side) for side in image.shape[:2])
    return np.exp(-2 * (y[:, None] ** 2 + x[None] ** 2))


def local_contrast(image):
    grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.5)
    energy = cv2.GaussianBlur(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), (0, 0), 8)
    return energy / energy.max()


BASELINES = {
    "everything": lambda image: np.ones(image.shape[:2]),
    "otsu": otsu,
    "otsu, dark": lambda image: 1 - otsu(image),
    "border colour": distance_to_border_colour,
    "centre": centre_prior,
    "local contrast": local_contrast,
    "border colour x centre": lambda image: distance_to_border_colour(image) * centre_prior(image),
}


@pytest.mark.parametrize("name", BASELINES)
def test_simple_methods_fail(examples, name):
    score = max_f([BASELINES[name](example.image) for example in examples], [example.mask for example in examples])
    assert score < 0.6, f"{name} reaches MaxF {score:.3f}"


def test_objects_and_background_have_the_same_colours(examples):
    inside = np.concatenate([example.image[example.mask == 1] for example in examples])
    outside = np.concatenate([example.image[example.mask == 0] for example in examples])
    both = [np.histogramdd(pixels // 32, bins=[range(9)] * 3)[0].ravel() / len(pixels) for pixels in (inside, outside)]
    assert np.minimum(*both).sum() > 0.7


def test_what_hides_an_object_is_not_part_of_it(monkeypatch):
    draw, covered = scenes._occluders, []
    monkeypatch.setattr(scenes, "_occluders", lambda *args: covered.append(draw(*args)) or covered[-1])
    holes = 0
    for index in range(20):
        example = scene(4, index)
        hidden = covered[-1] > 127
        assert not example.mask[hidden].any()
        closed = cv2.morphologyEx(example.mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
        holes += int((closed.astype(bool) & hidden).any())
    assert 4 < holes < 18


def test_for_boxes_there_is_no_background():
    plain, boxes = Scenes("val"), open_source("scenes:val", needs="boxes")
    assert boxes.class_names == CLASS_NAMES[1:] == SHAPES
    for index in range(4):
        example, whole = boxes.load(index), plain.load(index)
        np.testing.assert_array_equal(example.boxes, whole.boxes)
        assert [boxes.class_names[number] for number in example.classes] == [
            plain.class_names[number] for number in whole.classes
        ]
        assert (example.mask, example.labels, example.name) == (None, None, whole.name)
        BoxTarget().check(example, boxes.class_names)
        assert len(example.boxes) <= boxes.box_bound
    assert boxes.box_counts is None, "a bound is no count"
