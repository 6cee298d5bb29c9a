"""Mixed pictures in the stream: which examples they are made of is known beforehand, everywhere the same, and told."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.data.augmentation.settings import NO_BOX_AUGMENTATION, BoxAugmentation, Mixed
from metricfit.trainers.data.batches.equibatch import Equibatch
from metricfit.trainers.data.batches.order import Order, names_of_step
from metricfit.trainers.data.batches.partners import Partners, pictures_of_step
from metricfit.trainers.data.batches.pipeline import training_batches
from metricfit.trainers.data.batches.share import Share
from metricfit.trainers.data.batches.stream import raising_what_was_raised
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.steady import Steady, stand_ins
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError

BOXES = TARGETS["boxes"]
PLAIN = {name: getattr(NO_BOX_AUGMENTATION, name) for name in ("flip", "min_scale", "max_expand")}
PLAIN |= {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "hue": 0.0}
MOSAIC, OVER = BoxAugmentation(**PLAIN, mosaic=0.5), BoxAugmentation(**PLAIN, mix_up=1.0)
ALL = BoxAugmentation(mosaic=0.7, mix_up=0.5, rotation=20)


class Shades(Source):
    """Square pictures of one value each, with three boxes of their own class; `bad` ones cannot be loaded any more."""

    name = "shades"

    def __init__(self, count):
        self.names = [f"s{index}" for index in range(count)]
        self.class_names = tuple(self.names)
        self.bad = set()

    def __len__(self):
        return len(self.names)

    def load(self, index):
        if index in self.bad:
            raise DataError(f"{self.names[index]} cannot be read")
        boxes = np.array([[2, 2, 30, 30], [20, 24, 60, 50], [5, 30, 40, 62]], np.float32)
        image = np.full((64, 64, 3), 10 * index + 5, np.uint8)
        return Example(image, boxes=boxes, classes=np.full(3, index, np.int32), name=self.names[index])


def stream(source, steps, augmentation, **more):
    settings = {"size": 64, "batch_size": 4, "seed": 3, "resizing": "pad", **more}
    batches = training_batches(source, BOXES, augmentation=augmentation, **settings)
    return [tf.nest.map_structure(np.asarray, batch) for batch in batches.take(steps)]


def assert_equal_streams(found, meant):
    assert len(found) == len(meant)
    for one, other in zip(found, meant):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


def test_a_mosaic_is_made_of_the_pictures_that_were_named():
    source, mosaics = Shades(20), 0
    for step, (images, targets) in enumerate(stream(source, 12, MOSAIC)):
        named = pictures_of_step(source, step, 4, 3, mixed=MOSAIC.mixed)
        assert [own for own, *_ in named] == names_of_step(source, step, 4, 3)
        for image, classes, pictures in zip(images, targets["classes"], named, strict=True):
            corners = image[[0, 0, -1, -1], [0, -1, 0, -1], 0]
            if len(pictures) == 4:
                assert corners.tolist() == [10 * int(name[1:]) + 5 for name in pictures]
                assert set(np.unique(image)) == set(corners.tolist())
                mosaics += 1
            else:
                assert (image == corners[0]).all()
                assert len(pictures) == 1
            there = [int(name[1:]) for name in pictures]
            assert set(classes.tolist()) <= {*there, -1}
            assert not set(pictures[1:]) & {pictures[0]}
    assert 15 < mosaics < 33


def test_a_picture_laid_over_is_the_one_that_was_named():
    source = Shades(20)
    for step, (images, targets) in enumerate(stream(source, 4, OVER)):
        named = pictures_of_step(source, step, 4, 3, mixed=OVER.mixed)
        for image, classes, pictures in zip(images, targets["classes"], named, strict=True):
            one, other = (int(name[1:]) for name in pictures)
            low, high = sorted((10 * one + 5, 10 * other + 5))
            assert len(np.unique(image)) == 1
            assert low <= image[0, 0, 0] <= high
            assert (classes >= -2).all()
            assert len(classes) == 6
            assert set(classes[classes >= 0].tolist()) <= {one, other}
            assert (classes != -1).sum() == 6


def test_partners_come_as_often_as_examples_do():
    source, order = Shades(20), Order(20, 4, 3)
    partners = Partners(source, order, order.epoch_length, 3, Mixed(mosaic=1))
    drawn = np.array([partners[position].mosaic for position in range(2000)])
    counts = np.bincount(drawn.ravel(), minlength=20)
    assert abs(counts - 300).max() < 100
    # With a sampler that shows one class in every second place, half of the partners have it, too.
    counts = np.zeros((20, 2), int)
    counts[:, 0], counts[3, 1] = 1, 1
    cycling = Equibatch(counts, 0)
    partners = Partners(source, cycling, order.epoch_length, 3, Mixed(mosaic=1))
    others = [partners[position].mosaic for position in range(400) if cycling[position][0] != 3]
    assert 0.4 < (np.array(others) == 3).mean() < 0.65


def test_there_is_room_for_the_boxes_of_all():
    source = Shades(6)
    assert [stream(source, 1, one)[0][1]["classes"].shape[1] for one in (MOSAIC, OVER, ALL)] == [12, 6, 15]
    assert stream(source, 1, ALL, room=4)[0][1]["boxes"].shape == (4, 20, 4)
    with pytest.raises(DataError, match="has 3 boxes and there is room for 2"), raising_what_was_raised():
        stream(source, 1, ALL, room=2)


def test_a_stream_is_the_same_again_resumed_and_dealt_out():
    source = Shades(11)
    whole = stream(source, 9, ALL)
    assert_equal_streams(stream(source, 9, ALL, cache_mib=0), whole)
    assert_equal_streams(stream(source, 4, ALL, start_step=5), whole[5:])
    parts = [stream(source, 9, ALL, share=Share(worker, 2)) for worker in range(2)]
    for step, batch in enumerate(whole):
        both = [part[step] for part in parts]
        joined = tf.nest.map_structure(lambda *some: np.concatenate(some), *both)
        tf.nest.map_structure(np.testing.assert_array_equal, joined, batch)
    assert not all((one[0] == other[0]).all() for one, other in zip(whole, stream(source, 9, ALL, seed=4)))


def test_nothing_is_drawn_where_nothing_is_mixed():
    source = Shades(11)
    plain = stream(source, 5, BoxAugmentation())
    pieces = stream(source, 5, BoxAugmentation(mosaic=1e-9))  # mixes in principle, and never does
    for (images, targets), (again, others) in zip(plain, pieces):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(others["boxes"][:, :3], targets["boxes"])
        assert (others["boxes"][:, 3:] == -1).all()


def test_another_picture_stands_in_for_a_partner_that_turned_bad():
    source = Shades(11)
    steady = Steady(source, BOXES, replacing=True)
    named = [pictures_of_step(source, step, 4, 3, mixed=ALL.mixed) for step in range(3)]
    # One that comes first as a partner.
    own = {name for name, *_ in named[0]}
    bad = next(name for _, *others in named[0] for name in others if name not in own)
    source.bad = {source.names.index(bad)}
    found = stream(steady, 3, ALL)
    assert [one.name for one in stand_ins(steady)] == [bad]
    assert_equal_streams(stream(Steady(source, BOXES, replacing=True), 3, ALL), found)
    with pytest.raises(DataError, match=f"{bad} cannot be read"), raising_what_was_raised():
        stream(Steady(source, BOXES, replacing=False), 1, ALL)


def test_one_picture_has_no_partner():
    with pytest.raises(DataError, match=r"--augmentation\.mosaic and --augmentation\.mix-up take other pictures"):
        stream(Shades(1), 1, MOSAIC)
    assert len(stream(Shades(1), 1, BoxAugmentation())) == 1
    # Where the stream has nothing else, it is its own partner.
    counts = np.zeros((3, 1), int)
    counts[1] = 1
    assert Partners(Shades(3), Equibatch(counts, 0), 4, 0, Mixed(mix_up=1))[0].over == [1]
