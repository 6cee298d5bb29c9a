"""Two folders of unusual names: recognised where all names pair off and the files show which are masks."""

import numpy as np
import pytest

from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import DataError

STEMS = ["IMG_0001", "IMG_0002", "IMG_0003"]
GREYS = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5
CUT_OUT = np.dstack([GREYS, GREYS.T.reshape(6, 8), 255 - GREYS, np.where(GREYS > 99, 255, 0)]).astype(np.uint8)


def opened_without_faults(text):
    source = open_source(text)
    assert scan(source, needs="mask", quiet=True).faults == []
    return source.recognised[0], [int(source.load(index).mask.sum()) for index in range(len(source))]


@pytest.mark.parametrize(
    ("images", "masks", "said"),
    [
        ("Photos/*.jpg", "Cut/*_L.png", "Photos/ and Cut/, * with *_L"),
        ("a/*.png", "b/m_*.png", "a/ and b/, * with m_*"),
        ("b/x/*.jpg", "a/*.png", "b/x/ and a/ of equal names"),
        ("shots/*.jpg", "masks/*.png", "shots/ and masks/ of equal names"),
        ("*.jpg", "done/*_cut.png", "the pictures beside it and done/, * with *_cut"),
    ],
)
def test_what_the_files_show(pairs_at, images, masks, said):
    folder = pairs_at(images, masks, stems=STEMS)
    line, sizes = opened_without_faults(str(folder))
    assert line == f"{folder}: {said}, 3 pairs (guessed from the files)"
    assert sizes == [4, 6, 8]


def test_what_names_tell_is_not_read_twice(pairs_at):
    folder = pairs_at("*.jpg", "masks/*.png", stems=STEMS)
    line, _ = opened_without_faults(str(folder))
    assert line == f"{folder}: the pictures beside it and masks/ of equal names, 3 pairs (folder)"


def test_cut_outs_beside_photos(pairs_at, picture_at):
    folder = pairs_at("studio/*.jpg", "free/*.png", stems=STEMS)
    for stem in STEMS:
        picture_at(f"free/{stem}.png", CUT_OUT)
    line, sizes = opened_without_faults(str(folder))
    assert "studio/ and free/ of equal names, 3 pairs" in line
    assert sizes == [int((GREYS > 99).sum())] * 3


@pytest.mark.parametrize(("image", "mask"), [("png", "png"), ("jpg", "png"), ("png", "jpg")])
def test_where_both_are_grey_the_format_tells(picture_at, tmp_path, image, mask):
    for stem in STEMS:
        picture_at(f"one/{stem}.{image}", GREYS)
        picture_at(f"two/{stem}.{mask}", GREYS)
    if image == mask:
        with pytest.raises(DataError, match="no masks recognised"):
            open_source(str(tmp_path))
    else:
        first, second = ("one", "two") if mask == "png" else ("two", "one")
        assert f"{first}/ and {second}/ of equal names" in open_source(str(tmp_path)).recognised[0]


def test_a_folder_called_after_pictures_leaves_the_other_to_the_masks(picture_at, tmp_path):
    for stem in STEMS:
        picture_at(f"photos/{stem}.png", GREYS)
        picture_at(f"soft/{stem}.png", GREYS)
    assert "photos/ and soft/ of equal names" in open_source(str(tmp_path)).recognised[0]


def test_names_of_folders_and_looks_of_files_that_disagree_are_not_chosen_between(pairs_at):
    folder = pairs_at("Cut/*.jpg", "Photos/*.png", stems=STEMS)
    with pytest.raises(DataError, match="no masks recognised"):
        open_source(str(folder))


@pytest.mark.parametrize(
    "also",
    [
        ["Photos/IMG_0009.jpg"],
        ["Cut/IMG_0009_L.png"],
        ["Photos/IMG_0009.jpg", "Cut/IMG_0010_L.png"],
        ["Photos/IMG_0001.jpeg", "Cut/IMG_0001_L.bmp"],
        ["third/a.jpg"],
    ],
)
def test_what_does_not_pair_off_is_not_guessed(pairs_at, picture_at, also):
    folder = pairs_at("Photos/*.jpg", "Cut/*_L.png", stems=STEMS)
    for name in also:
        picture_at(name, np.zeros((6, 8), np.uint8) if name.startswith("Cut") else None)
    with pytest.raises(DataError, match="no masks recognised"):
        open_source(str(folder))


def test_pictures_in_both_and_splits_are_no_pairs(pairs_at, picture_at, tmp_path):
    for stem in STEMS:
        picture_at(f"before/{stem}.jpg")
        picture_at(f"after/{stem}.png")
    with pytest.raises(DataError, match="no masks recognised"):
        open_source(str(tmp_path))
    folder = pairs_at("more/train/*.jpg", "more/test/*.png", stems=STEMS) / "more"
    with pytest.raises(DataError, match="no masks recognised"):
        open_source(str(folder))


def test_two_named_folders_pair_as_recognised_ones_do(pairs_at, picture_at, tmp_path):
    pairs_at("x/*.jpg", "y/*_L.png", stems=STEMS)
    text = f"folder:{tmp_path}/x,{tmp_path}/y"
    line, sizes = opened_without_faults(text)
    assert line == f"{text}: * with *_L, 3 pairs"
    assert sizes == [4, 6, 8]
    assert open_source(text).names == STEMS
    assert open_source(text, needs="none").recognised == ()
    picture_at("x/IMG_0009.jpg")
    picture_at("y/IMG_0010_L.png", np.zeros((6, 8), np.uint8))
    faults = dict(scan(open_source(text), quiet=True).faults)
    assert faults.keys() == {"IMG_0009", "IMG_0010_L.png"}
    assert f"has no mask {tmp_path}/y/IMG_0009_L.png" in faults["IMG_0009"]


def test_equal_names_come_first_and_need_no_word(pairs_at, picture_at, tmp_path):
    pairs_at("x/*.jpg", "y/*.png", stems=["a_L", "b_L"])
    pairs_at("x/*.jpg", "z/*_L.png", stems=["a", "b"])
    source = open_source(f"folder:{tmp_path}/x,{tmp_path}/y")
    assert source.recognised == ()
    assert source.load(source.names.index("b_L")).mask.sum() == 6
