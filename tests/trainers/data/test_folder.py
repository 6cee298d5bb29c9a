"""`folder:PATH[:SPLIT]`: layouts, splits, names, and what a mask means."""

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.data.example import Source
from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import DataError, UsageError


def picture(seed=0, size=(24, 32)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def write_pairs(folder, stems, kind="masks", value=255):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / kind).mkdir(exist_ok=True)
    for number, stem in enumerate(stems):
        Image.fromarray(picture(number)).save(folder / "images" / f"{stem}.png")
        mask = np.zeros((24, 32), np.uint8)
        mask[4:12, number:20] = value
        Image.fromarray(mask).save(folder / kind / f"{stem}.png")
    return folder


def test_pairs_by_stem_in_alphabetical_order(tmp_path):
    write_pairs(tmp_path, ["b", "a", "c"])
    (tmp_path / "images" / ".hidden.png").write_bytes(b"no picture")
    (tmp_path / "images" / "Thumbs.db").write_bytes(b"no picture")
    source = open_source(f"folder:{tmp_path}")
    assert isinstance(source, Source)
    assert source.names == ["a", "b", "c"]
    assert source.class_names == ("background", "salient")
    example = source.load(1)
    assert example.name == "b"
    np.testing.assert_array_equal(example.image, picture(0))
    expected = np.zeros((24, 32), np.uint8)
    expected[4:12, 0:20] = 1
    np.testing.assert_array_equal(example.mask, expected)
    assert example.mask.dtype == np.uint8
    assert example.labels is None


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ([0, 255], [0, 1]),
        ([0, 1], [0, 1]),
        ([10, 200], [0, 1]),
        ([0, 0], [0, 0]),
        ([255, 255], [1, 1]),
        ([1, 1], [1, 1]),
    ],
)
def test_the_larger_of_two_values_is_salient(tmp_path, stored, expected):
    write_pairs(tmp_path, ["a"])
    mask = np.full((24, 32), stored[0], np.uint8)
    mask[:, 16:] = stored[1]
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    found = open_source(f"folder:{tmp_path}").load(0).mask
    assert [found[0, 0], found[0, -1]] == expected


def test_palette_and_one_bit_masks_and_jpeg_images(tmp_path):
    write_pairs(tmp_path, ["a", "b"])
    values = np.zeros((24, 32), np.uint8)
    values[:5] = 1
    indexed = Image.fromarray(values).convert("P")
    indexed.putpalette([200, 0, 0, 10, 10, 10] + [0] * 762)
    indexed.save(tmp_path / "masks" / "a.png")
    Image.fromarray(values * 255).convert("1").save(tmp_path / "masks" / "b.png")
    (tmp_path / "images" / "b.png").unlink()
    Image.fromarray(picture()).save(tmp_path / "images" / "b.JPG", format="JPEG")
    source = open_source(f"folder:{tmp_path}")
    for index in (0, 1):
        np.testing.assert_array_equal(source.load(index).mask, values)


def test_rotated_photos_match_their_upright_masks(tmp_path):
    write_pairs(tmp_path, ["a"])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(3, (32, 24))).save(tmp_path / "images" / "a.png", exif=exif)
    assert open_source(f"folder:{tmp_path}").load(0).image.shape == (24, 32, 3)


def test_split_list_gives_names_and_order(tmp_path):
    write_pairs(tmp_path, ["a", "b", "c.v2", "d"])
    (tmp_path / "val.txt").write_text("d.png\n\n  c.v2  \nimages/a.jpg\n", encoding="utf-8-sig")
    source = open_source(f"folder:{tmp_path}:val")
    assert source.names == ["d", "c.v2", "a"]
    assert source.name == f"folder:{tmp_path}:val"
    np.testing.assert_array_equal(source.load(2).image, picture(0))


def test_split_folders(tmp_path):
    write_pairs(tmp_path / "train", ["a", "b"])
    write_pairs(tmp_path / "test", ["c"])
    assert open_source(f"folder:{tmp_path}:test").names == ["c"]
    with pytest.raises(DataError, match="name one of its splits, test, train"):
        open_source(f"folder:{tmp_path}")
    with pytest.raises(DataError, match=r"no split val .*it has test, train"):
        open_source(f"folder:{tmp_path}:val")


def test_colons_in_paths(tmp_path):
    write_pairs(tmp_path / "at 12:30", ["a"])
    (tmp_path / "at 12:30" / "val.txt").write_text("a")
    assert len(open_source(f"folder:{tmp_path}/at 12:30")) == 1
    assert len(open_source(f"folder:{tmp_path}/at 12:30:val")) == 1
    with pytest.raises(DataError, match="no folder C:/photos:val"):
        open_source("folder:C:/photos:val")


def test_labels_keep_their_values(tmp_path):
    write_pairs(tmp_path, ["a"], "labels", value=7)
    (tmp_path / "classes.txt").write_text("sky\nroad\n")
    source = open_source(f"folder:{tmp_path}", needs="labels")
    assert source.class_names == ("sky", "road")
    example = source.load(0)
    assert example.mask is None
    assert sorted(np.unique(example.labels)) == [0, 7]


def test_pictures_alone(tmp_path):
    for number, name in enumerate(["x.png", "y.png", "y.bmp"]):
        Image.fromarray(picture(number)).save(tmp_path / name)
    source = open_source(f"folder:{tmp_path}", needs="none")
    assert source.names == ["x", "y.bmp", "y.png"]
    example = source.load(2)
    np.testing.assert_array_equal(example.image, picture(1))
    assert example.mask is None
    assert not scan(source, quiet=True).faults


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(UsageError, match="no path"):
        open_source("folder:")
    with pytest.raises(DataError, match="no folder"):
        open_source(f"folder:{tmp_path}/none")
    with pytest.raises(DataError, match="put the pictures into"):
        open_source(f"folder:{tmp_path}")
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        open_source(f"folder:{tmp_path}")
    Image.fromarray(picture()).save(tmp_path / "images" / "a.png")
    with pytest.raises(DataError, match=r"no .*masks beside it"):
        open_source(f"folder:{tmp_path}")
    with pytest.raises(UsageError, match="not boxes"):
        open_source(f"folder:{tmp_path}", needs="boxes")
    (tmp_path / "masks").mkdir()
    (tmp_path / "val.txt").write_text("\n\n")
    with pytest.raises(DataError, match=r"val\.txt is empty"):
        open_source(f"folder:{tmp_path}:val")
    with pytest.raises(DataError, match="name of a split"):
        open_source(f"folder:{tmp_path}:")


@pytest.mark.parametrize(
    "data",
    [
        "ä\r\nb\r\n".encode("utf-16"),
        "ä\r\nb\r\n".encode("cp1252"),
        "\ufeffä.png\r\nimages\\b.png  \r\n".encode(),
        'C:\\photos\\ä.jpg\n"b"\n'.encode(),
        "/images/ä.jpg /masks/ä.png\n/images/b.jpg /masks/b.png\n".encode(),
        "images/ä.jpg,masks/ä.png\r\nimages/b.jpg,masks/b.png".encode(),
        "a\u0308\nb\n".encode(),
    ],
)
def test_split_lists_as_editors_and_shells_write_them(tmp_path, data):
    write_pairs(tmp_path, ["ä", "b", "c"])
    (tmp_path / "train.txt").write_bytes(data)
    source = open_source(f"folder:{tmp_path}:train")
    assert (source.names, list(source.structural_faults)) == (["ä", "b"], [])


def test_a_list_whose_encoding_nobody_can_tell_is_refused(tmp_path):
    write_pairs(tmp_path, ["a", "b"])
    (tmp_path / "train.txt").write_bytes("a\nmöwe\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"train\.txt is not written in UTF-8 \(line 2 .*encoding UTF-8"):
        open_source(f"folder:{tmp_path}:train")


def test_names_that_unicode_writes_in_two_ways_are_one(tmp_path):
    write_pairs(tmp_path, ["mo\u0308we"])
    (tmp_path / "masks" / "mo\u0308we.png").rename(tmp_path / "masks" / "m\u00f6we.png")
    source = open_source(f"folder:{tmp_path}")
    assert source.names == ["m\u00f6we"]
    assert not scan(source, quiet=True).faults
    Image.fromarray(picture()).save(tmp_path / "images" / "m\u00f6we.png")
    with pytest.raises(DataError, match="share the stem"):
        open_source(f"folder:{tmp_path}").load(0)
