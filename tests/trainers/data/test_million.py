"""What an example takes where there are many: some hundred bytes, and no object of its own; orders are as ever."""

import gc
import json
import tracemalloc

import numpy as np
import pytest

from metricfit.trainers.data.batches.class_weights import class_weights
from metricfit.trainers.data.batches.equibatch import Equibatch
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.coco.instances import Instances
from metricfit.trainers.data.subset import split_for_selection

COUNT = 1000
LARGEST = 200  # bytes that stay


def held(work):
    """Give what a call gives, with the bytes and the objects that stay of it."""
    work()  # what is imported or cached on the way counts for nothing
    gc.collect()
    before = len(gc.get_objects())
    tracemalloc.start()
    try:
        found = work()
        gc.collect()
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    return found, size, len(gc.get_objects()) - before


def check(work, examples=COUNT):
    found, size, objects = held(work)
    assert size < LARGEST * examples + 50_000
    assert objects < examples / 10
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("million")
    for place, form in (("images", "photo {:05d}.jpg"), ("masks", "photo {:05d}.png")):
        (folder / place).mkdir()
        for index in range(COUNT):
            (folder / place / form.format(index)).touch()
    return folder


@pytest.mark.parametrize("form", ["folder:{}", "{}", "auto:{}"])
def test_a_folder(photos, form):
    source = check(lambda: open_source(form.format(photos)))
    assert source.partner_name(COUNT - 1) == str(photos / f"masks/photo {COUNT - 1:05d}.png")
    parts = check(lambda: split_for_selection(source))
    assert list(parts[1].names[:2]) == ["photo 00009", "photo 00019"]


def test_pictures_alone_and_those_of_a_list(photos):
    (photos / "some.txt").write_text("".join(f"photo {index:05d}\n" for index in range(COUNT, 0, -3) if index < COUNT))
    source = check(lambda: open_source(f"folder:{photos}:some"), COUNT // 3)
    assert source.names[0] == f"photo {COUNT - 3:05d}"
    assert len(check(lambda: open_source(f"folder:{photos}", needs="none"))) == COUNT
    (photos / "some.txt").unlink()


def test_boxes_of_coco(photos):
    images = [
        {"id": 5 * index, "file_name": f"photo {index:05d}.jpg", "width": 9, "height": 9} for index in range(COUNT)
    ]
    boxes = [
        {
            "id": index,
            "image_id": 5 * (index * 7 % COUNT),
            "category_id": 1,
            "bbox": [index % 5, 1, 2.5, 3],
            "area": 7.5,
        }
        for index in range(7 * COUNT)
    ]
    content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]}
    (photos / "instances.json").write_text(json.dumps(content))
    source = check(
        lambda: open_source(f"coco:{photos / 'images'},{photos / 'instances.json'}", needs="boxes"), 3 * COUNT
    )
    assert source.box_counts.tolist() == [7] * COUNT
    instances = Instances(photos / "instances.json")
    for index in (0, 1, COUNT - 1):
        own = [box for box in boxes if box["image_id"] == 5 * index]
        record = instances.record(index)
        assert record.ids == [box["id"] for box in own]
        assert record.boxes == [box["bbox"] for box in own]
    assert dict(source.ids.pictures) == {image["file_name"]: image["id"] for image in images}


def test_equibatch_permutes_as_it_did():
    counts = np.random.default_rng(3).integers(0, 3, (500, 4)).astype(np.int32)
    drawn = Equibatch(counts, seed=5)
    for wanted in range(4):
        examples = np.flatnonzero(counts[:, wanted] > 0)
        expected = np.random.default_rng([5, wanted, 2, 0, 2]).permutation(examples)
        assert drawn._permute(wanted, 2).tolist() == expected.tolist()


@pytest.mark.parametrize("kind", ["balanced", "log"])
def test_class_weights_are_the_same_to_the_bit(kind):
    counts = np.random.default_rng(4).integers(0, 10**7, (300, 6)) * np.random.default_rng(5).integers(0, 2, (300, 6))
    as_floats = counts.astype(np.float64)
    pixels, share = as_floats.sum(axis=0), as_floats.sum(axis=0) / as_floats.sum()
    frequency = pixels / (as_floats.sum(axis=1)[:, None] * (as_floats > 0)).sum(axis=0)
    found = np.median(frequency) / frequency if kind == "balanced" else 1 / np.log(1.02 + share)
    assert class_weights(counts.astype(np.int32), kind) == (found / (found @ share)).tolist()
