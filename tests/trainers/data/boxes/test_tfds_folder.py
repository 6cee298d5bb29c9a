"""`tfds:PATH[:SPLIT]`: a folder of TFRecord files that TFDS have prepared, whatever the data set is called."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source, usual_needs
from metricfit.trainers.errors import DataError, UsageError

from .trees import CLASSES, OBJECTS, SIZES, check, picture

FEATURES = {
    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
    "image/filename": tfds.features.Text(),
    "things": tfds.features.Sequence(
        {"box": tfds.features.BBoxFeature(), "kind": tfds.features.ClassLabel(names=list(CLASSES))}
    ),
}


def prepare(root, features=None, **splits):
    """Write what TFDS' own writer does: split -> stems."""
    features = tfds.features.FeaturesDict(features or FEATURES)
    folder = root / "cells/1.0.0"
    folder.mkdir(parents=True)
    infos = []
    for split, stems in splits.items():
        records = [
            features.serialize_example(features.encode_example(_example(root, stem, features))) for stem in stems
        ]
        with tf.io.TFRecordWriter(str(folder / f"cells-{split}.tfrecord-00000-of-00001")) as writer:
            for record in records:
                writer.write(record)
        infos.append(tfds.core.SplitInfo(name=split, shard_lengths=[len(records)], num_bytes=0))
    tfds.folder_dataset.write_metadata(data_dir=folder, features=features, split_infos=infos, check_data=False)
    return folder


def _example(root, stem, features):
    width, height = SIZES[stem]
    things = [
        {"box": tfds.features.BBox(y0 / height, x0 / width, y1 / height, x1 / width), "kind": name}
        for name, x0, y0, x1, y1 in OBJECTS[stem]
    ]
    encoded = io.BytesIO(picture(root / "in" / f"{stem}.png", stem).read_bytes())
    known = {"image": encoded, "image/filename": f"{stem}.png", "things": things}
    return {name: value for name, value in known.items() if name in features}


def boxes(text):
    return open_source(text, needs="boxes")


def test_a_folder_of_tfrecords(tmp_path):
    folder = prepare(tmp_path, train="abd", test="c")
    for text in (f"tfds:{folder}:train", f"tfds:{folder}", f"tfds:{folder.parent}:train", f"{folder.parent}:train"):
        check(boxes(text), "abd", [f"{stem}.png" for stem in "abd"])
    check(boxes(f"tfds:{folder}:test"), "c", ["c.png"])
    check(boxes(f"tfds:{folder}:train[1:]"), "bd", ["b.png", "d.png"])
    source = boxes(f"{folder}:train")
    assert "as TFDS have prepared it, 3 pictures (tfds)" in source.recognised[0]
    np.testing.assert_array_equal(source.load(1).image, np.asarray(Image.open(tmp_path / "in/b.png")))
    assert scan(source, quiet=True).faults == []
    assert usual_needs(f"tfds:{folder}") == usual_needs(f"{folder}:test") == "boxes"
    assert open_source(f"tfds:{folder}", needs="none").load(0).boxes is None
    with pytest.raises(DataError, match="has the parts train, test"):
        boxes(str(folder))
    with pytest.raises(UsageError, match=r"has no split val: it has train, test"):
        boxes(f"tfds:{folder}:val")
    with pytest.raises(UsageError, match="expected a data set whose masks are known among the features"):
        open_source(f"tfds:{folder}", needs="mask")


def test_features_that_do_not_tell(tmp_path):
    folder = prepare(tmp_path, {name: kind for name, kind in FEATURES.items() if name != "things"}, train="")
    with pytest.raises(UsageError, match=r"one sequence of BBoxFeature and ClassLabel .*found image, image/filename"):
        boxes(f"tfds:{folder}")


def test_files_that_are_damaged(tmp_path):
    folder = prepare(tmp_path, train="ab")
    (path,) = folder.glob("*.tfrecord-*")
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(DataError, match=r"ends within an example, or is no TFRecord file"):
        boxes(f"tfds:{folder}")
    first = 16 + struct.unpack_from("<Q", whole)[0]
    path.write_bytes(whole[:first])
    with pytest.raises(DataError, match=r"holds 1 example, its dataset_info\.json says 2"):
        boxes(f"tfds:{folder}")
    for place in (first // 2, len(whole) - 40):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(DataError, match=r"example [01] of .* is damaged \(its sum differs\)"):
            boxes(f"tfds:{folder}")
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        boxes(f"tfds:{folder}")


def test_objects_of_pictures_without_names_are_counted(tmp_path):
    folder = prepare(tmp_path, {name: kind for name, kind in FEATURES.items() if "/" not in name}, train="abd")
    source = boxes(f"tfds:{folder}")
    assert list(source.names) == ["train-000000", "train-000001", "train-000002"]
    assert list(source.box_counts) == [len(OBJECTS[stem]) for stem in "abd"]


def test_a_part_without_an_example(tmp_path):
    folder = prepare(tmp_path, train="ab")
    with pytest.raises(DataError, match=r"split train\[2:\] of .* has no example"):
        boxes(f"tfds:{folder}:train[2:]")


def test_several_data_sets_are_not_chosen_between(tmp_path):
    for name in ("one", "two"):
        prepare(tmp_path / name, train="a")
    with pytest.raises(DataError, match="holds 2 data sets or versions: name one, such as tfds:"):
        boxes(f"tfds:{tmp_path}")
