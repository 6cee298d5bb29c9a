"""A COCO file that is read piece by piece says what the whole of it says; kept, it says the same again."""

import dataclasses
import json
import os
import random

import numpy as np
import pytest

from metricfit.trainers.data import kept_arrays
from metricfit.trainers.data.names import Names
from metricfit.trainers.data.sources.coco import written as coco_written
from metricfit.trainers.data.sources.coco.written import _walk, read_written
from metricfit.trainers.errors import DataError

CONTENT = {
    "info": {"images": [1, {"a": []}], "year": 2020},
    "images": [{"id": 1, "file_name": "a.jpg", "width": 3, "height": 4}, {"id": "2", "file_name": "b.jpg"}, {}],
    "licenses": [],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3.5, 4], "area": 14, "iscrowd": 1,
         "segmentation": [[1, 2, 3.25, 4, 5, 6]]},
        {"id": 2, "image_id": "2", "category_id": 2, "bbox": [1, 2]},
        {"id": None, "image_id": 10**30, "category_id": [2], "bbox": [1, 2, 10**400, 4], "area": 10**400},
        {"id": 4, "image_id": 1, "category_id": True, "bbox": [1, True, 3, 4], "iscrowd": "1"},
    ],
    "categories": [{"id": 2, "name": "cat"}],
}  # fmt: skip


def written_as(content, path, **form):
    path.write_text(json.dumps(content, **form))
    return path


def walked(text):
    found = {part: [] for part in coco_written.PARTS}
    seen = _walk(text, {part: taken.append for part, taken in found.items()})
    return {part: taken for part, taken in found.items() if part in seen}


@pytest.mark.parametrize("form", [{}, {"indent": 3}, {"separators": (",", ":")}, {"separators": (" , ", "\t:\n")}])
def test_piece_by_piece_it_is_what_it_is_as_a_whole(form):
    text = json.dumps(CONTENT, **form)
    assert walked(f" {text}\n") == {part: CONTENT[part] for part in coco_written.PARTS}


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"images": [{}]', '{"images": [{} {}]}', '{"images": [{},]}',
                                  '{"images": [1]}', '{"images": {}}', '{"images" []}', '{"images": []} x',
                                  '{"images": [], "images": []}', '{"images": [],}', "{1: 2}"])  # fmt: skip
def test_what_is_irregular_is_left_to_the_whole(text, tmp_path):
    with pytest.raises((ValueError, StopIteration, IndexError, coco_written._Irregular)):
        walked(text)
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"cannot be read as JSON|has no list of"):
        read_written(tmp_path / "x.json")


def test_of_lists_that_stand_twice_the_last_counts(tmp_path):
    text = '{"images": [{"id": 1}], "categories": [], "annotations": [], "images": [{"id": 2, "file_name": "b"}]}'
    (tmp_path / "x.json").write_text(text)
    assert read_written(tmp_path / "x.json").file_names == ["b"]


def same(one, other):
    for field in dataclasses.fields(one):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if isinstance(first, np.ndarray):
            np.testing.assert_array_equal(first, second)
            assert first.dtype == second.dtype
        else:
            assert first == second, field.name


@pytest.mark.parametrize("outlines", [False, True])
def test_kept_it_is_the_same_and_another_file_is_read(tmp_path, monkeypatch, outlines):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kept_arrays, "WORTH", -1.0)
    monkeypatch.setattr(kept_arrays, "MARGIN", 0)
    path = written_as(CONTENT, tmp_path / "x.json")
    os.utime(path, (1, 1))
    with kept_arrays.keeping(True):
        first = read_written(path, outlines=outlines)
        monkeypatch.setattr(coco_written, "_parsed", None)
        same(first, read_written(path, outlines=outlines))
        monkeypatch.undo()
        assert first.odd.keys() == {1, 2, 3}
        assert first.odd_images.keys() == {1, 2}
        assert (first.outlines is not None) == outlines
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with kept_arrays.keeping(True):
        written_as({**CONTENT, "images": []}, path)
        assert len(read_written(path, outlines=outlines).file_names) == 0


def test_many_records_are_those_of_json(tmp_path):
    rng = random.Random(2)
    boxes = [
        {"id": number, "image_id": rng.randrange(50), "category_id": rng.randrange(3),
         "bbox": [rng.choice((rng.random(), rng.randrange(9))) for _ in range(4)], "area": rng.random()}
        for number in range(500)
    ]  # fmt: skip
    content = {"annotations": boxes, "images": [{"id": 1, "file_name": "a"}], "categories": CONTENT["categories"]}
    found = read_written(written_as(content, tmp_path / "x.json"))
    assert found.boxes.tolist() == [box["bbox"] for box in boxes]
    assert found.areas.tolist() == [box["area"] for box in boxes]
    assert found.images.tolist() == [box["image_id"] for box in boxes]
    assert found.classes.tolist() == [box["category_id"] for box in boxes]
    assert isinstance(found.file_names, Names)
