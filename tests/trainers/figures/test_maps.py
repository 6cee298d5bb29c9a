"""The figures show what they are given: read back from the drawn lines and pixels."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.figures import maps as figures
from metricfit.trainers.metrics import FMeasureCurve


def result(scale, seed=0):
    rng = np.random.default_rng(seed)
    curve = FMeasureCurve()
    for _ in range(3):
        mask = (rng.random((24, 24)) < 0.3).astype(np.uint8)
        curve.update((1 / (1 + np.exp(-scale * (mask - 0.5 + rng.normal(0, 0.4, mask.shape))))), mask)
    return curve.result()


def test_threshold_figure_draws_every_curve_circle_and_band():
    results = {"cross-entropy": result(2), "FLoss": result(9)}
    figure = figures.threshold_figure(results, title="val")
    axes = figure.axes[0]
    for scored, colour in zip(results.values(), figures.COLOURS):
        lines = [line for line in axes.lines if to_hex(line.get_color()) == colour.lower()]
        curves = [line for line in lines if len(line.get_xdata()) == 256]
        assert len(curves) == 3
        assert [line.get_linestyle() for line in curves if np.array_equal(line.get_ydata(), scored.f)] == ["-"]
        assert any(np.array_equal(line.get_ydata(), scored.precision) for line in curves)
        assert any(np.array_equal(line.get_ydata(), scored.recall) for line in curves)
        circle = next(line for line in lines if line.get_marker() == "o")
        assert (circle.get_xdata()[0], circle.get_ydata()[0]) == (scored.optimal_threshold, scored.max_f)
        assert any(tuple(line.get_xdata()) == scored.band for line in lines)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[1].startswith(f"FLoss: MaxF {results['FLoss'].max_f:.3f}")
    with pytest.raises(ValueError, match="1 to 7"):
        figures.threshold_figure({})


def test_panels_show_image_mask_and_prediction():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (20, 30, 3), np.uint8)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9], mask[9:11] = 1, 255
    prediction = rng.random((20, 30))
    figure = figures.panels_figure([image] * 2, [mask, None], [prediction] * 2, ["a" * 40, "b"])
    pictures = [axes.images[0].get_array() for axes in figure.axes]
    assert len(pictures) == 6
    np.testing.assert_array_equal(pictures[0], image)
    np.testing.assert_array_equal(pictures[1][[0, 6, 10], 0, 0], [0, 1, figures.IGNORED[0]])
    np.testing.assert_array_equal(pictures[2], prediction)
    assert np.all(pictures[4] == figures.IGNORED[0])
    assert [axes.get_title() for axes in figure.axes[:3]] == ["Image", "Mask", "Prediction"]
    assert figure.axes[0].get_ylabel() == "…" + "a" * 21
    assert figure.axes[2].images[0].get_clim() == (0, 1)
    assert len(figures.panels_figure([image] * 5, [mask] * 5, [prediction] * 5).axes) == 15
    with pytest.raises(ValueError, match="2, 1, 2, 2"):
        figures.panels_figure([image] * 2, [mask], [prediction] * 2)


def test_history_pairs_training_with_validation():
    rows = [
        {"epoch": "1", "seconds": "3", "loss": "0.5", "val_loss": "0.7", "val_max_f": ""},
        {"epoch": "2", "seconds": "3", "loss": "0.4", "val_loss": "0.6", "val_max_f": "0.8"},
    ]
    figure = figures.history_figure(rows)
    assert [axes.get_title() for axes in figure.axes] == ["Loss", "MaxF"]
    assert [line.get_ydata().tolist() for line in figure.axes[0].lines] == [[0.5, 0.4], [0.7, 0.6]]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [0.8]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2]
    with pytest.raises(ValueError, match="no rows"):
        figures.history_figure([])


def test_save_is_atomic_and_array_is_the_picture(tmp_path):
    figure = figures.threshold_figure({"FLoss": result(4)})
    path = figures.save(figure, tmp_path / "new" / "curve.png", dpi=100)
    assert [entry.name for entry in path.parent.iterdir()] == ["curve.png"]
    array = figures.to_png_array(figure)
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
        figures.save(Broken(), path)
    assert path.read_bytes() == before
    assert Image.open(io.BytesIO(before)).format == "PNG"


def test_no_global_figures():
    import matplotlib.pyplot as plt

    figures.threshold_figure({"FLoss": result(4)})
    assert plt.get_fignums() == []
