"""Targets that a Keras metric is not told of: refused at once, or under XLA at the end of the epoch; and doubts."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit.metrics import MAE, EMeasure, FMeasure, FMeasureAt, MIoU, SMeasure, WeightedFMeasure

MASKS = np.random.default_rng(0).random((2, 6, 7)) < 0.4
MAPS = np.random.default_rng(1).random(MASKS.shape).astype(np.float32)
NUMBERS = np.random.default_rng(2).integers(0, 3, MASKS.shape)


def result(metric, y_true, y_pred):
    metric.update_state(y_true, y_pred)
    return metric.result()


def test_masks_of_0_and_255():
    right = float(result(FMeasure(), MASKS, MAPS)["max_f"])
    assert right > 0.4
    of_bytes = (MASKS * 255).astype(np.uint8)
    assert float(result(FMeasure(ignore_label=None), of_bytes, MAPS)["max_f"]) == pytest.approx(right)
    with pytest.raises(ValueError, match=r"y_true must lie in 0 to 1, .* divide masks of 0 and 255 by 255"):
        result(FMeasure(ignore_label=None), MASKS * 255.0, MAPS)
    with pytest.warns(UserWarning, match=r"f_measure has seen no foreground, and 255, .* set ignore_label=None"):
        result(FMeasure(), of_bytes, MAPS)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        result(FMeasure(), np.where(MASKS, 1, np.where(MAPS > 0.7, 255, 0)), MAPS)


def test_other_values():
    for labels in (MASKS + 1, -1.0 * MASKS, np.where(MASKS, np.nan, 0)):
        with pytest.raises(ValueError, match="y_true must lie in 0 to 1"):
            result(MAE(), labels, MAPS)
    with pytest.raises(ValueError, match="y_pred must hold probabilities, 0 to 1: for logits set from_logits=True"):
        result(MAE(), MASKS, 9 * MAPS - 4)


@pytest.mark.parametrize("over", ["dataset", "batch", "image"])
def test_numbers_of_no_class(over):
    channels = np.eye(3, dtype=np.float32)[NUMBERS]
    assert float(result(MIoU(3, over), np.where(NUMBERS == 2, 255, NUMBERS), channels)) == 1
    for labels in (NUMBERS + 1, NUMBERS - 1, NUMBERS + 0.5):
        with pytest.raises(ValueError, match="y_true must hold the whole numbers of 3 classes, 0 to 2"):
            result(MIoU(3, over), labels, channels)
    of_bytes = (MASKS * 255).astype(np.uint8)
    with pytest.raises(ValueError, match=r"y_true must hold the whole numbers of 3 classes, 0 to 2.*255"):
        result(MIoU(3, over, ignore_label=None), of_bytes, channels)
    with pytest.raises(ValueError, match="y_pred must have 2 channels, or hold the whole numbers of 2 classes"):
        result(MIoU(2, over), MASKS * 1, MAPS)


@pytest.mark.parametrize("protocol", ["raw", "published"])
@pytest.mark.parametrize("measure", [FMeasure, FMeasureAt, MAE, SMeasure, EMeasure, WeightedFMeasure])
def test_a_prediction_that_is_no_number_makes_the_figure_none(measure, protocol):
    for logits in (False, True):
        predicted = MAPS.astype(np.float32)
        predicted[1, 2, 3] = np.nan
        metric = measure(protocol=protocol, from_logits=logits)
        metric.update_state(MASKS, predicted, [1, 0, *[1] * (len(MASKS) - 2)])
        figures = metric.result()
        figures = figures if isinstance(figures, dict) else {"one": figures}
        assert all(np.isfinite(value) for value in figures.values()), "a picture that does not count"
        metric.update_state(MASKS, predicted)
        figures = metric.result()
        for name, value in (figures if isinstance(figures, dict) else {"one": figures}).items():
            assert np.isnan(value) or name in ("optimal_threshold", "band_width"), name


def test_nan_is_no_background_under_xla_either():
    labels = MASKS.astype(np.float32)
    labels[0, 0, 0] = np.nan
    metric = MAE()
    tf.function(metric.update_state, jit_compile=True)(tf.constant(labels), tf.constant(MAPS, tf.float32))
    with pytest.raises(ValueError, match="metric mae was given values outside of its contract, which XLA cannot name"):
        metric.result()


def test_under_xla_the_end_of_the_epoch_says_it():
    model = keras.Sequential([keras.Input((6, 7, 3)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "mse", metrics=[MAE(ignore_label=None)], jit_compile=True)
    images = np.repeat(MAPS[..., None], 3, axis=-1)
    model.fit(images, MASKS[..., None] * 1.0, verbose=0)
    with pytest.raises(ValueError, match="metric mae was given values outside of its contract, which XLA cannot name"):
        model.fit(images, MASKS[..., None] * 255.0, verbose=0)
