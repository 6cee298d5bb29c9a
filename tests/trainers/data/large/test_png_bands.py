"""PNG by bands against Pillow's whole picture."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from metricfit.trainers.data import images
from metricfit.trainers.data.images import read_image, read_seen
from metricfit.trainers.data.large.png_bands import read_header
from metricfit.trainers.data.large.reduction import reduced
from metricfit.trainers.data.pixel_files.coding import FileCoding
from metricfit.trainers.errors import DataError


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def smooth(height, width):
    """Such as makes PNG use all its filters, one for each kind of row."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 2, y * 3, (x * y) // 16], axis=-1) + noise(height, width, 1) % 3
    image[::7] = noise(*image[::7].shape, seed=1)
    return image.astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def as_png(image, filters=None):
    """Encode uint8 [H, W, 3] with the filter of each row given, as encoders do that try all of them."""
    height, width = image.shape[:2]
    rows = image.reshape(height, -1).astype(int)
    left = np.pad(rows, ((0, 0), (3, 0)))[:, :-3]
    above = np.pad(rows, ((1, 0), (0, 0)))[:-1]
    corner = np.pad(left, ((1, 0), (0, 0)))[:-1]
    guess = left + above - corner
    near = np.abs(guess[..., None] - np.stack([left, above, corner], -1)).argmin(-1)
    paeth = np.choose(near, [left, above, corner])
    predicted = [0 * rows, left, above, (left + above) // 2, paeth]
    lines = [bytes([kind]) + ((rows[y] - predicted[kind][y]) % 256).astype(np.uint8).tobytes()
             for y, kind in enumerate(filters)]  # fmt: skip

    data = zlib.compress(b"".join(lines))
    cut = len(data) // 3
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data[:cut]) + chunk(b"IDAT", data[cut:]) + chunk(b"IEND", b"")


@pytest.fixture
def by_bands_alone(monkeypatch, low_limits):
    """Let a picture that is not read by bands be an error."""

    def refuse(path, *_, **__):
        raise AssertionError(f"{path} was decoded whole")

    monkeypatch.setattr(images, "decode", refuse)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA"])
@pytest.mark.parametrize("size", [(90, 70), (101, 67), (200, 33)])
def test_every_kind_of_eight_bits_is_what_pillow_gives_reduced(tmp_path, by_bands_alone, monkeypatch, mode, size):
    rgba = np.concatenate([smooth(*size), noise(*size, 1, seed=2)], axis=-1)
    picture = Image.fromarray(rgba).convert(mode) if mode != "P" else Image.fromarray(rgba[..., :3]).quantize(40)
    picture.save(tmp_path / "a.png", **({"transparency": 7} if mode == "P" else {}))
    image, own = read_seen(tmp_path / "a.png")
    monkeypatch.undo()
    assert own == size
    np.testing.assert_array_equal(image, reduced(read_image(tmp_path / "a.png"), 4))


def test_all_filters_across_the_borders_of_bands(tmp_path, by_bands_alone):
    image = smooth(120, 70)
    for shift in range(5):
        (tmp_path / "a.png").write_bytes(as_png(image, [(row + shift) % 5 for row in range(120)]))
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), image)
        np.testing.assert_array_equal(read_seen(tmp_path / "a.png").image, reduced(image, 4))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("behind", [False, True])
def test_it_is_turned_as_exif_says_before_or_behind_the_pixels(tmp_path, by_bands_alone, orientation, behind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = smooth(80, 120)
    if behind:
        Image.fromarray(stored).save(tmp_path / "a.png")
        data = (tmp_path / "a.png").read_bytes()
        (tmp_path / "a.png").write_bytes(data[:-12] + chunk(b"eXIf", exif.tobytes()[6:]) + data[-12:])
        assert Image.open(tmp_path / "a.png").getexif()[0x0112] == orientation
    else:
        Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    image, own = read_seen(tmp_path / "a.png")
    assert own == ((80, 120) if orientation < 5 else (120, 80))
    small = Image.fromarray(reduced(stored, 4))
    small.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(image, np.asarray(ImageOps.exif_transpose(small)))
    as_stored, own = read_seen(tmp_path / "a.png", upright=False)
    assert own == (80, 120)
    np.testing.assert_array_equal(as_stored, reduced(stored, 4))


@pytest.mark.parametrize("how", ["deep", "one bit"])
def test_others_are_decoded_whole_and_then_reduced(tmp_path, low_limits, how):
    grey = smooth(100, 60)[..., 0]
    Image.fromarray(grey.astype(np.uint16) * 257 if how == "deep" else grey > 90).save(tmp_path / "a.png")
    assert read_header(tmp_path / "a.png") is None
    image, own = read_seen(tmp_path / "a.png")
    assert own == (100, 60)
    np.testing.assert_array_equal(image, reduced(read_image(tmp_path / "a.png"), 4))


def test_an_interlaced_file_is_left_to_pillow(tmp_path):
    data = bytearray(as_png(smooth(20, 20), [0] * 20))
    data[28] = 1
    (tmp_path / "a.png").write_bytes(data)
    assert read_header(tmp_path / "a.png") is None


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_file_that_ends_early_is_the_same_fault_as_before(tmp_path, low_limits, share):
    Image.fromarray(smooth(90, 70)).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError) as whole:
        read_image(tmp_path / "a.png")
    with pytest.raises(DataError) as small:
        read_seen(tmp_path / "a.png")
    assert str(small.value) == str(whole.value)


def test_a_damaged_chunk_is_left_to_pillow(tmp_path, low_limits):
    Image.fromarray(noise(90, 70, 3)).save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DataError, match="cannot be read as an image"):
        read_seen(tmp_path / "a.png")


def test_a_file_within_an_archive_is_read_alike(tmp_path, by_bands_alone):
    image = smooth(90, 70)
    Image.fromarray(image).save(encoded := io.BytesIO(), format="PNG")
    encoded.read()
    np.testing.assert_array_equal(read_seen(encoded).image, reduced(image, 4))


def test_the_limit_holds_before_anything_is_inflated(tmp_path, by_bands_alone):
    Image.fromarray(smooth(90, 70)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"too large, 0 megapixels where 0 are allowed.*--max-megapixels"):
        read_seen(tmp_path / "a.png", files=FileCoding(max_megapixels=0.006))
    read_seen(tmp_path / "a.png", files=FileCoding(max_megapixels=0.0064))
