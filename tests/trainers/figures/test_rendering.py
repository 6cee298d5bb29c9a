"""Figures become files and arrays, and leave nothing behind."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.figures.rendering import save, to_png_array
from metricfit.trainers.figures.style import bare, new_figure


@pytest.fixture
def figure():
    figure = new_figure(7.2, 4.7, "title")
    axes = bare(figure.add_subplot())
    axes.plot([0, 1], [0, 1], color="red", linewidth=9)
    return figure


def test_save_is_atomic_and_array_is_the_picture(figure, tmp_path):
    path = save(figure, tmp_path / "new" / "curve.png", dpi=100)
    assert [entry.name for entry in path.parent.iterdir()] == ["curve.png"]
    array = to_png_array(figure)
    assert array.dtype == np.uint8
    assert array.shape == (470, 720, 3)
    with Image.open(path) as picture:
        # The layout moves by fractions of a pixel between two drawings.
        assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - array).mean() < 1
    assert array.min() < 60
    assert array.mean() > 200

    class Broken:
        def savefig(self, path, dpi):
            raise OSError("disk full")

    before = path.read_bytes()
    with pytest.raises(MetricfitError, match=r"cannot write .*disk full"):
        save(Broken(), path)
    assert path.read_bytes() == before
    assert Image.open(io.BytesIO(before)).format == "PNG"


def test_no_global_figures(figure, tmp_path):
    save(figure, tmp_path / "a.png")
    assert plt.get_fignums() == []
