"""Targets and predictions that a loss is not told of: refused in a sentence, or NaN under XLA; and masks of bytes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.losses import ranges

from .contract import MADE_OF_OTHERS
from .modes import MODES

SALIENCY, SEGMENTATION, DETECTION = (
    [name for name, entry in losses.LOSSES.items() if entry.task == task]
    for task in ("saliency", "segmentation", "detection")
)
SALIENCY = [name for name in SALIENCY if name not in MADE_OF_OTHERS]
MASKS = np.random.default_rng(0).random((2, 6, 7)) < 0.4
MAPS = np.random.default_rng(1).uniform(0.05, 0.95, MASKS.shape).astype(np.float32)
NUMBERS = np.random.default_rng(2).integers(0, 3, MASKS.shape)
SCORES = np.random.default_rng(3).normal(0, 1, (*MASKS.shape, 3)).astype(np.float32)
VOID = np.where(MASKS, 1, np.where(MAPS > 0.8, 255, 0))


def value(loss, y_true, y_pred, mode="graph"):
    return MODES[mode](loss)(tf.constant(y_true), tf.constant(y_pred)).numpy()


def refused(loss, y_true, y_pred, sentence, modes=("eager", "graph", "xla")):
    """See that the sentence is said, with what was found, and that XLA gives NaN for the value and the gradient."""
    for mode, error in (("eager", ValueError), ("graph", tf.errors.InvalidArgumentError)):
        if mode in modes:
            with pytest.raises(error, match=sentence):
                value(loss, y_true, y_pred, mode)
    if "xla" in modes:
        nan_under_xla((loss, y_true, y_pred))


def nan_under_xla(*cases):
    """See that XLA gives NaN for the value and the gradient of each loss, targets and predictions, in one program."""

    @MODES["xla"]
    def steps(*given):
        found = []
        for (loss, *_), (y_true, y_pred) in zip(cases, given):
            with tf.GradientTape() as tape:
                tape.watch(y_pred)
                value = tf.reduce_sum(loss(y_true, y_pred))
            found.append((value, tape.gradient(value, y_pred)))
        return found

    # as arguments: of constants XLA takes the least and largest in another way, which NaN does not pass
    for value, gradient in steps(*((tf.constant(y_true), tf.constant(y_pred)) for _, y_true, y_pred in cases)):
        assert np.isnan(value)
        assert np.isnan(gradient).any()


@pytest.mark.parametrize("name", SALIENCY)
def test_masks_of_0_and_255(name):
    loss, function = losses.get(name), losses.LOSSES[name].function
    right, each = value(loss, MASKS, MAPS), function(MASKS, MAPS).numpy()
    of_bytes = (MASKS * 255).astype(np.uint8)
    for mode in MODES if name == "floss" else ("eager", "graph"):
        np.testing.assert_allclose(value(loss, of_bytes, MAPS, mode), right, rtol=1e-6)
        np.testing.assert_allclose(value(function, of_bytes, MAPS, mode), each, rtol=1e-6)
    sentence = r"y_true must lie in 0 to 1, .*: divide masks of 0 and 255 by 255, .* as ignore_label.*0.*255"
    modes = ("eager", "graph", "xla") if name in ("cross_entropy", "log_floss") else ("eager", "graph")
    for other in (of_bytes.astype(np.int32), of_bytes.astype(np.float32)):
        refused(loss, other, MAPS, sentence, modes)
        modes = ("eager", "graph")
    refused(function, of_bytes.astype(np.int32), MAPS, sentence, modes)


def test_bytes_of_0_1_and_255_are_not_guessed_at():
    loss, labels = losses.FLoss(), VOID.astype(np.uint8)
    refused(loss, labels, MAPS, "a number that marks what to leave out as ignore_label.*255", ("eager", "graph"))
    expected = losses.FLoss(ignore_label=-1)(np.where(labels == 255, -1, VOID), MAPS)
    np.testing.assert_allclose(losses.FLoss(ignore_label=255)(labels, MAPS), expected)
    # 255 is foreground where another number is left out
    marked = np.where(MASKS, 255, np.where(MAPS > 0.8, 2, 0)).astype(np.uint8)
    np.testing.assert_allclose(losses.FLoss(ignore_label=2)(marked, MAPS), expected)
    for grey in (np.uint8(MASKS * 254), np.uint8(MAPS * 255)):
        refused(loss, grey, MAPS, "y_true must lie in 0 to 1", ("eager", "graph"))


@pytest.mark.parametrize("name", SALIENCY)
def test_nan_among_the_labels_or_weights_is_no_loss_of_0(name):
    empties = ("paper", "suppress") if "empty_target" in losses.LOSSES[name].hyperparameters else (None,)
    labels, weights = (np.where(np.cumsum(MASKS).reshape(MASKS.shape) == 1, np.nan, kept) for kept in (MASKS, 1.0))
    cases = []
    for from_logits, y_pred in ((False, MAPS), (True, SCORES[..., 0])):
        for empty_target in empties:
            loss = losses.get(name, from_logits=from_logits, **({"empty_target": empty_target} if empty_target else {}))
            refused(loss, labels, y_pred, "y_true must lie in 0 to 1", ("eager", "graph"))
            cases.append((loss, labels, y_pred))
    weights = tf.constant(weights, tf.float32)
    weighed = lambda y_true, y_pred: loss(y_true, y_pred, weights)  # noqa: E731
    refused(weighed, MASKS, SCORES[..., 0], "sample_weight must hold numbers of at least 0", ("eager", "graph"))
    nan_under_xla(*cases, (weighed, MASKS, SCORES[..., 0]))


@pytest.mark.parametrize("name", SALIENCY)
def test_other_values_that_no_mask_has(name):
    loss = losses.get(name)
    for labels in (MASKS + 1, MASKS - 1, MASKS * -1.0, np.where(MASKS, np.nan, 0), MASKS * 1.001):
        refused(loss, labels, MAPS, "y_true must lie in 0 to 1", ("eager", "graph"))
    soft = np.where(MASKS, 0.75, 0.25)
    assert np.isfinite(value(loss, soft, MAPS)).all()
    refused(loss, MASKS, SCORES[..., 0], "y_pred must hold probabilities, 0 to 1: for logits set from_logits=True")
    almost = np.clip(MAPS * 2 - 0.5, -0.0005, 1.0005)
    assert np.isfinite(value(loss, MASKS, almost, "eager")).all()
    ours = losses.get(name, from_logits=True)
    assert np.isfinite(value(ours, MASKS, SCORES[..., 0])).all()
    with pytest.raises(ValueError, match="sample_weight must hold numbers of at least 0"):
        loss(MASKS, MAPS, np.where(MASKS, 1.0, -1.0))


def test_predictions_that_are_no_numbers_give_such_a_loss():
    assert np.isnan(value(losses.FLoss(), MASKS, np.where(MASKS, np.nan, MAPS), "eager"))


@pytest.mark.parametrize("name", SEGMENTATION)
def test_numbers_of_no_class(name):
    loss = losses.get(name, from_logits=True)
    first = name == "lovasz_softmax"
    sentence = "y_true must hold the whole numbers of 3 classes, 0 to 2: subtract 1 where they begin at 1, .*"
    refused(loss, NUMBERS + 1, SCORES, sentence + "1.*3", ("eager", "graph", "xla") if first else ("eager",))
    for labels in (NUMBERS - 1, np.where(NUMBERS == 0, 255, NUMBERS), NUMBERS + 0.5, np.where(NUMBERS, 1, np.nan)):
        refused(loss, labels, SCORES, sentence, ("eager", "graph") if first else ("eager",))
    marked = np.where(NUMBERS == 0, 255, NUMBERS).astype(np.uint8)
    assert np.isfinite(value(losses.get(name, from_logits=True, ignore_label=255), marked, SCORES, "eager")).all()
    refused(losses.get(name, from_logits=False), NUMBERS, SCORES, "y_pred must hold probabilities, 0 to 1", ("eager",))


@pytest.mark.parametrize("name", SEGMENTATION)
def test_numbers_of_classes_are_not_read_as_masks(name):
    loss, of_bytes = losses.get(name, from_logits=True), (MASKS * 255).astype(np.uint8)
    sentence = "y_true must hold the whole numbers of 3 classes, 0 to 2.*255"
    for labels in (of_bytes, of_bytes[..., None]):
        refused(loss, labels, SCORES, sentence)
    refused(losses.combined(**{name: 1.0}, from_logits=True), of_bytes, SCORES, sentence, ("eager",))
    refused(losses.get(name, from_logits=True, ignore_label=2), of_bytes, SCORES, sentence, ("eager",))


@pytest.mark.parametrize("name", ["lovasz_hinge", "lovasz_softmax", "jaccard_metric_softmax"])
def test_masks_of_one_class(name):
    loss = losses.get(name, from_logits=True)
    right = value(loss, MASKS * 1, SCORES[..., 0])
    of_bytes = (MASKS * 255).astype(np.uint8)
    np.testing.assert_allclose(value(loss, of_bytes, SCORES[..., 0]), right, rtol=1e-6)
    hinge = name == "lovasz_hinge"
    sentence = "y_true must hold 0 and 1 and nothing between, .*lovasz_softmax takes" if hinge else "y_true must lie in"
    for labels in (of_bytes.astype(np.int32), MASKS + 1, NUMBERS, *([MASKS * 0.5] if hinge else [])):
        refused(loss, labels, SCORES[..., 0], sentence, ("eager", "graph"))


def test_one_hot_labels_where_numbers_are_meant():
    one_hot = np.eye(3, dtype=np.float32)[NUMBERS]
    for name, more in (
        ("softmax_cross_entropy", {}),
        ("lovasz_softmax", {"exclusive": True}),
        ("jaccard_metric_softmax", {"exclusive": True}),
    ):
        loss = losses.get(name, from_logits=True, **more)
        np.testing.assert_allclose(loss(one_hot, SCORES), loss(NUMBERS, SCORES), rtol=1e-6)
        refused(loss, one_hot + 0.1 * one_hot[..., ::-1] - 0.2, SCORES, "y_true must lie in 0 to 1", ("eager",))
        refused(loss, one_hot * 0.9, SCORES, r"y_true must add up to 1 .*ignore_label.*0\.9", ("eager", "graph"))
    with pytest.warns(UserWarning, match=r"read as several labels a pixel, .* tf.argmax\(y_true, -1\)"):
        losses.LovaszSoftmax(from_logits=True)(one_hot, SCORES)
    with pytest.raises(ValueError, match="y_true must hold 0 and 1"):
        losses.LovaszHinge()(NUMBERS[..., None] + np.zeros(3, int), SCORES)


@pytest.mark.parametrize("name", DETECTION)
def test_labels_of_anchors(name):
    labels, function = NUMBERS - 1, losses.LOSSES[name].function
    boxes = [np.minimum(np.abs(SCORES[..., :1]), 1)] if losses.LOSSES[name].loss_class.needs else []
    loss = lambda y_true, y_pred: tf.reduce_sum(function(y_true, y_pred, *boxes))  # noqa: E731
    labels = labels[..., None] + np.zeros(3, int)
    assert np.isfinite(value(loss, labels, SCORES, "eager"))
    np.testing.assert_array_equal(
        value(loss, np.where(labels < 0, -2, labels), SCORES, "eager"), value(loss, labels, SCORES, "eager")
    )
    modes = {"ap": ("eager", "graph"), "focal": ("eager", "graph", "xla")}.get(name, ("eager",))
    refused(loss, labels + 1, SCORES, "labels must be 1 positive, 0 negative, or negative and ignored.*2", modes)
    refused(loss, labels * 0.5, SCORES, "labels must be 1 positive", ("eager",))


def test_fit_stops_with_the_sentence_and_under_xla_with_nan():
    images = np.random.default_rng(4).random((4, 6, 7, 3)).astype(np.float32)
    masks = (images[..., :1] > 0.5) * 255
    for jit, of_bytes in ((False, True), (False, False), (True, False)):
        model = keras.Sequential([keras.Input((6, 7, 3)), keras.layers.Dense(1)])
        model.compile("sgd", losses.FLoss(from_logits=True), jit_compile=jit)
        if jit:
            assert np.isnan(model.fit(images, masks, verbose=0).history["loss"]).all()
        elif of_bytes:
            assert 0 < model.fit(images, masks.astype(np.uint8), verbose=0).history["loss"][0] < 1
        else:
            with pytest.raises(tf.errors.InvalidArgumentError, match="divide masks of 0 and 255 by 255"):
                model.fit(images, masks, verbose=0)


def test_a_graph_looks_at_the_first_pictures_alone(monkeypatch):
    monkeypatch.setattr(ranges, "_LOOKED_AT", 6 * 7)
    for picture, unseen in ((0, False), (1, True)):
        labels = MASKS.astype(np.float32)
        labels[picture] *= 255
        with pytest.raises(ValueError, match="y_true must lie"):
            losses.floss(labels, MAPS)
        for shape in (MASKS.shape, (None, 6, 7), (None, None, None)):
            signature = [tf.TensorSpec(shape, tf.float32)] * 2
            graph = tf.function(losses.floss, input_signature=signature, autograph=False)
            if unseen:
                graph(labels, MAPS)
            else:
                with pytest.raises(tf.errors.InvalidArgumentError, match="y_true must lie"):
                    graph(labels, MAPS)
