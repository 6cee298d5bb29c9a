"""Every kind of model file runs alike, and what is none is refused in one sentence."""

import json
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit.export import load_runner
from metricfit.export.runners.tflite import _as_input, _dequantisation
from metricfit.trainers.data.images import resize_image
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import DataError, MetricfitError, UsageError

from .small_model import SIZE, red_detector

FILES = {
    "saved_model": 1e-5,
    "model_float32.tflite": 1e-5,
    "model_float16.tflite": 1e-3,
    "model_dynamic.tflite": 3e-2,
    "model_int8.tflite": 5e-2,
}


@pytest.fixture(scope="module")
def pictures(source):
    data = open_source(source)
    return np.stack([resize_image(data.load(index).image, (SIZE, SIZE)) for index in (9, 19, 29)])


@pytest.fixture(scope="module")
def expected(pictures):
    logits = red_detector().predict(pictures.astype(np.float32), verbose=0).astype(np.float64)
    return 1 / (1 + np.exp(-logits))


@pytest.mark.parametrize("file", FILES)
def test_every_exported_file_gives_what_keras_gives(file, exported, pictures, expected):
    runner = load_runner(exported / file)
    found = runner(pictures)
    assert found.dtype == np.float32
    assert found.shape == (3, SIZE, SIZE)
    assert np.abs(found - expected).max() < FILES[file]
    assert expected.std() > 0.05
    assert (runner.size, runner.path) == (SIZE, exported / file)
    assert runner.card.files[file]["kind"] == runner.kind
    assert runner.threshold == runner.card.files[file]["thresholds"]["optimal"]
    assert runner.threshold_origin == "card"
    assert runner(pictures[:0]).shape == (0, SIZE, SIZE)


def test_a_run_and_its_keras_file_are_runners(run_folder, pictures, expected):
    for path in (run_folder, run_folder / "model.keras"):
        runner = load_runner(path)
        assert (runner.kind, runner.card, runner.size, runner.threshold) == ("keras", None, SIZE, 0.25)
        assert runner.threshold_origin == "run"
        np.testing.assert_allclose(runner(pictures), expected, atol=1e-5)
        assert runner(pictures).dtype == np.float32


def test_an_exported_folder_gives_its_int8_file_and_else_the_next(exported, tmp_path):
    folder = tmp_path / "red"
    shutil.copytree(exported, folder)
    assert load_runner(folder).path == folder / "model_int8.tflite"
    (folder / "model_int8.tflite").unlink()
    assert load_runner(folder).path == folder / "model_float32.tflite"
    for file in folder.glob("*.tflite"):
        file.unlink()
    assert load_runner(folder).kind == "saved_model"
    shutil.rmtree(folder / "saved_model")
    with pytest.raises(DataError, match="has a card but none of"):
        load_runner(folder)


def test_files_without_a_card_run(exported, tmp_path, pictures, expected):
    shutil.copy(exported / "model_float32.tflite", tmp_path)
    shutil.copytree(exported / "saved_model", tmp_path / "elsewhere" / "any_name")
    for path in (tmp_path / "model_float32.tflite", tmp_path / "elsewhere" / "any_name"):
        runner = load_runner(path, threads=1)
        assert (runner.card, runner.threshold, runner.size) == (None, 0.5, SIZE)
        assert runner.threshold_origin == "default"
        np.testing.assert_allclose(runner(pictures), expected, atol=1e-5)


def test_a_tflite_folder_without_its_card_says_so(exported, tmp_path):
    shutil.copy(exported / "model_float32.tflite", tmp_path)
    with pytest.raises(UsageError, match=r"has no card\.json"):
        load_runner(tmp_path)


def one_sentence(caught, *parts):
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_what_is_no_model_is_refused_in_one_sentence(tmp_path, run_folder):
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "empty").mkdir()
    (tmp_path / "unfinished").mkdir()
    shutil.copy(run_folder / "config.json", tmp_path / "unfinished")
    for name, says in (
        ("missing", "no model at"),
        ("notes.txt", "is no model"),
        ("empty", "holds no model"),
        ("unfinished", "without model.keras"),
    ):
        with pytest.raises(UsageError) as caught:
            load_runner(tmp_path / name)
        one_sentence(caught, says, name)


@pytest.mark.parametrize("name", ["broken.tflite", "broken.keras"])
def test_a_broken_file_is_refused_in_one_sentence(name, tmp_path):
    for content in (b"", b"not a model" * 100):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError) as caught:
            load_runner(tmp_path / name)
        one_sentence(caught, name, "is damaged" if name.endswith(".keras") else "cannot be read")


def test_a_truncated_tflite_is_refused(exported, tmp_path):
    (tmp_path / "half.tflite").write_bytes((exported / "model_float32.tflite").read_bytes()[:1500])
    with pytest.raises(DataError, match=r"half\.tflite"):
        load_runner(tmp_path / "half.tflite")


def test_a_broken_saved_model_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"not a model")
    with pytest.raises(DataError) as caught:
        load_runner(tmp_path)
    one_sentence(caught, "cannot be read as a SavedModel")


def test_a_model_of_another_kind_is_refused(tmp_path):
    image = keras.Input((SIZE, SIZE, 3))
    keras.Model(image, keras.layers.GlobalAveragePooling2D()(image)).save(tmp_path / "classifier.keras")
    with pytest.raises(UsageError) as caught:
        load_runner(tmp_path / "classifier.keras")
    one_sentence(caught, "is no saliency, segmentation or detection model", "(None, 3)")

    module = tf.Module()
    module.f = tf.function(lambda x: {"y": x * 2}, input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    tf.saved_model.save(module, str(tmp_path / "double"), signatures=module.f)
    with pytest.raises(UsageError) as caught:
        load_runner(tmp_path / "double")
    one_sentence(caught, "is no saliency, segmentation or detection model", "double")


def test_another_task_is_refused(exported, run_folder, tmp_path):
    folder = tmp_path / "detector"
    shutil.copytree(exported, folder)
    card = json.loads((folder / "card.json").read_text())
    refusals = {"pose": "expected a saliency, segmentation or detection", "detection": "the model is for saliency"}
    for task, says in refusals.items():
        (folder / "card.json").write_text(json.dumps({**card, "task": task}))
        with pytest.raises(MetricfitError, match=says):
            load_runner(folder)
    run = tmp_path / "run"
    shutil.copytree(run_folder, run)
    (run / "config.json").write_text(json.dumps({"task": "pose", "config": {}}))
    with pytest.raises(UsageError, match="pose run"):
        load_runner(run)


def test_a_card_that_contradicts_its_model_is_refused(exported, tmp_path):
    folder = tmp_path / "other"
    shutil.copytree(exported, folder)
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps({**card, "input_size": 64}))
    with pytest.raises(DataError, match="input_size 64, the model takes 32"):
        load_runner(folder)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, SIZE, SIZE, 3), np.float32),
        np.zeros((SIZE, SIZE, 3), np.uint8),
        np.zeros((1, SIZE, SIZE + 1, 3), np.uint8),
        np.zeros((1, SIZE, SIZE, 4), np.uint8),
    ],
)
def test_wrong_images_are_refused(images, exported):
    with pytest.raises(UsageError, match=r"images must be uint8 \[B, 32, 32, 3\]"):
        load_runner(exported)(images)


def test_threads_are_checked(exported):
    with pytest.raises(UsageError, match="threads"):
        load_runner(exported, threads=0)


def test_stored_bytes_mean_what_their_scale_says():
    for dtype, zero_point in ((np.uint8, 3), (np.int8, -128)):
        table = _dequantisation({"dtype": dtype, "quantization": (1 / 200, zero_point)})
        stored = np.arange(256, dtype=np.uint8).view(dtype)
        np.testing.assert_allclose(
            table[stored.view(np.uint8)], np.clip((stored.astype(float) - zero_point) / 200, 0, 1), atol=1e-6
        )
    assert _dequantisation({"dtype": np.float32, "quantization": (0.0, 0)}) is None


def test_a_tflite_file_runs_without_tensorflow(exported):
    code = (
        "import sys, numpy as np; from metricfit.export import load_runner; "
        f"r = load_runner({str(exported)!r}); r(np.zeros((1, r.size, r.size, 3), np.uint8)); "
        "print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("sequential", [False, True])
def test_a_keras_model_may_keep_its_last_axis(tmp_path, sequential):
    image, head = keras.Input((32, 32, 3)), keras.layers.Conv2D(1, 1)
    model = keras.Sequential([image, head]) if sequential else keras.Model(image, head(image))
    model.save(tmp_path / "own.keras")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    saliency = load_runner(tmp_path / "own.keras")(pictures)
    expected = 1 / (1 + np.exp(-model(pictures.astype("float32")).numpy()[..., 0].astype("float64")))
    np.testing.assert_allclose(saliency, expected, atol=1e-6)


def test_foreign_quantised_inputs_are_rounded():
    details = {"dtype": np.int8, "quantization": (4.0, -3)}
    pixels = np.array([[0, 1, 2, 3, 5, 7, 9, 255]], np.uint8)
    # Of two equally near ones NumPy takes the even one; 255 / 4 is nearer to 64 than to 63.
    np.testing.assert_array_equal(_as_input(pixels, details), np.int8([[-3, -3, -3, -2, -2, -1, -1, 61]]))
    np.testing.assert_array_equal(_as_input(pixels, {**details, "quantization": (1.0, -128)})[0, [0, -1]], [-128, 127])
    assert _as_input(pixels, {"dtype": np.uint8, "quantization": (1.0, 0)}) is pixels
