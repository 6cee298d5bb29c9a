"""What is packed is read back as it was, by this program and by TFDS, and is there whole or not at all."""

import json
import os
import signal
from dataclasses import fields, replace

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image, ImageOps

from metricfit.trainers.data import sources
from metricfit.trainers.data.example import Source
from metricfit.trainers.data.fit import fit_image, fit_labels
from metricfit.trainers.data.labels import LabelCoding
from metricfit.trainers.data.packed.manifest import MANIFEST, read_index, read_manifest
from metricfit.trainers.data.packed.packing import pack, reduced_to
from metricfit.trainers.data.packed.pictures import AS_PIXELS
from metricfit.trainers.data.packed.pictures import KEPT as AS_FILE
from metricfit.trainers.data.packed.records import stored_shares
from metricfit.trainers.data.scan import scanner
from metricfit.trainers.data.scan.scanner import checked_source, scan
from metricfit.trainers.data.sources import open_source, usual_needs
from metricfit.trainers.data.sources.joined import JoinedSource
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.errors import DataError, UsageError

from .sets import KEPT, OTHERS, Boxed, pixels, write_folder


def packed(source, to, needs, **options):
    return pack(source, str(to), needs=needs, quiet=True, **options)


def assert_equal_examples(found: Source, meant: Source, needs: str) -> None:
    assert list(found.names) == list(meant.names)
    for index in range(len(meant)):
        one, other = found.load(index), meant.load(index)
        for name in (
            "image",
            "own_size",
            "name",
            needs,
            *(("classes", "difficult", "crowd", "areas") * (needs == "boxes")),
        ):
            value, expected = getattr(one, name), getattr(other, name)
            if expected is None:
                assert value is None, (name, index)
            else:
                assert np.array_equal(value, expected), (name, index)
                assert getattr(value, "dtype", None) == getattr(expected, "dtype", None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of every kind, and the same packed."""
    root = tmp_path_factory.mktemp("packing")
    source = open_source(f"folder:{write_folder(root / 'photos')}")
    return source, root / "packed", packed(source, root / "packed", "mask", shards=3)


def test_pictures_of_every_kind_are_read_back_to_the_bit(folder):
    source, _, done = folder
    assert_equal_examples(open_source(done.source), source, "mask")
    # A CMYK file of some colours is the same in both.
    assert dict(done.manifest.pictures)[AS_FILE] - len(KEPT) in (0, 1)
    assert done.manifest.examples == len(KEPT) + len(OTHERS)
    assert [shard.examples for shard in done.manifest.shards] == [5, 4, 4]


def test_a_packed_folder_is_recognised_and_not_scanned_again(folder, monkeypatch):
    _, out, _ = folder
    assert open_source(str(out)).name == f"packed:{out}"
    assert usual_needs(f"packed:{out}") == "mask"
    monkeypatch.setattr("metricfit.trainers.data.sources.packed.PackedSource.load", None)
    assert len(checked_source(f"packed:{out}", strict=True)) == 13


def test_what_was_seen_when_packing_is_told_as_of_the_data_themselves(tmp_path):
    source = open_source(f"folder:{write_folder(tmp_path / 'photos', ('plain.jpg', 'turned3.jpg', 'simple.png'))}")
    Image.new("L", (50, 37)).save(tmp_path / "photos/masks/plain.png")
    Image.new("RGB", (50, 37)).save(tmp_path / "photos/images/simple.png")
    meant = scan(source, needs="mask", quiet=True)
    found = open_source(packed(source, tmp_path / "out", "mask").source)
    told = scanner._told(found, found.seen())
    assert meant.facts["mask"].empty == 1
    assert len(meant.odd) == 2
    assert (told.facts, told.odd, told.repaired) == (meant.facts, meant.odd, meant.repaired)
    part = JoinedSource([Subset(found, [2, 0]), found], found.class_names)
    assert scanner._told(part, part.seen()).facts["mask"].empty == 2


def test_reduced_masks_are_counted_as_they_are_packed(tmp_path):
    (tmp_path / "photos/images").mkdir(parents=True)
    (tmp_path / "photos/masks").mkdir()
    mask = np.zeros((64, 64), np.uint8)
    mask[5, 5] = 255
    for place, values in (("images/a.png", pixels(1, 64, 64)), ("masks/a.png", mask)):
        Image.fromarray(values).save(tmp_path / "photos" / place)
    source = open_source(f"folder:{tmp_path / 'photos'}")
    for size, empty in ((None, 0), (8, 1)):
        done = packed(source, tmp_path / f"out{size}", "mask", size=size)
        found = open_source(done.source)
        assert scanner._told(found, found.seen()).facts["mask"].empty == empty


def test_reduced_pictures_are_seen_as_the_page_says():
    """In a network of 3/4 of their shorter side; a crop moves the windows by parts of a pixel, besides."""
    source = Scenes("val")
    for index in range(0, 200, 20):
        whole = source.load(index)
        reduced = reduced_to(whole, 128)
        seen = [fit_image(one.image, 96, "stretch").astype(int) for one in (whole, reduced)]
        masks = [fit_labels(one.mask, 96, "stretch") for one in (whole, reduced)]
        assert min(reduced.image.shape[:2]) == 128
        assert abs(seen[0] - seen[1]).mean() <= 3
        assert abs(seen[0] - seen[1]).max() <= 32
        assert (masks[0] != masks[1]).mean() <= 0.02


def test_pictures_stored_as_pixels_are_the_same_where_none_is_larger(folder, tmp_path):
    source = folder[0]
    done = packed(source, tmp_path / "out", "mask", size=1000)
    assert set(done.manifest.pictures) == {AS_PIXELS}
    assert_equal_examples(open_source(done.source), source, "mask")


class Wrong(Boxed):
    """Has a box that is no number."""

    def load(self, index):
        example = super().load(index)
        return replace(example, boxes=example.boxes * np.float32("nan")) if index == 1 else example


def test_what_no_training_could_use_is_not_packed(tmp_path):
    with pytest.raises(DataError, match="b/ü"):
        packed(Wrong(tmp_path), tmp_path / "out", "boxes")
    assert not (tmp_path / "out").exists()


def test_values_with_another_meaning_are_looked_at(tmp_path):
    source = Subset(Scenes("val"), range(3))
    text = packed(source, tmp_path / "out", "labels").source
    ignored = checked_source(text, needs="labels", coding=LabelCoding(ignore=(1,)))
    assert ignored.seen() is None
    assert checked_source(text, needs="labels").seen() is not None


def test_tfds_reads_pictures_and_masks_that_lie_as_one_another(folder):
    source, out, _ = folder
    builder = tfds.builder_from_directory(out)
    assert builder.info.splits["train"].num_examples == len(source)
    for index, record in enumerate(builder.as_dataset("train")):
        example, name = source.load(index), record["name"].numpy().decode()
        upright = []
        for picture in (record["image"].numpy(), record["mask"].numpy()[..., 0]):
            stored = Image.fromarray(picture)
            stored.getexif()[0x0112] = int(record["orientation"])
            upright.append(np.array(ImageOps.exif_transpose(stored)))
        assert name == source.names[index]
        assert np.array_equal(upright[1], example.mask)
        # TFDS decodes JPEG in another way than readers of photos do.
        assert np.abs(upright[0].astype(int) - example.image).max() <= 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_lie_on_the_stored_picture_as_they_do_on_the_upright_one(orientation):
    image = np.zeros((8, 12), np.uint8)
    image[1:3, 4:9] = 255
    stored = Image.fromarray(image)
    stored.getexif()[0x0112] = orientation
    upright = np.array(ImageOps.exif_transpose(stored))
    rows, columns = np.nonzero(upright)
    height, width = upright.shape
    box = np.array(
        [[columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height]]
    )
    assert np.allclose(stored_shares(box, orientation) * [12, 8, 12, 8], [[4, 1, 9, 3]])


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_boxes_keep_all_that_is_known_of_them(tmp_path, file_format):
    source = Boxed(tmp_path)
    done = packed(source, tmp_path / "out", "boxes", shards=2, file_format=file_format)
    found = open_source(done.source, needs="boxes")
    assert_equal_examples(found, source, "boxes")
    assert found.class_names == source.class_names
    assert list(found.box_counts) == source.box_counts
    assert (dict(found.ids.pictures), dict(found.ids.classes)) == (source.ids.pictures, source.ids.classes)
    assert open_source(done.source, needs="none").load(1).boxes is None
    builder = tfds.builder_from_directory(tmp_path / "out")
    objects = (
        builder.as_data_source("train")[0]["objects"]
        if file_format == "array_record"
        else next(iter(builder.as_dataset("train")))["objects"]
    )
    assert list(map(int, objects["label"])) == [2, 1]
    assert np.allclose(objects["bbox"][1], np.array([2 / 37, 2 / 50, 12 / 37, 36.99 / 50]), atol=1e-6)


def test_class_maps_keep_their_classes(tmp_path):
    source = Subset(Scenes("val"), range(5))
    done = packed(source, tmp_path / "out", "labels")
    assert_equal_examples(checked_source(done.source, needs="labels"), source, "labels")
    assert open_source(done.source, needs="labels").class_names == source.class_names


def test_reduced_pictures_bring_masks_and_boxes_with_them(tmp_path):
    source = Boxed(tmp_path)
    found = open_source(packed(source, tmp_path / "out", "boxes", size=20).source, needs="boxes")
    example = found.load(0)
    assert example.image.shape == (20, 27, 3)
    assert np.allclose(example.boxes, source.load(0).boxes * [27 / 50, 20 / 37, 27 / 50, 20 / 37])
    record = next(iter(tfds.builder_from_directory(tmp_path / "out").as_dataset("train")))
    assert np.array_equal(record["image"], example.image)
    larger = open_source(packed(source, tmp_path / "larger", "boxes", size=200).source, needs="boxes")
    assert np.array_equal(larger.load(0).image, source.load(0).image)


def test_the_digest_tells_data_apart_and_nothing_else(folder, tmp_path):
    source, _, done = folder
    again = packed(source, tmp_path / "again", "mask", shards=3)
    other = packed(Subset(source, range(12)), tmp_path / "other", "mask", shards=3)
    assert again.manifest.digest == done.manifest.digest != other.manifest.digest
    assert Subset(open_source(again.source), [1]).digest == done.manifest.digest


@pytest.mark.parametrize("place", ["file://{}/out", "ram://packed-{}/out"])
def test_other_file_systems_hold_the_same(folder, tmp_path, place):
    source = folder[0]
    place = place.format(tmp_path if place.startswith("file") else os.path.basename(tmp_path))
    there = packed(source, place, "mask", shards=2)
    assert there.source == f"packed:{place}"
    assert_equal_examples(open_source(there.source), source, "mask")
    with pytest.raises(UsageError, match="exists already"):
        packed(source, place, "mask")
    if place.startswith("ram"):
        with pytest.raises(UsageError, match="array_record files are read on this machine alone"):
            packed(source, f"{place}/other", "mask", file_format="array_record")


class Ending(Source):
    """Ends the packing at its third example."""

    name, class_names, names = "ending", ("background", "salient"), ["a", "b", "c", "d"]

    def __init__(self, end):
        self.end = end

    def __len__(self):
        return 4

    def load(self, index):
        if index == 2:
            self.end()
        return Scenes("val").load(index)


def interrupted():
    raise KeyboardInterrupt


@pytest.mark.parametrize("place", ["{}/out", "ram://ended-{}/out"])
def test_an_interrupted_packing_leaves_nothing(tmp_path, place):
    place = place.format(tmp_path if place.startswith("{") else os.path.basename(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        packed(Ending(interrupted), place, "mask")
    assert os.listdir(tmp_path) == []
    assert not tf.io.gfile.exists(place)


def test_a_copy_that_fails_leaves_nothing_elsewhere(folder, monkeypatch):
    copy, copied = tf.io.gfile.copy, []

    def failing(here, there):
        copied.append(there)
        if len(copied) == 3:
            raise tf.errors.ResourceExhaustedError(None, None, "full")
        copy(here, there)

    monkeypatch.setattr(tf.io.gfile, "copy", failing)
    with pytest.raises(Exception, match="cannot write ram://full/out"):
        packed(folder[0], "ram://full/out", "mask")
    assert not any(place.endswith(MANIFEST) for place in copied)
    assert not tf.io.gfile.exists("ram://full/out")


def test_a_killed_packing_leaves_no_packed_folder(tmp_path):
    child = os.fork()
    if not child:
        packed(Ending(lambda: os.kill(os.getpid(), signal.SIGKILL)), tmp_path / "out", "mask")
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert not (tmp_path / "out").exists()
    assert len(packed(Subset(Scenes("val"), range(3)), tmp_path / "out", "mask").manifest.shards) == 1


def test_what_cannot_be_packed_is_refused(folder, tmp_path):
    source, _, _ = folder
    with pytest.raises(UsageError, match="--shards must be from 1 to the number of examples, 13; got 14"):
        packed(source, tmp_path / "out", "mask", shards=14)
    with pytest.raises(DataError, match="has no example"):
        packed(Subset(source, []), tmp_path / "out", "mask")
    with pytest.raises(DataError, match="several examples of the name"):
        packed(Subset(source, [1, 1]), tmp_path / "out", "mask")
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match="exists already"):
        packed(source, tmp_path / "out", "mask")
    with pytest.raises(UsageError, match="holds masks, not boxes"):
        open_source(f"packed:{folder[1]}", needs="boxes")
    with pytest.raises(UsageError, match=r"nix://nowhere.* cannot be reached"):
        packed(source, "nix://nowhere", "mask")


def test_damage_is_found_on_opening_or_on_reading(folder, tmp_path):
    source, _, _ = folder
    out = tmp_path / "out"
    packed(source, out, "mask", shards=2)
    shard, index, manifest = sorted(out.glob("*00001*"))[0], out / "index.npz", out / MANIFEST
    whole = {path: path.read_bytes() for path in (shard, index, manifest)}

    def damaged(path, data):
        for one, kept in whole.items():
            one.write_bytes(kept)
        path.write_bytes(data) if data is not None else path.unlink()
        return f"packed:{out}"

    said = json.loads(whole[manifest])
    for path, data, sentence in (
        (shard, whole[shard][:-1], "bytes, expected"),
        (shard, None, "is missing, expected"),
        (index, whole[index][:-40] + bytes(40), "its SHA-256 differs"),
        (index, None, "is missing"),
        (manifest, None, "holds no packed.json"),
        (manifest, whole[manifest][:200], "is damaged"),
        (manifest, b"[1]", "is damaged"),
        (manifest, json.dumps({**said, "class_names": ["a", "b"]}).encode(), "does not agree with itself"),
        (manifest, json.dumps({**said, "version": said["version"] + 1}).encode(), "does not agree with itself"),
    ):
        with pytest.raises(DataError, match=sentence):
            open_source(damaged(path, data))
    place = len(whole[shard]) // 2
    data = bytearray(whole[shard])
    data[place] ^= 1
    found = open_source(damaged(shard, bytes(data)))
    with pytest.raises(DataError, match=r"is damaged \(its sum differs\)"):
        [found.load(number) for number in range(len(found))]
    assert "its SHA-256 differs" in found.doubts()[0]


def test_names_are_a_sequence_like_any_other(tmp_path):
    source = Boxed(tmp_path)
    out = str(tmp_path / "out")
    packed(source, out, "boxes")
    names = read_index(out, read_manifest(out)).names
    assert (names[1], names[-1], names[1:3], list(names)) == ("b/ü", "turned", ["b/ü", "none"], source.names)
    with pytest.raises(IndexError):
        names[4]


def test_every_field_of_an_example_is_packed_or_left_out_on_purpose():
    left_out = {"repairs", "adapted", "frame"}
    stored = {"image", "mask", "labels", "boxes", "classes", "name", "difficult", "crowd", "areas", "own_size"}
    assert {field.name for field in fields(sources.open_source("scenes:val").load(0))} == stored | left_out


def test_a_picture_that_networks_see_smaller_is_stored_so(tmp_path):
    class Large(Source):
        name, class_names, names = "large", ("background", "salient"), ["one"]

        def __len__(self):
            return 1

        def load(self, index):
            from metricfit.trainers.data.example import Example

            mask = np.zeros((80, 120), np.uint8)
            mask[3:9] = 1
            return Example(pixels(1, 40, 60), mask, name="one", own_size=(80, 120))

    done = packed(Large(), tmp_path / "out", "mask")
    assert_equal_examples(open_source(done.source), Large(), "mask")
