"""Step sums beside all pairs, in every mode and with and without float64, for easy and for hostile scores."""

from functools import cache

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit.losses.ranking.positives import gather_positives
from metricfit.losses.ranking.step_sums import StepSums
from metricfit.losses.tensors import count_values

from ..reference import step_sums as reference
from .modes import MODES

N, SLOTS = 3000, 64
KINDS = pytest.mark.parametrize("float64", [True, False], ids=["float64", "pairs"])
# tracing the pairs once is enough
KINDS_AND_MODES = pytest.mark.parametrize(
    ("float64", "mode"),
    [(True, "eager"), (True, "graph"), (True, "xla"), (False, "eager"), (False, "xla")],
    ids=["float64-eager", "float64-graph", "float64-xla", "pairs-eager", "pairs-xla"],
)


@cache
def compute(mode, *, float64=True, delta=1.0, slots=SLOTS, block=1024):
    """A function (labels, scores, weights [slots]) -> positives, their scores, and the four sums."""

    def sums(labels, scores, weights):
        positives = gather_positives(labels == 1, slots)
        places = positives.take(scores)
        sums = StepSums(scores, labels == 0, places, positives.valid, delta, float64=float64, block=block)
        functions = sums.over_positives, sums.under_positives, sums.to_negatives
        return positives, places, (sums.false_positives, *(function(weights) for function in functions))

    return MODES[mode](sums)


def run(mode, labels, scores, weights, **arguments):
    return compute(mode, **arguments)(*map(tf.convert_to_tensor, (labels, scores, weights)))


def assert_exact(mode, labels, scores, *, tolerance=2e-6, seed=0, **arguments):
    labels, scores = np.asarray(labels, np.int32), np.asarray(scores, np.float32)
    slots, delta = arguments.get("slots", SLOTS), arguments.get("delta", 1.0)
    weights = np.random.default_rng(seed).uniform(0.1, 1, slots).astype(np.float32)
    positives, places, actual = run(mode, labels, scores, weights, **arguments)
    indices = np.flatnonzero(labels == 1)[:slots]
    count = len(indices)
    assert int(positives.count) == (labels == 1).sum()
    np.testing.assert_array_equal(positives.valid, np.arange(slots) < count)
    np.testing.assert_array_equal(positives.indices, np.pad(indices, (0, slots - count)))
    np.testing.assert_array_equal(places, np.pad(scores[indices], (0, slots - count)))
    expected = reference.step_sums(scores, labels == 0, scores[indices], weights[:count], delta)
    for name, got, want in zip(expected._fields, actual, expected):
        got = got.numpy()
        assert got.dtype == np.float32
        if name == "to_negatives":
            assert (got[labels != 0] == 0).all()
        else:
            assert (got[count:] == 0).all()
            got = got[:count]
        assert np.abs(got - want).sum() <= tolerance * np.abs(want).sum(), f"{name}: {got[:5]} instead of {want[:5]}"
        # nor may one of them be wrong that is small beside the others
        np.testing.assert_allclose(got, want, rtol=20 * tolerance, atol=1e-9 * max(np.abs(want).max(initial=0), 1))


def batch(scores, positives=40, ignored=30, seed=0):
    labels = np.zeros(len(scores), np.int32)
    labels[:positives], labels[positives : positives + ignored] = 1, -1
    return np.random.default_rng(seed).permutation(labels), scores


def hostile(name):
    rng = np.random.default_rng(1)
    normal = rng.normal(0, 2, N).astype(np.float32)
    if name == "normal":
        return batch(normal)
    if name == "all equal":
        return batch(np.full(N, -4.6))
    if name == "within delta":
        return batch(rng.uniform(-0.3, 0.3, N))
    if name == "ties":
        return batch(np.round(normal))
    if name == "magnitude 1e4":
        return batch(np.round(normal * 4) + 1e4)
    if name == "spread 1e4":
        return batch(normal * 1e4)
    if name == "no false positives":
        labels, _ = batch(normal)
        return labels, np.where(labels == 1, 5, -5) + rng.uniform(-1, 1, N)
    labels, scores = batch(normal, ignored=0)
    if name == "just above the lower edge":
        # windows (2, 4): what a sum of 3000 terms of 1e-6 loses beside terms of 1
        scores = np.where(labels == 1, 3, np.nextafter(np.float32(2), np.float32(3)))
        scores[np.flatnonzero(labels == 0)[:20]] = 9
    elif name == "one above and one below":
        labels = np.zeros(N)
        labels[[7, 70]] = 1
        scores[[7, 70]] = 50, -50
    elif name == "clustered":
        # nearly all edges share a cell of the lookup table, which one positive stretches
        scores = 0.001 * scores
        scores[np.flatnonzero(labels == 1)[0]] = 3e6
    elif name == "one positive":
        labels[np.flatnonzero(labels == 1)[1:]] = -1
    elif name == "no positives":
        labels[labels == 1] = -1
    elif name == "no negatives":
        labels[labels == 0] = -1
    elif name == "full slots":
        labels[np.flatnonzero(labels == 0)[: SLOTS - 40]] = 1
    return labels, scores


HOSTILE = [
    *("normal", "all equal", "within delta", "ties", "magnitude 1e4", "spread 1e4", "no false positives"),
    *("just above the lower edge", "one above and one below", "clustered", "one positive", "no positives"),
    *("no negatives", "full slots"),
]


@KINDS_AND_MODES
@pytest.mark.parametrize("name", HOSTILE)
def test_all_pairs(name, float64, mode):
    assert_exact(mode, *hostile(name), float64=float64)


@KINDS
@pytest.mark.parametrize("delta", [1e-30, 1e-8, 1e-3, 0.3, 20.0, 1e30])
def test_any_delta(delta, float64):
    for name in ("normal", "ties", "magnitude 1e4"):
        assert_exact("eager", *hostile(name), delta=delta, float64=float64)


@KINDS
@pytest.mark.parametrize("delta", [0.3, 0.7])
@pytest.mark.parametrize("side", [-1, 1], ids=["lower", "upper"])
def test_edges_between_two_float32(side, delta, float64):
    labels, scores = batch(np.full(N, 1e4, np.float32))
    near = np.float32(1e4 + side * delta)
    around = np.array([np.nextafter(near, np.float32(0)), near, np.nextafter(near, np.float32(2e4))])
    for some in (around, around[:1], around[1:2]):
        scores[labels == 0] = np.resize(some, (labels == 0).sum())
        assert_exact("eager", labels, scores, delta=delta, float64=float64)


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_modes_agree(mode):
    labels, scores = hostile("normal")
    arguments = labels.astype(np.int32), scores, np.ones(SLOTS, np.float32)
    for got, want in zip(run(mode, *arguments, float64=True)[2], run("eager", *arguments, float64=True)[2]):
        np.testing.assert_allclose(got, want, rtol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.data())
def test_any_entries(mode, data):
    numbers = st.one_of(
        st.floats(-4, 4, width=32), st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0]), st.floats(-1e4, 1e4, width=32)
    )
    scores = data.draw(st.lists(numbers, min_size=24, max_size=24))
    labels = data.draw(st.lists(st.sampled_from([1, 0, 0, -1]), min_size=24, max_size=24))
    labels = np.where(np.cumsum(np.equal(labels, 1)) <= 8, labels, -1)
    assert_exact(mode, labels, scores, slots=8, block=10)


def test_a_hundred_thousand_entries():
    rng = np.random.default_rng(2)
    scores = rng.normal(-3, 1.5, 100_001)
    labels, scores = batch(scores, positives=200, ignored=1000)
    scores[labels == 1] += 2
    assert_exact("graph", labels, scores, slots=256, block=1 << 15)


def test_more_entries_than_float32_counts():
    entries = 2**24 + 2**20 + 1
    scores = np.full(entries, 0.25, np.float32)
    labels = np.zeros(entries, np.int32)
    labels[5], scores[5] = 1, -1
    labels[6], scores[6] = 1, 0.25
    _, _, sums = compute("graph", slots=2, block=1 << 17)(labels, scores, np.array([1, 0.5], np.float32))
    negatives = entries - 2
    np.testing.assert_allclose(sums[0], [negatives, negatives / 2], rtol=1e-7)
    np.testing.assert_allclose(np.unique(sums[3]), [0, 1.25], rtol=1e-7)


@KINDS_AND_MODES
def test_what_does_not_count_may_hold_anything(float64, mode):
    labels, scores = hostile("normal")
    scores = scores.copy()
    expected = run("eager", labels, scores, np.ones(SLOTS, np.float32), float64=float64)[2]
    ignored = np.flatnonzero(labels == -1)
    scores[ignored[:6]] = np.nan, np.inf, -np.inf, 1e30, -1e30, 3e38
    actual = run(mode, labels, scores, np.ones(SLOTS, np.float32), float64=float64)[2]
    for got, want in zip(actual, expected):
        np.testing.assert_allclose(got, want, rtol=1e-6)


@KINDS_AND_MODES
def test_scores_that_are_not_finite(float64, mode):
    labels, scores = hostile("normal")
    scores, weights = scores.copy(), np.ones(SLOTS, np.float32)
    negatives, positives = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    scores[negatives[:4]] = np.inf, -np.inf, np.nan, 3.3e38
    finite = scores.copy()
    finite[negatives[:4]] = 1e6, -1e6, -1e6, 1e6
    actual, expected = (run(mode, labels, x, weights, float64=float64)[2] for x in (scores, finite))
    for got, want in zip(actual, expected):
        np.testing.assert_allclose(got, want, rtol=1e-6)
    scores[positives[3]] = np.nan
    labels = labels.copy()
    actual = run(mode, labels, scores, weights, float64=float64)[2]
    labels[positives[3]] = -1
    expected = run(mode, labels, scores, weights, float64=float64)[2]
    for got, want in zip(actual[:3], expected[:3]):
        assert np.isnan(got[3])
        np.testing.assert_allclose(np.delete(got, 3)[:39], want[:39], rtol=1e-6)
    np.testing.assert_allclose(actual[3], expected[3], rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_sizes_unknown_beforehand(jit_compile):
    def sums(labels, scores, weights):
        positives = gather_positives(labels == 1, tf.size(weights))
        sums = StepSums(scores, labels == 0, positives.take(scores), positives.valid, 1.0, block=512)
        functions = sums.over_positives, sums.under_positives, sums.to_negatives
        return (sums.false_positives, *(function(weights) for function in functions))

    unknown = [tf.TensorSpec([None], dtype) for dtype in (tf.int32, tf.float32, tf.float32)]
    function = tf.function(sums, input_signature=unknown, jit_compile=jit_compile, autograph=False)
    labels, scores = hostile("normal")
    for entries, slots in [(700, 700), (0, 0), (N, SLOTS), (5, 5), (40, 0)][: 1 if jit_compile else None]:
        some, few = labels[:entries].copy(), scores[:entries]
        if slots == 0:
            some[some == 1] = -1
        weights = np.ones(slots, np.float32)
        count = (some == 1).sum()
        expected = reference.step_sums(few, some == 0, few[some == 1], np.ones(count), 1.0)
        for got, want in zip(function(some.astype(np.int32), few, weights), expected):
            np.testing.assert_allclose(got[: len(want)], want, rtol=2e-6, atol=1e-6)


def test_without_entries_or_slots():
    labels, scores = hostile("normal")
    assert_exact("eager", labels[:0], scores[:0])
    assert_exact("eager", labels[:0], scores[:0], slots=0)
    assert_exact("eager", np.minimum(labels, 0), scores, slots=0)
    assert_exact("eager", labels[:1], scores[:1], slots=1)


def test_more_positives_than_slots_are_counted():
    labels, _ = hostile("normal")
    positives = gather_positives(tf.constant(labels == 1), 16)
    assert int(positives.count) == 40
    np.testing.assert_array_equal(positives.indices, np.flatnonzero(labels == 1)[:16])
    assert positives.valid.numpy().all()


@pytest.mark.parametrize(("entries", "slots"), [(1000, 4), (1001, 31), (31, 4), (33, 1), (96, 3), (64, 64)])
def test_positives_wherever_they_stand(entries, slots):
    rng = np.random.default_rng(3)
    for share in (0, 0.01, 0.5, 1):
        mask = rng.random(entries) < share
        mask[-1] |= share > 0
        positives = gather_positives(tf.constant(mask), slots)
        found = np.flatnonzero(mask)[:slots]
        assert int(positives.count) == mask.sum()
        np.testing.assert_array_equal(positives.indices.numpy()[: len(found)], found)
        np.testing.assert_array_equal(positives.valid, np.arange(slots) < len(found))


def test_without_float64_there_is_none():
    labels, scores = hostile("normal")
    arguments = tf.constant(labels.astype(np.int32)), tf.constant(scores), tf.ones(SLOTS)
    graph = compute("xla", float64=False).get_concrete_function(*arguments).graph
    dtypes = {output.dtype for op in graph.get_operations() for output in op.outputs}
    for inner in graph.as_graph_def().library.function:
        dtypes |= {tf.as_dtype(attr.type) for node in inner.node_def for attr in node.attr.values() if attr.type}
    assert tf.float32 in dtypes
    assert tf.float64 not in dtypes


def test_weights_are_added_up_on_a_gpu_too(monkeypatch):
    indices = tf.constant([0, 2, 2, 3, 7, 3])
    weights = tf.constant([0.5, 1, 2, 4, 8, 16], tf.float64)
    np.testing.assert_array_equal(count_values(indices, 5, weights), [0.5, 0, 3, 20, 0])
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind=None: [kind])
    np.testing.assert_array_equal(count_values(indices, 5, weights), [0.5, 0, 3, 20, 0])
