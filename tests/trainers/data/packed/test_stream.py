"""The training stream of packed data: that of the data themselves to the bit, decoded by TensorFlow."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.data.augmentation.settings import Augmentation, BoxAugmentation, LabelAugmentation
from metricfit.trainers.data.batches.equibatch import Equibatch
from metricfit.trainers.data.batches.order import names_of_step
from metricfit.trainers.data.batches.pipeline import training_batches
from metricfit.trainers.data.labels import class_counts
from metricfit.trainers.data.packed import records
from metricfit.trainers.data.packed.packing import pack
from metricfit.trainers.data.scan.scanner import checked_source
from metricfit.trainers.data.sources import joined, open_source
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.data.steady import Steady, stand_ins
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets import TARGETS

from .sets import Boxed, write_folder

AUGMENTATIONS = {"mask": Augmentation(), "labels": LabelAugmentation(), "boxes": BoxAugmentation()}


def stream(source, needs, steps, **more):
    settings = {"size": 32, "batch_size": 3, "seed": 5, "resizing": "stretch", "cache_mib": 0}
    settings |= {"augmentation": AUGMENTATIONS[needs], **more}
    batches = training_batches(source, TARGETS[needs], **settings)
    return [tf.nest.map_structure(np.asarray, batch) for batch in batches.take(steps)]


def assert_equal_streams(found, meant):
    assert len(found) == len(meant)
    for one, other in zip(found, meant):
        tf.nest.map_structure(np.testing.assert_array_equal, one, other)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Sources of each kind of target, and the same packed."""
    root = tmp_path_factory.mktemp("streams")
    scenes = Subset(Scenes("val"), range(7))
    there = {"mask": open_source(f"folder:{write_folder(root / 'photos')}"), "labels": scenes, "boxes": Boxed(root)}
    for needs, source in there.items():
        pack(source, str(root / needs), needs=needs, shards=2, quiet=True)
    return {needs: (source, f"packed:{root / needs}") for needs, source in there.items()}


@pytest.fixture
def unread(monkeypatch):
    """Count what the program's own reader decodes: nothing of what TensorFlow has decoded."""
    read, held_in = [], records.held_in

    def counted(*given):
        read.append(given[-1])
        return held_in(*given)

    monkeypatch.setattr("metricfit.trainers.data.sources.packed.held_in", counted)
    return read


@pytest.mark.parametrize("needs", AUGMENTATIONS)
def test_the_stream_is_that_of_the_data_to_the_bit(packed, unread, needs):
    source, text = packed[needs]
    found = checked_source(text, needs=needs)
    assert_equal_streams(stream(found, needs, 9), stream(source, needs, 9))
    assert unread == []
    assert names_of_step(found, 4, 3, 5) == names_of_step(source, 4, 3, 5)


def test_mixed_pictures_are_those_of_the_data_to_the_bit(packed):
    source, text = packed["boxes"]
    mixing = BoxAugmentation(mosaic=0.6, mix_up=0.6, rotation=30)
    streams = [stream(one, "boxes", 6, augmentation=mixing) for one in (checked_source(text, needs="boxes"), source)]
    assert_equal_streams(*streams)


def test_a_resumed_stream_is_the_tail_with_any_cache(packed, unread):
    source, text = packed["mask"]
    meant = stream(source, "mask", 12)
    found = Steady(open_source(text), TARGETS["mask"], replacing=False)
    for start, cache in ((0, 1024), (5, 0.02), (7, 0)):
        assert_equal_streams(stream(found, "mask", 12 - start, start_step=start, cache_mib=cache), meant[start:])
    assert unread == []


def test_views_of_packed_data_are_decoded_by_tensorflow_too(packed, unread):
    text = packed["mask"][1]
    parts = [Subset(open_source(text), range(6)), Scenes("test")]
    both = joined.join_sources(parts, "mask")
    assert [len(batch[0]) for batch in stream(both, "mask", 3)] == [3, 3, 3]
    assert both.record(3)[1] == 3
    assert both.record(6) is None
    assert unread == []


def test_classes_are_cycled_over(packed):
    source, text = packed["labels"]
    found = checked_source(text, needs="labels")
    sampler = Equibatch(class_counts(found), seed=1)
    assert_equal_streams(stream(found, "labels", 4, sampler=sampler), stream(source, "labels", 4, sampler=sampler))


def test_array_records_are_read_by_python(packed, unread, tmp_path):
    source = packed["boxes"][0]
    text = pack(source, str(tmp_path / "out"), needs="boxes", file_format="array_record", quiet=True).source
    assert_equal_streams(stream(open_source(text, needs="boxes"), "boxes", 3), stream(source, "boxes", 3))
    assert len(unread) > 8


def test_another_example_stands_in_for_one_that_is_damaged(packed, tmp_path):
    source, _ = packed["mask"]
    text = pack(source, str(tmp_path / "out"), needs="mask", quiet=True).source
    found = open_source(text)
    file, start, length = found.place(4)
    with open(file, "r+b") as shard:
        shard.seek(start + 12 + length // 2)
        byte = shard.read(1)[0]
        shard.seek(start + 12 + length // 2)
        shard.write(bytes([byte ^ 1]))
    steady = Steady(found, TARGETS["mask"], replacing=True)
    stream(steady, "mask", 5)
    (one,) = stand_ins(steady)
    assert (one.name, one.by) == (source.names[4], source.names[5])
    assert "is damaged (its sum differs)" in one.why
    with pytest.raises(tf.errors.OpError, match="its sum differs"):
        stream(Steady(found, TARGETS["mask"], replacing=False), "mask", 5)


def test_packed_data_of_another_file_system_stream_alike(packed):
    source, _ = packed["mask"]
    text = pack(source, "ram://streamed/out", needs="mask", shards=3, quiet=True).source
    assert_equal_streams(stream(open_source(text), "mask", 5), stream(source, "mask", 5))
