"""Exported segmentation models: two signatures, one set of weights, in every format what Keras gives."""

import json
import re
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from metricfit.app import cli
from metricfit.app.predictor import load_predictor
from metricfit.export import export_run, load_runner, read_card
from metricfit.export.candidates import Candidates
from metricfit.export.formats.tflite import VARIANTS
from metricfit.export.formats.tflite_graphs import read_operators, unpacked
from metricfit.export.parity.agreement import Verdict
from metricfit.export.parity.comparison import check, compare
from metricfit.export.runners.tflite import TFLiteRunner
from metricfit.export.tasks import get_task
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import UsageError

from ..conftest import registered
from .conftest import converting_here, networks_alone
from .small_segmenter import CLASS_NAMES, SIZE, make_segmentation_run
from .whole_way import different_from_one_thread

TFLITE = ("model_float32.tflite", "model_float16.tflite", "model_dynamic.tflite", "model_int8.tflite")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return make_segmentation_run(tmp_path_factory.mktemp("runs") / "colours")


@pytest.fixture(scope="module")
def exported(tmp_path_factory, run_folder):
    folder = tmp_path_factory.mktemp("models") / "colours"
    with registered(), networks_alone(), converting_here():
        export_run(run_folder, folder, quantize=("none", "float16", "dynamic", "int8"), data_terms="CC0", quiet=True)
    return folder


@pytest.fixture(scope="module")
def examples():
    with registered():
        source = open_source("colours:val", needs="labels")
        return [source.load(index) for index in (0, 1, 3)]


@pytest.fixture(scope="module")
def pictures(run_folder, examples):
    runner = load_runner(run_folder)
    return np.stack([runner.fit(example.image) for example in examples])


@pytest.fixture(scope="module")
def expected(run_folder, pictures):
    return load_runner(run_folder)(pictures)


def test_the_card_says_what_the_model_needs(exported):
    card = read_card(exported)
    assert (card.task, card.input_size, card.class_names, card.resizing) == ("segmentation", SIZE, CLASS_NAMES, "pad")
    assert len(card.palette) == 3
    assert card.metrics["dataset_miou_present"] > 0.9, "the colours tell the classes"
    for entry in card.files.values():
        assert [(tensor["name"], tensor["dtype"]) for tensor in entry["outputs"]] == [
            ("probabilities", "float32"), ("labels", "uint8"),
        ]  # fmt: skip
        assert "signature labels" in entry["outputs"][1]["description"]
        assert entry["parity"]["mean_difference"] < 0.02


@pytest.mark.parametrize("file", ["saved_model", *TFLITE])
def test_every_file_gives_what_keras_gives(file, exported, pictures, expected):
    runner = load_runner(exported / file)
    assert (runner.task, runner.size, runner.class_names) == ("segmentation", SIZE, CLASS_NAMES)
    assert (runner.threshold, runner.threshold_origin) == (0.0, "card")
    found = runner(pictures)
    assert found.shape == (3, *SIZE, 3)
    limit = {"model_float16.tflite": 1e-2, "model_dynamic.tflite": 0.05, "model_int8.tflite": 0.2}.get(file, 1e-3)
    assert np.abs(found - expected).max() < limit
    labels = runner.outputs(pictures, "labels")["labels"]
    assert (labels.dtype, labels.shape) == (np.uint8, (3, *SIZE))
    np.testing.assert_array_equal(labels, found.argmax(axis=-1))


def test_both_signatures_are_for_any_program(exported, pictures, expected):
    loaded = tf.saved_model.load(str(exported / "saved_model"))
    assert set(loaded.signatures) == {"serving_default", "labels"}
    for count in (1, 3):
        labels = loaded.signatures["labels"](image=tf.constant(pictures[:count]))["labels"]
        np.testing.assert_array_equal(labels, expected[:count].argmax(axis=-1))
    for file in TFLITE:
        listed = Interpreter(str(exported / file)).get_signature_list()
        assert listed == {
            "serving_default": {"inputs": ["image"], "outputs": ["probabilities"]},
            "labels": {"inputs": ["image"], "outputs": ["labels"]},
        }
        operators = read_operators(exported / file)
        assert operators["SOFTMAX"] == operators["ARG_MAX"] == 1, "each signature computes its own output alone"
        graphs = unpacked((exported / file).read_bytes()).subgraphs
        assert len(graphs) == 2


def test_two_signatures_hold_the_weights_once(exported):
    for file in TFLITE:
        model = unpacked((exported / file).read_bytes())
        first, second = ({tensor.buffer for tensor in graph.tensors} - {0} for graph in model.subgraphs)
        weights = {
            index for index in first if model.buffers[index].data is not None and len(model.buffers[index].data) > 64
        }
        assert weights <= second, file


def test_the_page_s_programs_run(exported, examples, monkeypatch, capsys):
    page = (exported / "README.md").read_text()
    for text in ("red, blue", "CC0", "metricfit export", "signature", "mIoU", *read_card(exported).files):
        assert text in page
    example = examples[0]
    monkeypatch.chdir(exported)
    blocks = re.findall(r"(?:^    .*\n|^\n)+", page, re.MULTILINE)
    parts = ("metricfit.load", "ai_edge_litert")
    programs = [textwrap.dedent(block) for part in parts for block in blocks if part in block and "import" in block]
    assert len(programs) == 2
    for size in ((48, 40), (201, 137), (37, 51), (131, 43)):
        Image.fromarray(example.image).resize(size).save("photo.jpg", format="png")
        ours, lite = {}, {}
        exec(programs[0], ours)
        said = capsys.readouterr().out
        exec(programs[1], lite)
        assert capsys.readouterr().out == said, size
        np.testing.assert_array_equal(lite["labels"], ours["found"].labels)
        shares = dict(line.split() for line in said.strip().splitlines())
        for index, name in ((1, "red"), (2, "blue")):
            true = (example.labels == index).mean()
            # In another shape the borders of the small picture are blurred.
            assert float(shares[name]) == pytest.approx(true, rel=0.15 if size == (48, 40) else 0.3), size


class Broken:
    """An exported file whose answers are edited."""

    def __init__(self, runner, labels=None, probabilities=None):
        self.runner, self.labels, self.probabilities = runner, labels, probabilities

    def __getattr__(self, name):
        return getattr(self.runner, name)

    def __call__(self, images):
        found = self.runner(images)
        return self.probabilities(found) if self.probabilities else found

    def outputs(self, images, signature):
        found = self.runner.outputs(images, signature)
        return {"labels": self.labels(found["labels"].copy())} if self.labels else found


def flipped_pixel(labels):
    labels[0, 30, 30] = (labels[0, 30, 30] + 1) % 3
    return labels


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        ({}, None),
        ({"labels": flipped_pixel}, "are not the classes of its largest probabilities on val00"),
        ({"probabilities": lambda found: found + np.float32(0.002) * (found < 0.5)}, "largest difference"),
    ],
)
def test_a_file_that_disagrees_is_refused(edit, says, run_folder, exported):
    name = "model_float32.tflite"
    broken, task = Broken(load_runner(exported / name), **edit), get_task("segmentation")
    with registered():
        source = open_source("colours:val", needs="labels")

    def compared():
        files = Candidates(exported, ("tflite",), ("none",), strict=False)
        files.runners[name] = broken
        reference, measured = compare(task, load_runner(run_folder), files, source, {}, quiet=True, by_picture=True)
        if files.refused:
            assert not measured
            return Verdict(files.refused[name])
        return check(task, name, VARIANTS["none"], reference, measured[name])

    verdict = compared()
    if says is None:
        assert verdict.differences["largest_difference"] < 1e-4
        assert verdict.refusal == ""
    else:
        assert says in verdict.refusal


def test_the_predictor_gives_classes_at_the_picture_s_own_size(exported, examples):
    predict = load_predictor(exported)
    assert isinstance(predict.runner, TFLiteRunner)
    for example in examples:
        found = predict(example.image)
        known = example.labels != 255
        assert found.labels.shape == found.confidence.shape == (40, 48)
        assert (found.labels == example.labels)[known].mean() > 0.95
        assert found.confidence.min() >= 1 / 3 - 0.01
        enlarged = found.resized((80, 96))
        np.testing.assert_array_equal(enlarged.labels[::2, ::2], found.labels)


def test_predict_writes_class_maps_that_evaluate_like_the_file(exported, tmp_path, capsys):
    out = tmp_path / "found"
    with registered():
        assert cli.main(["predict", str(exported), "colours:val", "--out", str(out), "--quiet"]) == 0
        assert cli.main(["evaluate", str(exported), "--data", "colours:val", "--out", str(tmp_path / "report")]) == 0
        source = open_source("colours:val", needs="labels")
    results = json.loads((out / "results.json").read_text())
    assert (results["task"], results["class_names"]) == ("segmentation", list(CLASS_NAMES))
    confusion = np.zeros((3, 3), int)
    for index, picture in enumerate(results["pictures"]):
        with Image.open(out / picture["files"]["labels"]) as file:
            assert file.mode == "P"
            found = np.array(file)
        example = source.load(index)
        known = example.labels != 255
        np.add.at(confusion, (example.labels[known], found[known]), 1)
        shares = {entry["class"]: entry["share"] for entry in picture["classes"]}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert shares["background"] == pytest.approx((found == 0).mean(), abs=1e-5)
        assert (out / picture["files"]["overlay"]).is_file()
    report = json.loads((tmp_path / "report/metrics.json").read_text())
    np.testing.assert_array_equal(report["confusion"], confusion)
    entry = read_card(exported).files["model_int8.tflite"]
    assert report["scalars"]["dataset_miou_present"] == pytest.approx(entry["metrics"]["dataset_miou_present"])


def test_unsure_pixels_have_no_class_below_the_threshold(exported, tmp_path):
    out = tmp_path / "found"
    with registered():
        arguments = ["predict", str(exported), "colours:val", "--threshold", "0.9", "--out", str(out), "--quiet"]
        assert cli.main(arguments) == 0
    results = json.loads((out / "results.json").read_text())
    assert results["threshold"] == 0.9
    predict = load_predictor(exported)
    with registered():
        source = open_source("colours:val", needs="labels")
    found = predict(source.load(0).image)
    written = np.array(Image.open(out / results["pictures"][0]["files"]["labels"]))
    assert 0 < (written == 255).mean() < 0.9
    np.testing.assert_array_equal(written == 255, found.confidence < np.float32(0.9))


def test_several_scales_need_a_keras_model(exported, run_folder, tmp_path, capsys):
    with registered():
        scaled = ["--data", "colours:val", "--scales", "1", "0.5", "--out", str(tmp_path / "out")]
        assert cli.main(["evaluate", str(exported), *scaled]) == 2
        assert "needs a Keras model" in capsys.readouterr().err
        assert cli.main(["evaluate", str(exported), "--data", "colours:val", "--flips", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["flips"] is True


def test_loading_tells_segmentation_from_others(run_folder, tmp_path):
    runner = load_runner(run_folder)
    assert (runner.task, runner.kind, runner.resizing) == ("segmentation", "keras", "pad")
    assert (runner.threshold, runner.threshold_origin) == (0.0, "run")
    image = tf.keras.Input((*SIZE, 3))
    tf.keras.Model(image, tf.keras.layers.Conv2D(4, 1)(image)).save(tmp_path / "four.keras")
    with pytest.raises(UsageError, match="is no saliency, segmentation or detection model"):
        load_runner(tmp_path / "four.keras")


@pytest.mark.parametrize("file", ["saved_model", "model_float32.tflite"])
def test_eight_threads_draw_and_write_classes(exported, tmp_path, file):
    assert different_from_one_thread(load_predictor(exported / file, threads=1), tmp_path) == []
