"""The training stream as a function of (seed, step), the cache, and the evaluation streams."""

import hashlib
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.data.augmentation.masks import augment
from metricfit.trainers.data.augmentation.settings import NO_AUGMENTATION, NO_LABEL_AUGMENTATION, Augmentation
from metricfit.trainers.data.batches.order import Order, names_of_step, steps_per_epoch
from metricfit.trainers.data.batches.original_size import original_size_examples
from metricfit.trainers.data.batches.pipeline import evaluation_batches, training_batches
from metricfit.trainers.data.batches.stream import DecodedCache
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError, UsageError


class Coded(Source):
    """Example i is a picture of the value i, with a mask of 0, 1 and 255; it records what is loaded."""

    name, class_names = "coded", ()

    def __init__(self, count):
        self.names = [f"c{index}" for index in range(count)]
        self.loaded = []
        self._lock = threading.Lock()

    def __len__(self):
        return len(self.names)

    def load(self, index):
        with self._lock:
            self.loaded.append(index)
        mask = np.zeros((10 + index % 3, 14), np.uint8)
        mask[:5] = 1
        mask[:, :2] = 255
        return Example(np.full((*mask.shape, 3), index, np.uint8), mask, labels=mask * 2, name=self.names[index])


def stream(source, steps, *, seed=3, batch_size=4, size=8, augmentation=NO_AUGMENTATION, target="mask", **more):
    settings = {"size": size, "batch_size": batch_size, "seed": seed, "resizing": "stretch", **more}
    dataset = training_batches(source, TARGETS[target], augmentation=augmentation, **settings)
    return [(images.numpy(), targets.numpy()) for images, targets in dataset.take(steps)]


def numbers(images):
    return images[:, 0, 0, 0].tolist()


def test_names_of_step_are_what_the_stream_delivers():
    source = Coded(22)
    batches = stream(source, 12)
    for step, (images, _) in enumerate(batches):
        assert [f"c{number}" for number in numbers(images)] == names_of_step(source, step, 4, 3)
    assert names_of_step(source, 0, 4, 3) != names_of_step(source, 0, 4, 4)


def test_an_epoch_visits_each_example_at_most_once_and_reshuffles():
    source = Coded(22)
    assert steps_per_epoch(source, 4) == 5
    epochs = [[n for step in range(5) for n in names_of_step(source, 5 * epoch + step, 4, 3)] for epoch in range(40)]
    assert all(len(set(epoch)) == 20 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 40
    # What one epoch drops comes in others.
    assert {name for epoch in epochs for name in epoch} == set(source.names)


def test_a_resumed_stream_is_the_tail_and_decodes_nothing_before_it():
    scenes = Subset(Scenes("val"), range(10))
    settings = {"batch_size": 3, "size": 48, "augmentation": Augmentation()}
    whole = stream(scenes, 9, **settings)
    for start in (2, 3, 7):
        tail = stream(scenes, 9 - start, start_step=start, cache_mib=0, **settings)
        for (images, targets), (images_again, targets_again) in zip(whole[start:], tail, strict=True):
            np.testing.assert_array_equal(images, images_again)
            np.testing.assert_array_equal(targets, targets_again)
    source = Coded(250)
    first = stream(source, 1, start_step=50)
    assert [f"c{number}" for number in numbers(first[0][0])] == names_of_step(source, 50, 4, 3)
    assert len(source.loaded) < 200


def test_augmentation_is_keyed_by_seed_epoch_and_index():
    scenes = Subset(Scenes("val"), range(6))
    batches = stream(scenes, 6, seed=9, batch_size=2, size=40, augmentation=Augmentation())
    for step, (images, targets) in enumerate(batches):
        for name, image, target in zip(names_of_step(scenes, step, 2, 9), images, targets):
            index = scenes.names.index(name)
            example = scenes.load(index)
            rng = np.random.default_rng([9, step // 3, index])
            expected, mask = augment(example.image, example.mask, 40, rng, Augmentation())
            np.testing.assert_array_equal(image, expected)
            np.testing.assert_array_equal(target, mask)


def test_same_bytes_in_another_process_which_ends_cleanly_with_work_under_way():
    code = """
import hashlib
from metricfit.trainers.data.augmentation.settings import Augmentation
from metricfit.trainers.data.batches.pipeline import training_batches
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.data.targets import TARGETS
settings = dict(size=64, batch_size=5, seed=1, augmentation=Augmentation(), resizing="stretch")
batches = iter(training_batches(Scenes("train"), TARGETS["mask"], **settings))
images, masks = next(batches)
print(hashlib.sha256(images.numpy().tobytes() + masks.numpy().tobytes()).hexdigest())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    ((images, masks),) = stream(Scenes("train"), 1, seed=1, batch_size=5, size=64, augmentation=Augmentation())
    assert done.stdout.strip() == hashlib.sha256(images.tobytes() + masks.tobytes()).hexdigest()


def test_shapes_are_static_and_values_stay():
    settings = {"size": 16, "batch_size": 4, "seed": 0, "resizing": "stretch"}
    dataset = training_batches(Coded(9), TARGETS["mask"], augmentation=Augmentation(), **settings)
    assert dataset.element_spec == (tf.TensorSpec((4, 16, 16, 3), tf.uint8), tf.TensorSpec((4, 16, 16), tf.int32))
    assert dataset.cardinality() == tf.data.INFINITE_CARDINALITY
    for _, targets in dataset.take(6):
        assert set(np.unique(targets)) <= {0, 1, 255}


def test_a_source_smaller_than_a_batch_fills_it():
    source = Subset(Scenes("val"), range(3))
    assert steps_per_epoch(source, 8) == 1
    names = names_of_step(source, 5, 8, 0)
    assert sorted(names.count(name) for name in source.names) == [2, 3, 3]
    ((images, _),) = stream(source, 1, batch_size=8, size=32, augmentation=Augmentation())
    # Repeats of an example within the batch are varied differently.
    assert len({image.tobytes() for image in images}) == 8


def test_an_epoch_of_more_steps_than_a_pass_has_is_several_passes():
    source = Coded(9)
    assert steps_per_epoch(source, 4, 5) == 5
    assert steps_per_epoch(source, 4, 1) == 2
    epochs = [[name for step in range(5) for name in names_of_step(source, 5 * epoch + step, 4, 3, 5)]
              for epoch in range(2)]  # fmt: skip
    for epoch in epochs:
        assert sorted(epoch[:9]) == sorted(epoch[9:18]) == sorted(source.names)
        assert epoch[:9] != epoch[9:18]
    assert epochs[0] != epochs[1]
    seen = stream(source, 6, least_steps=5)
    assert [f"c{number}" for images, _ in seen for number in numbers(images)] == epochs[0] + epochs[1][:4]
    drawn = [Order(9, 4, 3, 5).draw(place)[1].random() for place in range(20)]
    assert len(set(drawn)) == 20, "a picture that comes again is varied anew"
    (resumed,) = stream(source, 1, least_steps=5, start_step=4)
    np.testing.assert_array_equal(resumed[0], seen[4][0])


def test_the_cache_spares_loading_and_does_not_change_the_stream():
    cached, plain = Coded(16), Coded(16)
    with_cache, without = stream(cached, 12), stream(plain, 12, cache_mib=0)
    for (images, targets), (images_again, targets_again) in zip(with_cache, without):
        np.testing.assert_array_equal(images, images_again)
        np.testing.assert_array_equal(targets, targets_again)
    # Two workers may meet at the same example across an epoch's end.
    assert len(cached.loaded) <= 16 + 4
    assert len(plain.loaded) >= 48


def test_the_cache_is_bounded():
    source = Coded(30)
    one = 12 * 14 * 4
    cache = DecodedCache(source, TARGETS["mask"], 5 * one / 2**20)
    for _ in range(3):
        for index in range(30):
            assert cache[index][0][0, 0, 0] == index
    again = len(source.loaded)
    assert again >= 30 + 2 * 24
    assert again < 90


def test_the_cache_is_safe_between_threads():
    source = Coded(40)
    cache = DecodedCache(source, TARGETS["mask"], 1)
    wrong = []

    def work(seed):
        for index in np.random.default_rng(seed).integers(0, 40, 500):
            if cache[int(index)][0][0, 0, 0] != index:
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_evaluation_batches_go_once_in_order():
    source = Coded(10)
    dataset = evaluation_batches(source, TARGETS["mask"], size=8, batch_size=4, resizing="stretch")
    for _ in range(2):
        batches = [(images.numpy(), targets.numpy()) for images, targets in dataset]
        assert [len(images) for images, _ in batches] == [4, 4, 2]
        assert [number for images, _ in batches for number in numbers(images)] == list(range(10))
        assert batches[0][1].dtype == np.int32
        assert set(np.unique(np.concatenate([targets for _, targets in batches]))) == {0, 1, 255}
    assert len(source.loaded) == 10
    uncached = evaluation_batches(source, TARGETS["mask"], size=8, batch_size=4, resizing="stretch", cache_mib=0)
    assert sum(len(images) for _ in range(2) for images, _ in uncached) == 20
    assert len(source.loaded) == 30


def test_original_size_examples_keep_the_label():
    source = Coded(11)
    seen = []
    for images, examples in original_size_examples(source, 8, 4, quiet=True, description="test"):
        assert images.shape == (len(examples), 8, 8, 3)
        assert [example.image[0, 0, 0] for example in examples] == numbers(images)
        seen += [example.mask.shape[0] for example in examples]
    assert seen == [10 + index % 3 for index in range(11)]
    early = original_size_examples(source, 8, 2, quiet=True)
    next(early)
    early.close()


def test_labels_can_be_the_target():
    ((_, targets),) = stream(Coded(4), 1, target="labels", augmentation=NO_LABEL_AUGMENTATION)
    assert set(np.unique(targets)) == {0, 2, 254}


def test_faults_in_loading_are_quoted():
    class Unlabelled(Coded):
        def load(self, index):
            return Example(super().load(index).image, name="c1")

    with pytest.raises(tf.errors.OpError, match="c1 of coded has no mask"):
        stream(Unlabelled(4), 1)


def test_arguments_are_checked_at_the_door():
    with pytest.raises(DataError, match="at least one example"):
        stream(Coded(0), 1)
    with pytest.raises(UsageError, match="seed"):
        stream(Coded(4), 1, seed=-1)
    with pytest.raises(UsageError, match="batch_size"):
        steps_per_epoch(Coded(4), 0)
