"""What is true of single ranking losses: the worked example, Proposition 1, sizes, and the baselines beside Keras."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses

from ..reference.ranking_losses import reference
from .modes import MODES, assert_close_in_sum

RANKING = [name for name, entry in losses.LOSSES.items() if "max_positives" in entry.hyperparameters]
# Oksuz et al., NeurIPS 2020, Figure 1: ten anchors, four of them positive, and three outputs for their boxes.
POSITIVES = [0, 2, 5, 9]
SCORES = np.linspace(1.0, 0.1, 10, dtype=np.float32)
IOUS = {"R1": [0.95, 0.80, 0.65, 0.50], "R2": [0.80, 0.65, 0.50, 0.95], "R3": [0.50, 0.65, 0.80, 0.95]}


def worked_example(ious=(1, 1, 1, 1)):
    labels, quality = np.zeros(10, np.int32), np.zeros(10, np.float32)
    labels[POSITIVES], quality[POSITIVES] = 1, ious
    return labels, SCORES, quality


@pytest.mark.parametrize(("delta", "expected"), [(1e-4, 0.3583), (1.0, 0.5154)])
def test_ap_of_the_worked_example(delta, expected):
    labels, scores, _ = worked_example()
    assert float(losses.ap_loss(labels, scores, delta=delta)) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(("delta", "expected"), [(1e-4, [0.53, 0.6925, 0.8925]), (1.0, [0.7231, 0.7990, 0.8407])])
def test_alrp_of_the_worked_example(delta, expected):
    for ious, total in zip(IOUS.values(), expected):
        labels, scores, quality = worked_example(ious)
        parts = losses.alrp_loss(labels, scores, losses.iou_error(quality), delta=delta)
        assert float(sum(parts)) == pytest.approx(total, abs=5e-5)
        assert float(parts[0]) == pytest.approx(float(losses.ap_loss(labels, scores, delta=delta)), rel=1e-6)


def test_interpolated_precision_by_hand():
    # ranks 1, 3, 4 and 9 of 9: precisions 1, 2/3, 3/4 and 4/9, the second of which rises to 3/4
    labels = np.array([1, 0, 1, 1, 0, 0, 0, 0, 1])
    scores = np.arange(9, 0, -1, dtype=np.float32)
    plain = 1 - np.mean([1, 2 / 3, 3 / 4, 4 / 9])
    assert float(losses.ap_loss(labels, scores, delta=0.1)) == pytest.approx(plain, rel=1e-6)
    # Chen et al., CVPR 2019, Algorithm 1: precision may not fall as the score rises
    interpolated = 1 - np.mean([1, 3 / 4, 3 / 4, 4 / 9])
    assert float(losses.ap_loss(labels, scores, delta=0.1, interpolated=True)) == pytest.approx(interpolated, rel=1e-6)


def test_ndcg_is_one_minus_ndcg_for_a_small_delta():
    rng = np.random.default_rng(0)
    labels, scores = (rng.random(60) < 0.3).astype(np.int32), rng.permutation(60).astype(np.float32)
    ranks = np.flatnonzero(labels[np.argsort(-scores)]) + 1
    gain, best = (1 / np.log2(1 + ranks)).sum(), (1 / np.log2(1 + np.arange(1, len(ranks) + 1))).sum()
    assert float(losses.ndcg_loss(labels, scores, delta=0.1)) == pytest.approx(1 - gain / best, rel=1e-5)


def test_auc_is_one_minus_auc_for_a_small_delta():
    rng = np.random.default_rng(1)
    labels, scores = (rng.random(60) < 0.3).astype(np.int32), rng.permutation(60).astype(np.float32)
    above = (scores[labels == 1][:, None] > scores[labels == 0]).mean()
    assert float(losses.auc_loss(labels, scores, delta=0.1)) == pytest.approx(1 - above, rel=1e-5)


@pytest.mark.parametrize("name", ["ap", "auc", "ndcg"])
def test_a_linear_model_converges_in_finitely_many_steps(name):
    # Chen et al., CVPR 2019, Proposition 1: separable data, a step that is nearly Heaviside's, the plain update
    rng = np.random.default_rng(2)
    normal = rng.normal(0, 1, 6)
    features = rng.normal(0, 1, (400, 6))
    offset = features @ normal / np.linalg.norm(normal)
    features, offset = features[np.abs(offset - 1) > 0.1], offset[np.abs(offset - 1) > 0.1]
    labels = (offset > 1).astype(np.int32)
    features = tf.constant(features, tf.float32)
    function = losses.LOSSES[name].function

    @MODES["graph"]
    def step(weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            loss = function(labels, tf.linalg.matvec(features, weights), delta=1e-4)
        return loss, tape.gradient(loss, weights)

    weights = tf.constant(rng.normal(0, 1, 6), tf.float32)
    first, gradient = step(weights)
    assert float(first) > 0.05
    for _ in range(1000):
        if not gradient.numpy().any():
            break
        weights -= gradient
        last, gradient = step(weights)
    assert not gradient.numpy().any()
    assert float(last) < 1e-5
    scores = tf.linalg.matvec(features, weights).numpy()
    assert scores[labels == 1].min() > scores[labels == 0].max()


def many_entries(case):
    """20 000 entries: usual ones, a fresh network's, large logits, and more positives than slots."""
    rng = np.random.default_rng(3)
    labels = rng.choice([1, 0, -1], 20_000, p=[0.02, 0.88, 0.1])
    if case == "crowded":
        labels = np.where(np.arange(20_000) < 3000, rng.choice([1, 0], 20_000, p=[0.3, 0.7]), -1)
    scores = rng.normal(-3, 1.5, 20_000) + 2 * (labels == 1)
    scores = {"fresh": -4.6 + 0.01 * scores, "large": 1e4 * scores}.get(case, scores)
    return labels, scores.astype(np.float32), rng.random(20_000).astype(np.float32)


@pytest.mark.parametrize("name", ["alrp", "ndcg"])
def test_many_entries_against_the_reference(name):
    function = losses.LOSSES[name].function

    @MODES["graph"]
    def step(labels, *tensors):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            values = tf.reshape(tf.stack(function(labels, *tensors, max_positives=512)), [-1])
            total = tf.reduce_sum(values)
        return values, *tape.gradient(total, tensors)

    for case in ("usual", "fresh", "large", "crowded"):
        labels, scores, boxes = many_entries(case)
        values, *gradients = step(*map(tf.constant, [labels, scores, boxes][: 3 if name == "alrp" else 2]))
        expected_values, *expected = reference(name, labels, scores, boxes)
        np.testing.assert_allclose(values, expected_values, rtol=1e-5)
        for gradient, wanted in zip(gradients, expected):
            assert_close_in_sum(gradient, wanted, 1e-5)


def test_rank_sort_of_many_positives():
    rng = np.random.default_rng(4)
    labels = rng.choice([1, 0, -1], 3000, p=[0.4, 0.5, 0.1])
    scores, quality = rng.normal(0, 1, 3000).astype(np.float32), np.round(rng.random(3000), 2).astype(np.float32)

    @MODES["graph"]
    def step(labels, scores, quality):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            ranking, sorting = losses.rank_sort_loss(labels, scores, quality)
            total = 2 * ranking - 3 * sorting
        return ranking, sorting, tape.gradient(total, scores)

    *values, gradient = step(*map(tf.constant, (labels, scores, quality)))
    expected_values, expected, _ = reference("rank_sort", labels, scores, quality, upstream=[2.0, -3.0])
    np.testing.assert_allclose(values, expected_values, rtol=1e-5)
    assert_close_in_sum(gradient, expected, 1e-5)


def bucketed(labels, scores):
    """Give each negative the mean score of the negatives between the same two positives (Yavuz et al., ECCV 2024)."""
    run = np.searchsorted(np.sort(scores[labels == 1]), scores)
    means = {place: scores[(labels == 0) & (run == place)].mean() for place in np.unique(run[labels == 0])}
    return np.where(labels == 0, [means.get(place, 0) for place in run], scores)


def test_rank_sort_is_what_bucketed_rank_sort_comes_near_to():
    rng = np.random.default_rng(7)
    labels = (np.arange(500) % 10 == 0).astype(int)
    scores = (rng.permutation(500) / 100 + 2.005 * labels).astype(np.float32)
    quality = rng.random(500).astype(np.float32)

    def found(delta):
        with tf.GradientTape() as tape:
            tensor = tf.constant(scores)
            tape.watch(tensor)
            value = sum(losses.rank_sort_loss(labels, tensor, quality, delta=delta))
        return float(value), tape.gradient(value, tensor)

    def far(one, other):
        return np.abs(one - other).sum() / np.abs(other).sum()

    assert len(np.unique(bucketed(labels, scores)[labels == 0])) <= labels.sum() + 1
    # in buckets of their mean negatives push as by themselves where the step is steeper than any two scores are apart
    for delta, in_buckets in ((1e-4, 0), (0.5, 0.01)):
        value, gradient = found(delta)
        expected, wanted, _ = reference("rank_sort", labels, scores, quality, delta=delta)
        assert value == pytest.approx(expected.sum(), rel=1e-5)
        assert far(gradient, wanted) < 1e-5
        near, about, _ = reference("rank_sort", labels, bucketed(labels, scores), quality, delta=delta)
        if in_buckets:
            assert far(about, wanted) > in_buckets, (far(about, wanted), near.sum(), expected.sum())
        else:
            assert value == pytest.approx(near.sum(), rel=1e-5)
            assert far(gradient, about) < 1e-5


def test_alrp_gives_boxes_the_derivative_of_its_localisation_part():
    rng = np.random.default_rng(5)
    labels, scores = (
        rng.choice([1, 0, -1], (2, 8, 3), p=[0.3, 0.5, 0.2]),
        rng.normal(0, 1, (2, 8, 3)).astype(np.float32),
    )
    corners = rng.uniform(0, 5, (2, 8, 2))
    boxes = tf.constant(np.concatenate([corners, corners + rng.uniform(2, 6, (2, 8, 2))], axis=-1))
    target = tf.constant(boxes + rng.uniform(-0.9, 0.9, boxes.shape))

    def localization(boxes):
        error = losses.giou_error(losses.aligned_giou(boxes, target))[..., tf.newaxis]
        return losses.alrp_loss(labels, scores, error)[1]

    with tf.GradientTape() as tape:
        tape.watch(boxes)
        value = localization(boxes)
    gradient = tape.gradient(value, boxes).numpy()
    has_positive = (labels == 1).any(-1)
    assert not gradient[~has_positive].any()
    for image, anchor in np.argwhere(has_positive)[:4]:
        for coordinate in range(4):
            moved = np.zeros(boxes.shape)
            moved[image, anchor, coordinate] = 1e-2
            difference = float(localization(boxes + moved) - localization(boxes - moved)) / 2e-2
            assert gradient[image, anchor, coordinate] == pytest.approx(difference, abs=2e-4)


def test_a_properly_ranked_positive_has_no_gradient():
    # false positives of 0.5e-5 and 2e-5 stand on the two sides of 1e-5
    for lead, moved in ((1 - 1e-5, False), (1 - 4e-5, True)):
        with tf.GradientTape() as tape:
            scores = tf.constant([lead, 0.0])
            tape.watch(scores)
            loss = losses.ap_loss([1, 0], scores)
        assert tape.gradient(loss, scores).numpy().any() == moved
        assert float(loss) > 0


def test_a_properly_sorted_positive_has_no_gradient():
    # the one of quality 0.9 is right but for 0.5e-5 and 2e-5 of a step
    for lead, moved in ((1 - 1e-5, False), (1 - 4e-5, True)):
        with tf.GradientTape() as tape:
            scores = tf.constant([lead, 0.0])
            tape.watch(scores)
            _, sorting = losses.rank_sort_loss([1, 1], scores, np.float32([0.9, 0.1]), delta=1.0)
        assert tape.gradient(sorting, scores).numpy().any() == moved
        assert float(sorting) > 0


def test_clipped_errors_bound_alrp():
    labels, scores, _ = worked_example()
    far = np.full(10, 2.0, np.float32)
    assert float(sum(losses.alrp_loss(labels, scores, far))) > 1
    assert float(sum(losses.alrp_loss(labels, scores, far, clip_error=True))) <= 1


def test_focal_is_keras_own():
    rng = np.random.default_rng(6)
    labels, scores = rng.choice([1, 0], (4, 30)), rng.normal(0, 2, (4, 30)).astype(np.float32)
    whole = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.3, gamma=1.5, from_logits=True, reduction="sum"
    )
    expected = 30 * float(whole(labels, scores)) / (labels == 1).sum()
    assert float(losses.binary_focal_loss(labels, scores, alpha=0.3, gamma=1.5)) == pytest.approx(expected, rel=1e-5)
    alone = losses.binary_focal_loss(np.zeros(3, int), np.zeros(3, np.float32))
    assert float(alone) == pytest.approx(3 * 0.75 * 0.25 * np.log(2), rel=1e-5)


def test_hard_negatives_are_the_highest():
    labels = np.array([1, 0, 0, 0, -1, 0, 0])
    scores = np.float32([0, 3, 1, 2, 9, -1, 2])
    cross_entropy = lambda label, score: np.logaddexp(0, -score if label else score)  # noqa: E731
    for ratio, chosen in ((0, []), (1, [3]), (2, [3, 2]), (3.9, [3, 2, 2]), (4, [3, 2, 2, 1]), (100, [3, 2, 2, 1, -1])):
        expected = cross_entropy(1, 0) + sum(cross_entropy(0, score) for score in chosen)
        value = losses.cross_entropy_ohem(labels, scores, negatives_per_positive=ratio)
        assert float(value) == pytest.approx(expected, rel=1e-6)
    with tf.GradientTape() as tape:
        tensor = tf.constant(scores)
        tape.watch(tensor)
        loss = losses.cross_entropy_ohem(labels, tensor, negatives_per_positive=2)
    gradient = tape.gradient(loss, tensor).numpy()
    assert gradient[3] == gradient[6] == pytest.approx(0.5 / (1 + np.exp(-2)), rel=1e-6), "ties share what is left"
    assert not gradient[[2, 4, 5]].any()


PAGE = (Path(__file__).parents[2] / "docs" / "losses.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"<!-- a test runs this -->\n```python\n(.*?)```", PAGE, re.DOTALL)


def test_every_example_of_the_docs_is_run():
    assert len(EXAMPLES) == PAGE.count("```python") == 5


# What KerasCV hands to a loss is what KerasHub does.
@pytest.mark.parametrize(
    "program",
    [pytest.param(one, marks=[pytest.mark.long] if "keras_cv" in one else []) for one in EXAMPLES],
    ids=["candidates", "keras_hub", "keras_hub_boxes", "keras_cv", "own_head"],
)
def test_the_examples_of_the_docs_run(program, capsys):
    if "keras_hub" in program:
        pytest.importorskip("keras_hub", reason="the extra hub is not installed")
    keras.utils.set_random_seed(0)
    exec(compile(program, "docs/losses.md", "exec"), {})
    first, last = map(float, capsys.readouterr().out.strip().splitlines()[-1].split(" -> "))
    assert last < 0.5 * first


def one_hot_batch(rows, positives):
    """Labels one-hot, int8 [rows, 8], but for rows without a positive; logits; a number per row [rows, 1]."""
    rng = np.random.default_rng(5)
    labels = np.zeros((rows, 8), np.int8)
    labels[:positives, 0] = 1
    return labels, rng.normal(0, 1, labels.shape).astype(np.float32), rng.random((rows, 1)).astype(np.float32)


@pytest.mark.parametrize("name", RANKING)
def test_one_hot_labels_change_nothing(name):
    loss = losses.get(name, max_positives=7)

    @MODES["graph"]
    def run(*arguments):
        every = [loss.parts(*arguments, one_hot=one_hot) for one_hot in (True, False)]
        return [[part for part in parts if part is not None] for parts in every]

    for positives in (3, 30):  # enough slots, and too few
        one_hot, told = run(*map(tf.constant, one_hot_batch(40, positives)[: 3 if loss.needs else 2]))
        np.testing.assert_allclose(one_hot, told, rtol=1e-6)


@pytest.mark.parametrize("name", RANKING)
def test_more_positives_than_rows_are_told_apart_from_one_hot_labels(name):
    loss = losses.get(name, max_positives=7)
    labels, *others = one_hot_batch(40, 40)
    labels[0, 1] = 1
    parts = loss.parts(labels, *others[: 2 if loss.needs else 1], one_hot=True)
    assert all(np.isnan(part) for part in parts if part is not None)
    assert np.isfinite(loss.parts(labels, *others[: 2 if loss.needs else 1])[0])


def test_a_graph_has_a_loss_once_for_any_number_of_positives():
    # XLA has it twice: with slots for a usual number of them, and for as many as there may be
    labels, scores, _ = map(tf.constant, one_hot_batch(40, 3))
    sorts = {}
    for mode in ("graph", "xla"):
        step = MODES[mode](lambda *arguments: losses.ap_loss(*arguments, max_positives=7))
        graph = step.get_concrete_function(labels, scores).graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        sorts[mode] = sum(node.op == "TopKV2" for node in nodes)
    assert 0 < 2 * sorts["graph"] == sorts["xla"]


@pytest.mark.long
def test_xla_sets_aside_memory_for_a_positive_a_row():
    labels, scores = (tf.zeros((1000, 80), dtype) for dtype in (tf.int8, tf.float32))

    def bytes_set_aside(one_hot):
        step = MODES["xla"](lambda labels, scores: losses.ap_loss(labels, scores, max_positives=50, one_hot=one_hot))
        text = step.experimental_get_compiler_ir(labels, scores)(stage="optimized_hlo")
        return sum(
            int(np.prod([int(side) for side in shape.split(",")])) for shape in re.findall(r"f64\[([\d,]+)\]", text)
        )

    assert bytes_set_aside(True) < bytes_set_aside(False) / 10


def test_hard_negatives_at_plus_and_minus_zero_are_equally_hard():
    scores = tf.constant([0.5, 0.0, -0.0])
    with tf.GradientTape() as tape:
        tape.watch(scores)
        value = losses.cross_entropy_ohem([1, 0, 0], scores, negatives_per_positive=1)
    np.testing.assert_allclose(tape.gradient(value, scores)[1:], [0.25, 0.25])


@pytest.mark.parametrize("mode", MODES)
def test_a_lowest_window_that_begins_at_zero_holds_nothing_that_does_not_count(mode):
    # subnormal numbers are taken for 0, so that there is none between 0 and the numbers below it
    labels, scores = tf.constant([1, 1, 0, -1]), tf.constant([1.0, 1.5, 1.0, 1.5])

    @MODES[mode]
    def gradient(labels, scores):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss = losses.ap_loss(labels, scores, delta=1.0)
        return tape.gradient(loss, scores)

    # FP/rank: (1/2) / (1 + 3/4 + 1/2) and (1/4) / (1 + 1/4 + 1/4), each halved
    expected = [-1 / 9, -1 / 12, 1 / 9 + 1 / 12, 0]
    np.testing.assert_allclose(gradient(labels, scores), expected, rtol=0, atol=1e-6)
