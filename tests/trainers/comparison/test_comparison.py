"""The arithmetic of a comparison: thresholds carried over, spread over seeds, what is typed, which rate is taken."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.comparison import read_entries, read_sweep
from metricfit.trainers.comparison.compare import chosen_rate, short_names
from metricfit.trainers.comparison.plan import Entry
from metricfit.trainers.comparison.spread import Spread, mean_curve, spreads
from metricfit.trainers.comparison.trainings import step_seconds
from metricfit.trainers.comparison.transfer import middle_of_band, threshold_transfer
from metricfit.trainers.errors import MetricfitError, UsageError
from metricfit.trainers.metrics import FMeasureCurve, ImageIoU, LogitFMeasure
from metricfit.trainers.metrics.logit_curve import LEVELS, ZERO
from metricfit.trainers.metrics.logit_scale import sigmoid
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import DetectionConfig, SaliencyConfig, SegmentationConfig


def maps(count=5, seed=0):
    """(logits, mask) with ignored pixels, one mask empty and one picture ignored."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        mask = (rng.random((13, 17)) < 0.3).astype(np.uint8)
        logits = (rng.normal(0, 2, mask.shape) + 2 * mask).astype(np.float32)
        mask[rng.random(mask.shape) < 0.1] = 255
        if number == 1:
            mask[mask == 1] = 0
        if number == 2:
            mask[:] = 255
        yield logits, mask


def test_a_threshold_of_one_set_is_used_on_the_others():
    at = np.array([0.0, 0.25, 0.5, 0.75])
    transfer = threshold_transfer(
        {"a": (at, [0.5, 0.9, 0.8, 0.1]), "b": (at, [0.4, 0.6, 0.7, 0.7]), "c": ([0.1, 0.3, 0.6], [0.2, 0.3, 1.0])}
    )
    assert transfer.thresholds.tolist() == [0.25, 0.5, 0.6], "the lowest of the best"
    # c has no threshold 0.25 or 0.5: the next higher ones are 0.3 and 0.6; on a and b 0.6 cuts as 0.75 does.
    assert transfer.scores == pytest.approx(np.array([[0.9, 0.6, 0.3], [0.8, 0.7, 1.0], [0.1, 0.7, 1.0]]))
    assert np.diagonal(transfer.loss).tolist() == [0, 0, 0]
    assert transfer.lost_on("a") == pytest.approx([0.1, 0.8])
    assert transfer.lost_on("b") == pytest.approx([0.1, 0.0])
    assert transfer.to_dict()["loss_by_picked_on_and_used_on"][0][2] == pytest.approx(0.7)


def test_the_middle_of_a_band_is_used_on_the_others():
    at = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    flat = [0.2, 0.799, 0.795, 0.8, 0.3, 0.8]
    assert middle_of_band(at, np.array(flat)) == 0.3, "the band is 0.2 to 0.4: at 0.5 it is broken off"
    assert middle_of_band(7 * at, np.array(flat)) == 7 * at[2]
    assert middle_of_band(at, np.zeros(6)) == 0.3
    transfer = threshold_transfer({"flat": (at, flat), "steep": (at, [0.1, 0.2, 0.3, 0.9, 0.4, 0.1])}, middle_of_band)
    assert transfer.thresholds.tolist() == [0.3, 0.4]
    assert transfer.loss == pytest.approx(np.array([[0.005, 0.6], [0, 0]])), "against the best, not the middle"
    assert transfer.lost_on("steep") == pytest.approx([0.6])


def test_spread_is_that_of_a_sample_and_a_single_seed_has_none():
    three = Spread.of([0.90, 0.92, 0.94])
    assert (three.mean, three.deviation, three.count) == (pytest.approx(0.92), pytest.approx(0.02), 3)
    assert format(three, ".3f") == "0.920 ± 0.020"
    assert Spread.of([0.9]).deviation is None
    assert format(Spread.of([0.9]), ".2f") == "0.90"
    assert set(spreads([{"a": 1.0, "b": 2.0}, {"a": 3.0}])) == {"a"}, "what one seed lacks has no mean"
    mean, low, high = mean_curve([[0, 1], [1, 3]])
    assert (mean.tolist(), low.tolist(), high.tolist()) == ([0.5, 2], [0, 1], [1, 3])


def test_image_iou_agrees_with_counting():
    metric, expected = ImageIoU(), {0: [], 77: [], 128: [], 255: []}
    for logits, mask in maps():
        saliency = sigmoid(logits)
        metric.update(saliency, mask)
        valid = mask != 255
        for number, found in expected.items() if valid.any() else ():
            predicted = saliency[valid] >= np.float32(number) / np.float32(255)
            union = (predicted | (mask[valid] == 1)).sum()
            found.append((predicted & (mask[valid] == 1)).sum() / union if union else 1.0)
    result = metric.result()
    assert metric.images == 4
    assert {number: result[number] for number in expected} == {
        number: pytest.approx(np.mean(found)) for number, found in expected.items()
    }
    with pytest.raises(MetricfitError, match="got none"):
        ImageIoU().result()


def test_f_over_logits_is_f_and_scaling_does_not_move_it():
    metric, curve, scaled = LogitFMeasure(0.5), FMeasureCurve(0.5), FMeasureCurve(0.5)
    expected = {place: [] for place in (400, ZERO, 550)}
    for logits, mask in maps():
        metric.update(logits, mask)
        curve.update(sigmoid(logits), mask)
        scaled.update(sigmoid(40 * logits), mask)
        valid = mask != 255
        for place, found in expected.items() if valid.any() else ():
            predicted, true = logits[valid] >= LEVELS[place], mask[valid] == 1
            both = (predicted & true).sum()
            found.append((both / max(predicted.sum(), 1), both / max(true.sum(), 1)))
    f = metric.result()
    for place, pairs in expected.items():
        precision, recall = np.mean(pairs, axis=0)
        assert f[place] == pytest.approx(1.5 * precision * recall / (0.5 * precision + recall))
    assert f.max() == pytest.approx(curve.result().max_f, abs=0.003)
    assert f.max() > scaled.result().max_f + 0.01, "what 256 thresholds round away of polarised maps is found here"
    with pytest.raises(MetricfitError, match="got none"):
        LogitFMeasure().result()


def test_losses_and_their_seeds_as_typed():
    assert read_entries("floss, cross_entropy:1,softmax_cross_entropy + 0.5 * lovasz_softmax", 3) == (
        Entry("floss", seeds=3), Entry("cross_entropy", seeds=1),
        Entry("softmax_cross_entropy + 0.5 * lovasz_softmax", seeds=3),
    )  # fmt: skip
    assert Entry("a + 0.5 * b", ("beta2=0.8",)).key == "a-0.5-b-beta2=0.8"


def test_a_row_is_told_settings_of_its_own():
    one, two, plain = read_entries(
        "alrp[model=foveabox  box-loss=giou learning_rate=3e-3]:2, focal + 0.5 * ap [--size=256], alrp",
        1,
        DetectionConfig,
    )
    assert one.settings == (("learning_rate", 3e-3), ("box_loss", "giou"), ("model", "foveabox"))
    assert one.label == "alrp [learning-rate=0.003 box-loss=giou model=foveabox]"
    assert (one.seeds, two.seeds, two.loss, two.settings) == (2, 1, "focal + 0.5 * ap", (("size", 256),))
    assert plain == Entry("alrp")
    (dilated,) = read_entries("lovasz_softmax[aspp-dilations=1,2 equibatch=true]", 1, SegmentationConfig)
    assert dilated.settings == (("equibatch", True), ("aspp_dilations", (1, 2)))
    assert read_entries(dilated.name.replace(" [", "["), 1, SegmentationConfig) == (dilated,)
    focused, _ = read_entries("floss[focus=worst=0.2],floss", 1, SaliencyConfig)
    assert (focused.settings, focused.name) == ((("focus", "worst=0.2"),), "floss [focus=worst=0.2]")
    (sweep,) = read_sweep("delta=0.5,1", (one, plain)[:1], 1)
    assert sweep.loss == one.name
    assert sweep.entries["0.5"] == Entry("alrp", ("delta=0.5",), 1, one.settings)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("alrp[model=yolo]", "model in --losses alrp.model=yolo. must be one of retinanet, "),
        ("alrp[size=large]", "size in .* must be a side such as 192"),
        ("alrp[box-los=giou]", "unknown setting box_los in .*did you mean box_loss"),
        ("alrp[seed=3]", "seed is the same for all rows"),
        ("alrp[loss-options=delta=1]", "loss-options is the same .*by --sweep"),
        ("alrp[calibration=none]", "calibration is the same for all rows"),
        ("alrp[calibration-target=iou]", "calibration-target is the same for all rows"),
        ("alrp[augmentation.mosaic=0.5]", "augmentation.mosaic is the same for all rows"),
        ("alrp[]", "says nothing"),
        ("alrp[giou]", "takes FLAG=VALUE with spaces"),
        ("alrp[size=64 size=96]", "says size twice"),
        ("alrp[size=64", "--losses takes names"),
        ("alrp[size=64],alrp[size=64]", "stands twice"),
    ],
)
def test_settings_that_cannot_be_read(text, sentence):
    with pytest.raises(UsageError, match=sentence):
        read_entries(text, 1, DetectionConfig)


@pytest.mark.parametrize("text", ["", "floss,", "floss:", "floss:x", "floss:0", "floss,floss:2", "floss:-1"])
def test_losses_that_cannot_be_read(text):
    with pytest.raises(UsageError, match=r"--losses|at least 1 seed"):
        read_entries(text, 1)


def test_a_sweep_is_for_the_losses_that_have_it_and_its_default_is_the_plain_loss():
    entries = read_entries("cross_entropy,floss,log_floss", 1)
    floss, log_floss = read_sweep("beta2=0.1,0.30,2", entries, 2)
    assert (floss.loss, log_floss.loss, floss.name) == ("floss", "log_floss", "beta2")
    assert floss.entries == {
        "0.1": Entry("floss", ("beta2=0.1",), 2), "0.30": Entry("floss", (), 2), "2": Entry("floss", ("beta2=2",), 2),
    }  # fmt: skip
    assert [sweep.loss for sweep in read_sweep("log_floss.beta2=0.1,1", entries, 1)] == ["log_floss"]
    for text in ("beta2", "beta2=0.3", "beta2=0.3,0.3", "=1,2", "gamma=1,2", "cross_entropy.beta2=1,2", "beta2=1,,2"):
        with pytest.raises(UsageError, match="--sweep"):
            read_sweep(text, entries, 1)


def test_a_sweep_of_one_row_names_it_as_losses_do():
    rows = ("focal + 0.5 * ap", "alrp[learning-rate=3e-3 model=foveabox]", "alrp")
    entries = read_entries(",".join(rows), 1, DetectionConfig)
    for text, entry in zip(rows, entries):
        (sweep,) = read_sweep(f"{text}.delta=0.5,3", entries, 2, DetectionConfig)
        assert (sweep.name, sweep.loss) == ("delta", entry.name)
        assert sweep.entries["3"] == Entry(entry.loss, ("delta=3",), 2, entry.settings)
    (same,) = read_sweep("alrp [model=foveabox  learning_rate=0.003] . delta = 0.5, 3", entries, 2, DetectionConfig)
    assert same.loss == entries[1].name
    for text, sentence in (
        ("floss", "--losses has no row floss, it has focal "),
        ("alrp[model=retinanet]", r"no row alrp \[model=retinanet\]"),
        ("alrp[size=large]", r"size in --sweep alrp\[size=large\] must be a side such as 192"),
        ("alrp:2", "--sweep takes a hyperparameter"),
    ):
        with pytest.raises(UsageError, match=sentence):
            read_sweep(f"{text}.delta=0.5,3", entries, 2, DetectionConfig)


def test_the_best_trial_decides_and_the_lower_rate_of_equals():
    trials = [{"learning_rate": rate, "score": score} for rate, score in ((1e-2, 0.8), (1e-3, 0.9), (1e-4, 0.9))]
    assert chosen_rate("floss", trials, 1.0) == 1e-4
    assert chosen_rate("floss", [{"learning_rate": 1.0, "failed": "nan"}, *trials[:1]], 1.0) == 1e-2
    assert chosen_rate("floss", [], 0.5) == 0.5
    with pytest.raises(MetricfitError, match="floss stopped being a number at the learning rates 3, 1: add a lower"):
        chosen_rate("floss", [{"learning_rate": rate, "failed": "nan"} for rate in (3.0, 1.0)], 1.0)


def test_the_first_epoch_is_no_measure_of_a_step():
    assert step_seconds({"training_seconds": [90, 20, 24, 22]}, 10) == pytest.approx(2.2)
    assert step_seconds({"training_seconds": [90]}, 10) is None


def test_sets_have_short_names_that_tell_them_apart():
    assert short_names(("folder:/data/ecssd:val", "scenes:test", "coco:/a/images,/a/test.json")) == [
        "ecssd:val", "scenes:test", "test.json",
    ]  # fmt: skip
    assert short_names(("folder:/a/people:test", "folder:/a/cats + folder:/a/people:test")) == [
        "people:test",
        "cats + people:test",
    ]
    assert short_names(("folder:/a/photos", "folder:/b/photos")) == ["folder:/a/photos", "folder:/b/photos"]
    with pytest.raises(UsageError, match="twice"):
        short_names(("scenes:test", "scenes:test"))


def test_the_balance_of_gradients_is_read_over_an_interruption(tmp_path):
    # The number at the end of a file's name is no order: 10 sorts before 9.
    for number, epochs in ((9, {0: 5.0, 1: 3.0, 2: 9.0}), (10, {2: 2.0, 3: 1.0})):
        writer = tf.summary.create_file_writer(str(tmp_path / str(number)))
        with writer.as_default():
            for epoch, value in epochs.items():
                tf.summary.scalar("gradient_balance", value, step=epoch)
        writer.close()
        (file,) = (tmp_path / str(number)).iterdir()
        (tmp_path / "tensorboard/ranking").mkdir(parents=True, exist_ok=True)
        file.rename(tmp_path / f"tensorboard/ranking/events.out.tfevents.1.{number}.v2")
    assert get_task("detection").watched(tmp_path) == {"gradient_balance": [5.0, 3.0, 2.0, 1.0]}
    assert get_task("detection").watched(tmp_path / "none") == {}
