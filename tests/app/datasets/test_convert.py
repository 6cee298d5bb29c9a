"""`data convert`: what is written is read back as it was, and nothing is half written."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from metricfit.app import cli
from metricfit.trainers.data import sources
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.writing.convert import convert
from metricfit.trainers.data.writing.registry import FORMATS
from metricfit.trainers.errors import DataError, UsageError

from ...trainers.data.boxes.trees import check, data_yaml, picture, rows, write
from ...trainers.data.test_folder import write_pairs


def converted(*words):
    return cli.main(["data", "convert", *map(str, words)])


@pytest.fixture
def boxed(tmp_path):
    """A set with boxes, in YOLO's layout."""
    for stem in "abcd":
        picture(tmp_path / f"set/images/{stem}.png", stem)
        write(tmp_path / f"set/labels/{stem}.txt", rows(stem))
    write(tmp_path / "set/classes.txt", "cat\ndog\n")
    return f"yolo:{tmp_path / 'set'}"


@pytest.mark.parametrize(("to", "ending"), [("voc", ""), ("coco", ".png"), ("yolo", "")])
def test_boxes_are_read_back_as_they_were(boxed, tmp_path, capsys, to, ending):
    out = tmp_path / "out"
    assert converted(boxed, "--to", to, "--out", out) == 0
    printed = capsys.readouterr().out
    opened = printed.partition("opened as  ")[2].splitlines()[0]
    assert f"made  {out}" in printed
    for text in (opened, str(out)):
        check(open_source(text, needs="boxes"), "abcd", [f"{stem}{ending}" for stem in "abcd"])
    first, again = (open_source(text, needs="boxes").load(0).image for text in (boxed, opened))
    np.testing.assert_array_equal(first, again)
    # And back again.
    assert converted(opened, "--to", "yolo", "--out", tmp_path / "back") == 0
    back = open_source(f"yolo:{tmp_path / 'back'}", needs="boxes")
    check(back, "abcd")
    for stem in "abcd":
        assert (tmp_path / f"back/labels/{stem}.txt").read_text() == rows(stem)
        assert (tmp_path / f"back/images/{stem}.png").read_bytes() == (tmp_path / f"set/images/{stem}.png").read_bytes()


class Odd(Source):
    """Boxes between pixels, a difficult one and a crowd; names that agree but for their folders and case."""

    name, class_names, names = "odd", ("a: b", "ü"), ("x/one.jpg", "x/One.png")

    def __len__(self):
        return 2

    def load(self, index):
        boxes = np.array([[0.126, 1, 10.5, 20.25], [3, 4, 30, 24], [1, 1, 1.5, 2]], np.float32)
        return Example(
            np.full((24, 32, 3), 40 + index, np.uint8), boxes=boxes, classes=np.array([0, 1, 1], np.int32),
            difficult=np.array([False, True, False]), crowd=np.array([False, False, True]), name=self.names[index],
        )  # fmt: skip


@pytest.mark.parametrize("to", ["voc", "coco", "yolo"])
def test_what_a_layout_cannot_say_is_counted(tmp_path, to):
    done = convert(Odd(), to, tmp_path / "out", needs="boxes", quiet=True)
    source = open_source(done.source, needs="boxes")
    ending = ".png" if to == "coco" else ""
    # Names that are one where case is ignored.
    assert set(source.names) == {f"x_one{ending}", f"x_One-2{ending}"}
    assert source.class_names == Odd.class_names
    example = source.load(list(source.names).index(f"x_one{ending}"))
    kept = [0] if to == "yolo" else [0, 1, 2]
    expected = Odd().load(0).boxes[kept]
    if to == "voc":
        expected[2, 2] = 2  # as narrow as VOC can say
    np.testing.assert_allclose(example.boxes, expected, atol=0.011)
    if to == "voc":
        assert example.difficult.tolist() == [False, True, True]
    elif to == "coco":
        assert example.crowd.tolist() == [False, True, True]
    # Two pictures in no file, two or four ignored boxes, and two that are too narrow.
    assert sorted(done.changed.values()) == {"voc": [2, 2, 2], "coco": [2, 2], "yolo": [2, 4]}[to]


def test_masks_are_cut_and_resized_on_the_way(tmp_path, capsys):
    write_pairs(tmp_path / "set", ["a", "b"])
    soft = np.linspace(0, 255, 12 * 16).astype(np.uint8).reshape(12, 16)
    Image.fromarray(soft).save(tmp_path / "set/masks/b.png")
    out = tmp_path / "out"
    flags = ["--to", "folder", "--out", out, "--needs", "mask"]
    assert converted(f"folder:{tmp_path / 'set'}", *flags) == 3
    assert not out.exists()
    assert converted(f"folder:{tmp_path / 'set'}", *flags, "--mask-threshold", "0.5", "--resize-masks") == 0
    assert f"opened as  folder:{out}" in capsys.readouterr().out
    first, again = open_source(f"folder:{tmp_path / 'set'}"), open_source(f"folder:{out}")
    np.testing.assert_array_equal(first.load(0).mask, again.load(0).mask)
    mask = again.load(1).mask
    assert mask.shape == again.load(1).image.shape[:2]
    assert 0.4 < mask.mean() < 0.6
    (picture_of_a,) = (tmp_path / "set/images").glob("a.*")
    assert (out / "images" / picture_of_a.name).read_bytes() == picture_of_a.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "set"]


def test_class_maps_and_trimaps_are_read_back_as_they_were(tmp_path):
    labels = np.arange(24 * 32, dtype=np.uint8).reshape(24, 32) % 3
    labels[0] = 255

    class Both(Odd):
        class_names = ("background", "a", "b")

        def load(self, index):
            mask = np.where(labels == 2, 255, labels).astype(np.uint8)
            return Example(np.zeros((24, 32, 3), np.uint8), mask=mask, labels=labels, name=self.names[index])

    convert(Both(), "folder", tmp_path / "labels", needs="labels", quiet=True)
    source = open_source(f"folder:{tmp_path / 'labels'}", needs="labels")
    np.testing.assert_array_equal(source.load(1).labels, labels)
    assert source.class_names == Both.class_names
    convert(Both(), "folder", tmp_path / "masks", needs="mask", quiet=True)
    np.testing.assert_array_equal(open_source(f"folder:{tmp_path / 'masks'}").load(0).mask, Both().load(0).mask)

    class Hidden(Both):
        def load(self, index):
            return replace(super().load(index), mask=np.full((24, 32), 255, np.uint8))

    with pytest.raises(DataError, match=r"mask of x/one\.jpg has ignored pixels and no salient one"):
        convert(Hidden(), "folder", tmp_path / "hidden", needs="mask", quiet=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels", "masks"]


def test_a_turned_picture_is_written_as_it_is_seen(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    (tmp_path / "set/images").mkdir(parents=True)
    Image.fromarray(stored).save(tmp_path / "set/images/a.jpg", exif=exif)
    write(tmp_path / "set/labels/a.txt", "0 .5 .5 .5 .25\n")
    source = open_source(f"yolo:{tmp_path / 'set'}", needs="boxes")
    done = convert(source, "yolo", tmp_path / "out", needs="boxes", quiet=True)
    with Image.open(tmp_path / "out/images/a.png") as written:
        assert written.size == (24, 32)
        np.testing.assert_array_equal(np.asarray(written), source.load(0).image)
    assert list(done.changed.values()) == [1]


def test_what_does_not_fit_is_one_sentence_and_leaves_nothing(boxed, tmp_path, capsys):
    out = tmp_path / "out"
    assert converted(boxed, "--out", out) == 2
    assert "--to folder holds mask or labels, not boxes: give --to voc or coco or yolo" in capsys.readouterr().err
    assert converted("scenes:val", "--needs", "mask", "--to", "voc", "--out", out) == 2
    assert "--to voc holds boxes, not mask: give --to folder" in capsys.readouterr().err
    assert not out.exists()
    out.mkdir()
    assert converted(boxed, "--to", "voc", "--out", out) == 2
    assert f"{out} exists already" in capsys.readouterr().err
    write(tmp_path / "set/labels/a.txt", "7 .5 .5 .1 .1\n")
    assert converted(boxed, "--to", "voc", "--out", tmp_path / "other") == 3
    assert converted(boxed, "--to", "voc", "--out", tmp_path / "other", "--skip-bad") == 0
    assert len(open_source(f"voc:{tmp_path / 'other'}", needs="boxes")) == 3


def test_what_is_written_lies_outside_of_the_data(boxed, tmp_path, capsys, monkeypatch):
    write_pairs(tmp_path / "k", ["a", "b"])
    write(tmp_path / "k/train.txt", "a\n")
    write(tmp_path / "set/data.yaml", data_yaml(train="images", names=["cat", "dog"]))
    (tmp_path / "link").symlink_to(tmp_path / "k")
    monkeypatch.chdir(tmp_path)
    for text in ("k", "folder:k:train", f"folder:{tmp_path}/k:k/train.txt", "scenes:val + folder:k", "link"):
        assert converted(text, "--needs", "mask", "--out", "k/plain") == 2
        assert "lies in the folder of the data, " in capsys.readouterr().err
    assert converted("folder:k/images,k/masks", "--out", "k/masks/new") == 2
    assert converted("yolo:set/data.yaml", "--to", "voc", "--out", "set/voc") == 2
    assert converted("k", "--out", "k") == 2
    capsys.readouterr()
    for out in (".", tmp_path):
        assert converted("k", "--out", out) == 2
        assert f"--out {out} holds the data, k: give a folder" in capsys.readouterr().err
    assert sorted(path.name for path in (tmp_path / "k").iterdir()) == ["images", "masks", "train.txt"]
    assert converted("k", "--out", "k_plain") == 0
    assert converted("folder:k/images,k/masks", "--out", "k/plain") == 0


def test_every_layout_is_read_by_the_source_of_its_name():
    assert set(FORMATS) <= set(sources.SOURCES)
    with pytest.raises(UsageError, match="give --needs mask, labels or boxes"):
        convert(Odd(), "yolo", "nowhere", needs="none")
