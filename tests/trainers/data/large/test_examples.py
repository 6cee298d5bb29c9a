"""Large pictures from file to network: exact masks, boxes in their places, and one input for all verbs."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from metricfit.app.predictor import Predictor
from metricfit.app.show.inputs import find_pictures
from metricfit.trainers.data.augmentation.settings import NO_AUGMENTATION, BoxAugmentation
from metricfit.trainers.data.batches.original_size import original_size_examples
from metricfit.trainers.data.batches.stream import DecodedCache
from metricfit.trainers.data.fit import fit_labels, window_of
from metricfit.trainers.data.images import read_image
from metricfit.trainers.data.large.reduction import reduced
from metricfit.trainers.data.pixel_files.coding import FileCoding
from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError
from metricfit.trainers.judge.feeding import in_pictures
from tests.app.fakes import BrightnessRunner

SIZE = 101, 67
"""Large under the tests' low limits, and divided by 4 without going into that."""


@pytest.fixture
def photos(tmp_path, low_limits):
    """Large pictures of a bright disc, PNG and JPEG, one of them turned by EXIF, and a usual one; with their masks."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    disc = (y - 60) ** 2 + (x - 30) ** 2 < 400
    noise = np.random.default_rng(0).integers(0, 60, (*SIZE, 3))
    image = (noise + 180 * disc[..., None]).astype(np.uint8)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, stored in {"a.png": image, "b.jpg": image, "c.jpg": np.rot90(image)}.items():
        Image.fromarray(stored).save(tmp_path / "images" / name, **({"exif": exif} if name == "c.jpg" else {}))
        Image.fromarray(disc).save(tmp_path / "masks" / f"{name[0]}.png")
    Image.fromarray(image[30:70]).save(tmp_path / "images" / "d.png")
    Image.fromarray(disc[30:70]).save(tmp_path / "masks" / "d.png")
    return tmp_path, disc.astype(np.uint8)


def test_masks_keep_all_their_pixels_and_are_fitted_from_these(photos):
    folder, disc = photos
    source, target = open_source(f"folder:{folder}"), TARGETS["mask"]
    assert not scan(source, needs="mask", quiet=True).faults
    for index in range(3):
        example = source.load(index)
        assert (example.image.shape, example.size, example.own_size) == ((26, 17, 3), SIZE, SIZE)
        np.testing.assert_array_equal(example.mask, disc)
        for resizing in ("pad", "stretch"):
            image, mask = target.fit(example.image, (example.mask,), 16, resizing)
            np.testing.assert_array_equal(mask, fit_labels(disc, 16, resizing))
            inside = image[mask == 1].mean()
            assert inside > image[mask == 0].mean() + 80
    assert source.load(3).own_size is None


def test_a_crop_of_a_smaller_version_shows_what_its_mask_says(photos):
    target, mask = TARGETS["mask"], photos[1][1:, :64]
    y, x = np.mgrid[:100, :64]
    full = np.stack([2 * y, 3 * x, 0 * x], axis=-1).astype(np.uint8)
    settings = replace(NO_AUGMENTATION, min_scale=0.2)
    for seed in range(40):
        rngs = np.random.default_rng(seed), np.random.default_rng(seed)
        image, labels = target.augment(reduced(full, 4), (mask,), 16, "stretch", rngs[0], settings)
        whole, exact = target.augment(full, (mask,), 16, "stretch", rngs[1], settings)
        np.testing.assert_array_equal(labels, exact)
        # A window ends at most half a square, 2 pixels, beside where it should, and its edge pixels are as much nearer.
        assert (np.abs(image.astype(int) - whole).max(axis=(0, 1)) <= (8, 12, 0)).all()


def test_windows_are_as_near_as_pixels_of_the_smaller_version_allow():
    small = np.arange(26 * 17).reshape(26, 17)
    assert window_of(small, SIZE, slice(0, 101), slice(0, 67)).shape == (26, 17)
    assert window_of(small, SIZE, slice(50, 51), slice(66, 67)).tolist() == [[13 * 17 + 16]]
    assert window_of(small, (26, 17), slice(3, 5), slice(2, 4)).tolist() == small[3:5, 2:4].tolist()


def test_boxes_stay_where_they_are(photos, tmp_path):
    folder, disc = photos
    rows, columns = np.nonzero(disc)
    box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    (folder / "labels").mkdir()
    x0, y0, x1, y1 = box
    line = f"0 {(x0 + x1) / 2 / SIZE[1]} {(y0 + y1) / 2 / SIZE[0]} {(x1 - x0) / SIZE[1]} {(y1 - y0) / SIZE[0]}\n"
    for name in "abc":
        (folder / "labels" / f"{name}.txt").write_text(line)
    (folder / "labels" / "d.txt").write_text("")
    (folder / "classes.txt").write_text("disc\n")
    source, target = open_source(f"yolo:{folder}", needs="boxes"), TARGETS["boxes"]
    assert not scan(source, needs="boxes", quiet=True).faults
    example = source.load(0)
    np.testing.assert_allclose(example.boxes, [box], atol=0.01)
    decoded = DecodedCache(source, target, 0)[0]
    image, boxes, _ = target.fit(decoded[0], decoded[1:], 32, "pad")
    # The disc is what is bright, in the picture that is seen.
    bright = np.argwhere(image[..., 0] > 140)
    found = [*bright.min(axis=0)[::-1], *(bright.max(axis=0)[::-1] + 1)]
    np.testing.assert_allclose(boxes, [found], atol=1.5)
    # What is found in the input goes back to pixels of the picture itself.
    (back,) = in_pictures(([boxes], [np.ones(1)], [np.zeros(1)], [1]), [example], target, size=32, resizing="pad")
    np.testing.assert_allclose(back.boxes, [box], atol=1)
    _, boxes, _ = target.augment(decoded[0], decoded[1:], 32, "pad", np.random.default_rng(0), BoxAugmentation())
    assert len(boxes) <= 1


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_evaluation_and_prediction_show_a_network_the_same(photos, resizing):
    folder, _ = photos
    seen = []

    class Runner(BrightnessRunner):
        def __call__(self, images):
            seen.append(images[0])
            return super().__call__(images)

    runner = Runner()
    runner.resizing = resizing
    predictor = Predictor(runner)
    ((images, examples),) = original_size_examples(
        open_source(f"folder:{folder}"), runner.size, quiet=True, resizing=resizing
    )
    for picture, image, example in zip(find_pictures([folder / "images"]), images, examples, strict=True):
        result = predictor(picture.load(), picture.name, seen=picture.seen)
        np.testing.assert_array_equal(seen[-1], image)
        # The result is of the picture in all its pixels.
        assert result.image.shape[:2] == example.size
        predictor(folder / "images" / picture.name)
        np.testing.assert_array_equal(seen[-1], image)
    # Of pixels without a file, the smaller version is made of these.
    full = read_image(folder / "images" / "a.png")
    predictor(full)
    np.testing.assert_array_equal(seen[-1], images[0])
    assert reduced(full, 4).shape[:2] == examples[0].image.shape[:2]


def test_a_jpeg_decoded_smaller_looks_as_its_mean_does(photos):
    folder, _ = photos
    small, full = open_source(f"folder:{folder}").load(1).image, read_image(folder / "images" / "b.jpg")
    assert np.abs(small.astype(int) - reduced(full, 4)).mean() < 3


def test_without_need_nothing_is_smaller_where_all_pixels_are_wanted(photos):
    folder, _ = photos
    source = open_source(f"folder:{folder}", files=FileCoding(whole=True))
    assert source.load(0).image.shape[:2] == SIZE


def test_the_limit_reaches_every_file_of_a_source(photos):
    folder, _ = photos
    source = open_source(f"{folder}", files=FileCoding(max_megapixels=0.005))
    faults = scan(source, needs="mask", quiet=True).faults
    assert [name for name, _ in faults] == ["a", "b", "c"]
    assert all("--max-megapixels" in sentence for _, sentence in faults)
    pictures = find_pictures([folder / "images"], max_megapixels=0.005)
    with pytest.raises(DataError, match="too large"):
        pictures[0].load()
    assert pictures[3].load().shape == (40, 67, 3)
