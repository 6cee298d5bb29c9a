"""Masks as people save them: with shades, of 16 bits, of another size, as trimaps, in colour, in alpha."""

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.data.pixel_files.coding import FileCoding
from metricfit.trainers.data.pixel_files.masks import BLANK, FROM_ALPHA, OF_ONE, PETS, TRIMAP
from metricfit.trainers.data.scan.scanner import checked_source, scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import DataError, UsageError

HALF = FileCoding(threshold=0.5)
RAMP = np.tile(np.array([0, 30, 120, 127, 128, 140, 200, 255], np.uint8), (6, 1))
SALIENT = np.tile(np.array([0, 0, 0, 0, 1, 1, 1, 1], np.uint8), (6, 1))


@pytest.fixture
def read(picture_at, tmp_path):
    """Give what reads the only example of a folder whose mask has these values."""

    def load(values, name="a.png", files=None, image=None, **how):
        picture_at("images/a.png", image)
        picture_at(f"masks/{name}", values, **how)
        return open_source(f"folder:{tmp_path}", files=files).load(0)

    return load


def test_shades_are_refused_unless_a_threshold_is_given(read):
    with pytest.raises(DataError, match=r"holds 8 values \(0, 30, 120, 127, ...\).* --mask-threshold 0.5$"):
        read(RAMP)
    example = read(RAMP, files=HALF)
    np.testing.assert_array_equal(example.mask, SALIENT)
    assert example.adapted == ("mask with shades, cut at 0.5",)
    for threshold in (0.9, 1):
        assert read(RAMP, files=FileCoding(threshold=threshold)).mask.sum() == 6


@pytest.mark.parametrize("depth", [np.uint16, np.float32])
def test_the_threshold_is_a_share_of_the_range(read, depth):
    values = RAMP.astype(np.uint16) * 257 if depth == np.uint16 else RAMP.astype(np.float32) / 255
    name = "a.png" if depth == np.uint16 else "a.tif"
    np.testing.assert_array_equal(read(values, name, HALF).mask, SALIENT)
    with pytest.raises(DataError, match="--mask-threshold"):
        read(values, name)


def test_two_values_are_two_whatever_their_range(read):
    for values in (SALIENT.astype(np.uint16) * 65535, SALIENT, SALIENT.astype(bool), SALIENT * 190 + 7, SALIENT * 10):
        np.testing.assert_array_equal(read(values).mask, SALIENT)
        if values.max() != 10:
            np.testing.assert_array_equal(read(values, files=HALF).mask, SALIENT)
    assert read(SALIENT, files=HALF).adapted == (OF_ONE,)
    with pytest.raises(DataError, match="holds values up to 10 of 255, so nothing in it is salient"):
        read(SALIENT * 10, files=HALF)


@pytest.mark.parametrize(
    ("values", "name"), [([254, 255], "a.png"), ([1, 2], "a.png"), ([0, 1], "a.jpg"), ([2], "a.jpg")]
)
def test_two_values_that_do_not_say_what_is_salient(read, values, name):
    stored = np.resize(np.array(values, np.uint8), (6, 8))
    with pytest.raises(DataError, match=r"holds .*: threshold it .* --mask-threshold 0\.5"):
        read(stored, name, quality=100)
    if values != [1, 2]:
        assert set(np.unique(read(stored, name, HALF, quality=100).mask)) == {int(max(values) > 9)}


def test_numbers_of_objects_are_no_shades(read):
    with pytest.raises(
        DataError, match=r"holds values up to 3 of 255, so nothing in it is salient.*numbers of objects"
    ):
        read(np.tile(np.arange(8, dtype=np.uint8) // 2, (6, 1)), files=HALF)
    with pytest.raises(DataError, match="holds values up to 4095 of 65535"):
        read(np.tile(np.linspace(0, 4095, 8).astype(np.uint16), (6, 1)), files=HALF)


def test_the_noise_of_jpeg_in_an_empty_mask_is_no_object(read):
    noise = np.random.default_rng(0).integers(0, 9, (6, 8), dtype=np.uint8)
    assert read(noise, "a.jpg", HALF, quality=95).mask.sum() == 0


def test_a_jpeg_mask_is_cut(read):
    np.testing.assert_array_equal(read(SALIENT * 255, "a.jpg", HALF, quality=70).mask, SALIENT)


@pytest.mark.parametrize("size", [(3, 4), (12, 16)])
def test_masks_of_another_size_are_resized_when_asked(read, size):
    values = np.zeros(size, np.uint8)
    values[:, size[1] // 2 :] = 255
    with pytest.raises(DataError, match=rf"is {size[1]}x{size[0]}, its image .* or let --resize-masks do it"):
        read(values)
    for threshold in (None, 0.5):
        example = read(values, files=FileCoding(threshold, resize=True))
        np.testing.assert_array_equal(example.mask, SALIENT)
        assert example.adapted == ("mask of another size, resized to its picture's",)


def test_a_resized_mask_keeps_two_values_and_shades_are_cut_after_it(read):
    coarse = np.array([[0, 100, 200, 255]] * 3, np.uint8)
    example = read(coarse, files=FileCoding(0.5, resize=True))
    assert set(np.unique(example.mask)) == {0, 1}
    assert example.mask[:, :3].sum() == 0
    assert example.mask[:, 4:].all()
    assert len(example.adapted) == 2
    fine = np.full((12, 16), 255, np.uint8)
    fine[1::2, 1::2] = 0
    assert read(fine, files=FileCoding(0.5, resize=True)).mask.all(), "three of four pixels are salient"


def test_another_shape_is_said_and_a_turned_one_refused(read):
    stretched = read(np.eye(8, dtype=np.uint8) * 255, files=FileCoding(resize=True))
    assert stretched.adapted == ("mask of another shape, stretched to its picture's",)
    assert stretched.mask.shape == (6, 8)
    with pytest.raises(DataError, match="EXIF"):
        read(SALIENT.T * 255, files=FileCoding(resize=True))


@pytest.mark.parametrize("middle", [127, 128])
def test_the_middle_of_a_trimap_is_ignored(read, middle):
    for values in ([0, 0, middle, middle, 255, 255, 255, 255], [middle] * 4 + [255] * 4):
        example = read(np.tile(np.array(values, np.uint8), (6, 1)))
        expected = [{0: 0, middle: 255, 255: 1}[value] for value in values]
        assert example.mask[0].tolist() == expected
        assert example.adapted == (TRIMAP,)
    read(np.tile(np.array([0, 0, 60, 60, 255, 255, 255, 255], np.uint8), (6, 1)), files=HALF)


def test_a_folder_of_trimaps_has_them_even_where_the_middle_is_all_there_is(picture_at, tmp_path):
    for stem, values in {"a": [0, 128, 255], "b": [0, 90, 128], "c": [0, 128, 128]}.items():
        picture_at(f"image/{stem}.jpg", np.zeros((1, 3, 3), np.uint8))
        picture_at(f"trimap/{stem}.png", np.array([values], np.uint8))
    source = open_source(str(tmp_path))
    assert [source.load(index).mask[0].tolist() for index in range(3)] == [[0, 255, 1], [0, 255, 255], [0, 255, 255]]


def test_the_trimaps_of_pets_are_numbered(picture_at, tmp_path):
    picture_at("images/Abyssinian_1.jpg", np.zeros((1, 3, 3), np.uint8))
    picture_at("annotations/trimaps/Abyssinian_1.png", np.array([[1, 2, 3]], np.uint8))
    example = open_source(str(tmp_path)).load(0)
    assert (example.mask[0].tolist(), example.adapted) == ([1, 0, 255], (PETS,))


def test_one_colour_besides_black_is_a_mask_and_more_are_none(read):
    red = SALIENT[..., None] * np.array([128, 0, 0], np.uint8)
    np.testing.assert_array_equal(read(red).mask, SALIENT)
    np.testing.assert_array_equal(read(np.repeat(SALIENT[..., None] * 255, 3, axis=2)).mask, SALIENT)
    red[0, 0] = (0, 128, 0)
    with pytest.raises(DataError, match=r"colour picture .* one colour besides black"):
        read(red)


def test_a_palette_of_greys_is_read_by_its_shades(picture_at, tmp_path):
    picture_at("images/a.png")
    picture_at("masks/b.png")
    shuffled = Image.fromarray(np.tile(np.arange(8, dtype=np.uint8)[::-1], (6, 1)), "P")
    shuffled.putpalette(np.repeat(RAMP[0, ::-1], 3).tobytes())
    shuffled.save(tmp_path / "masks" / "a.png")
    (tmp_path / "masks" / "b.png").unlink()
    np.testing.assert_array_equal(open_source(f"folder:{tmp_path}", files=HALF).load(0).mask, SALIENT)


def cutout(alpha, colours=None):
    picture = np.random.default_rng(0).integers(1, 255, (6, 8, 3), dtype=np.uint8) if colours is None else colours
    return np.dstack([picture, alpha])


def test_a_cut_out_as_mask_has_it_in_its_alpha(read):
    for colours in (None, np.full((6, 8, 3), 255, np.uint8), np.repeat(SALIENT[..., None] * 255, 3, axis=2)):
        example = read(cutout(SALIENT * 255, colours))
        np.testing.assert_array_equal(example.mask, SALIENT)
        assert example.adapted == (FROM_ALPHA,)
    grey = np.repeat(SALIENT[..., None] * 255, 3, axis=2)
    np.testing.assert_array_equal(read(cutout(np.full((6, 8), 255, np.uint8), grey)).mask, SALIENT)
    shifted = np.roll(SALIENT, -2, axis=1) * 255
    with pytest.raises(DataError, match="shades and an alpha that disagree"):
        read(cutout(shifted, grey))


def test_pictures_with_the_mask_in_their_alpha(picture_at, tmp_path):
    whole = cutout(SALIENT * 255)
    for stem, values in {"a": whole, "b": whole, "c": whole * (SALIENT[..., None] > 0)}.items():
        picture_at(f"{stem}.png", values)
    source = open_source(str(tmp_path))
    assert source.recognised == (f"{tmp_path}: 3 pictures with the mask in their alpha (alpha)",)
    example = source.load(0)
    np.testing.assert_array_equal(example.image, whole[..., :3]), "what is transparent is seen"
    np.testing.assert_array_equal(example.mask, SALIENT)
    report = scan(source, quiet=True).report()
    assert f"done: {FROM_ALPHA} (3 times: a, b, c)" in report
    assert f"done: {BLANK} (1 time: c)" in report


def test_alpha_that_is_the_same_everywhere_is_no_mask(picture_at, tmp_path):
    picture_at("a.png", cutout(np.full((6, 8), 255, np.uint8)))
    with pytest.raises(DataError, match="no masks recognised"):
        open_source(str(tmp_path))


def test_what_was_done_is_named_with_how_many(picture_at, tmp_path, caplog):
    for stem in "abcde":
        picture_at(f"images/{stem}.jpg")
        picture_at(f"masks/{stem}.png", RAMP)
    with caplog.at_level("INFO", "metricfit"):
        checked_source(f"folder:{tmp_path}", files=HALF, quiet=True, strict=True)
    assert "done: mask with shades, cut at 0.5 (5 times: a, b, c, ...)" in caplog.text


@pytest.mark.parametrize("threshold", [0, -1, 1.5])
def test_thresholds_that_are_no_share_are_refused(threshold):
    with pytest.raises(UsageError, match="--mask-threshold is a share"):
        FileCoding(threshold)
