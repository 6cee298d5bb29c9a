"""Pictures that turn bad while they are worked with: told in one sentence, or replaced by the next usable one."""

import logging
import shutil

import cv2
import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.data.augmentation.settings import NO_AUGMENTATION, LabelAugmentation
from metricfit.trainers.data.batches.equibatch import Equibatch
from metricfit.trainers.data.batches.pipeline import names_of_step, training_batches
from metricfit.trainers.data.batches.stream import raising_what_was_raised
from metricfit.trainers.data.labels import class_counts
from metricfit.trainers.data.scan.scanner import checked_source
from metricfit.trainers.data.steady import Steady, stand_ins
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Six pictures with masks, the n-th of the grey 20 n."""
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    for index in range(6):
        cv2.imwrite(str(tmp_path / f"images/{index}.png"), np.full((20, 24, 3), 20 * index + 7, np.uint8))
        mask = np.zeros((20, 24), np.uint8)
        mask[5:12, 4 : 9 + index] = 255
        cv2.imwrite(str(tmp_path / f"masks/{index}.png"), mask)
    return tmp_path


def opened(folder, *, replacing):
    return Steady(checked_source(f"folder:{folder}", quiet=True), TARGETS["mask"], replacing=replacing)


def stream(source, **settings):
    return training_batches(
        source, TARGETS["mask"], size=32, batch_size=2, seed=1, resizing="stretch", cache_mib=0,
        augmentation=NO_AUGMENTATION, **settings,
    )  # fmt: skip


def garbage(path):
    path.write_bytes(b"no picture any more")


def test_a_picture_that_turned_bad_is_told_in_its_own_sentence(folder):
    source = opened(folder, replacing=False)
    garbage(folder / "images/3.png")
    with pytest.raises(DataError, match=r"3\.png") as own:
        source.load(3)
    with pytest.raises(tf.errors.OpError) as told:
        list(stream(source).take(3))
    assert "\n" in str(told.value), "what TensorFlow makes of it"
    with pytest.raises(DataError) as found, raising_what_was_raised():
        list(stream(source).take(3))
    assert str(found.value) == str(own.value)
    assert "\n" not in str(found.value)


def test_an_error_of_tensorflow_stays_what_it_is(folder):
    source = opened(folder, replacing=False)
    garbage(folder / "images/3.png")
    with pytest.raises(tf.errors.OpError):
        list(stream(source).take(3))
    with pytest.raises(tf.errors.InvalidArgumentError, match="ours"), raising_what_was_raised():
        tf.debugging.assert_equal(1, 2, message="ours")


def test_what_stands_in_hangs_on_the_files_alone(folder, caplog):
    source = opened(folder, replacing=True)
    whole = [images.numpy() for images, _ in stream(source).take(6)]
    garbage(folder / "images/3.png")
    garbage(folder / "masks/4.png")
    with caplog.at_level(logging.WARNING, logger="metricfit"):
        first = [images.numpy() for images, _ in stream(source).take(6)]
        other = Steady(source.source, source.target, replacing=True)
        again = [images.numpy() for images, _ in stream(other, start_step=2).take(4)]
    for one, other in zip(first[2:], again, strict=True):
        np.testing.assert_array_equal(one, other)
    greys = np.array([[image[0, 0, 0] for image in images] for images in whole])
    found = np.array([[image[0, 0, 0] for image in images] for images in first])
    lost = np.isin(greys, (67, 87))
    assert lost.any()
    assert (found[lost] == 107).all(), "the next one that is good"
    assert (found[~lost] == greys[~lost]).all()
    assert [(one.name, one.by) for one in stand_ins(source)] == [("3", "5"), ("4", "5")]
    assert caplog.text.count("stands in for 3 (by 5: ") == 2, "once for each source"


def test_what_no_longer_fits_its_mask_is_bad_too(folder):
    source = opened(folder, replacing=True)
    cv2.imwrite(str(folder / "images/5.png"), np.zeros((9, 9, 3), np.uint8))
    assert source.load(5).name == "0"
    source.replacing = False
    with pytest.raises(DataError, match="9x9"):
        source.load(5)


def test_where_nothing_is_left_that_is_said(folder):
    source = opened(folder, replacing=True)
    shutil.rmtree(folder / "images")
    with pytest.raises(DataError, match=r"none of the 6 examples .* look whether the folder is still there") as told:
        source.load(2)
    assert "\n" not in str(told.value)
    with pytest.raises(DataError, match="none of the 6 examples"), raising_what_was_raised():
        list(stream(source).take(1))


def test_under_equibatch_a_stand_in_need_not_have_the_class(folder):
    (folder / "masks").rename(folder / "labels")
    for index in range(6):
        labels = np.zeros((20, 24), np.uint8)
        labels[3:9, 3:9] = index % 2
        cv2.imwrite(str(folder / f"labels/{index}.png"), labels)
    (folder / "classes.txt").write_text("ground\nthing\n")
    checked = checked_source(f"folder:{folder}", needs="labels", quiet=True)
    source = Steady(Subset(checked, range(1, 6)), TARGETS["labels"], replacing=True)
    counts = class_counts(source, quiet=True)
    assert counts.shape == (5, 2)
    assert (counts[:, 1] > 0).tolist() == [True, False, True, False, True]
    garbage(folder / "images/3.png")
    sampler = Equibatch(counts, 0)
    batches = training_batches(
        source, TARGETS["labels"], size=32, batch_size=2, seed=0, resizing="pad", sampler=sampler, cache_mib=0,
        augmentation=LabelAugmentation(),
    )  # fmt: skip
    assert len(list(batches.take(6))) == 6
    assert [(one.name, one.by) for one in stand_ins(source)] == [("3", "4")]
    names = [names_of_step(source, step, 2, 0, sampler=sampler) for step in range(3)]
    assert all(name in source.names for pair in names for name in pair)
    drawn = [source.names[sampler.draw(position)[0]] for position in range(6)]
    assert [name for pair in names for name in pair] == drawn
