"""What is loaded is looked at first: models that hold code, and files that are not those of their card."""

import io
import json
import os
import pickle
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import metricfit
from metricfit.export import load_runner
from metricfit.export.formats.saved_model import SavedModel
from metricfit.export.runners.arithmetic import ARITHMETIC, SAVING
from metricfit.export.runners.inspection import operations_of_code, refuse_code
from metricfit.export.tasks import TASKS
from metricfit.trainers.errors import DataError, UsageError
from metricfit.trainers.files import digest
from metricfit.trainers.training.saved import load_model

from .small_detector import square_detector
from .small_model import red_detector
from .small_segmenter import colour_segmenter

SIDE = 32
BLACK = np.zeros((1, SIDE, SIDE, 3), np.uint8)
MODELS = {"saliency": red_detector, "segmentation": colour_segmenter, "detection": square_detector}


def redness(image):
    return tf.cast(image[..., 0], tf.float32) / 255


def save(folder, found, table=None):
    """Save a SavedModel of somebody else's, which gives `found(image)` as its saliency."""
    model = tf.Module()
    model.table = table
    spec = tf.TensorSpec((None, SIDE, SIDE, 3), tf.uint8, name="image")
    model.serve = tf.function(lambda image: {"saliency": found(image)}, input_signature=[spec])
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.serve})
    return folder


def content(folder):
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((folder / "saved_model.pb").read_bytes())
    return model


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """A harmless SavedModel of somebody else's, with a table, a loop, a branch and a state."""
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant([1, 2], tf.int64), tf.constant([1.0, 0.5])), 0.0
    )

    def found(image):
        factor = table.lookup(tf.constant(1, tf.int64))
        for _ in tf.range(tf.shape(image)[0]):
            factor *= 1.0
        return redness(image) * factor

    return save(tmp_path_factory.mktemp("foreign") / "model", found, table)


@pytest.mark.parametrize("task", MODELS)
def test_what_is_exported_computes_and_does_nothing_else(task, tmp_path):
    SavedModel().write(MODELS[task](), tmp_path, [SavedModel.variants["saved_model"]], TASKS[task], None)
    assert operations_of_code(content(tmp_path / "saved_model")) == []
    assert load_runner(tmp_path / "saved_model").task == task


def test_a_harmless_model_of_others_needs_no_trust(foreign):
    runner = load_runner(foreign)
    assert runner(BLACK + 255).max() == 1
    assert not runner.trusted


def test_a_model_that_writes_a_file_writes_none(tmp_path):
    written = tmp_path / "written"

    def found(image):
        with tf.control_dependencies([tf.io.write_file(str(written), "x")]):
            return redness(image)

    folder = save(tmp_path / "model", found)
    with pytest.raises(UsageError, match=r"\(WriteFile\), which .* load it with --trust") as caught:
        load_runner(folder)
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match=r"load it with trust if you trust"):
        metricfit.load(folder)
    assert not written.exists()
    predictor = metricfit.load(folder, trust=True)
    assert written.exists()
    assert predictor.runner.trusted
    assert pickle.loads(pickle.dumps(predictor)).runner.trusted


@tf.custom_gradient
def with_gradient(value):
    def gradient(upstream):
        tf.io.write_file("written", "x")
        return upstream

    return value, gradient


def in_a_branch(image):
    def written():
        with tf.control_dependencies([tf.io.write_file("written", "x")]):
            return redness(image)

    return tf.cond(tf.reduce_any(image > 300), written, lambda: redness(image))


def in_a_loop(image):
    def body(step):
        with tf.control_dependencies([tf.io.matching_files("/*")]):
            return step + 1

    return redness(image) + 0.0 * tf.while_loop(lambda step: step < 1, body, [tf.constant(0.0)])[0]


def of_a_dataset(image):
    lines = tf.data.TextLineDataset("/etc/hostname").map(tf.strings.length)
    return redness(image) + tf.cast(lines.reduce(0, lambda a, b: a + b), tf.float32)


BAD = {
    "EagerPyFunc": lambda image: tf.ensure_shape(tf.py_function(redness, [image], tf.float32), (None, SIDE, SIDE)),
    "PyFunc": lambda image: tf.ensure_shape(tf.numpy_function(np.mean, [image], tf.float64), (None, SIDE, SIDE)),
    "ReadFile": lambda image: redness(image) + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32),
    "ImmutableConst": lambda image: (
        redness(image)
        + tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=(), memory_region_name="/etc/hostname")
    ),
    "RestoreV2": lambda image: redness(image) + tf.raw_ops.RestoreV2(
        prefix="other", tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
    )[0],
    "WriteFile": in_a_branch,
    "MatchingFiles": in_a_loop,
    "ReduceDataset": of_a_dataset,
}  # fmt: skip


@pytest.mark.parametrize("operation", BAD)
def test_operations_that_do_more_than_compute_are_refused(operation, tmp_path):
    found = operations_of_code(content(save(tmp_path / "model", BAD[operation])))
    assert operation in found
    with pytest.raises(UsageError, match=found[0]):
        refuse_code(tmp_path / "model")


def test_code_in_a_gradient_is_refused(tmp_path):
    folder = save(tmp_path / "model", lambda image: with_gradient(redness(image)))
    assert operations_of_code(content(folder)) == ["WriteFile"]


def test_a_table_that_reads_a_file_is_refused(tmp_path):
    (tmp_path / "words.txt").write_text("a\n")
    lines = tf.lookup.TextFileIndex
    table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(tmp_path / "words.txt"), tf.string, lines.WHOLE_LINE, tf.int64, lines.LINE_NUMBER
        ),
        -1,
    )
    folder = save(
        tmp_path / "model",
        lambda image: redness(image) + tf.cast(table.lookup(tf.constant("a")), tf.float32),
        table,
    )
    assert operations_of_code(content(folder)) == ["InitializeTableFromTextFileV2"]


def functions(model, part):
    return next(one for one in model.meta_graphs[0].graph_def.library.function if part in one.signature.name)


def called_as_a_function(model):
    node = functions(model, "signature_wrapper").node_def.add(name="saved", op="StatefulPartitionedCall")
    node.attr["f"].func.name = functions(model, "traced_save").signature.name


def called_by_its_name(model):
    functions(model, "signature_wrapper").node_def.add(name="s", op=functions(model, "traced_save").signature.name)


def put_in_the_place_of_another(model):
    functions(model, "traced_save").attr["api_implements"].s = b"serve"


def named_as_a_gradient(model):
    model.meta_graphs[0].graph_def.library.gradient.add(
        function_name=functions(model, "signature_wrapper").signature.name,
        gradient_func=functions(model, "traced_save").signature.name,
    )


def registered_as_a_gradient(model):
    model.meta_graphs[0].graph_def.library.registered_gradients.add(
        gradient_func=functions(model, "traced_save").signature.name, registered_op_type="CustomGradient-1"
    )


def part_of_an_object(model):
    node = model.meta_graphs[0].object_graph_def.nodes.add()
    node.function.concrete_functions.append(functions(model, "traced_save").signature.name)


def in_a_second_graph(model):
    model.meta_graphs.add().CopyFrom(model.meta_graphs[0])


def as_tensorflow_1_has_it(model):
    model.meta_graphs[0].ClearField("object_graph_def")


@pytest.mark.parametrize(
    "change",
    [
        called_as_a_function, called_by_its_name, put_in_the_place_of_another, named_as_a_gradient,
        registered_as_a_gradient, part_of_an_object, in_a_second_graph, as_tensorflow_1_has_it,
    ],
)  # fmt: skip
def test_what_saves_a_model_may_not_be_reached_by_what_runs_it(change, foreign):
    model = content(foreign)
    assert operations_of_code(model) == []
    change(model)
    assert "SaveV2" in operations_of_code(model)


def test_an_operation_is_not_hidden_by_a_function_of_its_name(foreign):
    model = content(foreign)
    model.meta_graphs[0].graph_def.library.function.add().signature.name = "WriteFile"
    functions(model, "signature_wrapper").node_def.add(name="w", op="WriteFile")
    assert operations_of_code(model) == ["WriteFile"]


def test_a_harmless_model_before_it_hides_nothing(foreign, tmp_path):
    save(tmp_path / "model", in_a_branch)
    place = tmp_path / "model/saved_model.pb"
    # Messages that follow each other in a file are merged into one.
    place.write_bytes((foreign / "saved_model.pb").read_bytes() + place.read_bytes())
    with pytest.raises(UsageError, match=r"could read and write files or run programs: load it with --trust"):
        load_runner(tmp_path / "model")


def test_each_of_several_functions_of_one_name_is_looked_at(foreign):
    model = content(foreign)
    library = model.meta_graphs[0].graph_def.library.function
    harmless = library.add()
    harmless.CopyFrom(functions(model, "signature_wrapper"))
    functions(model, "signature_wrapper").node_def.add(name="w", op="WriteFile")
    assert operations_of_code(model) == ["WriteFile"]


def test_custom_operations_are_refused(foreign):
    model = content(foreign)
    functions(model, "signature_wrapper").node_def.add(name="w", op="SomebodysOwn")
    assert operations_of_code(model) == ["SomebodysOwn"]


def test_a_damaged_savedmodel_is_no_model(foreign, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes((foreign / "saved_model.pb").read_bytes()[:200])
    with pytest.raises(DataError, match=r"saved_model\.pb is damaged"):
        load_runner(tmp_path)


def test_the_list_holds_operations_alone():
    unknown = {name for name in ARITHMETIC | SAVING if not hasattr(tf.raw_ops, name)}
    assert unknown <= {"DecodeWebP"}, "which TensorFlow 2.18 has not"
    assert not ARITHMETIC & SAVING


# Keras models


def keras_model(*layers):
    shape = (SIDE, SIDE, 3)
    return keras.Sequential(
        [keras.Input(shape), *layers, keras.layers.Conv2D(1, 1), keras.layers.Reshape((SIDE, SIDE))]
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.keras"
    keras_model().save(path)
    return path


def rewritten(path, to, change=lambda config: None, **members):
    """Copy a .keras file with its configuration changed, and members more or others."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            target.writestr(name, members.pop(name, data))
        for name, data in members.items():
            target.writestr(name, data)
    return to


def test_a_lambda_is_refused_as_code(tmp_path):
    keras_model(keras.layers.Lambda(lambda value: value)).save(tmp_path / "model.keras")
    for load in (load_runner, load_model):
        with pytest.raises(UsageError, match=r"has a Lambda layer, code .* was refused: load it with --trust"):
            load(tmp_path / "model.keras")
    runner = load_runner(tmp_path / "model.keras", trust=True)
    assert runner.trusted
    assert runner(BLACK).shape == (1, SIDE, SIDE)


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({"class_name": "TFSMLayer", "module": "keras.layers", "config": {}}, "TFSMLayer layer, code"),
        ({"class_name": "__lambda__", "config": {}}, "lambda layer, code"),
        ({"class_name": "StringLookup", "module": "keras.layers", "config": {}}, "lists of words"),
        ({"class_name": "system", "module": "os", "config": {}}, "a system of os, whose code is not known"),
        (
            {"class_name": "layers.TFSMLayer", "module": "keras", "config": {}},
            r"'layers.TFSMLayer' of keras, which is no",
        ),
        (
            {"class_name": "get_file", "module": "keras.utils", "config": {}},
            "'get_file' of keras.utils, which is no class",
        ),
        (
            {"class_name": "function", "module": "builtins", "config": "eval"},
            "function 'eval', which is none of Keras'",
        ),
        (
            {"class_name": "function", "module": "keras.losses", "config": "deserialize"},
            "function 'deserialize', which",
        ),
        (
            {"class_name": "function", "module": "os", "config": "system", "registered_name": "keras_cv.layers>FPN"},
            "a function of os, whose code is not known",
        ),
        (
            {"class_name": "Odd", "module": "somebody.layers", "registered_name": "somebody>Odd", "config": {}},
            r"an? Odd of somebody\.layers",
        ),
    ],
)
def test_a_configuration_may_not_name_code(described, says, plain, tmp_path):
    def change(config):
        config["config"]["layers"][1]["config"]["kernel_initializer"] = described

    with pytest.raises(UsageError, match=says):
        load_runner(rewritten(plain, tmp_path / "model.keras", change))


def test_how_a_model_was_compiled_does_not_matter(plain, tmp_path):
    def change(config):
        config["compile_config"] = {"loss": {"class_name": "function", "module": "somebody", "config": "loss"}}

    assert load_runner(rewritten(plain, tmp_path / "model.keras", change)).kind == "keras"


@pytest.mark.parametrize("name", ["../outside", "assets/words.txt", "/absolute"])
def test_an_archive_with_further_files_is_refused(name, plain, tmp_path):
    with pytest.raises(UsageError, match="which no model for pictures needs"):
        load_runner(rewritten(plain, tmp_path / "model.keras", **{name: b"x"}))


def test_an_archive_that_grows_a_thousandfold_is_refused(plain, tmp_path):
    with pytest.raises(DataError, match=r"would fill 0\.1 GiB"):
        load_runner(rewritten(plain, tmp_path / "model.keras", **{"model.weights.h5": bytes(1 << 26)}))


def stored_outside(group, secret, shape):
    group.create_dataset("0", shape, "f4", external=[(str(secret), 0, 12)])


def linked_outside(group, secret, shape):
    with h5py.File(secret, "w") as file:
        file["weights"] = np.zeros(shape, "f4")
    group["0"] = h5py.ExternalLink(str(secret), "weights")


def laid_out_outside(group, secret, shape):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(str(secret), "weights", shape)
    group.create_virtual_dataset("0", layout)


@pytest.mark.parametrize("put", [stored_outside, linked_outside, laid_out_outside])
def test_weights_outside_of_the_file_are_refused(put, plain, tmp_path):
    with zipfile.ZipFile(plain) as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    (tmp_path / "secret").write_bytes(bytes(64))
    with h5py.File(weights, "r+") as file:
        variables = file["layers/conv2d/vars"]
        shape = variables["0"].shape
        del variables["0"]
        put(variables, tmp_path / "secret", shape)
    with pytest.raises(DataError, match=r"cannot be read as a Keras model .*conv2d/vars/0' lie in another file"):
        load_runner(rewritten(plain, tmp_path / "model.keras", **{"model.weights.h5": weights.getvalue()}))


# Files and their card


@pytest.mark.parametrize("file", ["model_int8.tflite", "saved_model"])
def test_a_changed_file_is_not_loaded(file, exported, tmp_path):
    folder = tmp_path / "red"
    shutil.copytree(exported, folder)
    path = folder / file
    assert load_runner(path).card
    if path.is_dir():
        (path / "note.txt").write_text("harmless")
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    (linked := tmp_path / f"linked{path.suffix}").symlink_to(path)
    for trust in (False, True):
        for called in (path, linked):
            with pytest.raises(DataError, match=r"is not the file that its card describes .* download or export"):
                load_runner(called, trust=trust)
    # Who changed it on purpose says so in the card.
    card = json.loads((folder / "card.json").read_text())
    card["files"][file]["sha256"] = digest(path)[1]
    (folder / "card.json").write_text(json.dumps(card))
    if file == "saved_model":
        assert load_runner(path).card


def test_without_names_a_digest_is_that_of_the_bytes_one_after_another(tmp_path):
    (tmp_path / "b").mkdir()
    parts = {"a": os.urandom((1 << 20) + 7), "b/c": b"", "d": b"xyz"}
    for name, data in parts.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "whole").write_bytes(b"".join(parts.values()))
    whole = digest(tmp_path / "whole")
    (tmp_path / "whole").unlink()
    assert digest(tmp_path, names=False) == whole
