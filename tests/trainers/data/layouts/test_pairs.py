"""Pictures and masks in folders of any name, once or for each split, and side by side."""

import numpy as np
import pytest

from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.layouts.names import Affixes, find_affixes, place_of
from metricfit.trainers.errors import DataError

LAYOUTS = {
    "image/*.jpg, mask/*.png": "image/ and mask/ of equal names",
    "Images/*.jpg, Masks/*.png": "Images/ and Masks/ of equal names",
    "imgs/*.jpg, gt/*.png": "imgs/ and gt/ of equal names",
    "Imgs/*.jpg, GT/*.png": "Imgs/ and GT/ of equal names",
    "im/*.jpg, gt/*.png": "im/ and gt/ of equal names",
    "images/*.jpg, ground_truth_mask/*.png": "images/ and ground_truth_mask/ of equal names",
    "Original/*.tif, Ground Truth/*.tif": "Original/ and Ground Truth/ of equal names",
    "DUTS-TR/DUTS-TR-Image/*.jpg, DUTS-TR/DUTS-TR-Mask/*.png": "DUTS-TR-Image/ and DUTS-TR/DUTS-TR-Mask/",
    "DUT-OMRON-image/*.jpg, DUT-OMRON-gt-pixelwise/*.png": "DUT-OMRON-image/ and DUT-OMRON-gt-pixelwise/",
    "images/train/*.jpg, masks/train/*.png": "images/train/ and masks/train/ of equal names",
    "train/*.jpg, train_masks/*_mask.gif": "train/ and train_masks/, * with *_mask",
    "Task1_Training_Input/ISIC_*.jpg, Task1_Training_GroundTruth/ISIC_*_segmentation.png": "* with *_segmentation",
    "training/images/*_training.tif, training/1st_manual/*_manual1.gif": "*_training with *_manual1",
    "images/img_*.jpg, masks/mask_*.png": "img_* with mask_*",
    "*.jpg, *.png": "pictures and masks side by side, .jpg with .png of equal names",
    "*.jpg, *_mask.png": "pictures and masks side by side, * with *_mask",
    "*.png, *_seg.png": "* with *_seg",
    "*.png, *_L.png": "* with *_L",
    "MSRA10K_Imgs_GT/Imgs/*.jpg, MSRA10K_Imgs_GT/Imgs/*.png": "side by side in MSRA10K_Imgs_GT/Imgs/",
    "salObj/datasets/imgs/pascal/*.jpg, salObj/datasets/masks/pascal/*.png": "masks/pascal/ of equal names",
    "*_sat.jpg, *_mask.png": "*_sat with *_mask",
    "train/*_jpg.rf.01a2.jpg, train/*_jpg.rf.01a2_mask.png": "side by side in train/, * with *_mask",
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_that_people_have(pairs_at, layout):
    folder = pairs_at(*layout.split(", "), stems=["one", "two", "three"])
    source = open_source(str(folder))
    assert LAYOUTS[layout] in source.recognised[0]
    assert ", 3 pairs (" in source.recognised[0]
    found = scan(source, needs="mask", quiet=True)
    assert (found.total, found.faults) == (3, [])
    assert sorted(int(source.load(index).mask.sum()) for index in range(3)) == [4, 6, 8]


def test_masks_belong_to_their_own_pictures(pairs_at):
    source = open_source(str(pairs_at("Images/*.jpg", "Masks/*_gt.png", stems=["b1", "a2", "c3"])))
    assert dict(zip(source.names, (int(source.load(index).mask.sum()) for index in range(3)))) == {
        "b1": 4,
        "a2": 6,
        "c3": 8,
    }


def test_what_has_no_partner_is_a_fault(pairs_at, picture_at, tmp_path):
    pairs_at("imgs/*.jpg", "gt/*.png")
    picture_at("imgs/d.jpg")
    picture_at("gt/e.png", np.zeros((6, 8), np.uint8))
    faults = dict(scan(open_source(str(tmp_path)), quiet=True).faults)
    assert faults.keys() == {"d", "e.png"}
    assert f"has no mask {tmp_path}/gt/d.png" in faults["d"]


def test_several_folders_of_one_data_set_are_read_together(pairs_at):
    for name in ("cats", "dogs"):
        folder = pairs_at(f"images/{name}/*.jpg", f"masks/{name}/*.png")
    source = open_source(str(folder))
    assert "images/cats/ and masks/cats/ and 1 more such of equal names, 6 pairs" in source.recognised[0]
    assert source.names[::3] == ["cats/a", "dogs/a"]
    assert open_source(f"{folder}:dogs").names == ["a", "b", "c"]


def test_a_list_of_names_is_a_split(pairs_at):
    folder = pairs_at("Imgs/*.jpg", "GT/*.png")
    (folder / "test.txt").write_text("c\na.jpg\n")
    assert open_source(f"{folder}:test").names == ["c", "a"]
    assert "3 pairs; all of them, the lists are test (" in open_source(str(folder)).recognised[0]
    with pytest.raises(DataError, match=r"has no part holdout, as Imgs/ and GT/ .*: it has test$"):
        open_source(f"{folder}:holdout")


def test_whole_data_beside_splits_is_taken_whole(pairs_at):
    pairs_at("images/*.jpg", "masks/*.png")
    folder = pairs_at("test/images/*.jpg", "test/masks/*.png", stems="xy")
    assert open_source(str(folder)).names == ["a", "b", "c"]
    assert open_source(f"{folder}:test").names == ["x", "y"]


def test_pictures_alone_need_no_masks(pairs_at):
    folder = pairs_at("Imgs/*.jpg", "GT/*.png")
    source = open_source(str(folder), needs="none")
    assert (source.names, source.load(0).mask) == (["a", "b", "c"], None)


def test_any_two_folders_may_be_named(pairs_at, tmp_path):
    pairs_at("left, right/*.jpg", "other/*.png")
    source = open_source(f"folder:{tmp_path}/left, right,{tmp_path}/other")
    assert source.load(2).mask.sum() == 8
    with pytest.raises(DataError, match="there is no folder"):
        open_source(f"folder:{tmp_path}/left, right,{tmp_path}/nowhere")


def test_masks_are_taken_before_trimaps_and_folders_before_names_of_one_letter(pairs_at, picture_at):
    folder = pairs_at("original/*.jpg", "gt/*.png", stems="ab")
    pairs_at("original/*.jpg", "trimap/*.png", stems="ab")
    for mirrored in ("a_m", "b_m"):
        picture_at(f"original/{mirrored}.jpg")
    assert "original/ and gt/ of equal names, 2 pairs" in open_source(str(folder)).recognised[0]


def test_folders_in_a_circle_end(pairs_at):
    folder = pairs_at("images/*.jpg", "masks/*.png")
    (folder / "images" / "again").symlink_to(folder, target_is_directory=True)
    assert len(open_source(str(folder))) == 3


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("train/images", ("image", ("train",))),
        ("masks/train", ("partner", ("train",))),
        ("trainannot", ("partner", ("train",))),
        ("GroundTruth", ("partner", ())),
        ("image_masks", ("partner", ())),
        ("holiday", ("", ("holiday",))),
        ("Segmentation_labels", ("partner", ())),
    ],
)
def test_what_the_path_of_a_folder_says(folder, expected):
    place = place_of(folder)
    assert (place.role, place.context) == expected


def test_what_is_common_to_names_is_found_and_nothing_else():
    plain = Affixes(), Affixes()
    assert find_affixes({"a_1", "b_1"}, {"a_1", "b_1"}) == plain
    assert find_affixes({"a", "b", "c"}, {"a_mask", "b_mask", "c_mask"}) == (Affixes(), Affixes(tail="_mask"))
    assert find_affixes({"a", "b"}, {"x_mask", "y_mask"}) == plain
    assert find_affixes({"cat", "dog"}, {"cats", "dogs"}) == plain, "a word is not cut in two"
    others = {f"x{number}" for number in range(8)}
    assert find_affixes({"a", "b"}, {"a_old", *others}) == plain, "what few have is not common"
