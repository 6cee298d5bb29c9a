"""S-measure, E-measure, weighted F and absolute error against pysodmetrics; F at a threshold by definition."""

import warnings

import numpy as np
import py_sod_metrics
import pytest
import tensorflow as tf

from metricfit.metrics import MAE, EMeasure, FMeasure, FMeasureAt, MaxFMeasure, MeanFMeasure, SMeasure, WeightedFMeasure

SHAPES = [(1, 2), (2, 1), (3, 3), (8, 5), (12, 17), (40, 31)]


def maps(seed, shape, count=6):
    """Masks of noise, blobs, one pixel, all but one, nothing and everything; maps that are soft, hard, flat or right.

    Predictions keep off the bin edges, where pysodmetrics rounds its own way.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pairs = []
    for kind in range(count):
        distance = np.hypot(rows - rng.uniform(0, shape[0]), columns - rng.uniform(0, shape[1]))
        mask = rng.random(shape) < 0.4 if kind == 0 else distance < rng.uniform(1, max(shape) / 2)
        if kind in (2, 3):
            mask[:] = kind == 3
            mask.flat[rng.integers(mask.size)] = kind == 2
        elif kind > 3:
            mask[:] = kind == 4
        for saliency in (
            rng.random(shape),
            1 / (1 + np.exp(distance - 4 + rng.normal(0, 1, shape))),
            np.where(rng.random(shape) < 0.3, 0.9, 0.1),
            np.where(mask, 0.95, 0.02),
            np.full(shape, rng.random()),
        ):
            pairs.append((((np.floor(saliency * 255) + 0.5) / 256).astype(np.float32), mask))
        pairs.append((mask.astype(np.float32), mask))
    return pairs


def published(judge, pairs):
    """What pysodmetrics says of each map."""
    values = []
    for saliency, mask in pairs:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            one = judge()
            one.step(saliency.astype(np.float64), mask, normalize=False)
            values.append(one.get_results())
    return values


def scored(metric, pairs, jit=False):
    update = tf.function(metric.update_state, jit_compile=True) if jit else metric.update_state
    update(np.stack([mask for _, mask in pairs]).astype(np.int32), np.stack([saliency for saliency, _ in pairs]))
    return metric.result()


def one_by_one(metric, pairs):
    """Give the result of each map alone, in turn, by one graph."""
    update = tf.function(metric.update_state)
    for saliency, mask in pairs:
        metric.reset_state()
        update(mask[None].astype(np.int32), saliency[None])
        yield metric.result()


@pytest.mark.parametrize("shape", SHAPES)
def test_s_measure(shape):
    pairs = maps(0, shape)
    expected = [one["sm"] for one in published(py_sod_metrics.Smeasure, pairs)]
    judged = 0
    for found, value in zip(map(float, one_by_one(SMeasure(dtype="float64"), pairs)), expected):
        # The deviation of a single pixel, in an object or in a region, is NaN there.
        if np.isfinite(value):
            assert found == pytest.approx(value, abs=1e-6)
            judged += 1
        assert 0 <= found <= 1
    known = [(pair, value) for pair, value in zip(pairs, expected) if np.isfinite(value)]
    together = float(scored(SMeasure(), [pair for pair, _ in known]))
    assert together == pytest.approx(np.mean([value for _, value in known]), abs=1e-6)
    assert judged >= 12


def test_s_measure_of_one_pixel():
    mask = np.zeros((4, 10), bool)
    mask[1, 2] = True
    saliency = np.where(mask, 0.5, 0.25).astype(np.float32)
    found = float(scored(SMeasure(alpha=1), [(saliency, mask)]))
    # No deviation, neither there nor elsewhere: 2 m / (m^2 + 1) of 0.5 and of 0.75.
    assert found == pytest.approx(1 / 40 * 1 / 1.25 + 39 / 40 * 1.5 / 1.5625)


@pytest.mark.parametrize("shape", SHAPES)
def test_e_measure(shape):
    pairs = maps(1, shape)
    expected = [one["em"] for one in published(py_sod_metrics.Emeasure, pairs)]
    metric = EMeasure()
    for result, value in zip(one_by_one(metric, pairs), expected):
        assert float(result["adaptive_e"]) == pytest.approx(value["adp"], abs=1e-6)
        np.testing.assert_allclose(metric.curve_sum, value["curve"][::-1], atol=1e-6)
    result = scored(EMeasure(), pairs)
    curve = np.mean([value["curve"] for value in expected], axis=0)
    assert float(result["mean_e"]) == pytest.approx(curve.mean(), abs=1e-6)
    assert float(result["max_e"]) == pytest.approx(curve.max(), abs=1e-6)
    assert float(result["adaptive_e"]) == pytest.approx(np.mean([value["adp"] for value in expected]), abs=1e-6)


@pytest.mark.parametrize("beta2", [1, 0.3])
@pytest.mark.parametrize("shape", SHAPES)
def test_weighted_f(shape, beta2):
    pairs = maps(2, shape)
    expected = [one["wfm"] for one in published(lambda: py_sod_metrics.WeightedFmeasure(beta=beta2), pairs)]
    for found, value in zip(one_by_one(WeightedFMeasure(beta2), pairs), expected):
        assert float(found) == pytest.approx(value, abs=1e-6)
    assert float(scored(WeightedFMeasure(beta2), pairs)) == pytest.approx(np.mean(expected), abs=1e-6)


def test_mean_absolute_error():
    pairs = maps(3, (12, 17))
    expected = np.mean([one["mae"] for one in published(py_sod_metrics.MAE, pairs)])
    assert float(scored(MAE(), pairs)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("average", ["curves", "images"])
def test_f_measures(average):
    pairs = maps(4, (12, 17))
    whole = scored(FMeasure(average=average), pairs)
    assert float(scored(MaxFMeasure(average=average), pairs)) == float(whole["max_f"])
    assert float(scored(MeanFMeasure(average=average), pairs)) == float(whole["mean_f"])
    metric = FMeasure(average=average)
    scored(metric, pairs)
    for code in (1, 100, 128, 255):
        at = FMeasureAt(code / 255, average=average)
        assert float(scored(at, pairs)) == pytest.approx(metric.to_result().f[code], abs=1e-6)
    saliency, mask = np.float32([[0.5, 0.4999, 0.7, 0.2]]), np.array([[1, 1, 0, 0]])
    # One hit of two found and of two salient pixels: precision and recall are 1/2.
    assert float(scored(FMeasureAt(0.5, average=average), [(saliency, mask)])) == pytest.approx(0.5)


@pytest.mark.parametrize("make", [SMeasure, EMeasure, WeightedFMeasure, MAE, MeanFMeasure, FMeasureAt])
def test_published_maps_are_stretched(make):
    pairs = [(p, y) for p, y in maps(5, (12, 17), count=2) if np.ptp(p)]
    pairs = [((p - p.min()) / np.ptp(p), y) for p, y in pairs]
    low = [(np.float32(0.125) + p / 4, y) for p, y in pairs]
    results = [scored(make(), pairs), scored(make(protocol="published"), low), scored(make(), low)]
    for wide, stretched, narrow in zip(*map(tf.nest.flatten, results)):
        assert float(stretched) == pytest.approx(float(wide), abs=2e-3)
        assert make is EMeasure or abs(float(narrow) - float(wide)) > 0.01


@pytest.mark.parametrize("make", [SMeasure, EMeasure, MAE, FMeasureAt])
def test_ignored_pixels_do_not_count(make):
    rng = np.random.default_rng(0)
    # A border of ignored pixels around what counts; and an image that is ignored as a whole.
    saliency = rng.random((2, 9, 12), np.float32)
    labels = np.full((2, 9, 12), 255)
    labels[0, 2:8, 3:9] = rng.random((6, 6)) < 0.4
    bordered, inner = make(), make()
    bordered.update_state(labels, saliency)
    inner.update_state(labels[:1, 2:8, 3:9], saliency[:1, 2:8, 3:9])
    assert float(bordered.images) == 1
    for one, other in zip(tf.nest.flatten(bordered.result()), tf.nest.flatten(inner.result())):
        assert float(one) == pytest.approx(float(other), abs=1e-7)


def test_weighted_f_leaves_ignored_pixels_out():
    rng = np.random.default_rng(0)
    mask = np.zeros((1, 20, 20), np.int32)
    mask[0, 8:12, 8:12] = 1
    saliency = np.where(mask, 1, 0).astype(np.float32)
    saliency[0, 0, :3] = rng.random(3)
    metric, counted = WeightedFMeasure(), WeightedFMeasure()
    counted.update_state(mask, saliency)
    mask[0, 0, :3] = 255
    metric.update_state(mask, saliency)
    assert float(metric.result()) == pytest.approx(1, abs=1e-6)
    assert float(counted.result()) < 0.99
    metric.update_state(np.full_like(mask, 255), saliency)
    assert float(metric.images) == 1


def test_faults_are_named():
    with pytest.raises(ValueError, match="alpha must lie"):
        SMeasure(alpha=2)
    with pytest.raises(ValueError, match="beta2 must be positive"):
        WeightedFMeasure(beta2=0)
    with pytest.raises(ValueError, match="threshold must lie"):
        FMeasureAt(2)
    with pytest.raises(ValueError, match="protocol must be one of"):
        MAE(protocol="paper")
    with pytest.raises(ValueError, match="one shape"):
        EMeasure().update_state(np.zeros((1, 3, 4)), np.zeros((1, 4, 3)))
