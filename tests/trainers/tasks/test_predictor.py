"""Models compiled for evaluation: any number of pictures, traced once."""

import logging

import keras
import numpy as np
import pytest

from metricfit.trainers.tasks import get_task


def test_many_models_on_batches_of_all_sizes_are_traced_once_each(caplog):
    task, calls = get_task("saliency"), []

    class Counting(keras.layers.Conv2D):
        def call(self, images):
            calls.append(images.shape[0])
            return super().call(images)

    image = keras.Input((32, 32, 3))
    model = keras.Model(image, keras.layers.Reshape((32, 32))(Counting(1, 1)(image)))
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3)).astype(np.uint8)
    calls.clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            predict = task.predictor(model)
            maps = [predict(pictures[:count]) for count in (5, 1, 3)]
    assert calls == 6 * [None]
    assert not [message for message in caplog.messages if "retracing" in message]
    np.testing.assert_allclose(maps[0][:3], maps[2], atol=1e-6)
    with pytest.raises(Exception, match="uint8"):
        predict(pictures.astype(np.float32))
