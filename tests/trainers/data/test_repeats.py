"""Repeated pictures of rare classes: how often, in which order, and that everything else about the stream stays."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.data.augmentation.settings import BoxAugmentation
from metricfit.trainers.data.batches.order import names_of_step
from metricfit.trainers.data.batches.pipeline import training_batches
from metricfit.trainers.data.batches.repeats import RepeatRare, class_factors, picture_factors, repeats_told
from metricfit.trainers.data.batches.share import Share
from metricfit.trainers.data.labels import LabelCoding, with_coding
from metricfit.trainers.data.packed.packing import pack
from metricfit.trainers.data.scan import scanner
from metricfit.trainers.data.scan.presence import Presence, presence
from metricfit.trainers.data.scan.scanned import Scanned
from metricfit.trainers.data.scan.scanner import checked_source
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.data.steady import Steady
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import UsageError
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import DetectionConfig, SegmentationConfig

from ...conftest import registered
from ...reference import repeats as reference
from ..detections import Squares
from .packed.sets import Boxed

BOXES = TARGETS["boxes"]


def made_up(seed, count=40):
    """Pictures with one of five classes each, or several, or none: from nearly always to once."""
    rng = np.random.default_rng(seed)
    sets = [set(np.flatnonzero(rng.random(5) < [0.9, 0.4, 0.1, 0.05, 0]).tolist()) for _ in range(count)]
    sets[7].add(4)
    sets[9] = set()
    pairs = [(place, kind) for place, classes in enumerate(sets) for kind in sorted(classes)]
    pictures, classes = np.array(pairs).T
    return sets, Presence(pictures, classes, count, tuple("abcde"))


def test_factors_are_those_of_lvis():
    sets, found = made_up(1)
    for share in (0.001, 0.1, 0.5, 1.0):
        assert picture_factors(found, share) == pytest.approx(reference.factors(sets, share), rel=1e-12)
    assert class_factors(found, 0.1)[[0, 4]] == pytest.approx([1, np.sqrt(0.1 * 40)])
    assert picture_factors(found, 1.0)[9] == 1, "a picture of background alone"
    assert class_factors(Presence(np.zeros(0, int), np.zeros(0, int), 3, ("a",)), 0.5).tolist() == [1.0]


@pytest.mark.parametrize("seed", range(3))
def test_a_round_has_each_picture_as_often_as_its_factor_says(seed):
    sets, found = made_up(seed)
    factors = picture_factors(found, 0.5)
    order = RepeatRare(factors, seed)
    assert 0 <= order.length - factors.sum() < 1
    wanted = factors * order.length / factors.sum()
    total = np.zeros(len(sets))
    for number in range(300):
        drawn = np.bincount([order[number * order.length + place] for place in range(order.length)], minlength=40)
        assert drawn.sum() == order.length
        assert (drawn >= np.floor(wanted)).all()
        assert (drawn <= np.ceil(wanted)).all()
        assert drawn.min() >= 1
        total += drawn
    assert total / 300 == pytest.approx(wanted, abs=0.12)


def test_a_round_is_a_walk_along_the_factors():
    factors = np.array(reference.factors(made_up(2)[0], 0.6))
    order = RepeatRare(factors, 9)
    rng = np.random.default_rng([9, 4, 0, 0, 5])
    line = rng.permutation(len(factors)).tolist()
    walked = reference.round_of(factors.tolist(), line, order.length, rng.random())
    found = [order[4 * order.length + place] for place in range(order.length)]
    assert Counter(found) == Counter(walked)
    assert found != walked, "and shuffled"


def test_the_order_hangs_on_seed_and_position_alone():
    factors = picture_factors(made_up(3)[1], 0.5)
    first, again, other = RepeatRare(factors, 1), RepeatRare(factors, 1), RepeatRare(factors, 2)
    places = range(3 * first.length)
    backwards = {place: again[place] for place in reversed(places)}
    assert [first[place] for place in places] == [backwards[place] for place in places]
    assert [first[place] for place in places] != [other[place] for place in places]
    rounds = [tuple(first[number * first.length + place] for place in range(first.length)) for number in range(3)]
    assert len(set(rounds)) == 3
    index, rng, wanted = first.draw(5)
    assert (index, wanted) == (first[5], None)
    assert rng.random() == first.draw(5)[1].random() != first.draw(6)[1].random()
    with pytest.raises(UsageError, match="seed must be 0 or more"):
        RepeatRare(factors, -1)


def test_what_is_told():
    told = repeats_told(made_up(1)[1], 0.1, steps=3, batch_size=8)
    assert told.startswith("--repeat-rare 0.1: pictures with d (1) 2 times, e (1) 2 times; a pass")
    length = RepeatRare(picture_factors(made_up(1)[1], 0.1), 0).length
    assert told.endswith(f"a pass over 40 pictures becomes one of {length}, and an epoch of 3 steps has 24 of these")
    everywhere = Presence(np.arange(4), np.zeros(4, int), 4, ("a",))
    assert "repeats nothing: every class is in that share of the 4 pictures" in repeats_told(everywhere, 0.5, 3, 8)


@pytest.fixture(scope="module")
def boxed(tmp_path_factory):
    return Boxed(tmp_path_factory.mktemp("boxed"))


def classes_of(source):
    """The classes that count, picture by picture, as loading says."""
    return [set(BOXES.of(source.load(index), source)[1].tolist()) - {-2} for index in range(len(source))]


def as_sets(found):
    sets = [set() for _ in range(found.length)]
    for picture, kind in zip(found.pictures.tolist(), found.classes.tolist()):
        sets[picture].add(kind)
    return sets


def test_the_classes_of_pictures_are_what_loading_says(tmp_path, monkeypatch):
    source, part = Squares(8), [6, 3, 1]
    text = pack(source, str(tmp_path / "out"), needs="boxes", quiet=True).source
    plain, packed = presence(source, "boxes", quiet=True), presence(checked_source(text, needs="boxes"), "boxes")
    assert as_sets(plain) == as_sets(packed) == classes_of(source)
    assert len({frozenset(one) for one in as_sets(plain)}) > 3
    _, looks = scanner._scanned(source, "boxes", True)
    scanned = Steady(Subset(Scanned(source, looks), part), BOXES, replacing=False)
    monkeypatch.setattr(source, "load", None)
    assert as_sets(presence(scanned, "boxes", quiet=True)) == [as_sets(plain)[index] for index in part]
    assert plain.having.tolist() == [sum(kind in one for one in as_sets(plain)) for kind in range(3)]


def stream(source, steps, sampler, **more):
    settings = {"size": 32, "batch_size": 4, "seed": 5, "resizing": "pad", "augmentation": BoxAugmentation(mosaic=0.3)}
    batches = training_batches(source, BOXES, sampler=sampler, **{**settings, **more})
    return [tf.nest.map_structure(np.asarray, batch) for batch in batches.take(steps)]


def test_streams_resume_are_shared_and_packed_to_the_bit(boxed, tmp_path):
    sampler = RepeatRare(np.linspace(1, 3, len(boxed)), seed=2)
    whole = stream(boxed, 6, sampler)
    packed = checked_source(pack(boxed, str(tmp_path / "out"), needs="boxes", quiet=True).source, needs="boxes")
    tail = stream(boxed, 2, sampler, start_step=4)
    for found, meant in ((tail, whole[4:]), (stream(packed, 6, sampler), whole)):
        for one, other in zip(found, meant, strict=True):
            tf.nest.map_structure(np.testing.assert_array_equal, one, other)
    halves = [stream(boxed, 6, sampler, share=Share(worker=one, workers=2)) for one in range(2)]
    for first, second, both in zip(*halves, whole, strict=True):
        joined = tf.nest.map_structure(lambda one, other: np.concatenate([one, other]), first, second)
        tf.nest.map_structure(np.testing.assert_array_equal, joined, both)
    names = names_of_step(boxed, 3, 4, 5, sampler=sampler)
    assert names == [boxed.names[sampler[place]] for place in range(12, 16)]


@pytest.mark.parametrize(("task", "data"), [("detection", "discs:train"), ("segmentation", "colours:train")])
def test_tasks_with_classes_repeat_them_where_asked(task, data, tmp_path):
    made = {"detection": DetectionConfig, "segmentation": SegmentationConfig}[task]
    config = made(data=data, out=str(tmp_path), repeat_rare=1.0, seed=3, quiet=True, batch_size=4, size=64)
    plain = made(data=data, out=str(tmp_path), seed=3, quiet=True, batch_size=4, size=64)
    task = get_task(task)
    with registered():
        training, _ = task.open_sources(config)
        assert task.sampler(plain, training) is None
        assert task.repeats(plain, training) == ""
        sampler, told = task.sampler(config, training), task.repeats(config, training)
    assert isinstance(sampler, RepeatRare)
    if task.name == "detection":
        assert training.seen() is not None, "the scan's"
    assert told.startswith("--repeat-rare 1")
    steps = [task.names_of_step(config, training, step) for step in range(4)]
    assert [name.partition(" with ")[0] for step in steps for name in step] == [
        training.names[sampler[place]] for place in range(16)
    ]


def test_two_that_decide_the_order_are_one_too_many(tmp_path):
    config = SegmentationConfig(data="colours:train", out=str(tmp_path), repeat_rare=0.1, equibatch=True)
    with pytest.raises(UsageError, match="--equibatch and --repeat-rare both decide which picture comes when"):
        get_task("segmentation").check(config)


def test_class_maps_are_counted_by_their_pixels():
    source = Subset(with_coding(Scenes("val"), LabelCoding()), range(5))
    found = as_sets(presence(source, "labels", quiet=True))
    assert found == [set(np.unique(source.load(index).labels).tolist()) - {255} for index in range(5)]
