"""Boxes from deltas, and detections: against slow suppression in NumPy, and the same from TFLite's built-in ones."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from metricfit.trainers.models.detector.anchors import AnchorGrid
from metricfit.trainers.models.detector.coding import DELTAS
from metricfit.trainers.models.detector.detect import detections
from metricfit.trainers.models.detector.suppression import METHODS, Suppression

GRID = AnchorGrid(64, scales_per_octave=1)
ANCHORS = GRID.boxes()


def outputs(seed, batch=2, classes=3, spread=2.0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-2, spread, (batch, len(GRID), classes)).astype(np.float32)
    return logits, rng.normal(0, 2, (batch, len(GRID), 4)).astype(np.float32)


def overlap(box, other):
    low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
    shared = np.prod((high - low).clip(0))
    return shared / (np.prod(box[2:] - box[:2]) + np.prod(other[2:] - other[:2]) - shared)


def slow_detections(logits, deltas, *, most, candidates, iou_threshold, score_threshold):
    """(box, score, class) of one picture, by the textbook."""
    boxes = DELTAS.decode(deltas, ANCHORS, 64).numpy()
    order = np.argsort(-logits, axis=None, kind="stable")[:candidates]
    kept = []
    for anchor, label in zip(*np.unravel_index(order, logits.shape)):
        score, box = 1 / (1 + np.exp(-np.float64(logits[anchor, label]))), boxes[anchor]
        if score <= score_threshold or (box[2:] <= box[:2]).any() or len(kept) == most:
            continue
        if all(other[2] != label or overlap(box, other[0]) <= iou_threshold for other in kept):
            kept.append((box, score, label))
    return kept


def test_encoding_is_undone():
    rng = np.random.default_rng(0)
    low = rng.uniform(-20, 60, (50, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 100, (50, 2))], axis=1).astype(np.float32)
    anchors = ANCHORS[rng.integers(0, len(ANCHORS), 50)]
    deltas = DELTAS.encode(boxes, anchors)
    np.testing.assert_allclose(DELTAS.decode(deltas, anchors), boxes, atol=1e-3)
    np.testing.assert_allclose(DELTAS.encode(anchors, anchors), np.zeros((50, 4)), atol=1e-6)


def test_deltas_are_dx_dy_dw_dh():
    anchor = np.array([10, 20, 30, 60], np.float32)
    moved = DELTAS.decode(np.array([1.0, 0, 0, 0], np.float32), anchor)
    np.testing.assert_allclose(moved, anchor + [2, 0, 2, 0], rtol=1e-6)
    moved = DELTAS.decode(np.array([0.0, 1, 0, 0], np.float32), anchor)
    np.testing.assert_allclose(moved, anchor + [0, 4, 0, 4], rtol=1e-6)
    wider = DELTAS.decode(np.array([0, 0, np.log(2) / 0.2, 0], np.float32), anchor)
    np.testing.assert_allclose(wider, [0, 20, 40, 60], atol=1e-4)
    taller = DELTAS.decode(np.array([0, 0, 0, np.log(0.5) / 0.2], np.float32), anchor)
    np.testing.assert_allclose(taller, [10, 30, 30, 50], atol=1e-4)


@pytest.mark.parametrize("size", [1e4, 1e20, 3e38])
def test_huge_deltas_give_finite_boxes_and_gradients(size):
    deltas = tf.constant([[0.0, 0, size, -size]])
    with tf.GradientTape() as tape:
        tape.watch(deltas)
        boxes = DELTAS.decode(deltas, ANCHORS[:1])
    width, height = (boxes[0, 2:] - boxes[0, :2]).numpy() / (ANCHORS[0, 2:] - ANCHORS[0, :2])
    assert width == pytest.approx(62.5, rel=1e-4)
    assert height == pytest.approx(1 / 62.5, rel=1e-4)
    assert np.isfinite(tape.gradient(boxes, deltas)).all()


def test_boxes_are_clipped_only_where_a_size_is_given():
    zero = np.zeros((len(ANCHORS), 4), np.float32)
    np.testing.assert_allclose(DELTAS.decode(zero, ANCHORS), ANCHORS, atol=1e-5)
    np.testing.assert_allclose(DELTAS.decode(zero, ANCHORS, 64), ANCHORS.clip(0, 64), atol=1e-5)
    assert ANCHORS.min() < 0
    assert ANCHORS.max() > 64


@pytest.mark.parametrize(
    ("most", "candidates", "iou_threshold", "score_threshold"),
    [(20, 1000, 0.5, 0.0), (100, 30, 0.3, 0.0), (40, 200, 0.7, 0.4), (5, 1, 0.5, 0.0), (10, 100, 0.5, 0.999)],
)
def test_detections_are_those_of_the_textbook(most, candidates, iou_threshold, score_threshold):
    logits, deltas = outputs(1)
    options = {"score_threshold": score_threshold, "candidates": candidates}
    suppression = Suppression(iou=iou_threshold, max_detections=most)
    boxes, scores, classes, count = detections(logits, deltas, ANCHORS, 64, suppression=suppression, **options)
    assert boxes.shape == (2, most, 4)
    assert [part.dtype for part in (boxes, scores, classes, count)] == ["float32", "float32", "int32", "int32"]
    for image in range(2):
        kept = slow_detections(logits[image], deltas[image], most=most, iou_threshold=iou_threshold, **options)
        number = int(count[image])
        assert number == len(kept)
        if kept:
            for found, expected in zip((boxes, scores, classes), zip(*kept)):
                np.testing.assert_allclose(found[image][:number], np.stack(expected), atol=1e-4)
        assert (boxes[image][number:].numpy() == 0).all()
        assert (scores[image][number:].numpy() == 0).all()
        assert (classes[image][number:].numpy() == -1).all()


def test_each_picture_may_have_references_of_its_own():
    logits, deltas = outputs(2)
    own = np.stack([ANCHORS, ANCHORS[::-1] + 3])
    found = detections(logits, deltas, own, 64)
    for index in range(2):
        alone = detections(logits[index : index + 1], deltas[index : index + 1], own[index], 64)
        for one, other in zip(found, alone):
            np.testing.assert_allclose(one[index], other[0], atol=1e-5)
        of_one = detections(logits[index : index + 1], deltas[index : index + 1], own[index : index + 1], 64)
        for one, other in zip(of_one, alone):
            np.testing.assert_array_equal(one, other)
    assert np.abs(found[0][1] - detections(logits, deltas, ANCHORS, 64)[0][1]).max() > 1


def test_a_batch_is_its_pictures():
    logits, deltas = outputs(2, batch=3)
    together = detections(logits, deltas, ANCHORS, 64)
    dynamic = tf.function(
        lambda *raw: detections(*raw, ANCHORS, 64),
        input_signature=[tf.TensorSpec((None, *logits.shape[1:])), tf.TensorSpec((None, *deltas.shape[1:]))],
    )
    assert [part.shape[1:] for part in dynamic.get_concrete_function().structured_outputs] == [
        (100, 4), (100,), (100,), ()
    ]  # fmt: skip
    for part, other in zip(together, dynamic(logits, deltas)):
        np.testing.assert_array_equal(part, other)
    for image in range(3):
        alone = detections(logits[image : image + 1], deltas[image : image + 1], ANCHORS, 64)
        for part, other in zip(together, alone):
            np.testing.assert_array_equal(part[image], other[0])


def test_one_box_may_have_two_classes():
    logits = np.full((1, len(GRID), 2), -50, np.float32)
    logits[0, 30] = [3, 2]
    _, scores, classes, _ = detections(logits, np.zeros((1, len(GRID), 4), np.float32), ANCHORS, 64)
    assert list(classes[0][:2]) == [0, 1]
    np.testing.assert_allclose(scores[0][:2], 1 / (1 + np.exp([-3, -2])), rtol=1e-6)


def test_saturated_scores_keep_their_order():
    """Ranking losses do not calibrate: logits of 40 and 30 have one score, but not one rank."""
    logits = np.full((1, len(GRID), 1), -1e4, np.float32)
    logits[0, [3, 60, 150], 0] = [30, 40, 35]
    boxes, scores, _, _ = detections(logits, np.zeros((1, len(GRID), 4), np.float32), ANCHORS, 64)
    assert (scores[0][:3].numpy() == 1).all()
    np.testing.assert_allclose(boxes[0][:3], ANCHORS[[60, 150, 3]].clip(0, 64), atol=1e-4)


def test_boxes_outside_are_no_detections():
    deltas = np.zeros((1, len(GRID), 4), np.float32)
    deltas[..., 0] = 1e4
    boxes, _, _, count = detections(outputs(3, batch=1)[0], deltas, ANCHORS, 64)
    assert int(count[0]) == 0
    assert not boxes.numpy().any()


def test_few_anchors_are_no_obstacle():
    outputs, few = (np.zeros((1, 2, 1)), np.zeros((1, 2, 4))), Suppression(max_detections=7)
    boxes, _, _, count = detections(*outputs, ANCHORS[[0, 100]], 64, suppression=few)
    assert boxes.shape == (1, 7, 4)
    assert int(count[0]) == 2


def test_wrong_threshold():
    with pytest.raises(ValueError, match="score_threshold"):
        detections(*outputs(0), ANCHORS, 64, score_threshold=1.0)


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_tflite_finds_the_same(tmp_path, method):
    """Boxes beyond the edges are among the candidates."""
    specs = [tf.TensorSpec((1, len(GRID), 3), name="logits"), tf.TensorSpec((1, len(GRID), 4), name="deltas")]
    module, suppression = tf.Module(), Suppression(method)
    module.found = tf.function(
        lambda logits, deltas: dict(zip("bsck", detections(logits, deltas, ANCHORS, 64, suppression=suppression))),
        input_signature=specs,
    )
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.found})
    converter = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    run = Interpreter(model_content=converter.convert(), num_threads=1).get_signature_runner()
    for seed, spread in ((4, 0.01), (5, 8.0)):
        logits, deltas = outputs(seed, batch=1, spread=spread)
        found, expected = run(logits=logits, deltas=deltas), module.found(logits, deltas)
        for name, most in (("b", 1e-4), ("s", 1e-6), ("c", 0), ("k", 0)):
            difference = np.abs(found[name] - expected[name].numpy()).max()
            assert difference <= most, (seed, name, difference)
