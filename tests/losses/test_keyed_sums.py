"""Sums over the positives of a lower or higher key alone, against all pairs."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.losses.ranking.step_sums import StepSums
from metricfit.losses.ranking.step_sums.keyed_sums import KeyedSums

from .modes import MODES
from .test_step_sums import KINDS_AND_MODES

SLOTS = 75


def sums(scores, keys, valid, weights, *, float64):
    """Give what stands above, and what pushes: the five sums."""
    entries = tf.zeros([1]), tf.zeros([1], tf.bool)
    keyed = StepSums(*entries, scores, valid, 0.5, float64=float64).by_keys(keys)
    return *keyed.above(), keyed.of_higher(weights)


def by_pairs(scores, keys, weights):
    """Compute the five sums in float64 of all pairs."""
    scores, keys = scores.astype(np.float64), keys.astype(np.float64)
    step = np.clip(scores[np.newaxis] - scores[:, np.newaxis] + 0.5, 0, 1)
    gap = keys[np.newaxis] - keys[:, np.newaxis]
    lower, others = np.where(gap < 0, step, 0), np.where(gap < 0, 0, step)
    higher = np.where(gap < 0, step * weights[:, np.newaxis], 0)  # of i in rows, whose key is higher
    return lower.sum(1), (lower * -gap).sum(1), others.sum(1), (others * gap).sum(1), higher.sum(0)


def cases():
    """Scores and keys of positives, with ties in both, close together and far apart, and hardly any."""
    rng = np.random.default_rng(0)
    usual = rng.normal(0, 1, 70), rng.random(70)
    yield usual
    yield np.round(usual[0] * 2) / 2, np.round(usual[1], 1)
    yield np.zeros(70), np.round(usual[1] * 3) / 3
    yield usual[0], np.full(70, 0.5)
    yield usual[0] * 1e-3, 0.9 + usual[1] * 1e-5
    yield np.round(usual[0]) * 1e4, usual[1]
    yield usual[0] + 0.4 * np.arange(70), usual[1]
    for count in (0, 1, 2, 3, 64):
        yield usual[0][:count], usual[1][:count]
    yield rng.normal(0, 1, SLOTS), rng.random(SLOTS)  # all slots


@KINDS_AND_MODES
def test_all_pairs(monkeypatch, mode, float64):
    monkeypatch.setattr(KeyedSums, "digits", 2)
    monkeypatch.setattr(KeyedSums, "pairs", 100)
    run = MODES[mode](lambda *arrays: sums(*arrays, float64=float64))
    for number, (scores, keys) in enumerate(cases()):
        scores, keys = (np.asarray(each, np.float32) for each in (scores, keys))
        rng = np.random.default_rng(number)
        place = np.sort(rng.permutation(SLOTS)[: len(scores)])
        weights = rng.random(len(scores)).astype(np.float32)
        slots = np.full((3, SLOTS), 7, np.float32)  # what stands in empty slots does not matter
        slots[:, place] = scores, keys, weights
        valid = np.isin(np.arange(SLOTS), place)
        found = run(*map(tf.constant, (slots[0], slots[1], valid, slots[2])))
        for got, wanted in zip(found, by_pairs(scores, keys, weights), strict=True):
            got = got.numpy()
            assert not got[~valid].any(), number
            np.testing.assert_allclose(got[valid], wanted, rtol=2e-6, atol=2e-7, err_msg=str(number))


@pytest.mark.parametrize("positives", [64, 65, 4096])
def test_blocks_as_they_are(positives):
    rng = np.random.default_rng(positives)
    scores, keys, weights = rng.normal(0, 1, (3, positives)).astype(np.float32)
    found = MODES["graph"](lambda *arrays: sums(*arrays, float64=True))(
        *map(tf.constant, (scores, keys, np.ones(positives, bool), weights))
    )
    for got, wanted in zip(found, by_pairs(scores, keys, weights), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=2e-5, atol=2e-5 * np.abs(wanted).max())
