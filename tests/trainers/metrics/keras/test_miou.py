"""mIoU of the three kinds against the measure in NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.metrics import MIoU
from metricfit.trainers.metrics import Jaccard

CLASSES = 4


def batches(seed=0, ignore=255):
    """Batches of (labels [B, 6, 7], scores [B, 6, 7, 4]); some classes and one whole image are missing."""
    rng = np.random.default_rng(seed)
    found = []
    for size in (3, 1, 2):
        labels = np.stack([rng.choice(rng.permutation(CLASSES)[:2], (6, 7)) for _ in range(size)])
        scores = rng.normal(0, 1, (size, 6, 7, CLASSES)) + 2 * np.eye(CLASSES)[labels]
        labels[rng.random(labels.shape) < 0.2] = ignore
        found.append((labels, scores.astype(np.float32)))
    found[0][0][1] = ignore
    return found


def expected(parts, name):
    """By `Jaccard`, with the batches one after another."""
    if not name.startswith("batch"):
        jaccard = Jaccard("abcd")
        for labels, scores in parts:
            for one, other in zip(labels, scores):
                jaccard.update(one, other.argmax(axis=-1))
        return jaccard.result().scalars[name]
    return np.mean([expected([part], name.replace("batch", "dataset")) for part in parts])


KINDS = [(over, present) for over in ("dataset", "batch", "image") for present in (False, True)]


# The first two and the last but one are tried under XLA in test_everywhere.py.
@pytest.mark.parametrize(
    ("over", "present", "jit"),
    [*((*kind, False) for kind in KINDS), *((*kind, True) for kind in (*KINDS[2:4], KINDS[5]))],
)
def test_agrees_with_numpy(over, present, jit):
    metric = MIoU(CLASSES, over, present=present)
    assert metric.name == f"{over}_miou" + ("_present" if present else "")
    update = tf.function(metric.update_state, jit_compile=jit)
    for number, (labels, scores) in enumerate(batches()):
        update(labels[..., None] if number else labels, scores)
    assert float(metric.result()) == pytest.approx(expected(batches(), metric.name), abs=1e-6)


def test_class_maps_and_probabilities_are_taken():
    (labels, scores), *_ = batches()
    results = []
    for predicted in (scores, tf.nn.softmax(scores), scores.argmax(axis=-1), scores.argmax(axis=-1)[..., None]):
        metric = MIoU(CLASSES)
        metric.update_state(labels, predicted)
        results.append(float(metric.result()))
    assert len(set(results)) == 1


def test_another_ignored_label():
    plain, other = MIoU(CLASSES), MIoU(CLASSES, ignore_label=3)
    (labels, scores), *_ = batches()
    plain.update_state(np.where(labels == 3, 255, labels), scores)
    other.update_state(np.where(labels == 255, 3, labels), scores)
    assert float(plain.result()) == float(other.result())


@pytest.mark.parametrize("over", ["dataset", "image"])
def test_sample_weight_counts_images(over):
    (labels, scores), *_ = batches()
    weighted, repeated = MIoU(CLASSES, over), MIoU(CLASSES, over)
    weighted.update_state(labels, scores, sample_weight=[2, 1, 0])
    repeated.update_state(labels[[0, 0, 1]], scores[[0, 0, 1]])
    assert float(weighted.result()) == pytest.approx(float(repeated.result()), abs=1e-7)


def test_many_pixels_are_counted_one_by_one():
    metric = MIoU(2)
    metric.confusion.assign([[2.0**25, 0], [0, 1]])
    metric.update_state(np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))
    assert metric.confusion.numpy()[0, 0] == 2**25 + 1


def test_nothing_gives_zero():
    for over in ("dataset", "batch", "image"):
        for present in (False, True):
            metric = MIoU(CLASSES, over, present=present)
            metric.update_state(np.full((2, 3, 3), 255), np.zeros((2, 3, 3)))
            assert float(metric.result()) == 0


def test_faults_are_named():
    with pytest.raises(ValueError, match="over one of dataset, batch, image"):
        MIoU(3, "pixel")
    with pytest.raises(ValueError, match="one shape"):
        MIoU(3).update_state(np.zeros((1, 3, 3)), np.zeros((1, 3, 4)))
    with pytest.raises(ValueError, match="y_pred must have shape"):
        MIoU(3).update_state(np.zeros((1, 3, 3)), np.zeros((1, 3, 3, 4)))
