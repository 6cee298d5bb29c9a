"""Exports of a tiny model: what is in the folder, that it agrees with Keras, and that a failure leaves nothing."""

import json
import re
import shutil
import subprocess
import textwrap
from functools import partial
from pathlib import Path

import flatbuffers
import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from metricfit.app import cli
from metricfit.app.predictor import load_predictor
from metricfit.export import export_run, read_card
from metricfit.export import exporter as exporter_module
from metricfit.export.exporter import representative_pictures
from metricfit.export.formats import float16, tflite_converter
from metricfit.export.formats.float16 import halve_as_allowed, halve_kernels
from metricfit.export.formats.functions import write_stages
from metricfit.export.formats.saved_model import SavedModel
from metricfit.export.formats.tflite import VARIANTS
from metricfit.export.formats.tflite_graphs import read_operators
from metricfit.export.provenance import unfinished
from metricfit.export.runners.load import load_keras
from metricfit.export.runners.tflite import TFLiteRunner
from metricfit.export.tasks import get_task
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.data.images import resize_image, resize_map
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.subset import split_for_selection
from metricfit.trainers.errors import MetricfitError, UsageError

from .small_model import SIZE, make_run, red_detector, red_squares

pytestmark = pytest.mark.usefixtures("network_alone")

TFLITE = ("model_float32.tflite", "model_float16.tflite", "model_dynamic.tflite", "model_int8.tflite")


def test_the_folder_holds_what_the_card_lists(exported):
    card = read_card(exported)
    assert {path.name for path in exported.iterdir()} == {"card.json", "README.md", "saved_model", *TFLITE}
    assert set(card.files) == {"saved_model", *TFLITE}
    assert [path.name for path in exported.parent.iterdir()] == ["red"]
    for name, entry in card.files.items():
        path = exported / name
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        assert entry["bytes"] == sum(file.stat().st_size for file in files)
        assert entry["latency_ms"] > 0
    assert (card.task, card.name, card.input_size, card.data_terms) == ("saliency", "red", SIZE, "CC0")
    assert card.data["training_images"] == 27
    assert card.data["validation_images"] == 3
    assert card.data["representative_images"] == 27


def test_metrics_are_those_of_the_exported_file_on_the_held_out_examples(exported, source):
    entry = read_card(exported).files["model_int8.tflite"]
    _check_figures(entry, exported / "model_int8.tflite", open_source(source), held_out=[9, 19, 29])


def test_further_data_are_measured_whole_for_every_file(exported, further):
    card = read_card(exported)
    for name, entry in card.files.items():
        ((source, test),) = entry["tests"].items()
        assert (source, test["images"]) == (further, 4), name
    test = card.files["model_int8.tflite"]["tests"][further]
    assert test["metrics"] != card.files["model_int8.tflite"]["metrics"]
    _check_figures(test, exported / "model_int8.tflite", open_source(further), held_out=[0, 1, 2, 3])
    assert f"--test {further}" in card.command[-1]
    page = (exported / "README.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith(f"| `model_int8.tflite` | `{further}` | 4 |"))
    assert f"| {test['metrics']['mean_f']:.4f} |" in row
    assert "**Limits.** Squares alone." in page


def _check_figures(entry, file, data, held_out):
    """Hold a file's figures in the card to those of an interpreter and a loop over thresholds."""
    interpreter = Interpreter(str(file))
    interpreter.allocate_tensors()
    image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero_point = output["quantization"]
    errors = []
    precision, recall = np.zeros(256), np.zeros(256)
    for index in held_out:
        example = data.load(index)
        interpreter.set_tensor(image["index"], resize_image(example.image, (SIZE, SIZE))[None])
        interpreter.invoke()
        small = (interpreter.get_tensor(output["index"])[0].astype(np.float32) - zero_point) * np.float32(scale)
        saliency = resize_map(small, example.mask.shape)
        errors.append(np.abs(saliency - example.mask).mean())
        for step in range(256):
            found = saliency >= np.float32(step / 255)
            hits = (found & (example.mask == 1)).sum()
            precision[step] += hits / max(1, found.sum()) / len(held_out)
            recall[step] += hits / example.mask.sum() / len(held_out)
    f = 1.3 * precision * recall / np.maximum(0.3 * precision + recall, 1e-12)
    metrics, thresholds = entry["metrics"], entry["thresholds"]
    assert metrics["max_f"] == pytest.approx(f.max(), abs=1e-4)
    assert metrics["mean_f"] == pytest.approx(f.mean(), abs=1e-4)
    assert metrics["mae"] == pytest.approx(np.mean(errors), abs=1e-5)
    assert metrics["max_f"] > 0.9
    assert thresholds["optimal"] == pytest.approx(f.argmax() / 255, abs=1e-9)


def test_the_saved_model_s_signature_is_the_documented_one(exported):
    loaded = tf.saved_model.load(str(exported / "saved_model"))
    assert list(loaded.signatures) == ["serving_default", "pictures", "encoded_pictures"]
    signature = loaded.signatures["serving_default"]
    ((name, image),) = signature.structured_input_signature[1].items()
    ((output, saliency),) = signature.structured_outputs.items()
    assert (name, image.dtype, image.shape.as_list()) == ("image", tf.uint8, [None, SIZE, SIZE, 3])
    assert (output, saliency.dtype, saliency.shape.as_list()) == ("saliency", tf.float32, [None, SIZE, SIZE])
    for batch in (1, 5):
        assert signature(image=tf.zeros((batch, SIZE, SIZE, 3), tf.uint8))["saliency"].shape == (batch, SIZE, SIZE)


@pytest.mark.parametrize("file", TFLITE)
def test_tflite_files_take_bytes_and_hold_built_in_operators_only(file, exported):
    interpreter = Interpreter(str(exported / file))
    ((name, signature),) = interpreter.get_signature_list().items()
    assert (name, signature) == ("serving_default", {"inputs": ["image"], "outputs": ["saliency"]})
    image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    assert image["dtype"] == np.uint8
    assert image["shape"].tolist() == [1, SIZE, SIZE, 3]
    assert output["shape"].tolist() == [1, SIZE, SIZE]
    assert output["dtype"] == (np.uint8 if "int8" in file else np.float32)
    operators = read_card(exported).files[file]["operators"]
    assert operators == read_operators(exported / file)
    assert {"CONV_2D", "RESIZE_BILINEAR", "LOGISTIC"} <= set(operators)
    assert not [name for name in operators if name.startswith(("CUSTOM", "FLEX"))]
    assert re.fullmatch(r"[0-9a-f]{64}", read_card(exported).files[file]["sha256"])


def test_int8_takes_bytes_as_they_are_and_has_no_float_islands(exported):
    entry = read_card(exported).files["model_int8.tflite"]
    assert (entry["input"]["scale"], entry["input"]["zero_point"]) == (1.0, 0)
    assert entry["outputs"][0]["scale"] == pytest.approx(1 / 256)
    assert "DEQUANTIZE" not in entry["operators"]
    assert "CAST" not in entry["operators"]
    # One at each end, from uint8 to int8 and back.
    assert entry["operators"]["QUANTIZE"] == 2


def test_the_card_names_the_trainings_before_the_last(tmp_path, source):
    make_run(tmp_path / "first", source, size=64)
    make_run(tmp_path / "second", source, init=str(tmp_path / "first"))
    run = make_run(tmp_path / "third", source, init=str(tmp_path / "second" / "model.keras"))
    export_run(run, tmp_path / "model", formats=("savedmodel",), quiet=True)
    go, first, second, last, export = read_card(tmp_path / "model").command
    assert (tmp_path / "model" / go.removeprefix("cd ")).resolve() == Path.cwd()
    train = f"metricfit train saliency --data {source} --out {tmp_path}"
    # What these runs do not say was none and 1 then, which is no default now.
    assert first == f"{train}/first --weights none --size 64 --min-epoch-steps 1"
    assert second == f"{train}/second --weights none --init {tmp_path}/first --min-epoch-steps 1"
    assert last.startswith("metricfit train saliency --config")
    assert export.startswith("metricfit export")


def test_the_result_says_what_was_made(run_folder, tmp_path):
    result = export_run(run_folder, tmp_path / "out", formats=("savedmodel",), quiet=True)
    assert result.card == read_card(result.folder)
    assert result.files == {"saved_model": tmp_path / "out/saved_model"}
    assert [path.name for path in result.made] == ["card.json", "README.md", "saved_model"]
    assert all(path.exists() for path in result.made)
    entry = result.card.files["saved_model"]
    assert result.scalars["saved_model"]["megabytes"] == entry["bytes"] / 1e6
    assert result.scalars["saved_model"].items() >= {**entry["metrics"], **entry["parity"]}.items()
    assert result.to_dict()["task"] == "saliency"


def test_the_readme_says_what_matters(exported):
    page = (exported / "README.md").read_text()
    card = read_card(exported)
    for text in ("CC0", "metricfit export", "serving_default", f"{card.thresholds['optimal']:.3f}", *card.files):
        assert text in page


def test_the_page_s_programs_run(exported, source, tmp_path, monkeypatch):
    """Where the card lies, and to the same map and mask: by this package, by LiteRT alone and by TensorFlow alone."""
    folder = tmp_path / "elsewhere"
    shutil.copytree(exported, folder)
    squares = Image.open(Path(source.removeprefix("folder:")) / "images/000.png")
    monkeypatch.chdir(folder)
    blocks = re.findall(r"(?:^    .*\n|^\n)+", (folder / "README.md").read_text(), re.MULTILINE)
    programs = [textwrap.dedent(block) for block in blocks if "import" in block and "encoded_pictures" not in block]
    # Smaller and larger than the input, and both.
    for size in ((201, 137), (51, 37), (131, 43), (SIZE, SIZE)):
        squares.resize(size).save("photo.jpg", format="png")
        found = [{}, {}, {}]
        for program, names in zip(programs, found, strict=True):
            exec(program, names)
        ours, lite, tensorflow = found
        np.testing.assert_array_equal(lite["saliency"], ours["saliency"])
        np.testing.assert_array_equal(lite["salient"], ours["salient"] > 0)
        assert 0 < lite["salient"].mean() < 0.5
        served = load_predictor("saved_model")("photo.jpg")
        np.testing.assert_allclose(tensorflow["saliency"], served.map, atol=1e-5)
        assert (tensorflow["salient"] != (served.mask > 0)).mean() < 1e-3
    (line,) = [line.strip() for block in blocks for line in block.splitlines() if "metricfit predict" in line]
    assert cli.main(line.split()[1:]) == 0
    assert (folder / "masks/results.json").is_file()


def test_the_card_s_settings_repeat_the_training(exported):
    assert json.loads((exported / "card.json").read_text())["config"]["beta2"] == 0.3
    assert any("metricfit train saliency --config" in line for line in read_card(exported).command)


def perturbed(write):
    """Write a model whose first kernel is a little wrong, as a bad conversion would."""

    def tampered(self, model, *args, **kwargs):
        layer = model.get_layer("features")
        weights = layer.get_weights()
        layer.set_weights([weights[0] * 1.2, weights[1]])
        try:
            return write(self, model, *args, **kwargs)
        finally:
            layer.set_weights(weights)

    return tampered


def with_other_kernels(content: bytes) -> bytes:
    """A .tflite file whose convolution kernels are a tenth smaller."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for tensor in model.subgraphs[0].tensors:
        buffer = model.buffers[tensor.buffer]
        if len(tensor.shape) == 4 and buffer.data is not None:
            kind = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT8: np.int8}[tensor.type]
            values = np.asarray(buffer.data, np.uint8).view(kind)
            buffer.data = (values * 0.9).astype(kind).view(np.uint8)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_a_tflite_file_that_disagrees_fails_the_export_and_leaves_nothing(
    quantize, exported, run_folder, tmp_path, monkeypatch
):
    def convert(model, folder, variants, pictures=None, *, task):
        for variant in variants:
            (folder / variant.file).write_bytes(edit((exported / variant.file).read_bytes()))
        return {}

    monkeypatch.setattr(tflite_converter, "convert", convert)
    options = {"formats": ("tflite",), "quantize": (quantize,), "quiet": True}
    edit = with_other_kernels
    with pytest.raises(MetricfitError, match=r"model_\w+\.tflite does not agree with the Keras model") as caught:
        export_run(run_folder, tmp_path / "out", **options)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []
    edit = bytes
    export_run(run_folder, tmp_path / "out", **options)


@pytest.fixture
def halfway(exported, monkeypatch):
    """The options of an export whose int8 file is wrong, while its others are right."""

    def convert(model, folder, variants, pictures=None, *, task):
        refused = {}
        for variant in variants:
            content = (exported / variant.file).read_bytes()
            if variant.name == "dynamic":
                refused[variant.file] = "the conversion to TFLite (dynamic) was refused: no reason"
            else:
                content = with_other_kernels(content) if variant.name == "int8" else content
                (folder / variant.file).write_bytes(content)
        return refused

    monkeypatch.setattr(tflite_converter, "convert", convert)
    return {"formats": ("tflite",), "quantize": ("none", "dynamic", "int8"), "quiet": True}


def test_what_passed_is_written_and_what_did_not_is_named(halfway, run_folder, tmp_path, caplog, monkeypatch):
    result = export_run(run_folder, tmp_path / "out", **halfway)
    assert {path.name for path in result.folder.iterdir()} == {"card.json", "README.md", "model_float32.tflite"}
    assert set(result.files) == {"model_float32.tflite"}
    assert set(result.refused) == {"model_dynamic.tflite", "model_int8.tflite"}
    assert re.search(
        r"must be at most 0\.0\d+, got 0\.\d+ \(by 3 pictures at least", result.refused["model_int8.tflite"]
    )
    assert read_card(result.folder).refused == result.refused
    page = (result.folder / "README.md").read_text()
    for sentence in result.refused.values():
        assert f"- {sentence}\n" in page
        assert f"left out: {sentence}" in caplog.text
    verb = ["export", str(run_folder), "--to", str(tmp_path / "verb"), "--quiet", "--formats", "tflite", "--quantize"]
    assert cli.main([*verb, "none", "int8"]) == 1
    monkeypatch.undo()
    assert cli.main([*verb, "none", "--overwrite", "--formats", "savedmodel"]) == 0


def test_a_strict_export_is_all_or_nothing(halfway, run_folder, tmp_path):
    with pytest.raises(MetricfitError, match=r"\(dynamic\) was refused.*nothing was exported$"):
        export_run(run_folder, tmp_path / "out", strict=True, **halfway)
    with pytest.raises(MetricfitError, match=r"model_int8\.tflite does not agree.*nothing was exported$"):
        export_run(run_folder, tmp_path / "out", strict=True, **halfway | {"quantize": ("none", "int8")})
    assert list(tmp_path.iterdir()) == []


def test_few_pictures_that_cannot_tell_leave_a_warning(exported):
    """Three pictures: the int8 file is there, with what they cannot tell in its card and on the page."""
    entry = read_card(exported).files["model_int8.tflite"]
    assert entry["parity"]["mean_difference"] < 0.02
    assert set(entry["intervals"]) == {
        "mean difference",
        *(f"difference in {one}" for one in ("max_f", "mean_f", "mae")),
    }
    page = (exported / "README.md").read_text()
    for warning in entry["warnings"]:
        assert warning.startswith("3 pictures cannot tell")
        assert f"- `model_int8.tflite`: {warning}\n" in page
    float32 = read_card(exported).files["model_float32.tflite"]
    assert (float32["intervals"], float32["warnings"]) == ({}, [])


def test_a_saved_model_that_disagrees_fails_the_export_and_the_old_one_stays(run_folder, tmp_path, monkeypatch):
    export_run(run_folder, tmp_path / "out", formats=("savedmodel",), quiet=True)
    before = (tmp_path / "out" / "card.json").read_bytes()
    with pytest.raises(UsageError, match="--overwrite"):
        export_run(run_folder, tmp_path / "out", formats=("savedmodel",), quiet=True)
    monkeypatch.setattr(SavedModel, "write", perturbed(SavedModel.write))
    with pytest.raises(MetricfitError, match="saved_model does not agree"):
        export_run(run_folder, tmp_path / "out", formats=("savedmodel",), overwrite=True, quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "card.json").read_bytes() == before
    monkeypatch.undo()
    export_run(run_folder, tmp_path / "out", formats=("savedmodel",), overwrite=True, name="again", quiet=True)
    assert read_card(tmp_path / "out").name == "again"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_interrupted_export_leaves_nothing(run_folder, tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(exporter_module, "readme", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_run(run_folder, tmp_path / "out", formats=("savedmodel",), quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_values_that_are_no_numbers_fail_the_export(source, tmp_path):
    model = red_detector()
    model.get_layer("head").set_weights([np.full((1, 1, 8, 1), np.nan, np.float32), np.zeros(1, np.float32)])
    run = make_run(tmp_path / "run", source, model)
    with pytest.raises(MetricfitError, match="no numbers"):
        export_run(run, tmp_path / "out", formats=("savedmodel",), quiet=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("rows", "metrics", "more", "said"),
    [
        (3, True, {}, "3 of 20 epochs"),
        (3, False, {"minutes": 5}, "3 of 20 epochs"),
        (0, False, {}, "it was not measured"),
        (3, True, {"minutes": 5}, ""),
        (20, True, {}, ""),
    ],
)
def test_a_training_that_is_not_finished_is_said(rows, metrics, more, said, source, tmp_path, caplog):
    run = make_run(tmp_path / "run", source, epochs=20, **more)
    (run / "history.csv").write_text("epoch,seconds\n" + "".join(f"{row + 1},1\n" for row in range(rows)))
    if not metrics:
        (run / "metrics.json").unlink()
    assert ("; ".join(unfinished(run, {"epochs": 20, **more})) != "") is bool(said)
    if rows == 3 and not metrics:
        result = export_run(run, tmp_path / "out", formats=("savedmodel",), quiet=True)
        (warning,) = result.card.warnings
        assert said in warning
        assert warning in caplog.text
        assert f"- {warning}\n" in (tmp_path / "out/README.md").read_text()


def test_a_model_that_marks_everything_is_said(source, tmp_path, caplog):
    model = red_detector()
    model.get_layer("head").set_weights([np.zeros((1, 1, 8, 1), np.float32), np.full(1, 6, np.float32)])
    result = export_run(
        make_run(tmp_path / "run", source, model), tmp_path / "out", formats=("savedmodel",), quiet=True
    )
    (warning,) = result.card.warnings
    assert warning.startswith("On the validation data the maps mark everything")
    assert warning in caplog.text
    assert f"- {warning}\n" in (tmp_path / "out/README.md").read_text()


def test_the_representative_pictures_are_training_pictures(source):
    training, selection = split_for_selection(open_source(source))
    stretch = partial(fit_image, inside=SIZE, resizing="stretch")
    pictures, names = representative_pictures(training, stretch, count=20, quiet=True)
    assert pictures.shape == (20, SIZE, SIZE, 3)
    assert pictures.dtype == np.uint8
    assert len(set(names)) == 20
    assert set(names) <= set(training.names)
    assert not set(names) & set(selection.names)
    index = training.names.index(names[3])
    np.testing.assert_array_equal(pictures[3], resize_image(training.load(index).image, (SIZE, SIZE)))


def test_only_training_pictures_reach_the_converter(run_folder, source, tmp_path, monkeypatch):
    seen = {}

    def convert(model, folder, variants, pictures=None, *, task):
        seen["pictures"] = pictures
        raise MetricfitError("enough seen")

    monkeypatch.setattr(tflite_converter, "convert", convert)
    with pytest.raises(MetricfitError, match="enough"):
        export_run(run_folder, tmp_path / "out", formats=("tflite",), quantize=("int8",), quiet=True)
    data = open_source(source)
    given = {picture.tobytes() for picture in seen["pictures"]}
    every = [resize_image(data.load(index).image, (SIZE, SIZE)).tobytes() for index in range(len(data))]
    assert given == {picture for index, picture in enumerate(every) if index % 10 != 9}


def test_a_separate_validation_source_is_used(run_folder, tmp_path):
    val = red_squares(tmp_path / "val", count=4, seed=7)
    export_run(run_folder, tmp_path / "out", formats=("savedmodel",), val=val, quiet=True)
    data = read_card(tmp_path / "out").data
    assert (data["validation"], data["validation_images"], data["training_images"]) == (val, 4, 30)


def test_a_bare_keras_file_needs_its_data_named(source, tmp_path):
    red_detector().save(tmp_path / "red.keras")
    with pytest.raises(UsageError, match="--data"):
        export_run(tmp_path / "red.keras", tmp_path / "out", quiet=True)
    export_run(tmp_path / "red.keras", tmp_path / "out", formats=("savedmodel",), data=source, quiet=True)
    assert read_card(tmp_path / "out").data["training"] == source


def test_options_that_do_not_fit_are_refused(run_folder, source, tmp_path):
    with pytest.raises(UsageError, match="--formats takes savedmodel, tflite, got onnx"):
        export_run(run_folder, tmp_path / "out", formats=("onnx",))
    with pytest.raises(UsageError, match="--quantize takes none, float16, dynamic, int8, got int4"):
        export_run(run_folder, tmp_path / "out", quantize=("int4",))
    with pytest.raises(UsageError, match="no trained model"):
        export_run(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep me")
    with pytest.raises(UsageError, match="is not an exported model"):
        export_run(run_folder, tmp_path / "mine", overwrite=True)
    other = make_run(tmp_path / "other", source)
    refusals = {"detection": "saliency model in a detection run", "pose": "pose run: expected"}
    for task, says in refusals.items():
        settings = {"task": task, "config": {"data": source}, "versions": {}}
        (other / "config.json").write_text(json.dumps(settings))
        with pytest.raises(UsageError, match=says):
            export_run(other, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo 'LLVM ERROR: failed to infer' >&2; kill -ABRT $$", "ended its process with status -6: LLVM ERROR"),
        ("echo 'no built-in for Digamma'; echo noise >&2; exit 3", "was refused: no built-in for Digamma"),
        ("exit 1", "ended its process with status 1: it said nothing"),
    ],
)
def test_a_conversion_that_fails_becomes_one_sentence(script, says, tmp_path, monkeypatch):
    converter = tmp_path / "converter.sh"
    converter.write_text(f"#!/bin/sh\n{script}\n")
    converter.chmod(0o755)
    monkeypatch.setattr(tflite_converter.sys, "executable", str(converter))
    refused = tflite_converter.convert(red_detector(), tmp_path, [VARIANTS["none"]], task=get_task("saliency"))
    sentence = refused.pop("model_float32.tflite")
    assert not refused
    assert sentence.startswith("the conversion to TFLite (none) ")
    assert says in sentence
    assert "\n" not in sentence
    assert list(tmp_path.iterdir()) == [converter]


def test_what_comes_behind_a_failed_conversion_is_tried(exported, tmp_path, monkeypatch):
    """The second variant ends the process; the third is made by another one."""

    def ends_at_dynamic(command, **options):
        *_, folder, names = command
        for name in names.split(","):
            if name == "dynamic":
                return subprocess.CompletedProcess(command, -6, "", "LLVM ERROR: failed to infer")
            (Path(folder) / f"{name}.tflite").write_bytes((exported / VARIANTS[name].file).read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(tflite_converter.subprocess, "run", ends_at_dynamic)
    chosen = [VARIANTS[name] for name in ("none", "dynamic", "int8")]
    refused = tflite_converter.convert(red_detector(), tmp_path, chosen, task=get_task("saliency"))
    assert list(refused) == ["model_dynamic.tflite"]
    assert "status -6: LLVM ERROR" in refused["model_dynamic.tflite"]
    assert {path.name for path in tmp_path.iterdir()} == {"model_float32.tflite", "model_int8.tflite"}


def test_an_operator_without_a_built_in_is_refused(tmp_path, capfd):
    class Digamma(keras.layers.Layer):
        def call(self, x):
            return tf.math.digamma(x + 1.0)

    image = keras.Input((SIZE, SIZE, 3))
    logits = keras.layers.Reshape((SIZE, SIZE))(keras.layers.Conv2D(1, 1)(Digamma()(image)))
    model = keras.Model(image, logits)
    spec = tf.TensorSpec((1, SIZE, SIZE, 3), tf.uint8)
    write_stages(get_task("saliency").stages(model), tmp_path / "bytes_in", {"image": spec})
    assert tflite_converter._main(tmp_path, tmp_path, "none") == 3
    assert "Digamma" in capfd.readouterr().out.splitlines()[-1]
    assert not list(tmp_path.glob("*.tflite"))


def test_half_precision_rounds_large_kernels_and_nothing_else(exported, source, tmp_path):
    content = (exported / "model_float32.tflite").read_bytes()
    (tmp_path / "small.tflite").write_bytes(halve_kernels(content, 8192))
    assert "DEQUANTIZE" not in read_operators(tmp_path / "small.tflite")
    (tmp_path / "half.tflite").write_bytes(halve_kernels(content, 100))
    assert read_operators(tmp_path / "half.tflite")["DEQUANTIZE"] == 1

    picture = resize_image(open_source(source).load(0).image, (SIZE, SIZE))[None]
    model, rounded = red_detector(), red_detector()
    kernel, bias = model.get_layer("features").get_weights()
    # The converter multiplies the 1/255 of the rescaling into the kernel first.
    halved = (kernel / np.float32(255)).astype(np.float16).astype(np.float32) * 255
    rounded.get_layer("features").set_weights([halved, bias])
    wanted, exact = (keras.ops.sigmoid(m(picture.astype(np.float32))).numpy() for m in (rounded, model))
    half, small = (TFLiteRunner(tmp_path / f"{name}.tflite")(picture) for name in ("half", "small"))
    np.testing.assert_allclose(small, exact, atol=1e-6)
    np.testing.assert_allclose(half, wanted, atol=2e-6)
    assert np.abs(wanted - exact).max() > 1e-5


def test_half_precision_stops_where_the_model_bears_no_more(exported, source, monkeypatch):
    content = (exported / "model_float32.tflite").read_bytes()
    pictures = np.stack([resize_image(open_source(source).load(index).image, (SIZE, SIZE)) for index in range(3)])
    monkeypatch.setattr(float16, "CUTS", (100, 8192))
    monkeypatch.setattr(float16, "HEADROOM", 1e-3)
    assert halve_as_allowed(content, pictures) == halve_kernels(content, 100)
    monkeypatch.setattr(float16, "HEADROOM", 1e-7)
    assert halve_as_allowed(content, pictures) == halve_kernels(content, 8192)


def test_models_of_mixed_precision_are_exported_in_float32(tmp_path):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = red_detector()
    finally:
        keras.config.set_dtype_policy(before)
    model.save(tmp_path / "mixed.keras")
    loaded, task = load_keras(tmp_path / "mixed.keras")
    assert task.name == "saliency"
    picture = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3)).astype(np.float32)
    wanted = red_detector().predict(picture, verbose=0)
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    np.testing.assert_allclose(loaded.predict(picture, verbose=0), wanted, atol=1e-5)
    assert np.abs(model.predict(picture, verbose=0) - wanted).max() > 1e-4


@pytest.mark.long
def test_a_mobilenet_deeplab_is_exported_whole(tmp_path):
    from metricfit.trainers.models.deeplab import build_deeplab

    keras.utils.set_random_seed(0)
    source = red_squares(tmp_path / "data", count=10)
    run = make_run(tmp_path / "run", source, build_deeplab("mobilenet_v3_small", size=96))
    export_run(run, tmp_path / "out", quantize=("int8",), quiet=True)
    card = read_card(tmp_path / "out")
    assert set(card.files) == {"saved_model", "model_int8.tflite"}
    operators = card.files["model_int8.tflite"]["operators"]
    assert {"HARD_SWISH", "RESIZE_BILINEAR", "LOGISTIC"} <= set(operators)
    assert operators["QUANTIZE"] == 2
    assert "DEQUANTIZE" not in operators
