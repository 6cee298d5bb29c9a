"""Batches of class maps, and equibatch: in any |C| consecutive patches, each class has a pixel after the crop."""

import numpy as np
import pytest

from metricfit.trainers.data.augmentation.settings import NO_LABEL_AUGMENTATION, LabelAugmentation
from metricfit.trainers.data.batches.equibatch import Equibatch
from metricfit.trainers.data.batches.order import names_of_step
from metricfit.trainers.data.batches.pipeline import evaluation_batches, training_batches
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.fit import fit_image, fit_labels
from metricfit.trainers.data.labels import LabelCoding, class_counts, with_coding
from metricfit.trainers.data.subset import split_for_selection
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError, UsageError

CLASSES = 5


class Rare(Source):
    """Thirty pictures of class 0; class c > 0 is a single pixel of a few of them; the last class is nowhere."""

    name, class_names = "rare", ("ground", "one", "two", "three", "four", "nowhere")

    def __init__(self):
        self.names = [f"r{index:02d}" for index in range(30)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        rng = np.random.default_rng(index)
        labels = np.zeros((70, 100), np.uint8)
        for wanted in range(1, CLASSES):
            if index % (2 * wanted + 1) == 0 and index < 27:
                labels[rng.integers(70), rng.integers(100)] = wanted
        labels[:3, :3] = 255
        return Example(np.full((70, 100, 3), index, np.uint8), labels=labels, name=self.names[index])


def rare():
    return with_coding(Rare(), LabelCoding())


def training(source, equibatch=False, **changes):
    augmentation = LabelAugmentation(max_scale=6.0)
    settings = {"size": 32, "batch_size": 3, "seed": 4, "augmentation": augmentation, "resizing": "pad", **changes}
    sampler = Equibatch(class_counts(source, quiet=True), settings["seed"]) if equibatch else None
    return training_batches(source, TARGETS["labels"], sampler=sampler, **settings)


def stream(source, steps, **changes):
    return [(images.numpy(), labels.numpy()) for images, labels in training(source, **changes).take(steps)]


@pytest.mark.parametrize("seed", [0, 4])
def test_any_patches_as_many_as_classes_show_each_class(seed):
    source, _ = split_for_selection(rare())
    patches = np.concatenate([labels for _, labels in stream(source, 30, equibatch=True, seed=seed)])
    present = np.array([[(patch == wanted).any() for wanted in range(CLASSES)] for patch in patches])
    for first in range(len(patches) - CLASSES + 1):
        assert present[first : first + CLASSES].any(axis=0).all(), first


def test_without_it_rare_classes_are_missed():
    patches = np.concatenate([labels for _, labels in stream(rare(), 30)])
    present = np.array([[(patch == wanted).any() for wanted in range(CLASSES)] for patch in patches])
    assert not all(present[first : first + CLASSES].any(axis=0).all() for first in range(len(patches) - CLASSES + 1))


def test_a_class_goes_through_all_its_pictures_before_one_comes_again():
    counts = np.array([[rare().load(index).labels == wanted for wanted in range(6)] for index in range(30)]).sum((2, 3))
    sampler = Equibatch(counts, seed=1)
    assert sorted(sampler.cycle) == [0, 1, 2, 3, 4]
    drawn = [sampler[position] for position in range(400)]
    assert [wanted for _, wanted in drawn] == list(np.resize(sampler.cycle, 400))
    for wanted in range(CLASSES):
        order = [index for index, found in drawn if found == wanted]
        having = np.flatnonzero(counts[:, wanted])
        for start in range(0, len(order) - len(having) + 1, len(having)):
            np.testing.assert_array_equal(sorted(order[start : start + len(having)]), having)
    assert drawn != [Equibatch(counts, seed=2)[position] for position in range(400)]
    assert drawn[7] == Equibatch(counts, seed=1)[7]


def test_nothing_to_cycle_over():
    with pytest.raises(DataError, match="no example has a pixel of any class"):
        Equibatch(np.zeros((3, 2)), 0)
    with pytest.raises(UsageError, match="seed must be 0 or more"):
        Equibatch(np.ones((3, 2)), -1)
    with pytest.raises(UsageError, match="no class maps"):
        training(Rare(), equibatch=True)


@pytest.mark.parametrize("equibatch", [False, True])
def test_a_stream_can_be_entered_at_any_step(equibatch):
    source = rare()
    whole = stream(source, 6, equibatch=equibatch)
    tail = stream(source, 2, equibatch=equibatch, start_step=4, cache_mib=0)
    for (images, labels), (again, same) in zip(whole[4:], tail):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(labels, same)
    assert not all((one[1] == other[1]).all() for one, other in zip(whole, stream(source, 6, seed=5)))


def test_batches_are_static_and_in_the_known_order():
    source = rare()
    dataset = training(source, augmentation=NO_LABEL_AUGMENTATION)
    images, labels = dataset.element_spec
    assert (images.shape, images.dtype.name) == ((3, 32, 32, 3), "uint8")
    assert (labels.shape, labels.dtype.name) == ((3, 32, 32), "int32")
    for step, (images, labels) in enumerate(stream(source, 12, augmentation=NO_LABEL_AUGMENTATION)):
        seen = [f"r{image.min():02d}" for image in images]
        assert seen == names_of_step(source, step, 3, 4)
        assert labels.min() >= 0
        assert set(np.unique(labels)) <= {0, 1, 2, 3, 4, 255}


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_evaluation_goes_through_once(resizing):
    source = rare()
    dataset = evaluation_batches(source, TARGETS["labels"], size=32, batch_size=8, resizing=resizing)
    batches = list(dataset.as_numpy_iterator())
    assert [len(images) for images, _ in batches] == [8, 8, 8, 6]
    images, labels = (np.concatenate(part) for part in zip(*batches))
    example = source.load(9)
    np.testing.assert_array_equal(images[9], fit_image(example.image, 32, resizing))
    np.testing.assert_array_equal(labels[9], fit_labels(example.labels, 32, resizing))
    assert labels.dtype == np.int32


def test_an_unknown_resizing_is_refused_at_once():
    with pytest.raises(UsageError, match="resizing must be"):
        training(rare(), resizing="squash")
