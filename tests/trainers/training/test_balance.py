"""Self-balancing, gradient balance and correlation of ranks, in tiny trainings; event files are read back."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.models.detector.retinanet import build_retinanet
from metricfit.trainers.training.callbacks import SelfBalancing
from metricfit.trainers.training.reporting import RankingWatch


class Stub:
    """What self-balancing needs of a detector."""

    def __init__(self):
        self.box_weight = tf.Variable(1.0)


def balancing(initial=50.0):
    callback = SelfBalancing(initial)
    callback.set_model(Stub())
    return callback, callback.model.box_weight


def logs(classification, localization):
    return {"classification_loss": classification, "localization_loss": localization, "loss": 123.0}


def test_the_weight_is_total_over_localisation_of_the_last_epoch():
    callback, weight = balancing()
    callback.on_epoch_begin(0)
    assert float(weight) == 50
    callback.on_epoch_end(0, logs(0.9, 0.1))
    assert float(weight) == pytest.approx(10)
    callback.on_epoch_begin(1)
    assert float(weight) == pytest.approx(10)
    callback.on_epoch_end(1, logs(0.3, 0.2))
    assert float(weight) == pytest.approx(2.5)


@pytest.mark.parametrize("parts", [(0.0, 0.0), (float("nan"), 0.1), (0.5, float("nan")), (float("inf"), 0.1)])
def test_an_epoch_that_tells_nothing_changes_nothing(parts):
    callback, weight = balancing(7.0)
    callback.on_epoch_begin(0)
    callback.on_epoch_end(0, logs(*parts))
    assert float(weight) == 7


def test_a_resumed_training_keeps_its_weight():
    callback, weight = balancing()
    weight.assign(4.0)
    callback.on_epoch_begin(3)
    assert float(weight) == 4


def test_wrong_use_of_self_balancing():
    with pytest.raises(ValueError, match="above 0"):
        SelfBalancing(0.0)
    callback = SelfBalancing()
    callback.set_model(keras.Sequential())
    with pytest.raises(MetricfitError, match="needs a detector"):
        callback.on_epoch_begin(0)


def batch(objects=True):
    rng = np.random.default_rng(3)
    boxes, classes = np.full((2, 3, 4), -1, np.float32), np.full((2, 3), -1, np.int32)
    if objects:
        boxes[0, :2], boxes[1, 0] = [[4, 8, 36, 40], [20, 30, 60, 60]], [10, 10, 50, 30]
        classes[0, :2], classes[1, 0] = [0, 1], 0
    return rng.integers(0, 256, (2, 64, 64, 3)).astype(np.uint8), {"boxes": boxes, "classes": classes}


def detector(loss):
    keras.utils.set_random_seed(1)
    model = build_retinanet("tiny", size=64, class_names=["a", "b"], channels=8, head_layers=0, scales_per_octave=1)
    model.compile("sgd", loss, run_eagerly=True)
    return model


def watch(model, batches, folder):
    callback = RankingWatch(batches, folder)
    callback.set_model(model)
    return callback


def test_what_is_examined(tiny, tmp_path):
    model = detector("focal")
    images, y = batch()
    labels, logits, gradients, iou = (part.numpy() for part in model.examine(images, y))
    assert labels.shape == logits.shape == gradients.shape == (*iou.shape, 2)
    moved = logits.copy()
    place = tuple(np.argwhere(labels == 1)[0])
    moved[place] += 0.01
    expected = float(model._anchor_loss(labels, moved)) - float(model._anchor_loss(labels, logits))
    assert gradients[place] == pytest.approx(expected / 0.01, rel=0.02)
    values = watch(model, [batch(), batch()], tmp_path).examine()
    one = np.abs(gradients[labels == 0]).sum() / np.abs(gradients[labels == 1]).sum()
    assert values["gradient_balance"] == pytest.approx(one, rel=1e-4)
    assert values["gradient_balance"] != pytest.approx(1, rel=0.05)
    positive = [labels[..., kind] == 1 for kind in (0, 1)]
    ranks = [
        [part[chosen].argsort().argsort() for part in (logits[..., kind], iou)] for kind, chosen in enumerate(positive)
    ]
    once = watch(model, [batch()], tmp_path).examine()["rank_correlation"]
    assert once == pytest.approx(np.mean([np.corrcoef(*pair)[0, 1] for pair in ranks]), abs=1e-6)


def test_alrp_pulls_evenly(tiny, tmp_path):
    values = watch(detector("alrp"), [batch()], tmp_path).examine()
    assert values["gradient_balance"] == pytest.approx(1, abs=1e-4)


def test_scalars_of_every_epoch(tiny, tmp_path):
    model = detector("ap")
    callback = RankingWatch(tf.data.Dataset.from_tensors(batch()), tmp_path)
    model.fit(*batch(), epochs=2, verbose=0, callbacks=[callback])
    events = EventAccumulator(str(tmp_path / "ranking")).Reload()
    assert set(events.Tags()["tensors"]) == {"gradient_balance", "rank_correlation"}
    assert [event.step for event in events.Tensors("gradient_balance")] == [0, 1]
    assert callback.values["gradient_balance"] == pytest.approx(1, abs=1e-4)
    last = tf.make_ndarray(events.Tensors("rank_correlation")[1].tensor_proto)
    assert last == pytest.approx(callback.values["rank_correlation"])


def test_what_is_undefined_is_left_out(tiny, tmp_path):
    callback = watch(detector("ap"), [batch(objects=False)], tmp_path)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    callback.on_train_end()
    assert all(np.isnan(value) for value in callback.values.values())
    assert EventAccumulator(str(tmp_path / "ranking")).Reload().Tags()["tensors"] == []
