"""Measuring a detector that is known beforehand: sizes, names of classes, figures, and the callbacks of a training."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from metricfit.trainers.data.example import Example
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError, MetricfitError, UsageError
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.judge.feeding import found_in
from metricfit.trainers.metrics import Found
from metricfit.trainers.metrics.ranking.confusion import confused
from metricfit.trainers.metrics.ranking.resampled import ap_intervals
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.predictor import CompiledModel
from metricfit.trainers.training.callbacks import BestModel
from metricfit.trainers.training.reporting import EpochReport, HistoryCSV, read_history

from ..detections import NAMES, Squares, knowing, random_pictures
from ..training.test_callbacks import build, examples

detection = get_task("detection")


def measure(predict, source, *, size, resizing="pad", class_names, **options):
    """Judge any function that finds boxes."""
    model = CompiledModel(predict, size, resizing, class_names)
    return detection.evaluate(model, source, **{"batch_size": 8, "quiet": True, **options})


def judged(shift=0.0, resizing="pad", class_names=NAMES, **options):
    source = Squares()
    predict = knowing(source, 64, resizing, class_names, shift)
    settings = {"size": 64, "resizing": resizing, "class_names": class_names, "batch_size": 3, "quiet": True}
    return measure(predict, source, **{**settings, **options})


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_boxes_come_back_to_the_original_picture(resizing):
    report = judged(resizing=resizing)
    assert report.scalars["ap"] == pytest.approx(1.0)
    assert report.scalars["olrp"] == pytest.approx(0.0, abs=1e-5)
    assert (report.scalars["f1"], report.scalars["f1_threshold"]) == (1.0, np.float32(0.8))
    assert report.coco.images == 8
    image, truth, found, name = report.pictures[-1]
    assert (image.shape, name) == ((89, 55, 3), "picture 7")
    np.testing.assert_allclose(found.boxes, truth.boxes, atol=1e-4)
    # A shift of original pixels lowers IoU by what it must: (17 - 2)(15 - 2) of 17 x 15 ...
    shifted = judged(shift=2.0, resizing=resizing)
    overlaps = np.array([15 * (height - 2) / (2 * 17 * height - 15 * (height - 2)) for height in (15, 16)])
    assert 1 - overlaps[1] - 0.01 < shifted.scalars["olrp_localization"] < 1 - overlaps[0] + 0.01


def test_classes_meet_by_name():
    report = judged(class_names=("emu", "owl", "cat", "dog"))
    assert report.scalars["ap"] == pytest.approx(1.0)
    assert report.class_names == NAMES
    assert set(report.class_scalars) == set(NAMES)
    with pytest.raises(UsageError, match=r"squares has dog, which the model does not know \(it finds cat, owl\)"):
        measure(None, Squares(), size=64, class_names=("cat", "owl"), quiet=True)


def test_what_only_the_model_knows_is_left_out():
    source = Squares()
    known = knowing(source, 64, "pad", ("emu", *NAMES))

    def predict(images):
        boxes, scores, classes, count = known(images)
        scores[:, 2], count = 0.95, count + 1  # an emu, surer than all others
        return boxes, scores, classes, count

    report = measure(predict, source, size=64, class_names=("emu", *NAMES), quiet=True)
    assert report.scalars["f1"] == 1.0


def test_refusals():
    class Bare(Squares):
        def load(self, index):
            return Example(super().load(index).image, name="bare")

    class Empty(Squares):
        def load(self, index):
            return Example(
                super().load(index).image, boxes=np.zeros((0, 4)), classes=np.zeros(0, np.int32), name="empty"
            )

    source = Squares()
    with pytest.raises(DataError, match="bare of squares has no boxes"):
        next(found_in(knowing(source, 64, "pad"), Bare(), TARGETS["boxes"], size=64, resizing="pad", quiet=True))
    with pytest.raises(DataError, match="a box that counts"):
        measure(knowing(source, 64, "pad"), Bare(), size=64, class_names=NAMES)
    with pytest.raises(MetricfitError, match="a box that counts"):
        measure(knowing(source, 64, "pad"), Empty(), size=64, class_names=NAMES, quiet=True)
    with pytest.raises(UsageError, match="batch_size"):
        judged(batch_size=0)


def test_report_is_json_and_figures(tmp_path):
    report = judged(shift=1.0, correlation_bounds=True)
    entries = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert entries["scalars"]["ap"] == report.coco.ap
    assert entries["classes"]["cat"]["threshold"] == pytest.approx(0.8)
    assert set(entries["correlation_bounds"]["upper"]) == {"ap", "ap50", "ap75", "ap90"}
    assert len(entries["curves"]["f1_curve"]) == len(entries["curves"]["thresholds"])
    assert not {"correlation_bounds", "intervals"} & set(judged().to_dict())
    assert "ap_large" not in report.scalars
    made = report.draw(tmp_path / "figures")
    names = ("precision_recall", "thresholds", "class_ap", "confusion", "reliability", "panels")
    assert [path.stem for path in made] == list(names)
    for path in made:
        assert np.asarray(Image.open(path).convert("L")).std() > 5


def test_callbacks_log_what_later_callbacks_read(tmp_path):
    model = build(use_ema=True)
    seen = []

    def evaluate(model):
        average = model.optimizer._model_variables_moving_average[0]
        seen.append(np.array_equal(np.array(model.trainable_variables[0]), np.array(average)))
        return judged(shift=4.0 - len(seen))

    metrics = EpochReport(evaluate, tmp_path, detection.tags)
    callbacks = [
        metrics,
        BestModel(tmp_path / "model.keras", "val_ap"),
        keras.callbacks.TensorBoard(tmp_path, write_graph=False),
        HistoryCSV(tmp_path / "history.csv"),
    ]
    batches = tf.data.Dataset.from_tensors(examples(0)).repeat()
    history = model.fit(batches, epochs=3, steps_per_epoch=1, callbacks=callbacks, shuffle=False, verbose=0).history
    # Measured after every epoch, with the averaged weights.
    assert seen == [True] * 3
    assert 0 < history["val_ap"][0] < history["val_ap"][1] < history["val_ap"][2]
    assert callbacks[1].epoch == 3
    rows = read_history(tmp_path / "history.csv")
    assert [row["val_ap"] for row in rows] == history["val_ap"]
    assert rows[2]["val_olrp"] == pytest.approx(metrics.report.scalars["olrp"])
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "panels")).Reload()
    assert set(events.Tags()["tensors"]) == {"detections", "class_ap", "confusion"}
    for tag in events.Tags()["tensors"]:
        assert [event.step for event in events.Tensors(tag)] == [0, 1, 2]
    events = EventAccumulator(str(tmp_path / "curves")).Reload()
    assert set(events.Tags()["tensors"]) == {"precision_over_recall", "f1_over_threshold"}
    events = EventAccumulator(str(tmp_path / "validation")).Reload()
    assert "epoch_ap" in events.Tags()["tensors"]


def test_classes_are_mistaken_at_the_thresholds_that_calibration_is_measured_at():
    """Of the data's own where none are given, and of the model's where they are."""
    pictures = random_pictures(seed=2, count=20)
    given = {"owl": 0.2, "cat": 0.7, "dog": 0.45}  # in the model's order
    for thresholds in (None, tuple(given.values())):
        judge = BoxJudge(NAMES, model_classes=tuple(given), thresholds=thresholds, intervals=30)
        order = np.array([list(given).index(name) for name in NAMES])
        for place, (truth, found) in enumerate(pictures):
            example = Example(np.zeros((2, 2, 3), np.uint8), boxes=truth.boxes, classes=truth.classes, name=f"{place}",
                              difficult=truth.difficult, crowd=truth.crowd)  # fmt: skip
            judge.update(example, Found(found.boxes, found.scores, order[found.classes]))
        report = judge.result()
        cuts = report.calibration.thresholds
        assert (cuts.tolist() == [given[name] for name in NAMES]) == (thresholds is not None)
        expected = confused(pictures, NAMES, cuts)
        np.testing.assert_array_equal(report.confusion.counts, expected.counts)
        entries = json.loads(json.dumps(report.to_dict(), allow_nan=False))
        assert entries["confusion"] == expected.counts.tolist()
        assert entries["confusion_names"] == [*NAMES, "background"]
        found = ap_intervals(pictures, 3, count=30)
        for place, name in enumerate(NAMES):
            entry = entries["classes"][name]
            assert (entry["ap_low"], entry["ap_high"]) == tuple(found.class_ap[place])
            assert entry["objects"] == expected.counts[place].sum()
            assert entry["pictures"] == found.class_pictures[place]
        assert entries["intervals"] == {"confidence": 0.95, "draws": 30, "ap_low": found.ap[0], "ap_high": found.ap[1]}
        assert not {"ap_low", "ap_high"} & set(report.scalars), "the logs of an epoch have AP alone"
