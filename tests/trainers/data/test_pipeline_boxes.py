"""Batches of boxes: their format, their order, ignored boxes, room, and resuming."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.data.augmentation.boxes import augment_boxes
from metricfit.trainers.data.augmentation.settings import NO_BOX_AUGMENTATION, BoxAugmentation
from metricfit.trainers.data.batches.order import names_of_step
from metricfit.trainers.data.batches.original_size import original_size_examples
from metricfit.trainers.data.batches.pipeline import evaluation_batches, training_batches
from metricfit.trainers.data.classes import with_class_names
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.fit import GREY, fit_image
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.data.targets.boxes import most_boxes
from metricfit.trainers.errors import DataError, UsageError


class Boxed(Source):
    """Example i is a picture of the value i, of 20x40, with i % 4 boxes of class i % 2."""

    name, class_names = "boxed", ("cat", "dog")

    def __init__(self, count):
        self.names = [f"b{index}" for index in range(count)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        boxes = np.array([[4 * n, 2, 4 * n + 8, 12] for n in range(index % 4)], np.float32).reshape(-1, 4)
        classes = np.full(len(boxes), index % 2, np.int32)
        marked = np.arange(len(boxes)) == 1
        return Example(
            np.full((20, 40, 3), index, np.uint8),
            boxes=boxes,
            classes=classes,
            name=self.names[index],
            difficult=marked if index % 4 == 2 else None,
            crowd=marked if index % 4 == 3 else None,
        )


class Bare(Boxed):
    def load(self, index):
        return Example(super().load(index).image, name="b1")


def stream(source, steps, *, augmentation=NO_BOX_AUGMENTATION, **more):
    settings = {"size": 32, "batch_size": 4, "seed": 3, "room": 5, "resizing": "pad", **more}
    dataset = training_batches(source, TARGETS["boxes"], augmentation=augmentation, **settings)
    return [
        (images.numpy(), {key: value.numpy() for key, value in boxes.items()}) for images, boxes in dataset.take(steps)
    ]


def evaluated(source, **more):
    return evaluation_batches(source, TARGETS["boxes"], size=32, resizing="pad", **more)


def test_a_batch_holds_what_its_examples_are():
    source = Boxed(12)
    for step, (images, targets) in enumerate(stream(source, 5)):
        for image, boxes, classes, name in zip(
            images, targets["boxes"], targets["classes"], names_of_step(source, step, 4, 3), strict=True
        ):
            number = int(name[1:])
            assert (image[:16] == number).all()
            assert (image[16:] == GREY).all()
            count = number % 4
            # 40 pixels become 32.
            np.testing.assert_allclose(boxes[:count], source.load(number).boxes * 0.8, rtol=1e-6)
            assert (boxes[count:] == -1).all()
            expected = [number % 2] * count + [-1] * (5 - count)
            if count > 1:
                expected[1] = -2
            assert classes.tolist() == expected


def test_shapes_are_static():
    dataset = training_batches(
        Boxed(9),
        TARGETS["boxes"],
        size=32,
        batch_size=4,
        seed=0,
        augmentation=BoxAugmentation(),
        room=7,
        resizing="stretch",
    )
    boxes = {"boxes": tf.TensorSpec((4, 7, 4), tf.float32), "classes": tf.TensorSpec((4, 7), tf.int32)}
    assert dataset.element_spec == (tf.TensorSpec((4, 32, 32, 3), tf.uint8), boxes)
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY


def test_a_resumed_stream_is_the_tail():
    scenes = Subset(Scenes("val", needs="boxes"), range(7))
    settings = {"batch_size": 3, "size": 64, "augmentation": BoxAugmentation(), "room": 3}
    whole = stream(scenes, 6, **settings)
    tail = stream(scenes, 3, start_step=3, cache_mib=0, **settings)
    for (images, targets), (images_again, targets_again) in zip(whole[3:], tail, strict=True):
        np.testing.assert_array_equal(images, images_again)
        for key in ("boxes", "classes"):
            np.testing.assert_array_equal(targets[key], targets_again[key])


class Corners(Boxed):
    """Each picture has a box of another class in each corner, of which crops lose some."""

    def load(self, index):
        image = np.random.default_rng(index).integers(0, 255, (60, 80, 3), dtype=np.uint8)
        boxes = np.array([[0, 0, 9, 9], [70, 0, 80, 9], [0, 50, 9, 60], [70, 50, 80, 60]], np.float32)
        ignored = np.array([False, True, False, False])
        return Example(
            image, boxes=boxes, classes=np.arange(4, dtype=np.int32), name=self.names[index], difficult=ignored
        )


def test_augmentation_is_keyed_by_seed_epoch_and_index():
    source, lost = Corners(4), 0
    batches = stream(source, 10, size=64, batch_size=2, seed=9, augmentation=BoxAugmentation())
    for step, (images, targets) in enumerate(batches):
        for row, name in enumerate(names_of_step(source, step, 2, 9)):
            index = source.names.index(name)
            example = source.load(index)
            rng = np.random.default_rng([9, step // 2, index])
            image, boxes, kept = augment_boxes(
                example.image, example.boxes, 64, "pad", rng, BoxAugmentation(), ignored=example.difficult
            )
            np.testing.assert_array_equal(images[row], image)
            np.testing.assert_array_equal(targets["boxes"][row][: len(kept)], boxes)
            classes = np.where(kept == 1, -2, kept).tolist()
            assert targets["classes"][row].tolist() == classes + [-1] * (5 - len(kept))
            lost += len(kept) < 4
    assert lost > 1


def test_evaluation_goes_once_in_order():
    source = Boxed(10)
    for cache_mib in (512, 0):
        dataset = evaluated(source, batch_size=4, room=3, cache_mib=cache_mib)
        for _ in range(2):
            batches = list(dataset)
            assert [len(images) for images, _ in batches] == [4, 4, 2]
            numbers = [int(image[0, 0, 0]) for images, _ in batches for image in images.numpy()]
            assert numbers == list(range(10))
            counts = [int((row != -1).sum()) for _, targets in batches for row in targets["classes"].numpy()]
            assert counts == [index % 4 for index in range(10)]


def test_more_boxes_than_room_are_refused():
    assert most_boxes(Boxed(9)) == 3
    with pytest.raises(
        tf.errors.OpError, match=r"b\d+ of boxed has 3 boxes and there is room for 2: give --max-boxes 3"
    ):
        stream(Boxed(9), 3, room=2)

    class Counted(Boxed):
        box_counts = (0, 1, 2, 3)

    # Where counts are known, before anything is decoded.
    with pytest.raises(DataError, match="b3 of boxed has 3 boxes and there is room for 2"):
        evaluated(Counted(4), batch_size=2, room=2)

    class Bounded(Boxed):
        box_bound = 7

    # A bound gives room, and is no reason to refuse what has less.
    assert (most_boxes(Bounded(4)), most_boxes(Subset(Bounded(4), [0]))) == (7, 7)
    assert most_boxes(with_class_names(Bounded(4), ("dog", "cat"))) == 7
    assert len(list(evaluated(Bounded(4), batch_size=2, room=3))) == 2
    few = Subset(Counted(4), [0, 1, 2])
    assert (most_boxes(few), most_boxes(Subset(Boxed(9), [0, 1])), most_boxes(Scenes("val"))) == (2, 1, 3)
    assert len(list(evaluated(few, batch_size=2, room=2))) == 2


def test_arguments_are_checked_before_anything_is_decoded():
    with pytest.raises(UsageError, match="max_boxes must be at least 1"):
        stream(Boxed(4), 1, room=0)
    with pytest.raises(UsageError, match="pad or stretch"):
        stream(Boxed(4), 1, resizing="crop")
    with pytest.raises(DataError, match="at least one example"):
        stream(Boxed(0), 1)
    with pytest.raises(tf.errors.OpError, match="b1 of boxed has no boxes"):
        list(evaluated(Bare(2), batch_size=2, room=3))


def test_pictures_of_other_shape_are_padded_for_evaluation_at_original_size():
    source = Boxed(3)
    ((images, examples),) = original_size_examples(source, 32, 4, quiet=True, resizing="pad")
    for image, example in zip(images, examples, strict=True):
        np.testing.assert_array_equal(image, fit_image(example.image, 32, "pad"))
        assert example.image.shape == (20, 40, 3)
