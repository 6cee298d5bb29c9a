"""The F-measure against thresholds applied one by one, against pysodmetrics, and NumPy against Keras."""

import json
import warnings

import keras
import numpy as np
import py_sod_metrics
import pytest
import tensorflow as tf

from metricfit.metrics import FMeasure
from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.metrics import THRESHOLDS, FMeasureCurve, FMeasureResult, best_logit_scale
from metricfit.trainers.metrics.histogram import threshold_codes
from metricfit.trainers.metrics.logit_scale import sigmoid

SCALARS = ("max_f", "mean_f", "mae", "optimal_threshold", "mean_to_max", "band_width", "polarisation")


def maps(count, shape=(40, 56), seed=0):
    """Soft blobs over noisy masks; predictions keep off the bin edges, where pysodmetrics rounds its own way."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    for _ in range(count):
        distance = np.hypot(rows - rng.uniform(10, shape[0] - 10), columns - rng.uniform(10, shape[1] - 10))
        mask = (distance + rng.normal(0, 2, shape) < rng.uniform(6, 16)).astype(np.uint8)
        saliency = sigmoid((12 - distance) / 4 + rng.normal(0, 1, shape))
        yield ((np.floor(saliency * 255) + 0.5) / 256).astype(np.float32), mask


def naive(pairs, average, beta2=0.3):
    """The definition: compare, count, divide, threshold by threshold."""
    rows, errors, polarised = [], [], []
    for saliency, mask in pairs:
        valid = mask != 255
        p, y = saliency[valid], mask[valid] == 1
        table = []
        for k in range(256):
            positive = p >= np.float32(k) / np.float32(255)
            hit = np.sum(positive & y)
            precision, recall = hit / max(positive.sum(), 1), hit / max(y.sum(), 1)
            f = (1 + beta2) * precision * recall / (beta2 * precision + recall) if hit else 0.0
            table.append((precision, recall, f))
        rows.append(table)
        errors.append(np.mean(np.abs(p.astype(np.float64) - y)))
        polarised.append(np.mean((p < 0.05) | (p > 0.95)))
    precision, recall, f = np.mean(rows, axis=0).T
    if average == "curves":
        f = (1 + beta2) * precision * recall / np.maximum(beta2 * precision + recall, 1e-300)
    return precision, recall, f, np.mean(errors), np.mean(polarised)


def with_ignored(pairs, seed=3):
    rng = np.random.default_rng(seed)
    return [(p, np.where(rng.random(y.shape) < 0.2, 255, y).astype(np.uint8)) for p, y in pairs]


def score(pairs, **options):
    curve = FMeasureCurve(**options)
    for saliency, mask in pairs:
        curve.update(saliency, mask)
    return curve.result()


def test_bins_are_exact_at_every_threshold_and_its_neighbours():
    edges = THRESHOLDS
    below, above = np.nextafter(edges, np.float32(-1)), np.nextafter(edges, np.float32(2))
    probes = np.concatenate([edges, below[1:], above[:-1], np.random.default_rng(0).random(20_000, np.float32)])
    probes = np.concatenate([probes, np.float32([0, 1, 1e-45, 1e-30, np.nextafter(np.float32(1), np.float32(0))])])
    expected = (probes[:, None] >= edges).sum(axis=1) - 1
    np.testing.assert_array_equal(threshold_codes(probes), expected)
    np.testing.assert_array_equal(threshold_codes(edges), np.arange(256))
    np.testing.assert_array_equal(threshold_codes(below[1:]), np.arange(255))


@pytest.mark.parametrize("jit", [False, True])
def test_keras_bins_are_exact_too(jit):
    edges = THRESHOLDS[1:]
    for probes, reached in ((edges, 255), (np.nextafter(edges, np.float32(0)), 254)):
        metric = FMeasure()
        # All salient: recall at threshold k is the share of pixels at or above it.
        tf.function(metric.update_state, jit_compile=jit)(np.ones((1, 1, 255), np.int32), probes[None, None])
        expected = np.mean(probes[:, None] >= THRESHOLDS, axis=0)
        np.testing.assert_allclose(metric.to_result().recall, expected, atol=1e-7)
        assert np.count_nonzero(metric.to_result().recall) == reached + 1


@pytest.mark.parametrize("average", ["curves", "images"])
@pytest.mark.parametrize("ignored", [False, True])
def test_curve_equals_the_definition(average, ignored):
    pairs = list(maps(6))
    pairs.append((pairs[0][0], np.zeros_like(pairs[0][1])))
    pairs.append((np.zeros_like(pairs[0][0]), pairs[0][1]))
    pairs = with_ignored(pairs) if ignored else pairs
    precision, recall, f, mae, polarisation = naive(pairs, average)
    result = score(pairs, average=average)
    np.testing.assert_allclose(result.precision, precision, atol=1e-12)
    np.testing.assert_allclose(result.recall, recall, atol=1e-12)
    np.testing.assert_allclose(result.f, f, atol=1e-12)
    assert result.max_f == pytest.approx(f.max(), abs=1e-12)
    assert result.mean_f == pytest.approx(f.mean(), abs=1e-12)
    assert result.optimal_threshold == pytest.approx(np.argmax(f) / 255)
    assert result.mean_to_max == pytest.approx(f.mean() / f.max())
    assert result.mae == pytest.approx(mae, abs=1e-7)
    assert result.polarisation == pytest.approx(polarisation, abs=1e-12)
    assert result.images == 8


@pytest.mark.parametrize("protocol", ["raw", "published", "published uint8"])
def test_agrees_with_pysodmetrics(protocol):
    pairs = list(maps(8, seed=1))
    pairs.append((np.full_like(pairs[0][0], 0.4), pairs[0][1]))
    pairs.append((pairs[1][0], np.zeros_like(pairs[0][1])))
    normalize = protocol == "published uint8"
    if normalize:
        pairs = [(np.uint8(p * 200 + 20), y) for p, y in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classic, mae = py_sod_metrics.Fmeasure(), py_sod_metrics.MAE()
    modern = py_sod_metrics.FmeasureV2({"fm": py_sod_metrics.FmeasureHandler(True, False)})
    for saliency, mask in pairs:
        if protocol == "published" and saliency.max() > saliency.min():
            saliency = (saliency - saliency.min()) / (saliency.max() - saliency.min())
        target = mask * 255 if normalize else mask.astype(bool)
        for judge in (classic, mae, modern):
            judge.step(saliency, target, normalize=normalize)
    theirs, theirs_mae = classic.get_results(), mae.get_results()["mae"]
    precision, recall = theirs["pr"]["p"][::-1], theirs["pr"]["r"][::-1]

    curves = score(pairs, protocol=protocol.split()[0])
    np.testing.assert_allclose(curves.precision, precision, atol=1e-6)
    np.testing.assert_allclose(curves.recall, recall, atol=1e-6)
    f = 1.3 * precision * recall / np.maximum(0.3 * precision + recall, 1e-300)
    assert curves.max_f == pytest.approx(f.max(), abs=1e-6)
    assert curves.mean_f == pytest.approx(f.mean(), abs=1e-6)
    assert curves.mae == pytest.approx(theirs_mae, abs=1e-6)

    images = score(pairs, average="images", protocol=protocol.split()[0])
    for f in (theirs["fm"]["curve"], modern.get_results()["fm"]["dynamic"]):
        np.testing.assert_allclose(images.f, f[::-1], atol=1e-6)
        assert images.max_f == pytest.approx(f.max(), abs=1e-6)
        assert images.mean_f == pytest.approx(f.mean(), abs=1e-6)
    assert abs(curves.max_f - images.max_f) > 1e-4, "the two conventions differ"


def test_uint8_maps_equal_their_floats():
    pairs = [(np.uint8(p * 255), y) for p, y in maps(3)]
    for protocol in ("raw", "published"):
        whole = score(pairs, protocol=protocol)
        floats = score([(p / 255.0, y) for p, y in pairs], protocol=protocol)
        np.testing.assert_allclose(whole.f, floats.f, atol=1e-12)
        assert whole.mae == pytest.approx(floats.mae, abs=1e-7)


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
@pytest.mark.parametrize(
    ("average", "protocol", "from_logits"),
    [("curves", "raw", True), ("images", "raw", False), ("curves", "published", False)],
)
def test_keras_metric_equals_numpy(mode, average, protocol, from_logits):
    pairs = with_ignored(maps(7, shape=(32, 48), seed=5))
    pairs.append((pairs[0][0], np.zeros_like(pairs[0][1])))
    expected = score(pairs, average=average, protocol=protocol)
    metric = FMeasure(average=average, protocol=protocol, from_logits=from_logits)
    update = metric.update_state
    if mode != "eager":
        update = tf.function(update, jit_compile=mode == "xla")
    for start, stop in ((0, 5), (5, 8)):
        saliency = np.stack([p for p, _ in pairs[start:stop]])[..., None]
        masks = np.stack([y for _, y in pairs[start:stop]])[..., None].astype(np.int32)
        update(masks, np.log(saliency / (1 - saliency)) if from_logits else saliency)
    found = metric.to_result()
    for name in ("precision", "recall", "f"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-6)
    scalars = metric.result()
    assert tuple(scalars) == SCALARS
    for name in SCALARS:
        assert float(scalars[name]) == pytest.approx(getattr(expected, name), abs=1e-6), name
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=1e-6), name
    assert found.band == expected.band
    assert found.images == 8


def test_all_ignored_images_do_not_count():
    (saliency, mask), *_ = maps(1)
    nothing = np.full_like(mask, 255)
    alone, both = score([(saliency, mask)]), score([(saliency, mask), (saliency, nothing)])
    assert both.to_dict() == alone.to_dict()
    metric = FMeasure()
    metric.update_state(np.stack([mask, nothing]), np.stack([saliency, saliency]))
    assert float(metric.images) == 1
    assert float(metric.result()["max_f"]) == pytest.approx(alone.max_f, abs=1e-6)


def test_sample_weight_counts_images():
    pairs = list(maps(3))
    expected = score([pairs[0], pairs[2], pairs[2]])
    metric = FMeasure()
    batch = np.stack([y for _, y in pairs]), np.stack([p for p, _ in pairs])
    metric.update_state(*batch, sample_weight=[1, 0, 2])
    assert float(metric.result()["mean_f"]) == pytest.approx(expected.mean_f, abs=1e-6)
    assert float(metric.result()["mae"]) == pytest.approx(expected.mae, abs=1e-6)
    with pytest.raises(ValueError, match="one weight an image"):
        metric.update_state(*batch, sample_weight=np.ones(batch[0].shape))


def test_band_is_contiguous_around_the_optimum():
    f = np.full(256, 0.5)
    f[100:121], f[110], f[130:140], f[105] = 0.995, 1.0, 0.999, 0.98
    result = FMeasureResult.from_curves(f, f, f, mae=0, polarisation=0, images=1)
    assert result.optimal_threshold == pytest.approx(110 / 255)
    assert result.band == pytest.approx((106 / 255, 120 / 255))
    assert result.band_width == pytest.approx(14 / 255)
    flat = FMeasureResult.from_curves(f * 0 + 0.7, f, f * 0 + 0.7, mae=0, polarisation=0, images=1)
    assert flat.band == (0.0, 1.0)
    assert flat.mean_to_max == pytest.approx(1)


def test_result_threshold_selects_the_same_pixels():
    result = score(maps(4))
    k = round(result.optimal_threshold * 255)
    probes = np.concatenate([THRESHOLDS, np.nextafter(THRESHOLDS, np.float32(0))])
    np.testing.assert_array_equal(probes >= result.optimal_threshold, probes >= THRESHOLDS[k])


def test_perfect_and_wrong_maps():
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 3:6] = 1
    right, wrong = score([(mask.astype(np.float32), mask)]), score([(1 - mask.astype(np.float32), mask)])
    assert (right.max_f, right.mae, right.polarisation) == (1, 0, 1)
    assert right.band == (pytest.approx(1 / 255), 1)
    assert right.mean_f == pytest.approx((255 + right.f[0]) / 256)
    assert wrong.f[1:].max() == 0
    assert wrong.mae == 1


def test_result_survives_json():
    result = score(maps(2))
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()
    assert "f" not in result.to_dict(curves=False)


def test_faults_are_named():
    saliency, mask = next(maps(1))
    curve = FMeasureCurve()
    with pytest.raises(MetricfitError, match="got none"):
        curve.result()
    with pytest.raises(ValueError, match="one shape"):
        curve.update(saliency[1:], mask)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        curve.update(saliency * 2, mask)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        curve.update(np.where(mask, np.nan, saliency), mask)
    with pytest.raises(ValueError, match=r"got \[7\]"):
        curve.update(saliency, np.where(mask, 7, 0).astype(np.uint8))
    with pytest.raises(ValueError, match="0 to 255"):
        curve.update(saliency, mask.astype(np.int32) + 256)
    with pytest.raises(ValueError, match="average"):
        FMeasureCurve(average="mean")
    with pytest.raises(ValueError, match="protocol"):
        FMeasure(protocol="paper")
    with pytest.raises(ValueError, match="y_pred must have shape"):
        FMeasure().update_state(mask[None], saliency)
    with pytest.raises(ValueError, match="one shape"):
        FMeasure().update_state(mask[None, 1:], saliency[None])
    assert curve.images == 0


# Under XLA it is tried in keras/test_everywhere.py, too.
@pytest.mark.parametrize("jit", [False, pytest.param(True, marks=pytest.mark.long)])
def test_metric_in_fit_logs_flat_names_and_round_trips(tmp_path, jit):
    inputs = keras.Input((16, 16, 3))
    logits = keras.layers.Reshape((16, 16))(keras.layers.Conv2D(1, 1)(inputs))
    model = keras.Model(inputs, logits)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[FMeasure(beta2=0.5, from_logits=True)], jit_compile=jit)
    rng = np.random.default_rng(0)
    images = rng.random((10, 16, 16, 3), np.float32)
    masks = (images.mean(axis=-1) > 0.5).astype(np.int32)
    logs = model.fit(images, masks, batch_size=5, validation_data=(images, masks), verbose=0).history
    assert {*SCALARS, *(f"val_{name}" for name in SCALARS)} < set(logs)
    predicted = sigmoid(model.predict(images, verbose=0))
    expected = score(zip(predicted, masks), beta2=0.5)
    assert logs["val_max_f"][0] == pytest.approx(expected.max_f, abs=1e-5)
    assert logs["val_mae"][0] == pytest.approx(expected.mae, abs=1e-5)
    if not jit:
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
        again = loaded.evaluate(images, masks, return_dict=True, verbose=0)
        assert again["max_f"] == pytest.approx(logs["val_max_f"][0], abs=1e-6)


def test_state_of_replicas_adds_up():
    pairs = with_ignored(maps(5))
    replicas, together = [FMeasure(), FMeasure()], FMeasure()
    for metric, part in zip(replicas, (pairs[:2], pairs[2:])):
        metric.update_state(np.stack([y for _, y in part]), np.stack([p for p, _ in part]))
    for total, *parts in zip(together.variables, *(metric.variables for metric in replicas)):
        assert total.aggregation == "sum"
        total.assign(parts[0] + parts[1])
    expected = score(pairs)
    np.testing.assert_allclose(together.to_result().f, expected.f, atol=1e-6)
    assert together.to_result().mae == pytest.approx(expected.mae, abs=1e-6)


def test_config_round_trip():
    metric = FMeasure(0.8, "images", "published", from_logits=True, ignore_label=None, name="f")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert again.get_config() == metric.get_config()
    assert again.ignore_label is None


def test_best_logit_scale_finds_the_factor_and_reads_once():
    reads = []

    def pairs():
        reads.append(1)
        return ((np.log(p / (1 - p)), y) for p, y in maps(4))

    factor, mean_f = best_logit_scale(pairs, (1, 2, 8))
    assert len(reads) == 1
    assert mean_f[8.0] > mean_f[2.0] > mean_f[1.0]
    assert factor == 8.0
    expected = score([(sigmoid(2 * np.log(p / (1 - p))), y) for p, y in maps(4)])
    assert mean_f[2.0] == pytest.approx(expected.mean_f, abs=1e-9)
    with pytest.raises(ValueError, match="positive"):
        best_logit_scale(pairs, (1, 0))


def test_sigmoid_is_stable():
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(sigmoid([-1e4, -2, 0, 2, 1e4]), [0, 0.11920292, 0.5, 0.88079708, 1], atol=1e-7)
