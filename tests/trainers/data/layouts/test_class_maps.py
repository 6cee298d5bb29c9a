"""Class maps of public data sets and tools, on small trees in their real layouts."""

import json

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.data.labels import LabelCoding
from metricfit.trainers.data.pixel_files.coding import FileCoding
from metricfit.trainers.data.pixel_files.colours import read_colours
from metricfit.trainers.data.pixel_files.known_classes import CITYSCAPES, VOC_NAMES, voc_colours
from metricfit.trainers.data.scan.scanner import checked_source, scan
from metricfit.trainers.data.sources import open_source, usual_needs
from metricfit.trainers.errors import DataError, UsageError

NUMBERS = np.tile(np.array([0, 0, 1, 1, 2, 2, 3, 255], np.uint8), (6, 1))
CAMVID = np.array([(64, 128, 64), (192, 0, 128), (0, 128, 192)], np.uint8)


def labels_of(folder, **more):
    source = open_source(str(folder), needs="labels", **more)
    return source, [source.load(index).labels for index in range(len(source))]


def coloured(numbers, colours):
    """Give RGB with the colour of each number; 255 is drawn in the last one."""
    return np.asarray(colours, np.uint8)[np.where(numbers == 255, len(colours) - 1, numbers)]


@pytest.fixture
def voc(picture_at, tmp_path):
    """Write VOC's folders below the name given, with class maps of the first two of three pictures."""

    def write(name, values, mode=None, palette=None):
        for stem in "abc":
            picture_at(f"{name}/JPEGImages/{stem}.jpg")
        for stem in "ab":
            path = picture_at(f"{name}/SegmentationClass/{stem}.png", values, mode)
            if palette is not None:
                image = Image.fromarray(values, "P")
                image.putpalette(palette.tobytes())
                image.save(path)
            picture_at(f"{name}/SegmentationObject/{stem}.png", values)
        lists = tmp_path / name / "ImageSets" / "Segmentation"
        lists.mkdir(parents=True)
        (lists / "train.txt").write_text("b\n")
        (lists / "val.txt").write_text("a\n")
        return tmp_path / name

    return write


@pytest.mark.parametrize("in_colour", [False, True])
def test_pascal_voc(voc, in_colour):
    palette = np.concatenate([voc_colours(255), [[224, 224, 192]]]).astype(np.uint8)
    base = voc("VOCdevkit/VOC2012", palette[NUMBERS] if in_colour else NUMBERS, palette=None if in_colour else palette)
    source, maps = labels_of(base.parent)
    assert source.recognised[0].endswith(
        "VOC2012/SegmentationClass/ of VOC2012, 2 of 3 pictures with class maps; splits train, val (voc)"
    )
    assert source.class_names == VOC_NAMES
    np.testing.assert_array_equal(maps, [NUMBERS, NUMBERS])
    assert open_source(f"{base}:train", needs="labels").names == ["b"]
    assert scan(source, needs="labels", quiet=True).faults == []


def test_the_palette_of_voc():
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 8: (64, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    for number, colour in known.items():
        assert tuple(voc_colours(21)[number]) == colour


def test_classes_of_a_folder_like_voc_are_not_guessed(voc):
    base = voc("mine", NUMBERS)
    with pytest.raises(UsageError, match="does not say the names of its classes"):
        checked_source(str(base), needs="labels", quiet=True)
    (base / "classes.txt").write_text("sky\nroad\ncar\ntree\n")
    assert checked_source(str(base), needs="labels", quiet=True).class_names == ("sky", "road", "car", "tree")


def test_labelme2voc(voc):
    base = voc("mine", NUMBERS)
    (base / "class_names.txt").write_text("__ignore__\n_background_\ncat\ndog\ntree\n")
    (base / "SegmentationClass").rename(base / "SegmentationClassPNG")
    source, maps = labels_of(base)
    assert source.class_names == ("_background_", "cat", "dog", "tree")
    np.testing.assert_array_equal(maps[0], NUMBERS)


def test_cvat_segmentation_masks(voc):
    numbers = np.where(NUMBERS == 255, 0, NUMBERS)
    colours = np.array([(0, 0, 0), (128, 0, 0), (51, 221, 255), (250, 50, 83)], np.uint8)
    base = voc("task", colours[numbers])
    (base / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncar:128,0,0::\nroad side:51,221,255::\ntree:250,50,83::\n"
    )
    source, maps = labels_of(base)
    assert "of CVAT, colours by labelmap.txt, 2 of 3 pictures" in source.recognised[0]
    assert source.class_names == ("background", "car", "road side", "tree")
    np.testing.assert_array_equal(maps[1], numbers)
    assert source.load(0).adapted == (f"labels in colour, read by {base}/labelmap.txt",)
    (base / "labelmap.txt").write_text("background:0,0,0::\ncar:128,0,0::\ntree:250,50,83::\n")
    with pytest.raises(
        DataError, match=r"the colour 51 221 255, which .*labelmap.txt does not list \(25.0% of the pixels"
    ):
        labels_of(base)


@pytest.fixture
def cityscapes(picture_at, tmp_path):
    """Write one picture of each split in Cityscapes' tree, and give what writes its label files."""
    for split, city in (("train", "aachen"), ("val", "ulm")):
        picture_at(f"leftImg8bit/{split}/{city}/{city}_000000_000019_leftImg8bit.png")

    def write(ending, values, mode=None):
        for split, city in (("train", "aachen"), ("val", "ulm")):
            picture_at(f"gtFine/{split}/{city}/{city}_000000_000019_gtFine_{ending}.png", values, mode)

    return write


def test_cityscapes_by_ids_train_ids_and_colours(cityscapes, tmp_path):
    ids = np.tile(np.array([0, 7, 8, 11, 33, 26, 18, 5], np.uint8), (6, 1))
    expected = np.tile(np.array([255, 0, 1, 2, 18, 13, 255, 255], np.uint8), (6, 1))
    void = {0: (0, 0, 0), 18: (0, 0, 0), 5: (111, 74, 0)}
    colour = np.array([[CITYSCAPES[one][1] if one in CITYSCAPES else void[one] for one in row] for row in ids.tolist()])
    cityscapes("instanceIds", ids.astype(np.uint16) * 1000)
    for ending, values, mode in (
        ("color", colour.astype(np.uint8), "RGBA"),
        ("labelIds", ids, None),
        ("labelTrainIds", expected, None),
    ):
        cityscapes(ending, values, mode)
        with pytest.raises(DataError, match=r"has the parts train, val .*: name one"):
            open_source(str(tmp_path), needs="labels")
        source, maps = labels_of(f"{tmp_path}:val")
        assert f"gtFine/*_{ending}.png of Cityscapes, 1 pair" in source.recognised[0]
        assert source.class_names[:3] + source.class_names[-1:] == ("road", "sidewalk", "building", "bicycle")
        assert source.names == ["ulm_000000_000019"]
        np.testing.assert_array_equal(maps[0], expected)


def test_roboflow_semantic_masks(picture_at, tmp_path):
    numbers = np.where(NUMBERS == 255, 0, NUMBERS)
    for split, count in (("train", 3), ("valid", 1)):
        for number in range(count):
            picture_at(f"{split}/street{number}_jpg.rf.0a1b{number}.jpg")
            picture_at(f"{split}/street{number}_jpg.rf.0a1b{number}_mask.png", numbers)
        (tmp_path / split / "_classes.csv").write_text("Pixel Value, Class\n0, unlabeled\n1, car\n2, road\n3, tree\n")
    assert usual_needs(f"{tmp_path}:train") == "labels"
    source, maps = labels_of(f"{tmp_path}:train")
    assert source.recognised[0].endswith("side by side in train/, * with *_mask, 3 pairs (roboflow)")
    assert source.class_names == ("unlabeled", "car", "road", "tree")
    np.testing.assert_array_equal(maps[2], numbers)
    for split in ("train", "valid"):
        (tmp_path / split / "_classes.csv").write_text("Pixel Value, Class\n0, unlabeled\n2, road\n3, tree\n")
    _, maps = labels_of(f"{tmp_path}:train")
    np.testing.assert_array_equal(maps[0], np.array([0, 255, 1, 2], np.uint8)[numbers])


def test_other_files_of_roboflow_called_so_are_none(picture_at, tmp_path):
    picture_at("train/a.jpg")
    (tmp_path / "train" / "_classes.csv").write_text("filename, cat, dog\na.jpg, 1, 0\n")
    with pytest.raises(DataError, match="no labels recognised"):
        open_source(str(tmp_path), needs="labels")


def test_camvid_as_published_and_of_fastai(picture_at, tmp_path):
    numbers = NUMBERS.clip(max=2)
    for stem in ("0001TP_006690", "Seq05VD_f00000"):
        picture_at(f"published/701_StillsRaw_full/{stem}.png")
        picture_at(f"published/LabeledApproved_full/{stem}_L.png", CAMVID[numbers])
        picture_at(f"fastai/images/{stem}.png")
        picture_at(f"fastai/labels/{stem}_P.png", numbers)
    (tmp_path / "published" / "label_colors.txt").write_text(
        "64 128 64\tAnimal\n192 0 128\t\tArchway\n0 128 192 Bicyclist\n"
    )
    (tmp_path / "fastai" / "codes.txt").write_text("Animal\nArchway\nBicyclist\n")
    for name, said in (("published", "* with *_L, colours by label_colors.txt"), ("fastai", "* with *_P")):
        source, maps = labels_of(tmp_path / name)
        assert said in source.recognised[0].replace(", 2 pairs", "")
        assert source.class_names == ("Animal", "Archway", "Bicyclist")
        np.testing.assert_array_equal(maps[1], numbers)


COLOUR_FILES = {
    "a.txt": "0 0 0 sky\n\n# more\n128,64,0 road way\n255\t0\t9\tcar",
    "cvat.txt": "# label:color_rgb:parts:actions\nsky:0,0,0::\nroad way:128,64,0::\ncar:255,0,9::",
    "a.csv": "name,r,g,b\nsky,0,0,0\nroad way,128,64,0\ncar,255,0,9\n",
    "b.csv": "r;g;b;class\n0;0;0;sky\n128;64;0;road way\n255;0;9;car\n",
    "a.json": json.dumps({"sky": [0, 0, 0], "road way": "#804000", "car": "255, 0, 9"}),
    "b.json": json.dumps(
        [{"name": "sky", "color": [0, 0, 0]}, {"label": "road way", "colour": "804000"}, ["car", [255, 0, 9]]]
    ),
    "c.json": json.dumps({"#000000": "sky", "128,64,0": "road way", "255 0 9": "car"}),
}


@pytest.mark.parametrize("name", COLOUR_FILES)
def test_files_of_colours(tmp_path, name):
    (tmp_path / name).write_text(COLOUR_FILES[name])
    read = read_colours(tmp_path / name)
    assert read.names == ("sky", "road way", "car")
    classes, strange = read.find(np.array([[[255, 0, 9], [0, 0, 0], [128, 64, 0], [1, 2, 3]]], np.uint8))
    assert classes[0, :3].tolist() == [2, 0, 1]
    assert strange.tolist() == [[False, False, False, True]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no colours"),
        ("sky", "has the line 'sky', which is no colour with a name"),
        ("0 0 300 sky", "has a colour out of 0..255"),
        ("0 0 0 sky\n0 0 0 car", "gives the colour 0 0 0 to sky and car"),
    ],
)
def test_files_of_colours_at_fault(tmp_path, text, said):
    (tmp_path / "c.txt").write_text(text)
    with pytest.raises(DataError, match=said):
        read_colours(tmp_path / "c.txt")
    with pytest.raises(DataError, match=r"there is no file nowhere\.txt"):
        read_colours("nowhere.txt")


@pytest.fixture
def streets(picture_at, tmp_path):
    """Write pairs of `images` and `labels`, whose values are given by stem, and colours in colours.txt."""
    (tmp_path / "colours.txt").write_text("64 128 64 animal\n192 0 128 archway\n0 128 192 bicyclist\n")

    def write(**labels):
        for stem, values in labels.items():
            picture_at(f"streets/images/{stem}.png")
            picture_at(f"streets/labels/{stem}.png", values)
        return f"folder:{tmp_path / 'streets'}", FileCoding(colours=str(tmp_path / "colours.txt"))

    return write


def test_colours_given_by_the_user(streets):
    numbers = NUMBERS.clip(max=2)
    text, files = streets(a=CAMVID[numbers], b=numbers)
    source = checked_source(text, needs="labels", files=files, coding=LabelCoding(ignore=(1,)), quiet=True)
    assert source.class_names == ("animal", "bicyclist")
    for index in range(2):
        np.testing.assert_array_equal(source.load(index).labels, np.array([0, 255, 1], np.uint8)[numbers])
    with pytest.raises(DataError, match="say with --colours FILE which colour is which class"):
        open_source(text, needs="labels").load(0)


def test_colours_that_nobody_listed_are_faults(streets, tmp_path):
    values = CAMVID[NUMBERS.clip(max=2)]
    values[0, 0] = (9, 9, 8)
    text, files = streets(a=values)
    with pytest.raises(DataError, match=r"hold the colour 9 9 8, which .*add the colour to"):
        open_source(text, needs="labels", files=files).load(0)
    (tmp_path / "streets" / "labels" / "a.png").unlink()
    Image.fromarray(values).save(tmp_path / "streets" / "labels" / "a.jpg", quality=30)
    with pytest.raises(DataError, match="JPEG has changed its colours, so save the labels as PNG"):
        open_source(text, needs="labels", files=files).load(0)


def test_labels_of_another_size_are_resized_by_nearest_neighbour(streets):
    text, _ = streets(a=NUMBERS[::2, ::2])
    with pytest.raises(DataError, match="let --resize-masks do it"):
        open_source(text, needs="labels").load(0)
    example = open_source(text, needs="labels", files=FileCoding(resize=True)).load(0)
    np.testing.assert_array_equal(example.labels, np.repeat(np.repeat(NUMBERS[::2, ::2], 2, axis=0), 2, axis=1))
    assert example.adapted == ("labels of another size, resized to its picture's",)
