"""One loss that fades into another while a segmentation trains."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from metricfit.trainers.data.example import IGNORE
from metricfit.trainers.errors import UsageError
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import SegmentationConfig

segmentation = get_task("segmentation")
CONFIG = SegmentationConfig(fade_from="softmax_cross_entropy", loss="lovasz_softmax", fade_epochs=(1, 3), epochs=4)


def test_the_loss_fades_between_the_epochs(tmp_path):
    rng = np.random.default_rng(0)
    images, labels = rng.normal(size=(4, 3, 3, 2)).astype(np.float32), rng.integers(0, 3, (4, 3, 3))
    model = keras.Sequential([keras.Input((3, 3, 2)), keras.layers.Dense(3)])
    model.compile("sgd", segmentation.build_loss(CONFIG), jit_compile=False)
    fade, *_ = segmentation.watchers(CONFIG, tmp_path, [])
    seen = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(model.loss.weights.numpy()[1])
    )
    model.fit(images, labels, batch_size=2, epochs=4, callbacks=[fade, note], verbose=0)
    assert seen == [0, 0, 0, 0.25, 0.5, 0.75, 1, 1]


def test_each_loss_takes_the_options_that_it_has():
    labels = np.array([[[0, 1], [2, IGNORE]]])
    logits = np.random.default_rng(0).normal(size=(1, 2, 2, 3)).astype(np.float32)
    config = replace(CONFIG, loss_options=("classes=all",), class_weights="log")
    both = segmentation.build_loss(config, [1, 2, 3])
    alone = [
        segmentation.build_loss(replace(config, loss=loss, fade_from=None, loss_options=options), [1, 2, 3])
        for loss, options in (("softmax_cross_entropy", ()), ("lovasz_softmax", ("classes=all",)))
    ]
    assert [float(part(labels, logits)) for part in both.parts] == [float(loss(labels, logits)) for loss in alone]
    assert float(both(labels, logits)) == pytest.approx(float(alone[0](labels, logits)))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"fade_from": "floss"}, "--fade-from floss: floss is no segmentation loss"),
        ({"fade_from": None}, "--fade-epochs needs --fade-from"),
        ({"fade_epochs": (3, 1)}, r"--fade-epochs must be two numbers, 0 to --epochs 4 in order, got \(3, 1\)"),
        ({"fade_epochs": (1, 5)}, "--fade-epochs must be two numbers"),
        ({"fade_epochs": (1,)}, "--fade-epochs must be two numbers"),
        ({"loss_options": ("nonsense=1",)}, "no hyperparameter nonsense"),
    ],
)
def test_fadings_that_do_not_fit(changes, sentence):
    with pytest.raises(UsageError, match=sentence):
        segmentation.check(replace(CONFIG, **changes))


def test_without_epochs_the_middle_half_is_taken(tmp_path):
    fade, *_ = segmentation.watchers(replace(CONFIG, fade_epochs=None, epochs=8), tmp_path, [])
    assert fade.epochs == (2, 6)
