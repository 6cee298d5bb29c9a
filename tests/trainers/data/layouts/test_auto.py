"""`auto:PATH` and bare paths: which layout is taken, how it is said, and what is refused."""

import numpy as np
import pytest

from metricfit.trainers.data.sources import open_source, split_texts, usual_needs
from metricfit.trainers.errors import DataError, UsageError

from ..boxes import trees as boxes


@pytest.mark.parametrize("text", ["photos", "./photos", "auto:photos"])
def test_a_bare_path_is_recognised_and_said_in_one_line(pairs_at, tmp_path, monkeypatch, text):
    pairs_at("photos/images/*.jpg", "photos/masks/*.png")
    monkeypatch.chdir(tmp_path)
    source = open_source(text)
    said = f"{text.removeprefix('auto:')}: images/ and masks/ of equal names, 3 pairs (folder)"
    assert source.recognised == (said,)
    assert list(source.names) == ["a", "b", "c"]
    assert source.load(0).mask.sum() == 4


def test_bare_paths_are_joined_and_a_plus_sign_may_be_part_of_one(pairs_at, tmp_path, monkeypatch):
    for name in ("one", "two", "one + more"):
        pairs_at(f"{name}/images/*.jpg", f"{name}/masks/*.png")
    monkeypatch.chdir(tmp_path)
    assert split_texts("one + two") == ["one", "two"]
    assert split_texts("one + scenes:val + two") == ["one", "scenes:val", "two"]
    assert split_texts("one + more") == ["one + more"]
    assert split_texts("one + nothing") == ["one + nothing"]
    assert len(open_source("one + two").recognised) == 2
    (tmp_path / "one + two").mkdir()
    assert split_texts("one + two") == ["one + two"]


def test_a_folder_called_like_a_kind_of_source_is_a_folder(pairs_at, tmp_path, monkeypatch):
    pairs_at("voc/images/*.jpg", "voc/masks/*.png")
    monkeypatch.chdir(tmp_path)
    assert len(open_source("voc")) == 3
    assert len(open_source("scenes")) > 100


def test_two_equally_good_readings_are_not_chosen_between(pairs_at, tmp_path):
    pairs_at("images/*.jpg", "gt/*.png")
    pairs_at("images/*.jpg", "alpha/*.png")
    with pytest.raises(
        DataError, match=r"can be read in 2 ways, as images/ and alpha/ .* or images/ and gt/ "
    ) as caught:
        open_source(str(tmp_path))
    written = f"folder:{tmp_path}/images,{tmp_path}/gt"
    assert written in str(caught.value)
    assert len(open_source(written)) == 3


def test_the_better_of_two_readings_is_taken(pairs_at, tmp_path):
    pairs_at("images/*.jpg", "gt/*.png")
    pairs_at("images/*.jpg", "alpha/*.png", stems="ab")
    assert "images/ and gt/" in open_source(str(tmp_path)).recognised[0]
    pairs_at("images/*.jpg", "masks/*.png", stems="a")
    assert "images/ and masks/" in open_source(str(tmp_path)).recognised[0]


def test_nothing_recognised_says_what_is_there_and_what_would_be_read(picture_at, tmp_path):
    picture_at("holiday/a.jpg")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError) as caught:
        open_source(str(tmp_path))
    for part in ("no masks recognised", "1 .txt, holiday/ (1 .jpg)", "images/ and masks/", "folder:IMAGES,MASKS"):
        assert part in str(caught.value)
    with pytest.raises(UsageError, match=f"there is no folder '{tmp_path}/holidy' .did you mean {tmp_path}/holiday"):
        open_source(f"{tmp_path}/holidy")


def test_a_file_is_no_folder(pairs_at, tmp_path):
    pairs_at("images/*.jpg", "masks/*.png")
    for name, said in {
        "photos.zip": "unpack it",
        "data.yaml": f"give the folder that holds the data, {tmp_path}",
    }.items():
        (tmp_path / name).write_text("x")
        with pytest.raises(DataError, match=f"{name} is a file, expected a folder: {said}"):
            open_source(f"{tmp_path}/{name}")


def test_splits_are_named_and_one_must_be_chosen(pairs_at, tmp_path):
    for split in ("train", "valid"):
        pairs_at(f"{split}/images/*.jpg", f"{split}/masks/*.png")
    with pytest.raises(DataError, match=rf"parts train, valid .*: name one, {tmp_path}:train, {tmp_path}:valid"):
        open_source(str(tmp_path))
    for split in ("valid", "val"):
        assert "valid/images/" in open_source(f"{tmp_path}:{split}").recognised[0]


def test_a_part_is_a_part_where_only_pictures_are_asked_for(pairs_at, tmp_path):
    for split, stems in (("train", "abc"), ("valid", "de")):
        pairs_at(f"folders/{split}/images/*.jpg", f"folders/{split}/masks/*.png", stems=stems)
    pairs_at("lists/images/*.jpg", "lists/masks/*.png", stems="abcde")
    for stem in "abcde":
        boxes.write(tmp_path / f"voc/Annotations/{stem}.xml", boxes.xml("a"))
    pairs_at("voc/JPEGImages/*.jpg", "rest/*.png", stems="abcde")
    for folder in ("lists", "voc/ImageSets/Main"):
        boxes.write(tmp_path / folder / "train.txt", "a\nb\nc\n")
        boxes.write(tmp_path / folder / "valid.txt", "d\ne\n")
    for name in ("folders", "lists", "voc"):
        assert len(open_source(f"{tmp_path}/{name}", needs="none")) == 5
        assert len(open_source(f"{tmp_path}/{name}:valid", needs="none")) == 2
        for needs in ("none", usual_needs(f"{tmp_path}/{name}:vald")):
            with pytest.raises(DataError, match=r"no part vald, .*: it has train, valid$"):
                open_source(f"{tmp_path}/{name}:vald", needs=needs)


def test_what_a_folder_is_usually_asked_for(pairs_at, tmp_path):
    pairs_at("masked/images/*.jpg", "masked/masks/*.png")
    pairs_at("labelled/images/*.jpg", "labelled/labels/*.png")
    assert usual_needs(f"{tmp_path}/masked") == "mask"
    assert usual_needs(f"{tmp_path}/labelled") == "labels"


@pytest.mark.parametrize(
    ("values", "needs"), [([0, 1, 2, 5], "labels"), ([0, 90, 200, 255], "mask"), ([0, 255], "mask")]
)
def test_what_may_be_either_is_told_by_its_values(pairs_at, picture_at, tmp_path, values, needs):
    pairs_at("images/*.jpg", "gt/*.png", stems="a")
    picture_at("gt/a.png", np.resize(np.array(values, np.uint8), (6, 8)))
    assert usual_needs(str(tmp_path)) == needs


def test_pictures_that_are_not_read_are_named(pairs_at, picture_at):
    folder = pairs_at("images/*.jpg", "masks/*.png")
    assert "not read" not in open_source(str(folder)).recognised[0]
    pairs_at("images/*.jpg", "gt/*.png", salient=200)
    assert open_source(str(folder)).recognised[0].endswith("; not read: gt/ (3)")
    picture_at("val/images/x.jpg")
    assert open_source(str(folder)).recognised[0].endswith("; not read: gt/ (3), val/images/ (1)")


def test_a_part_without_masks_is_not_left_away(pairs_at, picture_at):
    folder = pairs_at("train/images/*.jpg", "train/masks/*.png")
    picture_at("val/images/x.jpg")
    with pytest.raises(DataError, match=r"the part val of .* has 1 picture in val/images/, and no masks: add them"):
        open_source(f"{folder}:val")
    assert len(open_source(f"{folder}:train")) == 3
    assert "not read: val/images/ (1)" in open_source(str(folder)).recognised[0]
