"""Segmentation on the shared skeleton: what a run leaves behind, that it learns, what it refuses and hands on."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from metricfit.trainers.data import sources
from metricfit.trainers.data.batches.class_weights import class_weights
from metricfit.trainers.data.labels import class_counts
from metricfit.trainers.data.scan.scanner import checked_source
from metricfit.trainers.errors import DataError, UsageError
from metricfit.trainers.judge.classes import SegmentationReport
from metricfit.trainers.models.deeplab import build_deeplab
from metricfit.trainers.models.layers.logits import logits_layer
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.first_model import advice
from metricfit.trainers.tasks.predictor import CompiledModel
from metricfit.trainers.training.config import SegmentationConfig
from metricfit.trainers.training.optimizer import build_optimizer
from metricfit.trainers.training.saved import load_model

from ...conftest import Colours, interrupted_and_continued, registered
from ...reference.worst_pictures import worst_mean

segmentation = get_task("segmentation")


@pytest.fixture(scope="module")
def config(segmentation_config):
    with registered():
        yield segmentation_config


def rows_of(folder):
    with open(Path(folder) / "history.csv") as file:
        return list(csv.DictReader(file))


def colours(split="train"):
    return checked_source(f"colours:{split}", needs="labels")


def test_a_run_leaves_everything_behind_and_learns(segmented, config):
    assert not segmented.interrupted
    assert {path.name for path in segmented.folder.iterdir()} >= {
        "config.json", "history.csv", "metrics.json", "checkpoints", "model.keras", "tensorboard", "figures", "log.txt",
    }  # fmt: skip
    assert {path.name for path in (segmented.folder / "figures").iterdir()} == {
        "class_iou.png", "confusion.png", "reliability.png", "panels.png", "history.png",
    }  # fmt: skip
    assert any((segmented.folder / "tensorboard/panels").iterdir())
    assert json.loads((segmented.folder / "config.json").read_text())["task"] == "segmentation"
    rows = rows_of(segmented.folder)
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    metrics = json.loads((segmented.folder / "metrics.json").read_text())
    best = rows[json.loads((segmented.folder / "checkpoints/best.json").read_text())["epoch"] - 1]
    for name in ("dataset_miou", "dataset_miou_present", "batch_miou", "image_miou", "image_miou_present"):
        assert metrics["scalars"][name] == pytest.approx(float(best[f"val_{name}"]), abs=2e-3), name
    assert metrics["scalars"]["pixel_ece"] == pytest.approx(float(best["val_pixel_ece"]), abs=2e-3)
    assert metrics["scalars"]["dataset_miou_present"] > 0.6
    assert "class weights: background " in (segmented.folder / "log.txt").read_text()


@pytest.mark.long
def test_an_interrupted_run_ends_as_one_that_was_not(segmented, config, tmp_path):
    result = interrupted_and_continued(segmentation, replace(config, out=str(tmp_path / "run")))
    for one, other in zip(rows_of(result.folder), rows_of(segmented.folder), strict=True):
        for name in ("loss", "val_loss", "val_dataset_miou"):
            assert float(one[name]) == pytest.approx(float(other[name]), rel=1e-3), name


def test_the_saved_model_knows_its_classes_and_finds_them(segmented, config):
    model = load_model(segmented.folder)
    layer = logits_layer(model)
    assert (layer.class_names, layer.resizing) == (("background", "red", "blue"), "pad")
    report = segmentation.evaluate(model, colours("other"), quiet=True)
    assert report.class_scalars["blue"]["iou"] > 0.4
    example = colours("other").load(0)
    image, labels, found, name = report.pictures[0]
    assert (image.shape, name) == (example.image.shape, example.name)
    assert labels.shape == found.shape == example.labels.shape


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_classes_are_judged_at_the_labels_own_size(config, resizing):
    """A predictor that knows the answer in its own size is right but for the edges that were resized."""
    source = colours()
    answers = iter(range(len(source)))

    def knowing(images):
        scores = np.zeros((*images.shape[:3], 4), np.float32)
        for number, image in enumerate(images.astype(int)):
            index = next(answers)
            assert image.shape == (160, 160, 3)
            # The model has the classes in another order, and one more.
            scores[number, ..., 3] = 0.5
            scores[number, ..., 0] = image[..., 0] > 120
            scores[number, ..., 2] = image[..., 2] > 120
            assert index < 60
        return scores

    model = CompiledModel(knowing, 160, resizing, ("red", "other", "blue", "background"))
    report = segmentation.evaluate(model, source, batch_size=7, quiet=True)
    assert report.jaccard.images == 60
    assert report.jaccard.batch_size == 7
    assert report.scalars["dataset_miou_present"] > 0.95
    assert report.scalars["dataset_miou"] > 0.95
    assert "iou" not in report.class_scalars["other"]
    with pytest.raises(UsageError, match="colours:train has the class blue"):
        segmentation.evaluate(CompiledModel(knowing, 160, resizing, ("red", "background")), source, quiet=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"loss": "floss"}, "--loss floss: floss is no segmentation loss: choose among lovasz_softmax,"),
        ({"loss": "lovasz_softmax + 2*ap"}, r"--loss lovasz_softmax \+ 2\*ap: ap is no segmentation loss"),
        ({"loss": "x*lovasz_softmax"}, "--loss x"),
        ({"loss": "lovasz_softmax +"}, "nothing is no segmentation loss"),
        ({"loss_options": ("nonsense=1",)}, "--loss softmax_cross_entropy: .*no hyperparameter nonsense"),
        ({"loss_options": ("class_weights=(1,2,3)",)}, "leave one of them away"),
        (
            {"focus": "worst=0.2"},
            "--focus worst=0.2: needs a value of each picture, softmax_cross_entropy takes the batch as ",
        ),
        ({"focus": "worst=0.2"}, "one: set per_image by --loss-options per_image=True, or leave --focus out"),
        (
            {"focus": "worst=2", "loss": "lovasz_hinge", "class_weights": "none"},
            "share must be a number above 0, up to 1",
        ),
        ({"focus": "best=0.2", "loss": "lovasz_hinge"}, "--focus takes worst=SHARE, such as worst=0.2, got best=0.2"),
        ({"focus": "worst=few", "loss": "lovasz_hinge"}, "--focus takes worst=SHARE"),
        (
            {"select_by": "boundary"},
            "--select-by of segmentation is one of dataset_miou_present, image_miou_present, class",
        ),
        ({"aspp_dilations": (1, 0)}, r"--aspp-dilations must be at least 1 each, got \(1, 0\)"),
        ({"aspp_channels": 0}, "--aspp-channels must be at least 1, got 0"),
        ({"momentum": 1.0}, r"--momentum must be below 1, got 1\.0"),
        ({"power": 0.0}, "--power must be above 0"),
        ({"ignore": (300,)}, "0 to 255, got 300"),
        ({"ignore": (0, 1)}, "segmentation needs two"),
        ({"size": 100}, "the size must be a multiple of 32, got 100"),
    ],
)
def test_settings_that_do_not_fit_are_one_sentence(config, tmp_path, changes, sentence):
    with pytest.raises(UsageError, match=sentence):
        segmentation.train(replace(config, out=str(tmp_path / "run"), **changes))
    assert not (tmp_path / "run").exists()


def test_data_in_which_nothing_counts(config, tmp_path, monkeypatch):
    load = Colours.load
    monkeypatch.setattr(
        Colours,
        "load",
        lambda self, index: replace((example := load(self, index)), labels=np.full_like(example.labels, 255)),
    )
    with pytest.raises(DataError, match=r"no pixel of colours:train counts"):
        segmentation.train(replace(config, out=str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


def test_weights_of_the_classes_reach_the_loss(config):
    source = colours()
    weights = class_weights(class_counts(source), "balanced")
    loss = segmentation.build_loss(config, weights)
    labels = np.array([[[0, 1], [2, 255]]])
    logits = np.random.default_rng(0).normal(size=(1, 2, 2, 3)).astype(np.float32)
    entropy = -np.log(np.exp(logits) / np.exp(logits).sum(-1, keepdims=True))
    expected = sum(weights[c] * entropy[0, c // 2, c % 2, c] for c in range(3)) / 3
    assert float(loss(labels, logits)) == pytest.approx(expected, rel=1e-5)
    plain = segmentation.build_loss(replace(config, class_weights="none"))
    assert float(plain(labels, logits)) == pytest.approx(
        sum(entropy[0, c // 2, c % 2, c] for c in range(3)) / 3, rel=1e-5
    )


def test_parts_of_a_sum_take_what_they_have(config):
    labels = np.array([[[0, 1], [2, 255]]])
    logits = np.random.default_rng(0).normal(size=(1, 2, 2, 3)).astype(np.float32)
    losses = ("softmax_cross_entropy", "lovasz_softmax", "softmax_cross_entropy + 0.5*lovasz_softmax", "lovasz_hinge")
    values = [float(segmentation.build_loss(replace(config, loss=loss), [1, 2, 3])(labels, logits)) for loss in losses]
    assert values[2] == pytest.approx(values[0] + 0.5 * values[1], rel=1e-5)
    assert np.isfinite(values).all()


def test_a_focus_is_on_the_worst_pictures_of_each_loss(config):
    told = replace(
        config, loss="lovasz_softmax", fade_from="softmax_cross_entropy + 0.5*lovasz_softmax", focus="worst=0.4",
        loss_options=("per_image=True",), loss_scope="replica",
    )  # fmt: skip
    faded = segmentation.build_loss(told, [1, 2, 3])
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 3, (5, 4, 4)), rng.normal(size=(5, 4, 4, 3)).astype(np.float32)
    for part, loss in zip(faded.parts, (told.fade_from, told.loss), strict=True):
        assert (part.share, part.scope) == (0.4, "replica")
        plain = segmentation.build_loss(replace(told, loss=loss, fade_from=None, focus=None), [1, 2, 3])
        each = [float(plain(label[None], logit[None])) for label, logit in zip(labels, logits)]
        assert float(part(labels, logits)) == pytest.approx(worst_mean(each, "0.4")[0], rel=1e-5)


def test_a_run_of_the_worst_pictures_goes_on_as_such_alone(config, tmp_path):
    told = replace(
        config, out=str(tmp_path / "run"), epochs=1, loss="lovasz_hinge", class_weights="none", focus="worst=0.4"
    )
    assert np.isfinite(list(segmentation.train(told).scalars.values())).all()
    with pytest.raises(UsageError, match=r"focus is worst=0.4, asked for worst=0.5"):
        segmentation.train(replace(told, focus="worst=0.5"))


def test_another_figure_picks_the_epoch(config, tmp_path, monkeypatch):
    """One that says the contrary of the others: the first epoch is kept, and all that is told names the figure."""
    scalars = SegmentationReport.scalars.fget

    def turned(report):
        return {**(own := scalars(report)), "boundary_miou": 1 - own["dataset_miou_present"]}

    monkeypatch.setattr(SegmentationReport, "scalars", property(turned))
    told = replace(config, out=str(tmp_path / "run"), epochs=2, select_by="boundary_miou")
    folder = segmentation.train(told).folder
    best = json.loads((folder / "checkpoints/best.json").read_text())
    assert (best["monitor"], best["epoch"]) == ("val_boundary_miou", 1)
    rows = rows_of(folder)
    assert float(rows[0]["val_boundary_miou"]) > float(rows[1]["val_boundary_miou"])
    assert float(rows[0]["val_dataset_miou_present"]) < float(rows[1]["val_dataset_miou_present"])
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["selected_by"] == "boundary_miou"
    assert "at the labels' own size: boundary mIoU 0." in (folder / "log.txt").read_text()
    with pytest.raises(UsageError, match="select_by is boundary_miou, asked for worst_image_miou"):
        segmentation.train(replace(told, select_by="worst_image_miou"))


def test_the_error_is_of_the_figure_that_picks_the_epoch(segmented, config):
    source = checked_source("colours:val", needs="labels")
    model, given = load_model(segmented.folder), {"errors": True, "quiet": True}
    errors = [segmentation.evaluate(model, source, main=main, **given).errors for main in ("", "worst_image_miou")]
    assert [list(one) for one in errors] == [["dataset_miou_present"], ["worst_image_miou"]]
    assert errors[0]["dataset_miou_present"] != errors[1]["worst_image_miou"]


def test_weights_balance_what_is_rare():
    counts = np.array([[80, 20, 0, 0], [90, 0, 10, 0], [100, 0, 0, 0]])
    share = counts.sum(0) / counts.sum()
    balanced, by_log = (np.array(class_weights(counts, kind)) for kind in ("balanced", "log"))
    # Frequencies 270/300, 20/100 and 10/100, of which 20/100 is the median.
    np.testing.assert_allclose(balanced[:3] / balanced[1], [2 / 9, 1, 2])
    np.testing.assert_allclose(by_log[:3] * np.log(1.02 + share[:3]), by_log[0] * np.log(1.92))
    for weights in (balanced, by_log):
        assert weights[3] == 0
        assert weights @ share == pytest.approx(1)
    with pytest.raises(DataError, match="no example has a pixel"):
        class_weights(counts * 0, "log")
    with pytest.raises(ValueError, match="balanced or log"):
        class_weights(counts, "none")


def model_of(class_names, size=64, **changes):
    return build_deeplab("tiny", size=size, class_names=class_names, aspp_channels=8, head_channels=8, **changes)


def test_a_trained_model_lends_its_weights_by_the_names_of_the_classes(config):
    keras.utils.set_random_seed(0)
    trained, model = model_of(("car", "sky")), model_of(("sky", "owl", "car"), size=96)
    first = model.get_weights()
    segmentation.initialise(model, trained)
    images = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3)).astype(np.float32)
    small = model_of(("sky", "owl", "car"))
    small.set_weights(model.get_weights())
    found, expected = small(images), trained(images)
    np.testing.assert_allclose(found[..., 0], expected[..., 1], atol=1e-5)
    np.testing.assert_allclose(found[..., 2], expected[..., 0], atol=1e-5)
    index = next(number for number, weight in enumerate(model.weights) if weight.path.endswith("head_logits/kernel"))
    np.testing.assert_array_equal(model.get_weights()[index][..., 1], first[index][..., 1])
    with pytest.raises(ValueError, match="not the same network"):
        segmentation.initialise(model, model_of(("sky", "owl", "car"), aspp_dilations=(1, 2)))


def test_a_saliency_model_lends_all_but_the_classes(config):
    saliency, model = build_deeplab("tiny", size=64, aspp_channels=8, head_channels=8), model_of(("a", "b"))
    own = {weight.path: weight.numpy() for weight in model.weights if "head_logits" in weight.path}
    segmentation.initialise(model, saliency)
    for weight, lent in zip(model.weights, saliency.weights):
        np.testing.assert_array_equal(weight, own.get(weight.path, lent))


@pytest.mark.long
def test_init_starts_where_another_run_ended(segmented, config, tmp_path):
    other = replace(
        config, out=str(tmp_path / "run"), init=str(segmented.folder), epochs=1,
        loss="softmax_cross_entropy + 0.5*lovasz_softmax",
        learning_rate=1e-4, optimizer="sgd", schedule="polynomial", equibatch=False,
    )  # fmt: skip
    result = segmentation.train(other)
    assert result.scalars["dataset_miou_present"] > 0.5
    wider = replace(other, out=str(tmp_path / "other"), backbone="tiny", aspp_dilations=(1, 2), aspp_channels=8)
    with pytest.raises(UsageError, match=r"use --backbone plain --aspp-dilations 1 2 3 and leave out --aspp-channels$"):
        segmentation.train(wider)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ({"model": "deeplab", "backbone": "resnet50"}, "use --backbone resnet50"),
        ({"model": "dss", "backbone": "plain"}, "give one of --model deeplab, as no segmentation model is a dss"),
        ({"backbone": "plain"}, "use the same --model and --backbone as there"),
    ],
)
def test_the_advice_is_by_what_is_known_of_the_other_network(config, tmp_path, there, sentence):
    (tmp_path / "config.json").write_text(json.dumps({"task": "saliency", "config": there}))
    assert advice(replace(config, init=str(tmp_path)), "segmentation", ("model", "backbone")) == sentence


def test_the_polynomial_schedule_is_that_of_the_paper():
    config = SegmentationConfig(optimizer="sgd", schedule="polynomial", learning_rate=2.5e-4, warmup_share=0)
    optimizer = build_optimizer(config, 20_000)
    assert isinstance(optimizer, keras.optimizers.SGD)
    assert optimizer.momentum == 0.9
    rates = [float(optimizer._learning_rate(step)) for step in (0, 1, 5_000, 19_999, 20_000, 30_000)]
    expected = [2.5e-4 * max(0, 1 - step / 20_000) ** 0.9 for step in (0, 1, 5_000, 19_999, 20_000, 30_000)]
    np.testing.assert_allclose(rates, expected, rtol=1e-4)
    risen = build_optimizer(replace(config, warmup_share=0.1), 100)._learning_rate
    assert float(risen(0)) == pytest.approx(2.5e-5)
    assert float(risen(50)) == pytest.approx(2.5e-4 * 0.5**0.9, rel=1e-5)
    assert type(risen).from_config(risen.get_config())(7) == risen(7)
    assert isinstance(build_optimizer(SegmentationConfig(), 100), keras.optimizers.AdamW)


def test_validation_data_may_number_the_classes_otherwise(config, monkeypatch):
    class Turned(Colours):
        def __init__(self, rest, needs):
            super().__init__(rest, needs)
            self.class_names = ("background", "blue", "red")

        def load(self, index):
            example = super().load(index)
            turned = np.arange(256, dtype=np.uint8)
            turned[[1, 2]] = 2, 1
            return replace(example, labels=turned[example.labels])

    monkeypatch.setitem(sources.SOURCES, "turned", sources.SourceKind("turned:SPLIT", Turned))
    _, selection = segmentation.open_sources(replace(config, val="turned:train"))
    np.testing.assert_array_equal(selection.load(3).labels, colours().load(3).labels)


def test_data_of_one_class_are_not_trained_on(config, tmp_path, monkeypatch):
    load = Colours.load
    monkeypatch.setattr(
        Colours,
        "load",
        lambda self, index: replace((example := load(self, index)), labels=np.minimum(example.labels, 0)),
    )
    with pytest.raises(DataError, match=r"all pixels of colours:train that count are background, and nothing can be"):
        segmentation.train(replace(config, out=str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()
