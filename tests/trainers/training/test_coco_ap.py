"""AP by a callback: of batches and of sources, for detectors that answer as KerasCV's do."""

import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf

from metricfit.metrics import CocoAPCallback
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import UsageError
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.judge.feeding import found_in, judge_all
from metricfit.trainers.metrics import LRP, CocoAP, Found

from ..detections import NAMES, Squares, knowing, random_pictures


class Detector(keras.Model):
    """Finds what it is told, whatever it is shown; something can be trained on it, too."""

    def __init__(self, answer):
        super().__init__()
        self.answer, self.layer = answer, keras.layers.Dense(1)

    def call(self, inputs):
        return self.layer(inputs)

    def predict(self, images, **options):
        return self.answer(images)


def padded(arrays, width, fill):
    stacked = np.full((len(arrays), width, *np.shape(arrays[0])[1:]), fill, np.float32)
    for place, values in enumerate(arrays):
        stacked[place, : len(values)] = values
    return stacked


def fitted(model, callback, epochs=2):
    model.compile("sgd", "mse")
    kept = keras.callbacks.EarlyStopping("val_ap", mode="max", patience=9)
    return model.fit(np.zeros((4, 2)), np.zeros((4, 1)), epochs=epochs, verbose=0, callbacks=[callback, kept]).history


@pytest.mark.parametrize("classes", ["classes", "labels"])
def test_batches(classes):
    pictures = random_pictures(seed=2, count=12, uncounted=0)
    batches, answers = [], []
    for start in (0, 5, 10):
        part = pictures[start : start + 5]
        truth = {
            "boxes": padded([truth.boxes for truth, _ in part], 9, -1),
            classes: padded([truth.classes for truth, _ in part], 9, -1),
        }
        batches.append((np.zeros((len(part), 8, 8, 3), np.float32), truth))
        answers.append(
            {
                "boxes": padded([found.boxes for _, found in part], 20, -1),
                "confidence": padded([found.scores for _, found in part], 20, -1),
                classes: padded([found.classes for _, found in part], 20, -1),
                "num_detections": np.array([len(found.scores) for _, found in part]),
            }
        )
    turn = iter(answers * 2)
    history = fitted(Detector(lambda images: next(turn)), CocoAPCallback(batches, NAMES))
    coco, lrp = CocoAP(NAMES), LRP(NAMES)
    for truth, found in pictures:
        rounded = Found(found.boxes.astype(np.float32), found.scores, found.classes)
        coco.update(truth, rounded)
        lrp.update(truth, rounded)
    for name, value in (coco.result().scalars | lrp.result().scalars).items():
        assert history[f"val_{name}"] == pytest.approx([value] * 2), name


def test_a_data_set_of_tensorflow_and_an_own_way_to_find():
    boxes = np.float32([[[0, 0, 40, 40]], [[10, 10, 30, 50]]])
    data = tf.data.Dataset.from_tensor_slices((np.zeros((2, 8, 8, 3)), {"boxes": boxes, "classes": np.zeros((2, 1))}))
    seen = []

    def find(model, images):
        seen.append(model)
        return boxes[[len(seen) - 1]], np.float32([[0.9]]), np.zeros((1, 1), int), np.array([1])

    model = Detector(None)
    callback = CocoAPCallback(data.batch(1), ["cat"], find=find)
    history = fitted(model, callback, epochs=1)
    assert history["val_ap"] == [pytest.approx(1)]
    assert seen == [model, model]
    assert callback.report.class_scalars["cat"]["ap"] == pytest.approx(1)


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_a_source_is_judged_in_its_own_pixels(resizing):
    source = Squares()
    answer = knowing(source, 64, resizing, shift=1.0)
    keys = ("boxes", "confidence", "classes", "num_detections")
    model = Detector(lambda images: dict(zip(keys, answer(images))))
    history = fitted(model, CocoAPCallback(source, size=64, resizing=resizing, batch_size=3), epochs=1)
    judge = BoxJudge(source.class_names)
    predict = knowing(source, 64, resizing, shift=1.0)
    judge_all(found_in(predict, source, TARGETS["boxes"], size=64, resizing=resizing, batch_size=3, quiet=True), judge)
    expected = judge.result().scalars
    assert 0 < expected["ap"] < 1
    assert {name.removeprefix("val_"): value for name, (value,) in history.items() if name != "loss"} == expected


def test_a_detector_of_keras_cv():
    backbone = keras_cv.models.MobileNetV3Backbone(
        input_shape=(None, None, 3),
        stackwise_expansion=[1, 2, 2, 2, 2],
        stackwise_filters=[8, 8, 16, 16, 16],
        stackwise_kernel_size=[3] * 5,
        stackwise_stride=[2] * 5,
        stackwise_se_ratio=[None] * 5,
        stackwise_activation=["relu"] * 5,
        include_rescaling=False,
    )
    model = keras_cv.models.RetinaNet(backbone, 2, "xyxy")
    images = np.random.default_rng(0).random((2, 128, 128, 3), np.float32)
    truth = {"boxes": np.float32([[[0, 0, 40, 40]], [[10, 10, 50, 90]]]), "classes": np.float32([[0], [1]])}
    callback, logs = CocoAPCallback([(images, truth)], ["cat", "dog"]), {}
    model.compile(optimizer="sgd", classification_loss="focal", box_loss="smoothl1")
    callback.set_model(model)
    callback.on_epoch_end(0, logs)
    assert 0 <= logs["val_ap"] <= 1


def test_faults_are_named():
    with pytest.raises(UsageError, match="class_names must name"):
        CocoAPCallback([])
    with pytest.raises(UsageError, match="size must give the model's input"):
        CocoAPCallback(Squares())
