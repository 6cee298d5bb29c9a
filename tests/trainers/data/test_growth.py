"""Work that grows with the number of items, not with its square: four times as many take about four times as long."""

import gc
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from metricfit.app.show.inputs import find_pictures
from metricfit.app.show.stems import unique_stems
from metricfit.trainers.data.classes import Renumbered, read_class_names, with_class_names
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.parts import divide
from metricfit.trainers.data.pixel_files.colours import read_colours
from metricfit.trainers.data.ragged import Ragged
from metricfit.trainers.data.scan.causes import told_together
from metricfit.trainers.data.sources.boxes import yolo_yaml
from metricfit.trainers.data.sources.boxes.pairing import find_pairs
from metricfit.trainers.data.sources.coco.instances import Instances
from metricfit.trainers.data.sources.joined import join_sources
from metricfit.trainers.data.sources.layouts.base import Tree
from metricfit.trainers.data.sources.listed import Listed
from metricfit.trainers.data.sources.lists import read_list
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets.boxes import BoxFacts
from metricfit.trainers.errors import DataError
from metricfit.trainers.text import repeated

SMALL = 2000


def seconds(work):
    """The processor's time for it, of three tries the least."""
    best = float("inf")
    gc.collect()
    gc.disable()  # it goes through all that is held, again and again
    try:
        for _ in range(3):
            start = time.process_time()
            work()
            best = min(best, time.process_time() - start)
    finally:
        gc.enable()
    return best


def check(prepared):
    """Four times as many items may take eight times as long, where sixteen shows the square."""
    small, large = seconds(prepared(SMALL)), seconds(prepared(4 * SMALL))
    assert large < 8 * max(small, 0.002), f"{SMALL} items take {small:.4f} s, four times as many {large:.4f} s"


class Named(Source):
    def __init__(self, names, class_names=(), name="named"):
        self.name, self.names, self.class_names = name, names, tuple(class_names)

    def __len__(self):
        return len(self.names)

    def load(self, index):
        boxes = np.array([[0, 0, 1, 1]], np.float32)
        return Example(np.zeros((2, 2, 3), np.uint8), boxes=boxes, classes=np.array([index], np.int32))


def numbered(count, form="name {:07d}"):
    return [form.format(index) for index in range(count)]


def test_names_of_classes(tmp_path):
    def prepared(count):
        path = tmp_path / f"{count}.txt"
        path.write_text("\n".join(numbered(count)))
        return lambda: read_class_names(path)

    check(prepared)


def test_classes_of_one_source_as_another_numbers_them():
    def prepared(count):
        names = numbered(count)
        source = Named(["a"], names)
        return lambda: with_class_names(source, names[::-1])

    check(prepared)


def test_categories_images_and_boxes_of_coco(tmp_path):
    def prepared(count):
        path = tmp_path / f"{count}.json"
        numbers = range(count)
        content = {
            "images": [{"id": id_, "file_name": f"{id_}.jpg", "width": 9, "height": 9} for id_ in numbers],
            "categories": [{"id": id_, "name": f"class {id_}", "supercategory": "none"} for id_ in numbers],
            "annotations": [
                {"id": id_, "image_id": id_, "category_id": id_, "bbox": [1, 1, 2, 2], "area": 4} for id_ in numbers
            ],
        }
        path.write_text(json.dumps(content))
        return lambda: Instances(path).doubts()

    check(prepared)


def test_names_of_classes_in_yaml():
    check(lambda count: lambda: yolo_yaml._names(Path("data.yaml"), numbered(count)))


def test_colours_of_few_classes(tmp_path):
    def prepared(count):
        path = tmp_path / f"{count}.txt"
        lines = (f"{index >> 8} {index & 255} 0 class {index % 250}" for index in range(count))
        path.write_text("\n".join(lines))
        return lambda: read_colours(str(path))

    check(prepared)


def test_a_list_of_a_source(tmp_path):
    def prepared(count):
        path, names = tmp_path / f"{count}.txt", numbered(count, "photo_{}.jpg")
        path.write_text("\n".join(names))
        return lambda: Listed(Named(names), path, "listed")

    check(prepared)


def test_a_list_in_which_all_are_named_twice(tmp_path):
    def prepared(count):
        path = tmp_path / f"{count}.txt"
        path.write_text("\n".join(numbered(count) * 2))
        return lambda: read_list(path, lambda entry: entry)

    check(prepared)


@pytest.mark.parametrize("by", ["group", "name"])
def test_parts_of_many_groups(by):
    check(lambda count: lambda: divide(numbered(count, "film{}_"), {"train": 0.8, "val": 0.2}, by))


def test_a_part_of_a_folder(tmp_path):
    def prepared(count):
        for folder in ("images/train", "labels/train"):
            (tmp_path / str(count) / folder).mkdir(parents=True)
        for index in range(count // 8):
            (tmp_path / str(count) / "images/train" / f"{index}.jpg").touch()
            (tmp_path / str(count) / "labels/train" / f"{index}.txt").touch()
        tree = Tree(tmp_path / str(count), "train")
        files = tree.files(".txt")
        return lambda: find_pairs(tree, files)

    check(prepared)


def test_pictures_and_videos_of_a_pattern(tmp_path):
    def prepared(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        for index in range(count // 8):
            (folder / f"{index}.jpg").touch()
            (folder / f"{index}.mp4").touch()
            (folder / f"{index}.txt").touch()
        return lambda: find_pictures([str(folder / "*")], [])

    check(prepared)


def test_sources_joined_and_chosen_from():
    def prepared(count):
        sources = [Named(numbered(count), name=f"{name}:{count}") for name in "ab"]
        return lambda: Subset(join_sources(sources, "none"), np.arange(2 * count)[::-1])

    check(prepared)


def test_faults_of_one_cause():
    faults = [(name, f"mask {name} holds {index} values") for index, name in enumerate(numbered(4 * SMALL))]
    check(lambda count: lambda: told_together(faults[:count]))


def test_pictures_of_equal_names():
    check(lambda count: lambda: unique_stems(numbered(count, "run{}/result.png")))


def test_facts_of_examples_of_many_classes():
    def prepared(count):
        rows = Ragged.of(BoxFacts(pictures=1, most=1, classes=Counter({index: 1})).row() for index in range(count))

        def work():
            assert BoxFacts.of_rows(rows, count).counted == count

        return work

    check(prepared)


def test_what_is_repeated_is_named_as_before(tmp_path):
    assert repeated(["b", "a", "b", "c", "a", "b"]) == ["b", "a"]
    (tmp_path / "classes.txt").write_text("dog\ncat\ndog\nbird\ncat\n")
    with pytest.raises(DataError, match="names the class cat, dog twice"):
        read_class_names(tmp_path / "classes.txt")


def test_boxes_of_more_classes_than_a_map_holds_are_renumbered():
    names = numbered(300)
    source = Renumbered(Named(numbered(300), names), names[::-1])
    assert source.load(7).classes.tolist() == [292]
