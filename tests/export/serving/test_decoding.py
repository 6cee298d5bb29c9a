"""Files decoded inside of a SavedModel against the trainers' own reading, which is Pillow's: equal to the last bit."""

import io
import random
import struct
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from metricfit.export.serving.decoding import decode_picture
from metricfit.trainers.data.images import read_image

from ...soak import served_pictures

ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def decode():
    return lambda content: decode_picture(tf.constant(content)).numpy()


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).integers(0, 256, (37, 53, 4)).astype(np.uint8)


@pytest.fixture(scope="module")
def slopes():
    y, x = np.mgrid[:75, :101]
    return np.stack([2 * x, 3 * y, x + y], axis=-1).astype(np.uint8)


def file_of(image, form, **options):
    content = io.BytesIO()
    image.save(content, form, **options)
    return content.getvalue()


def check(decode, content):
    found, expected = decode(content), read_image(io.BytesIO(content), repairs=[])
    np.testing.assert_array_equal(found, expected)
    return expected


@pytest.mark.parametrize("options", [{"quality": 30}, {"quality": 95, "subsampling": 0}, {"progressive": True}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_files_are_pillow_s_bit_by_bit(mode, options, decode, noise, slopes):
    for picture in (noise[..., :3], slopes):
        check(decode, file_of(Image.fromarray(picture).convert(mode), "JPEG", **options))


def test_cmyk_is_one_grey_level_off_at_most(decode, noise):
    content = file_of(Image.fromarray(noise[..., :3]).convert("CMYK"), "JPEG", quality=40)
    off = np.abs(decode(content).astype(int) - read_image(io.BytesIO(content)))
    assert off.max() <= 1


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_turns_a_picture(orientation, form, decode, slopes):
    exif = Image.Exif()
    exif[0x010F], exif[ORIENTATION] = "a maker", orientation
    upright = check(decode, file_of(Image.fromarray(slopes), form, exif=exif))
    assert upright.shape == (slopes.shape[:2][::-1] if 5 <= orientation <= 8 else slopes.shape[:2]) + (3,)


def test_exif_of_either_byte_order_is_read_and_a_damaged_one_is_not(decode, slopes):
    plain = file_of(Image.fromarray(slopes), "JPEG")
    tag = {"<": (b"II", "<HHIHH"), ">": (b"MM", ">HHIHH")}
    for order, (name, entry) in tag.items():
        for offset, count in ((8, 1), (8, 60000), (9999999, 1), (0, 1)):
            block = name + struct.pack(f"{order}HI", 42, offset) + struct.pack(f"{order}H", count)
            block += struct.pack(entry, ORIENTATION, 3, 1, 6, 0)
            segment = b"Exif\0\0" + block
            content = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]
            turned = decode(content).shape[:2] == slopes.shape[1::-1]
            assert turned == (offset == 8), (order, offset, count)


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA", "LA"])
def test_png_files_are_pillow_s_bit_by_bit(mode, decode, noise):
    image = Image.fromarray(noise if mode in ("RGBA", "LA") else noise[..., :3]).convert(mode)
    seen = check(decode, file_of(image, "PNG"))
    assert mode not in ("RGBA", "LA") or seen.mean() > noise[..., :3].mean() + 20, "laid over white"


def test_png_files_of_few_colours_and_of_a_transparent_one(decode, noise):
    image = Image.fromarray(noise[..., :3])
    for colours in (2, 4, 16, 200):
        check(decode, file_of(image.quantize(colours), "PNG"))
        check(decode, file_of(image.quantize(colours), "PNG", transparency=1))
    check(decode, file_of(image, "PNG", transparency=tuple(noise[3, 4, :3].tolist())))
    check(decode, file_of(image.convert("L"), "PNG", transparency=100))


@pytest.mark.parametrize("bits", [8, 10, 11, 14, 15, 16])
def test_png_files_of_sixteen_bits(bits, decode):
    values = np.random.default_rng(bits).integers(0, 1 << bits, (9, 11, 4)).astype(np.uint16)
    opaque = values.copy()
    opaque[..., 3] = 65535
    for picture in (values[..., 0], values[..., :3], values, opaque, 0 * values[..., 0]):
        check(decode, cv2.imencode(".png", picture)[1].tobytes())


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_png_files_of_few_grey_levels(depth, decode):
    rows = np.random.default_rng(depth).integers(0, 256, (5, (6 * depth + 7) // 8)).astype(np.uint8)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    chunks = (b"IHDR" + struct.pack(">IIBBBBB", 6, 5, depth, 0, 0, 0, 0), b"IDAT" + data, b"IEND")
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks
    )
    assert len(np.unique(check(decode, content))) > 1


@pytest.mark.parametrize("form", ["GIF", "BMP", "WEBP", "TIFF"])
def test_other_formats_are_refused_with_what_is_expected(form, decode, slopes):
    with pytest.raises(tf.errors.InvalidArgumentError, match="image_bytes must be JPEG or PNG files, one of them beg"):
        decode(file_of(Image.fromarray(slopes), form))


def test_damaged_files_are_refused(decode, noise):
    image = Image.fromarray(noise[..., :3])
    for content in (file_of(image, form) for form in ("JPEG", "PNG")):
        for length in (0, 2, 3, 8, 20, len(content) // 2):
            with pytest.raises(tf.errors.InvalidArgumentError):
                decode(content[:length])


def test_random_files_are_pillow_s_or_refused():
    for number in range(40):
        what, wrong = served_pictures.decoded(random.Random(number), damaged=number % 2 == 1)
        assert not wrong, what
