"""Class maps drawn over pictures: whose colour stands where, legend, what is not sure enough."""

from typing import get_args

import numpy as np
import pytest

from metricfit.app.live.options import View
from metricfit.app.show.overlay_classes import (
    TINT_STRENGTH,
    TITLES,
    UNSURE,
    VIEWS,
    PixelClasses,
    class_colours_only,
    draw_classes,
    shown_labels,
)

COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255))


@pytest.fixture
def halves():
    """Class 0 at the left, sure; class 2 at the right, doubtful; class 1 nowhere."""
    labels = np.zeros((240, 320), np.uint8)
    labels[:, 160:] = 2
    confidence = np.where(labels == 0, 0.9, 0.4).astype(np.float32)
    return PixelClasses(labels, confidence, ("road", "car", "sky"), COLOURS)


def test_shares_count_what_reaches_the_level(halves):
    assert halves.shares(0.0) == {0: 0.5, 2: 0.5}
    assert halves.shares(0.5) == {0: 0.5}
    assert halves.shares(0.95) == {}
    assert (shown_labels(halves, 0.4) == halves.labels).all(), "the level itself is enough, in float32"
    assert (shown_labels(halves, 0.5)[:, 160:] == UNSURE).all()


def test_each_class_has_its_colour_and_unsure_pixels_their_own(halves):
    image = np.full((240, 320, 3), 200, np.uint8)
    picture = draw_classes(image, halves, 0.0)
    for column, colour in ((150, COLOURS[0]), (300, COLOURS[2])):
        wanted = (1 - TINT_STRENGTH) * 200 + TINT_STRENGTH * np.array(colour)
        np.testing.assert_allclose(picture[200, column], wanted, atol=1)
    assert picture[200, 160].sum() < 0.6 * picture[200, 170].sum(), "a dark line stands between the classes"
    assert (draw_classes(image, halves, 0.5)[200, 200] == 200).all()
    plain = class_colours_only(image, halves, 0.5)
    assert plain[200, 150].tolist() == [255, 0, 0]
    assert len(set(plain[200, 200].tolist())) == 1, "grey"
    assert (image == 200).all(), "the picture given is left as it is"


def test_the_legend_names_the_classes_that_are_seen(halves):
    image = np.zeros((240, 320, 3), np.uint8)
    legend = class_colours_only(image, halves, 0.0)[20:100, :100].reshape(-1, 3)
    found = {tuple(pixel) for pixel in legend.tolist()}
    assert {COLOURS[0], COLOURS[2]} <= found
    assert COLOURS[1] not in found, "no pixel is a car"
    assert (255, 255, 255) in found, "letters"


@pytest.mark.parametrize("shape", [(3, 4), (24, 32), (700, 40), (40, 700)])
def test_every_view_draws_every_size(shape):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*shape, 3)).astype(np.uint8)
    names = tuple(f"a rather long name of class {index}" for index in range(40))
    found = PixelClasses(
        rng.integers(0, 40, shape).astype(np.uint8), rng.random(shape, np.float32), names, COLOURS * 13 + COLOURS[:1]
    )
    for name, view in VIEWS.items():
        for level in (0.0, 0.5, 1.0):
            drawn = view(image, found, level)
            assert (drawn.shape, drawn.dtype) == (image.shape, np.uint8)
        assert name in get_args(View)
        assert name in TITLES
