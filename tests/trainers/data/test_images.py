"""Reading every kind of file that cameras and tools write, and the resize that all parts share."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, features

from metricfit.trainers.data import decoding
from metricfit.trainers.data.decoding import CUT_OFF, FRAMES
from metricfit.trainers.data.images import check_sizes, read_image, read_mask, resize_image, resize_map, resize_mask
from metricfit.trainers.errors import DataError, UsageError

CORNERS = np.array(
    [[[250, 10, 10], [10, 250, 10], [10, 10, 250]], [[250, 250, 10], [10, 250, 250], [200, 200, 200]]], np.uint8
)

# EXIF orientation -> what turns the stored pixels upright, from the EXIF standard's table of row 0 and column 0.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[:, ::-1],
    7: lambda a: a.transpose(1, 0, 2)[::-1, ::-1],
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_rotation_is_applied_to_images_and_masks(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(CORNERS).save(tmp_path / "a.png", exif=exif)
    Image.fromarray(CORNERS[..., 0]).save(tmp_path / "m.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), UPRIGHT[orientation](CORNERS))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), UPRIGHT[orientation](CORNERS[..., :1])[..., 0])


def test_exif_rotation_of_a_jpeg_agrees_with_opencv(tmp_path):
    picture = np.kron(CORNERS, np.ones((16, 16, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(tmp_path / "a.jpg", quality=95, exif=exif)
    other = cv2.imread(str(tmp_path / "a.jpg"))[..., ::-1]
    found = read_image(tmp_path / "a.jpg")
    assert found.shape == (48, 32, 3)
    assert np.abs(found.astype(int) - other).max() <= 3


def test_grey_and_one_bit_become_rgb(tmp_path):
    Image.fromarray(CORNERS[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_image(tmp_path / "grey.png"), np.stack([CORNERS[..., 0]] * 3, -1))
    Image.fromarray(CORNERS[..., 0] > 100).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bit.png")[..., 1], (CORNERS[..., 0] > 100) * 255)


def test_sixteen_bit_grey_is_scaled(tmp_path):
    values = np.array([[0, 128, 257], [32768, 65278, 65535]], np.uint16)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        expected = np.floor(values / 65535 * 255 + 0.5).astype(np.uint8)
        np.testing.assert_array_equal(read_image(tmp_path / name)[..., 2], expected)


def test_transparency_lies_over_white(tmp_path):
    alpha = np.array([[0, 255, 128], [255, 0, 64]], np.uint8)
    Image.fromarray(np.dstack([CORNERS, alpha])).save(tmp_path / "rgba.png")
    share = alpha[..., None] / 255
    expected = CORNERS * share + 255 * (1 - share)
    assert np.abs(read_image(tmp_path / "rgba.png") - expected).max() <= 1
    Image.fromarray(np.dstack([CORNERS[..., 0], alpha]), "LA").save(tmp_path / "la.png")
    assert np.abs(read_image(tmp_path / "la.png") - expected[..., :1]).max() <= 1
    palette = Image.fromarray(CORNERS).quantize(6)
    index = palette.getpixel((0, 0))
    palette.save(tmp_path / "p.png", transparency=index)
    assert (read_image(tmp_path / "p.png")[0, 0] == 255).all()
    assert (read_image(tmp_path / "p.png")[0, 1] == CORNERS[0, 1]).all()


def test_cmyk_and_palette_become_rgb(tmp_path):
    picture = np.kron(CORNERS, np.ones((8, 8, 1), np.uint8))
    Image.fromarray(picture).convert("CMYK").save(tmp_path / "a.jpg", quality=100, subsampling=0)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - picture).max() <= 12
    Image.fromarray(CORNERS).quantize(6).save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_image(tmp_path / "p.png"), CORNERS)


def test_results_are_plain_writable_arrays(tmp_path):
    Image.fromarray(CORNERS).save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    image[:] = 0


@pytest.mark.parametrize("reader", [read_image, read_mask])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_broken_files_are_named(tmp_path, reader, suffix):
    whole = tmp_path / f"whole.{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    Image.fromarray(noise if reader is read_image else noise[..., 0]).save(whole)
    data = whole.read_bytes()
    for name, content in {"cut": data[: len(data) // 2], "text": b"not an image", "empty": b""}.items():
        path = tmp_path / f"{name}.{suffix}"
        path.write_bytes(content)
        with pytest.raises(DataError, match=f"{name}.{suffix}.*replace it"):
            reader(path)
    with pytest.raises(DataError, match="gone"):
        reader(tmp_path / f"gone.{suffix}")


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_what_pillow_raises_on_a_damaged_avif_is_one_sentence_too(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.avif")
    data = (tmp_path / "a.avif").read_bytes()
    start = data.index(b"mdat") + 4
    (tmp_path / "a.avif").write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(DataError, match=r"a\.avif cannot be read .*Failed to decode"):
        read_image(tmp_path / "a.avif")


def test_what_pillow_raises_on_some_damages_is_one_sentence_too(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    # A second picture without a width: a TypeError, and none of our business.
    two = [Image.fromarray(noise), Image.fromarray(noise)]
    two[0].save(tmp_path / "a.tif", save_all=True, append_images=two[1:])
    entry = struct.pack("<HHI", 256, 4, 1)
    first, second, third = (tmp_path / "a.tif").read_bytes().split(entry)
    (tmp_path / "a.tif").write_bytes(first + entry + second + struct.pack("<HHI", 999, 4, 1) + third)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), noise)


def test_palette_masks_give_indices(tmp_path):
    indices = np.array([[0, 1, 2], [11, 255, 0]], np.uint8)
    image = Image.fromarray(indices, "P")
    image.putpalette([(37 * value) % 256 for value in range(768)])
    image.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "p.png"), indices)
    image.save(tmp_path / "t.png", transparency=0)
    np.testing.assert_array_equal(read_mask(tmp_path / "t.png"), indices)


def test_masks_of_other_kinds(tmp_path):
    values = np.array([[0, 255], [7, 1]], np.uint8)
    Image.fromarray(values > 0).save(tmp_path / "bit.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "bit.png"), (values > 0).astype(np.uint8))
    Image.fromarray(values).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "grey.png"), values)
    Image.fromarray(np.stack([values] * 3, -1)).save(tmp_path / "rgb.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "rgb.png"), values)
    Image.fromarray(np.dstack([values, values // 2]), "LA").save(tmp_path / "la.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "la.png"), values)
    Image.fromarray(values.astype(np.uint16)).save(tmp_path / "small16.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "small16.png"), values)


def test_masks_that_are_none_are_refused(tmp_path):
    Image.fromarray(CORNERS).save(tmp_path / "colour.png")
    with pytest.raises(DataError, match=r"colour\.png is a colour picture"):
        read_mask(tmp_path / "colour.png")
    Image.fromarray(np.array([[0, 300]], np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(DataError, match=r"0\.\.300"):
        read_mask(tmp_path / "deep.png")
    Image.fromarray(np.array([[0.0, 0.5]], np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(DataError, match=r"float\.tif"):
        read_image(tmp_path / "float.tif")
    with pytest.raises(DataError, match=r"float\.tif"):
        read_mask(tmp_path / "float.tif")


def test_shrinking_averages_each_block():
    image = np.random.default_rng(1).integers(0, 256, (24, 36, 3)).astype(np.uint8)
    blocks = image.reshape(8, 3, 12, 3, 3).mean((1, 3))
    assert np.abs(resize_image(image, (8, 12)) - blocks).max() <= 0.51


def test_growing_interpolates_between_pixel_centres():
    ramp = np.repeat((np.arange(8) * 30).astype(np.uint8)[None, :, None], 3, 2)
    grown = resize_image(ramp, (4, 16))[0, :, 0].astype(float)
    expected = np.interp((np.arange(16) + 0.5) / 2 - 0.5, np.arange(8), np.arange(8) * 30)
    assert np.abs(grown - expected).max() <= 1
    # One axis shrinks and the other grows: the shrinking one must still be averaged.
    lines = np.zeros((60, 10, 3), np.uint8)
    lines[::2] = 200
    assert np.abs(resize_image(lines, (6, 20)).astype(int) - 100).max() <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.integers(1, 70))
def test_mask_resize_picks_the_pixel_under_each_centre(h, w, height, width):
    mask = np.random.default_rng(h * 71 + w).choice(np.array([0, 1, 255], np.uint8), (h, w))
    resized = resize_mask(mask, (height, width))
    assert resized.shape == (height, width)
    y, x = (np.arange(height) + 0.5) * h / height, (np.arange(width) + 0.5) * w / width
    below = mask[np.floor(y - 1e-3).astype(int).clip(0)][:, np.floor(x - 1e-3).astype(int).clip(0)]
    above = mask[np.floor(y + 1e-3).astype(int).clip(max=h - 1)][:, np.floor(x + 1e-3).astype(int).clip(max=w - 1)]
    # On an exact boundary either neighbour is nearest.
    certain = below == above
    rows = np.floor(y - 1e-3) == np.floor(y + 1e-3)
    columns = np.floor(x - 1e-3) == np.floor(x + 1e-3)
    certain &= rows[:, None] & columns[None, :]
    np.testing.assert_array_equal(resized[certain], above[certain])
    assert set(np.unique(resized)) <= set(np.unique(mask))


def test_map_resize_keeps_range_and_type():
    saliency = np.random.default_rng(2).random((7, 9)).astype(np.float64)
    for size in ((40, 50), (3, 20), (7, 9)):
        resized = resize_map(saliency, size)
        assert resized.shape == size
        assert resized.dtype == np.float32
        assert saliency.min() - 1e-6 <= resized.min() <= resized.max() <= saliency.max() + 1e-6
    constant = resize_map(np.full((5, 5), 0.25, np.float32), (31, 17))
    np.testing.assert_allclose(constant, 0.25, atol=1e-7)


def test_no_resize_at_the_same_size():
    image = np.zeros((4, 6, 3), np.uint8)
    assert resize_image(image, (4, 6)) is image


def test_16_bits_become_8_by_rounding(tmp_path):
    values = np.array([[0, 200, 65535, 32767]], np.uint16)
    Image.fromarray(values).save(tmp_path / "deep.png")
    assert read_image(tmp_path / "deep.png")[0, :, 0].tolist() == [0, 1, 255, 127]


def smooth(height=64, width=80):
    noise = np.random.default_rng(3).integers(0, 256, (height // 8, width // 8, 3)).astype(np.uint8)
    return cv2.resize(noise, (width, height))


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("name", ["grey.png", "grey.tif", "colour.png", "colour.tif", "turned.png"])
def test_few_bits_in_16_are_brought_to_the_full_range(tmp_path, bits, name):
    picture = smooth()
    picture[0, 0] = 255
    deep = (picture.astype(np.uint16) << (bits - 8)) | (picture >> max(0, 16 - bits))
    if name.startswith("grey"):
        Image.fromarray(deep[..., 0]).save(tmp_path / name)
    else:
        cv2.imwrite(str(tmp_path / name), deep[..., ::-1])
    if name == "turned.png":
        data, exif = (tmp_path / name).read_bytes(), Image.Exif()
        exif[0x0112] = 6
        chunk = b"eXIf" + exif.tobytes().removeprefix(b"Exif\x00\x00")
        chunk = (len(chunk) - 4).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        (tmp_path / name).write_bytes(data[:33] + chunk + data[33:])
        picture = UPRIGHT[6](picture)
    repairs = []
    found = read_image(tmp_path / name, repairs=repairs)
    expected = np.repeat(picture[..., :1], 3, 2) if name.startswith("grey") else picture
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert repairs == [f"{bits} bits stored in 16, brought to the full range"]


def test_16_bits_that_are_used_stay_as_they_are(tmp_path):
    picture = smooth()
    for name, values in (("full", picture.astype(np.uint16) * 257), ("black", np.zeros_like(picture, np.uint16))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), values[..., ::-1])
        repairs = []
        assert np.abs(read_image(tmp_path / f"{name}.png", repairs=repairs).astype(int) - (values >> 8)).max() <= 1
        assert repairs == []


def test_transparency_of_few_bits_stays(tmp_path):
    deep = np.dstack([smooth().astype(np.uint16) * 16, np.full((64, 80), 65535, np.uint16)])
    cv2.imwrite(str(tmp_path / "a.png"), deep[..., [2, 1, 0, 3]])
    assert np.abs(read_image(tmp_path / "a.png").astype(int) - smooth()).max() <= 1


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_is_mended_only_when_no_row_is_missing(tmp_path, progressive):
    Image.fromarray(smooth()).save(tmp_path / "whole.jpg", quality=95, progressive=progressive)
    data, whole = (tmp_path / "whole.jpg").read_bytes(), read_image(tmp_path / "whole.jpg")
    for cut in (1, 2):
        repairs = []
        (tmp_path / "a.jpg").write_bytes(data[:-cut])
        np.testing.assert_array_equal(read_image(tmp_path / "a.jpg", repairs=repairs), whole)
        assert repairs == [CUT_OFF]
    for cut in (4, 20, 1000):
        (tmp_path / "a.jpg").write_bytes(data[:-cut])
        with pytest.raises(DataError, match=r"a\.jpg .*ends early, \d+ of 64 rows are not whole.*replace it"):
            read_image(tmp_path / "a.jpg")


def test_what_is_mended_is_logged_where_nobody_asks_for_it(tmp_path, caplog):
    Image.fromarray(np.full((4, 4), 4000, np.uint16)).save(tmp_path / "a.tif")
    with caplog.at_level("WARNING", "metricfit"):
        read_image(tmp_path / "a.tif")
    assert "a.tif: 12 bits stored in 16" in caplog.text


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp", "png"])
def test_of_several_pictures_the_first_is_taken_and_said(tmp_path, suffix):
    first, second = (Image.fromarray(smooth() // part) for part in (1, 2))
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second], lossless=True)
    repairs = []
    assert np.abs(read_image(tmp_path / f"a.{suffix}", repairs=repairs).astype(int) - smooth()).mean() < 12
    assert repairs == [FRAMES]
    with pytest.raises(DataError, match="holds several pictures, a mask is one"):
        read_mask(tmp_path / f"a.{suffix}")


def test_pictures_above_pillows_limit_are_too_large_and_can_be_allowed(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    Image.fromarray(smooth()).save(tmp_path / "a.png")
    with pytest.raises(
        DataError, match=r"a\.png is too large, 0 megapixels where 0 are allowed: shrink it.*MEGAPIXELS="
    ):
        read_image(tmp_path / "a.png")
    monkeypatch.setenv("METRICFIT_MAX_MEGAPIXELS", "0.1")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), smooth())
    assert Image.MAX_IMAGE_PIXELS == 1000
    monkeypatch.setenv("METRICFIT_MAX_MEGAPIXELS", "many")
    with pytest.raises(UsageError, match="METRICFIT_MAX_MEGAPIXELS must be a number"):
        read_image(tmp_path / "a.png")


def test_photos_of_phones_are_read_whatever_they_are_called(tmp_path, monkeypatch):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.from_pillow(Image.fromarray(smooth())).save(tmp_path / "a.heic", quality=100)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.heic").read_bytes())
    photo = pillow_heif.open_heif(tmp_path / "a.heic")
    expected = np.array(photo)
    assert np.abs(expected[0, 0].astype(int) - smooth()[0, 0]).max() <= 4
    for name in ("a.heic", "b.jpg"):
        np.testing.assert_array_equal(read_image(tmp_path / name), expected)
    monkeypatch.setattr(decoding, "has_heif", lambda: False)
    monkeypatch.setattr(Image, "ID", [kind for kind in Image.ID if kind != "HEIF"])
    with pytest.raises(DataError, match=r"b\.jpg is a HEIC photo: install .*metricfit\[heic\].*or save it as JPEG"):
        read_image(tmp_path / "b.jpg")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.jpg", b"", "it is empty"),
        ("a.jpg", b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS: run git lfs pull"),
        ("a.jpg", b"\n<!DOCTYPE html><html>", "it is a web page"),
        ("a.png", b"%PDF-1.4", "it is a PDF"),
        ("a.mp4", b"\0\0\0\x18ftypmp42", "it is a video"),
        ("a.CR2", b"II*\0", "is a raw photo of a camera: develop it, and save it as JPEG or PNG"),
    ],
)
def test_what_is_no_picture_says_what_it_is(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=reason):
        read_image(tmp_path / name)


def test_colours_in_floating_point_say_so(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tif"), smooth().astype(np.float32) / 255)
    with pytest.raises(DataError, match="colours in floating point"):
        read_image(tmp_path / "a.tif")
    Image.fromarray(smooth()[..., 0] / np.float32(255)).save(tmp_path / "b.tif")
    with pytest.raises(DataError, match=r"b\.tif holds floating-point values \(.*save it as an 8- or 16-bit picture"):
        read_image(tmp_path / "b.tif")


def test_masks_of_pictures_as_stored_name_the_rotation():
    with pytest.raises(DataError, match=r"m\.png is 8x6, its image a\.jpg is 6x8 \(the two are turned: .*EXIF"):
        check_sizes((8, 6), np.zeros((6, 8), np.uint8), "a.jpg", "m.png")
    with pytest.raises(DataError, match="resize one of them"):
        check_sizes((8, 6), np.zeros((6, 9), np.uint8), "a.jpg", "m.png")
