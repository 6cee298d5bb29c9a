"""The colours of classes, told apart by scikit-image's CIELAB and by people who do not see red and green."""

import numpy as np
import pytest

from metricfit.trainers.colours import BACKGROUND, _as_seen, class_colours, class_palette

color = pytest.importorskip("skimage.color")

# Red and green that a person with deuteranopia, or protanopia, confuses, after Viénot, Brettel and Mollon (1999).
VIENOT = {
    "deuteranopia": ((0.29275, 0.70725, -0.02298), (0.29275, 0.70725, -0.02298), (-0.02234, 0.02234, 1.0)),
    "protanopia": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
}


def _linear(rgb):
    values = rgb / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _encoded(linear):
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _least(rgb, vision=None):
    """The least distance between two colours, as seen with a vision."""
    seen = rgb / 255 if vision is None else _encoded(_linear(rgb) @ np.transpose(VIENOT[vision]))
    lab = color.rgb2lab(seen.reshape(1, -1, 3))[0]
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return distances[~np.eye(len(lab), dtype=bool)].min()


@pytest.mark.parametrize(("count", "usual", "blind"), [(8, 38, 20), (11, 35, 15), (21, 20, 8)])
def test_usual_numbers_of_classes_are_kept_apart(count, usual, blind):
    for palette in (class_colours(count), class_palette(["background", *"bcdefghijklmnopqrstuvwxyz"[: count - 1]])):
        assert _least(palette) > usual
        # By another model of colour blindness than that by which they were chosen.
        assert min(_least(palette, vision) for vision in VIENOT) > blind


def test_coordinates_are_those_of_scikit_image():
    colours = np.random.default_rng(0).integers(0, 256, (50, 3)).astype(np.uint8)
    np.testing.assert_allclose(_as_seen(colours)[0], color.rgb2lab(colours[None])[0], atol=0.05)


def test_the_first_colours_stay_however_many_follow():
    many = class_colours(256)
    assert len({tuple(colour) for colour in many}) == 256
    np.testing.assert_array_equal(class_colours(11), many[:11])
    assert class_colours(1203).shape == (1203, 3)
    assert tuple(class_palette(["background", "car"])[0]) == BACKGROUND
    assert tuple(class_palette(["road", "car"])[0]) == tuple(many[0])
    class_colours(3)[:] = 0
    np.testing.assert_array_equal(class_colours(3), many[:3])
