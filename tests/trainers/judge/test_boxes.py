"""Measuring a detector that is known beforehand: sizes, names of classes, figures, and the callbacks of a training."""

import json
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from metricfit.trainers.data.example import Example
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import DataError, MetricfitError, UsageError
from metricfit.trainers.figures.boxes import boxes_figure
from metricfit.trainers.figures.history import history_figure
from metricfit.trainers.figures.precision_recall import precision_recall_figure
from metricfit.trainers.figures.rendering import to_png_array
from metricfit.trainers.figures.thresholds import confidence_figure
from metricfit.trainers.judge.feeding import found_in
from metricfit.trainers.metrics import LRP, CocoAP, Found, Truth
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.base import CompiledModel
from metricfit.trainers.training.callbacks import BestModel, EpochReport, HistoryCSV, read_history

from ..detections import NAMES, Squares, knowing, random_pictures, row
from ..training.test_callbacks import build, examples, images_of

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
    assert "correlation_bounds" not in judged().to_dict()
    assert "ap_large" not in report.scalars
    made = report.draw(tmp_path / "figures")
    assert [path.name for path in made] == ["precision_recall.png", "thresholds.png", "panels.png"]
    for path in made:
        assert np.asarray(Image.open(path).convert("L")).std() > 5


def curves(count, scale=1.0, classes=3):
    coco, lrp = CocoAP([f"class {index}" for index in range(classes)]), LRP(NAMES)
    for truth, found in random_pictures(seed=count, count=count, scale=scale):
        coco.update(truth, found)
        lrp.update(truth, found)
    return coco.result(), lrp.result()


def test_figures_of_curves():
    _, plain = curves(30)
    coco, crowded = curves(30, scale=0.01)
    figure = precision_recall_figure(coco, title="Epoch 1")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Average of 3 classes", "By class, IoU ≥ 0.5"]
    assert to_png_array(figure).std() > 5
    many = CocoAP([f"class {index}" for index in range(12)])
    for truth, found in random_pictures(count=80, classes=12):
        many.update(truth, found)
    legend = precision_recall_figure(many.result()).axes[1].get_legend()
    assert len(legend.get_texts()) == 6
    single = CocoAP(("cat",))
    single.update(Truth(row(100), [0]), Found(row(90), [0.5], [0]))
    assert len(precision_recall_figure(single.result()).axes) == 1

    figure = confidence_figure({"focal": plain, "alrp": crowded})
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    # From well below the lowest of the best thresholds to all that is found by either.
    assert axes.get_xlim() == pytest.approx((crowded.f1_threshold / 100, 1.0))
    left, right = confidence_figure({"alrp": crowded}).axes[0].get_xlim()
    last = crowded.thresholds[crowded.f1_curve > 0].max()
    assert (left, right) == pytest.approx((crowded.f1_threshold / 100, 3 * last))
    assert 0 < left < crowded.band[0] < crowded.band[1] < last < right < 0.05
    assert to_png_array(figure).std() > 5
    (axes,) = confidence_figure({"focal": plain}).axes
    assert (axes.get_xscale(), axes.get_xlim()) == ("linear", (0, 1))
    nothing = LRP(("cat",))
    nothing.update(Truth(row(100), [0]), Found(np.zeros((0, 4)), [], []))
    assert to_png_array(confidence_figure({"untrained": nothing.result()})).std() > 5
    with pytest.raises(ValueError, match="1 to 7"):
        confidence_figure({})


def test_figure_of_boxes_shows_what_reaches_the_threshold():
    image = np.full((60, 90, 3), 40, np.uint8)
    truth = Truth([[5, 5, 40, 40], [50, 10, 80, 50]], [0, 1], difficult=[False, True])
    found = Found([[6, 5, 41, 40], [50, 10, 80, 50], [0, 0, 9, 9]], [0.9, 0.4, 0.1], [0, 1, 2])
    many = Found(np.tile([[5, 5, 20, 20]], (60, 1)), np.linspace(0.21, 0.8, 60), np.full(60, 2))
    figure = boxes_figure(
        [image] * 3, [truth] * 3, [found, found, many], NAMES, names="abc", thresholds=[0.5, 0.3, 0.2]
    )
    written = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert written[:4] == [["cat", "dog"], ["cat 0.90", "dog 0.40"]] * 2
    assert written[5] == [f"{score:.2f}" for score in many.scores[:-41:-1]]
    assert to_png_array(figure).std() > 5
    with pytest.raises(ValueError, match="one at least"):
        boxes_figure([], [], [], NAMES)
    with pytest.raises(ValueError, match="got 1, 2, 1, 1"):
        boxes_figure([image], [truth, truth], [found], NAMES)


def test_history_goes_on_over_epochs_that_were_not_measured():
    values = enumerate((0.1, math.nan, 0.3), start=1)
    (axes,) = history_figure([{"epoch": epoch, "val_ap": value, "val_ar": 0.5} for epoch, value in values]).axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [1, 3]


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
    assert [step for step, _ in images_of(tmp_path / "panels", "detections")] == [0, 1, 2]
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "curves")).Reload()
    assert set(events.Tags()["tensors"]) == {"precision_over_recall", "f1_over_threshold"}
    events = EventAccumulator(str(tmp_path / "validation")).Reload()
    assert "epoch_ap" in events.Tags()["tensors"]
