"""Views and text: what is drawn where, on pictures whose answer is known."""

import numpy as np
import pytest

from metricfit.app.live.hud import LEGEND, Status, draw_hud
from metricfit.app.live.options import View
from metricfit.app.show.overlay import (
    TITLES,
    VIEWS,
    blurred_background,
    cut_out,
    foreground,
    on_checkerboard,
    overlay,
    raw_map,
)
from metricfit.app.show.threshold import Threshold

from ..fakes import disc
from .timing import times_a_blur

MODEL = Threshold(0.5, "model")


@pytest.fixture
def example():
    """A grey picture, and saliency 0.9 on the columns from 80 on, 0.1 elsewhere."""
    image = np.full((120, 160, 3), 100, np.uint8)
    saliency = np.full((120, 160), 0.1, np.float32)
    saliency[:, 80:] = 0.9
    return image, saliency


def test_foreground_includes_the_threshold_itself():
    values = np.arange(256, dtype=np.float32)[None] / 255
    for threshold in (0.0, 0.1, 77 / 255, 0.7, 1.0):
        expected = np.where(values >= np.float32(threshold), 255, 0)
        np.testing.assert_array_equal(foreground(values, threshold), expected)
    assert foreground(np.float32([[0.7]]), 0.7) == 255


def test_overlay_tints_inside_darkens_outside_and_draws_the_contour(example):
    picture = overlay(*example, 0.5)
    assert (picture[60, 5] < 80).all()
    inside = picture[60, 150].astype(int)
    assert inside[1] > 120 > 90 > inside[0]
    line = picture[60, 77:83].min(axis=-1)
    assert line.max() > 230, "a bright line stands on the contour"
    assert picture[60, :70].max() < 110
    np.testing.assert_array_equal(example[0], 100)


@pytest.mark.parametrize(("threshold", "all_salient"), [(0.0, True), (1.0, False)])
def test_nothing_and_everything_salient_have_no_contour(example, threshold, all_salient):
    picture = overlay(*example, threshold)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 1
    assert (picture[0, 0, 1] > 100) == all_salient
    alpha = cut_out(*example, threshold)[..., 3]
    assert (alpha == (255 if all_salient else 0)).all()


def test_cut_out_keeps_colours_and_is_transparent_outside(example):
    image, saliency = example
    picture = cut_out(image, saliency, 0.5)
    assert picture.shape == (120, 160, 4)
    np.testing.assert_array_equal(picture[..., :3], image)
    assert (picture[:, :78, 3] == 0).all()
    assert (picture[:, 82:, 3] == 255).all()
    assert (np.diff(picture[60, :, 3].astype(int)) >= 0).all()


def test_checkerboard_stands_where_the_cut_out_is_transparent(example):
    picture = on_checkerboard(*example, 0.5)
    assert set(np.unique(picture[:, :78])) == {204, 236}
    assert (picture[:, 82:] == 100).all()


def test_blur_keeps_the_object_and_does_not_bleed_its_colour():
    image = disc(120, 160, column=80, radius=30)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 100, image.shape, np.uint8)
    inside = (image == 255).all(axis=-1)
    image[~inside] = noise[~inside]
    picture = blurred_background(image, inside.astype(np.float32), 0.5)
    core = np.zeros_like(inside)
    core[45:75, 65:95] = True
    np.testing.assert_array_equal(picture[core], image[core])
    outside = np.hypot(*(np.indices(inside.shape) - np.array([60, 80])[:, None, None])) > 34
    assert picture[outside].std() < 0.4 * image[outside].std()
    assert picture[outside].max() < 110, "white of the disc has bled into the background"


def test_a_long_strip_is_blurred_no_wider_than_a_short_one():
    image = np.random.default_rng(0).integers(0, 256, (2, 60000, 3), np.uint8)
    saliency = np.zeros((2, 60000), np.float32)
    long = blurred_background(image, saliency, 0.5)
    short = blurred_background(image[:, :600], saliency[:, :600], 0.5)
    np.testing.assert_array_equal(long[:, :500], short[:, :500])


def test_raw_map_grows_brighter_with_saliency():
    image = np.zeros((120, 160, 3), np.uint8)
    saliency = np.repeat(np.linspace(0, 1, 120, dtype=np.float32)[:, None], 160, axis=1)
    light = raw_map(image, saliency, 0.5)[:, :100].astype(float).mean(axis=(1, 2))
    calm = [*range(5, 52), *range(68, 115)]
    assert (np.diff(light[calm]) > -1.5).all()
    assert light[115] > light[5] + 120
    assert light[58:62].max() > light[52], "the threshold's contour"


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (37, 51), (300, 7)])
@pytest.mark.parametrize("name", VIEWS)
def test_every_view_takes_every_size(name, shape):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3), np.uint8)
    picture = VIEWS[name](image, rng.random(shape, np.float32), 0.5)
    assert picture.shape == image.shape
    assert picture.dtype == np.uint8
    assert draw_hud(picture, Status("x", MODEL, "1 FPS", 1.0)).shape == image.shape


def test_the_option_lists_the_views():
    assert View.__args__[:4] == tuple(VIEWS) == tuple(TITLES)


@pytest.mark.parametrize("ground", [0, 255])
def test_text_stands_out_from_black_and_white_pictures(ground):
    picture = np.full((480, 640, 3), ground, np.uint8)
    drawn = draw_hud(picture, Status("overlay", MODEL, "40 FPS", 12.0, "a.mp4", LEGEND, message="saved"))
    for strip in (drawn[:28], drawn[-28:]):
        assert strip.max() > 200
        assert np.median(strip) < 90
    assert (drawn[200:300] == ground).all()
    assert (picture == ground).all()


def test_text_says_the_threshold_and_fits_narrow_pictures():
    wide = np.zeros((480, 640, 3), np.uint8)
    low, high = (draw_hud(wide, Status("overlay", Threshold(value, "keys"), "", 1.0)) for value in (0.1, 0.2))
    changed = np.argwhere((low != high).any(axis=-1))
    assert len(changed)
    assert changed[:, 0].max() < 40
    status = Status("blurred background", MODEL, "9 FPS", 1.0, "n" * 90)
    assert draw_hud(np.zeros((400, 120, 3), np.uint8), status).max() > 200


def test_drawing_is_quick():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (480, 640, 3), np.uint8)
    rows, columns = np.indices((480, 640))
    saliency = np.exp(-((rows - 240.0) ** 2 + (columns - 320.0) ** 2) / 2e4).astype(np.float32)
    for name, view in VIEWS.items():
        status = Status(name, MODEL, "40 FPS", 10.0)
        took = times_a_blur(image, lambda view=view, status=status: draw_hud(view(image, saliency, 0.5), status))
        assert took < 3, f"{name} takes {took:.1f} times a blur of 31x31"
