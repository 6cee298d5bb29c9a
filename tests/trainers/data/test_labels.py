"""What values of label files mean: class names, ignored values, palettes, what is refused, what a scan says."""

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.data.classes import read_class_names, with_class_names
from metricfit.trainers.data.labels import LabelCoding, class_counts, with_coding
from metricfit.trainers.data.scan.scanner import checked_source, scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.errors import DataError, UsageError

from .test_folder import write_pairs
from .test_tfds_source import encode, pets, record, trimap

NAMES = ("sky", "road", "car")


@pytest.fixture
def streets(tmp_path):
    """Four pairs with the values 0 and 2, the last also with 3 and 255; names beside them in a file."""
    write_pairs(tmp_path, ["a", "b", "c", "d"], "labels", value=2)
    values = np.zeros((24, 32), np.uint8)
    values[0, :5], values[1, :7], values[2, :9] = 2, 3, 255
    Image.fromarray(values).save(tmp_path / "labels" / "d.png")
    (tmp_path / "names.txt").write_text("sky\n\nroad \ncar\n", encoding="utf-8-sig")
    return tmp_path


def coding(folder, *ignore):
    return LabelCoding(str(folder / "names.txt"), ignore)


def opened(folder, *ignore, **more):
    return checked_source(f"folder:{folder}", needs="labels", coding=coding(folder, *ignore), quiet=True, **more)


def test_values_become_classes_and_ignored_ones_255(streets):
    source = opened(streets, 3)
    assert source.class_names == NAMES
    assert list(source.names) == ["a", "b", "c", "d"]
    labels = source.load(3).labels
    assert labels.dtype == np.uint8
    expected = np.zeros((24, 32), np.uint8)
    expected[0, :5], expected[1, :7], expected[2, :9] = 2, 255, 255
    np.testing.assert_array_equal(labels, expected)


def test_an_ignored_value_with_a_name_is_no_class(streets):
    source = opened(streets, 0, 3, 255)
    assert source.class_names == ("road", "car")
    expected = np.full((24, 32), 255, np.uint8)
    expected[0, :5] = 1
    np.testing.assert_array_equal(source.load(3).labels, expected)
    with pytest.raises(UsageError, match="leaves none of the classes"):
        opened(streets, 0, 1, 2)


@pytest.mark.parametrize(
    ("kind", "more", "lossy"),
    [
        ("JPEG", {"quality": 100}, True),
        ("WEBP", {"quality": 90}, True),
        ("WEBP", {"lossless": True, "exact": True}, False),
        ("JPEG2000", {"irreversible": True}, True),
        ("JPEG2000", {}, False),
        ("PNG", {}, False),
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_formats_that_change_numbers_are_refused_whatever_the_file_is_called(streets, kind, more, lossy, suffix):
    path = (streets / "labels" / "a.png").with_suffix(suffix)
    values = np.asarray(Image.open(streets / "labels" / "a.png"))
    (streets / "labels" / "a.png").unlink()
    Image.fromarray(values).save(path, format=kind, **more)
    if lossy:
        with pytest.raises(DataError, match=rf"labels .*{path.name} are stored as {kind}, which changes the numbers"):
            opened(streets, 3)
    else:
        np.testing.assert_array_equal(opened(streets, 3).load(0).labels, values)


def test_palette_files_are_read_as_their_indices(streets):
    values = np.zeros((24, 32), np.uint8)
    values[:5] = 1
    values[5:9] = 2
    indexed = Image.fromarray(values).convert("P")
    indexed.putpalette([200, 0, 0, 10, 10, 10, 0, 99, 0] + [0] * 759)
    indexed.save(streets / "labels" / "a.png")
    np.testing.assert_array_equal(opened(streets, 3).load(0).labels, values)


def test_every_fault_names_its_file_and_what_to_do(streets):
    labels = streets / "labels"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(labels / "a.png")
    Image.fromarray(np.arange(24 * 32, dtype=np.uint8).reshape(24, 32)).save(labels / "b.png")
    (labels / "c.png").unlink()
    (labels / "e.png").write_bytes((labels / "b.png").read_bytes())
    with pytest.raises(DataError) as caught:
        opened(streets)
    told = str(caught.value)
    assert "4 examples, 5 faults" in told
    assert f"{labels / 'a.png'} is a colour picture (RGB), labels are the class index of each pixel" in told
    assert "say with --colours FILE which colour is which class, as docs/data.md shows" in told
    assert f"labels {labels / 'b.png'} hold 252 other values (3, 4, 5, 6, ...)" in told
    assert "save the index of the class of each pixel" in told
    assert f"image {streets / 'images' / 'c.png'} has no labels {labels / 'c.png'}" in told
    assert f"labels {labels / 'd.png'} hold the value 3, the classes are 0 (sky) to 2 (car)" in told
    assert "--ignore 3" in told
    assert f"labels {labels / 'e.png'} has no image of the same name" in told
    with pytest.raises(DataError, match="none of the 4 examples can be used"):
        opened(streets, skip_bad=True)
    assert list(opened(streets, 3, skip_bad=True).names) == ["d"]


def test_names_that_do_not_fit(streets):
    text, names = f"folder:{streets}", streets / "names.txt"
    with pytest.raises(UsageError, match=r"does not say the names .* --classes FILE"):
        checked_source(text, needs="labels", quiet=True)
    names.write_text("sky\nroad\nsky\n")
    with pytest.raises(DataError, match="names the class sky twice"):
        opened(streets, 3)
    names.write_text("\n\n")
    with pytest.raises(DataError, match="names 0 classes, expected 1 to 255"):
        opened(streets, 3)
    names.write_text("\n".join(map(str, range(256))))
    with pytest.raises(DataError, match="names 256 classes"):
        read_class_names(names, most=255)
    with pytest.raises(DataError, match="cannot be read"):
        read_class_names(streets / "none.txt")
    (streets / "classes.txt").write_text("sky\nroad\ncar\nvoid\n")
    assert checked_source(text, needs="labels", coding=LabelCoding(ignore=(3,)), quiet=True).class_names == NAMES
    names.write_text("sky\nroad\ncar\n")
    with pytest.raises(DataError, match=r"names.txt names 3 classes, folder:.* has 4 \(sky, road, car, void\)"):
        opened(streets, 3)
    with pytest.raises(UsageError, match="0 to 255, got 256"):
        LabelCoding(ignore=(256,))


def test_a_scan_says_what_there_is(streets):
    report = scan(with_coding(open_source(f"folder:{streets}", needs="labels"), coding(streets, 3)), needs="labels")
    facts = report.facts["labels"]
    expected = np.array([3 * 24 * 32 - 8 * (20 + 19 + 18) + 24 * 32 - 21, 0, 8 * (20 + 19 + 18) + 5])
    np.testing.assert_array_equal(facts.pixels, expected)
    np.testing.assert_array_equal(facts.pictures, [4, 0, 4])
    assert (facts.ignored, facts.total, facts.empty) == (16, 4, 0)
    told = report.report()
    assert f"{expected[2] / expected.sum():.2%} car; 0.52% of all are ignored" in told
    assert "note: no pixel of road" in told
    assert not report.hopeless
    blank = np.full((24, 32), 255, np.uint8)
    for stem in "abc":
        Image.fromarray(blank).save(streets / "labels" / f"{stem}.png")
    source = with_coding(open_source(f"folder:{streets}", needs="labels"), coding(streets, 3))
    assert "3 of 4 pictures have ignored pixels alone" in scan(source, needs="labels").report()
    Image.fromarray(blank).save(streets / "labels" / "d.png")
    assert scan(source, needs="labels").hopeless


def test_classes_are_counted_once(streets, monkeypatch):
    source = opened(streets, 3)
    expected = [np.bincount(source.load(index).labels.ravel(), minlength=256)[:3] for index in (3, 1)]
    # The scan has seen them all.
    monkeypatch.setattr(type(source.source), "load", None)
    np.testing.assert_array_equal(class_counts(Subset(Subset(source, [0, 1, 3]), [2, 1])), expected)
    with pytest.raises(UsageError, match="no class maps"):
        class_counts(open_source("scenes"))


def test_nothing_stands_in_for_a_picture_whose_classes_are_counted(tmp_path, caplog):
    text = two_classes(tmp_path, [0, 1], [0, 1], [0, 1])
    (tmp_path / "labels" / "p1.png").write_bytes(b"no picture any more")
    kept = {"needs": "labels", "skip_bad": True, "left_out": (), "quiet": True}
    with pytest.raises(
        DataError, match=r"p1\.png.*which --equibatch, --class-weights and --repeat-rare count: put back what it was$"
    ):
        checked_source(text, replacing=False, **kept)
    assert "stands in for" not in caplog.text
    assert list(checked_source(text, **kept).names) == ["p0", "p1", "p2"]
    assert "another one stands in for 1 that turned bad since" in caplog.text


def test_scenes_have_class_maps():
    source = checked_source("scenes:val", needs="labels")
    assert source.class_names[0] == "background"
    few = Subset(source, range(12))
    counts = class_counts(few, quiet=True)
    for index, row in enumerate(counts):
        np.testing.assert_array_equal(row, np.bincount(few.load(index).labels.ravel(), minlength=8))
    without = checked_source("scenes:val", needs="labels", coding=LabelCoding(ignore=(0,)))
    assert without.class_names == source.class_names[1:]


def test_classes_meet_by_name(streets):
    source = opened(streets, 3)
    other = with_class_names(source, ("car", "tree", "sky", "road"))
    expected = np.array([2, 3, 0], np.uint8)[np.minimum(source.load(3).labels, 2)]
    expected[source.load(3).labels == 255] = 255
    np.testing.assert_array_equal(other.load(3).labels, expected)
    with pytest.raises(UsageError, match="has the class road"):
        with_class_names(source, ("car", "sky"))


def test_class_maps_of_tfds(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    odd = np.full((24, 32), 4, np.uint8)
    pets(monkeypatch, [record("beagle_2.jpg"), record("odd", mask=odd)])
    source = checked_source("tfds:oxford_iiit_pet", needs="labels", coding=LabelCoding(ignore=(2,)), skip_bad=True)
    assert source.class_names == ("animal", "background")
    assert list(source.names) == ["beagle_2.jpg"]
    np.testing.assert_array_equal(source.load(0).labels, np.array([0, 0, 1, 255], np.uint8)[trimap()])


def test_cityscapes_has_the_classes_of_its_benchmark(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    values = np.arange(34, dtype=np.uint8).repeat(32).reshape(34, 32)
    name = {"image_id": np.array(b"bochum_0", object)}
    records = [{"image_left": encode(np.zeros((34, 32, 3), np.uint8)), "segmentation_label": encode(values), **name}]
    monkeypatch.setattr(
        "tensorflow_datasets.core.dataset_builder.DatasetBuilder.as_data_source",
        lambda self, split, *, decoders: records,
    )
    source = checked_source("tfds:cityscapes/semantic_segmentation:train", needs="labels", quiet=True)
    assert len(source.class_names) == 19
    assert source.class_names[0] == "road"
    labels = source.load(0).labels[:, 0]
    assert source.class_names[labels[26]] == "car"
    assert source.class_names[labels[33]] == "bicycle"
    # Benchmark's own list of what does not count: vehicles of the camera, borders, static and dynamic things, ...
    np.testing.assert_array_equal(np.flatnonzero(labels == 255), [0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30])


def two_classes(folder, *values, names="sky\nroad\n"):
    """Write a label file of each list of values, and the names of the classes."""
    write_pairs(folder, [f"p{number}" for number in range(len(values))], "labels")
    for number, held in enumerate(values):
        labels = np.resize(np.array(held, np.uint8), (24, 32))
        Image.fromarray(labels).save(folder / "labels" / f"p{number}.png")
    (folder / "classes.txt").write_text(names)
    return f"folder:{folder}"


@pytest.mark.parametrize(
    ("values", "names", "said"),
    [
        ([[0, 255], [0, 255]], "sky\nroad\n", r"hold 255, which is ignored, and no pixel of road: .*1 for road"),
        ([[255], [0]], "sky\nroad\n", "hold 255"),
        ([[1, 255]], "sky\nroad\n", r"no pixel of sky: .*0 for sky"),
        ([[0, 1], [0, 255]], "sky\nroad\ncar\n", r"no pixel of car: .*2 for car.*--ignore 255"),
        ([[0, 255]], "sky\nroad\ncar\ndog\ncat\n", r"no pixel of road, car, dog, \.\.\.: "),
    ],
)
def test_255_in_place_of_a_class_stops_the_run(tmp_path, values, names, said):
    text = two_classes(tmp_path, *values, names=names)
    for more in ({}, {"skip_bad": True}):
        with pytest.raises(DataError, match=said):
            checked_source(text, needs="labels", quiet=True, **more)
    assert len(checked_source(text, needs="labels", coding=LabelCoding(ignore=(255,)), quiet=True)) == len(values)


@pytest.mark.parametrize("values", [[[0, 1], [255]], [[0], [0]], [[0, 2, 255]], [[1, 2, 255]]])
def test_255_that_can_only_mean_ignore_does_not(tmp_path, values):
    names = "sky\nroad\n" if 2 not in values[0] else "sky\nroad\ncar\n"
    checked_source(two_classes(tmp_path, *values, names=names), needs="labels", quiet=True)


def test_numbers_that_begin_with_1_are_told_and_not_left_out(tmp_path):
    text = two_classes(tmp_path, [1, 2, 3], [1, 2], [2], names="sky\nroad\ncar\n")
    for more in ({}, {"skip_bad": True}):
        with pytest.raises(DataError) as caught:
            checked_source(text, needs="labels", quiet=True, **more)
        told = str(caught.value)
        assert "hold 3 and no 0, the classes are 0 (sky) to 2 (car), so their numbers begin with 1: subtract 1" in told
        assert "p0.png hold the value 3" in told
        assert "--ignore" not in told
    (tmp_path / "classes.txt").write_text("nothing\nsky\nroad\ncar\n")
    checked_source(text, needs="labels", quiet=True)


def test_other_values_for_classes_are_first_of_all_to_be_saved_anew(tmp_path):
    for names, values, told in (
        ("sky\nroad\n", [0, 128], "hold the value 128"),
        ("sky\nroad\ncar\ndog\n", [0, 85, 170, 255], r"hold 2 other values \(85, 170\)"),
        ("sky\nroad\ncar\n", [0, 38, 75], r"hold 2 other values \(38, 75\)"),
    ):
        text = two_classes(tmp_path, values, names=names)
        with pytest.raises(
            DataError, match=f"{told}, .*: save the index of each class instead, such as 1 for road, or"
        ):
            checked_source(text, needs="labels", quiet=True)


def test_values_that_nobody_names_are_told(streets):
    found = scan(open_source(f"folder:{streets}", needs="labels"), needs="labels", quiet=True)
    assert [note.partition(":")[0] for note in found.notes] == [
        "nobody names the classes; the label files hold the values 0, 2, 3, 255"
    ]
    assert not found.hopeless
