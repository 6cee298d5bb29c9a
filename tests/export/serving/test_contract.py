"""Exported SavedModels behind a reference client of TensorFlow Serving: they answer what `Predictor` does."""

import base64
import contextlib
import io
import json
import re
import sys
import textwrap
import urllib.request
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from PIL import Image
from tensorflow.core.framework import tensor_pb2
from tensorflow.python.tools import saved_model_cli

from metricfit.app.predictor import load_predictor
from metricfit.export import export_run, read_card
from metricfit.export.formats.base import digest
from metricfit.export.runners.saved_model import SavedModelRunner
from metricfit.export.serving import check
from metricfit.export.serving.thresholds import AS_WRITTEN, set_thresholds
from metricfit.export.serving.warmup import WARMUP
from metricfit.export.tasks import get_task
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.geometry import height_width

from ...conftest import registered
from ..small_segmenter import make_segmentation_run
from .client import Refused, Server

TASKS = ("saliency", "segmentation", "detection")


@pytest.fixture(scope="package")
def runs(tmp_path_factory, run_folder, detector_run):
    segmenter = make_segmentation_run(tmp_path_factory.mktemp("runs") / "colours")
    return {"saliency": run_folder, "segmentation": segmenter, "detection": detector_run}


@pytest.fixture(scope="module", params=TASKS)
def model(request, runs, tmp_path_factory):
    """An exported SavedModel: its folder, a server of it, its predictor, and pictures of several sizes."""
    folder = tmp_path_factory.mktemp("served") / request.param
    with registered():
        export_run(runs[request.param], folder, formats=("savedmodel",), quiet=True)
        data = {"segmentation": "colours:val", "detection": "squares:val"}.get(request.param, read_data(folder))
        pictures = [open_source(data, needs=NEEDS[request.param]).load(index).image for index in range(3)]
    large = cv2.resize(pictures[0], (211, 147), interpolation=cv2.INTER_LINEAR)
    return SimpleNamespace(
        task=request.param,
        folder=folder,
        path=folder / "saved_model",
        server=Server(folder / "saved_model"),
        predictor=load_predictor(folder),
        pictures=[*pictures, large, pictures[0][:19, :23].copy(), pictures[1][:1].copy()],
    )


NEEDS = {"saliency": "mask", "segmentation": "labels", "detection": "boxes"}


def read_data(folder):
    return read_card(folder).data["training"]


def png(image):
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def tensor(value, kind=None):
    return tf.make_tensor_proto(value, kind)


def decoded(content):
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def compare(model, found, image):
    """Compare the outputs of `pictures` for one picture with the predictor's result."""
    result = model.predictor(image)
    if model.task == "saliency":
        np.testing.assert_allclose(found["saliency"], result.map, atol=1e-5)
        unsure = np.abs(result.map - np.float32(model.predictor.threshold.value)) < 1e-5
        assert ((found["mask"] == result.mask) | unsure).all()
        assert unsure.mean() < 0.01
    elif model.task == "segmentation":
        np.testing.assert_allclose(found["confidence"], result.confidence, atol=1e-5)
        assert (found["labels"] != result.labels).mean() < 1e-3, "where two are equally likely"
    else:
        count = found["count"]
        assert count == len(result)
        np.testing.assert_allclose(found["boxes"][:count], result.boxes, atol=1e-3)
        np.testing.assert_allclose(found["scores"][:count], result.scores, atol=1e-6)
        np.testing.assert_array_equal(found["classes"][:count], result.classes)
        np.testing.assert_allclose(found["boxes"][:count][found["shown"][:count]], result.shown.boxes, atol=1e-3)
        assert (found["classes"][count:] == -1).all()
        assert not found["shown"][count:].any()
    return result


def test_raw_pictures_of_any_size_are_answered_as_the_predictor_does(model):
    seen = []
    for image in model.pictures:
        batch = np.stack([image, image[::-1, ::-1]])
        found = model.server.predict({"image": tensor(batch)}, "pictures")
        for index, one in enumerate(batch):
            seen.append(compare(model, {name: part[index] for name, part in found.items()}, one))
    assert any(len(result.objects) for result in seen), "something is to be found"


def test_files_of_several_sizes_are_answered_as_their_pixels_are(model):
    files = [png(image) for image in model.pictures]
    found = model.server.predict({"image_bytes": tensor(files, tf.string)}, "encoded_pictures")
    assert found["height"].tolist() == [image.shape[0] for image in model.pictures]
    assert found["width"].tolist() == [image.shape[1] for image in model.pictures]
    for index, image in enumerate(model.pictures):
        raw = model.server.predict({"image": tensor(image[None])}, "pictures")
        for name, parts in found.items():
            if name.endswith("_bytes"):
                pixels = raw[name.removesuffix("_bytes")][0]
                wanted = pixels if pixels.dtype == np.uint8 else np.rint(pixels * 255).astype(np.uint8)
                np.testing.assert_array_equal(decoded(parts[index]).reshape(wanted.shape), wanted)
            elif name in raw:
                np.testing.assert_allclose(parts[index], raw[name][0], atol=1e-5)


def test_a_photo_s_turn_is_that_of_the_predictor(model, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(model.pictures[3]).save(tmp_path / "photo.jpg", exif=exif, quality=95)
    content = (tmp_path / "photo.jpg").read_bytes()
    found = model.server.predict({"image_bytes": tensor([content], tf.string)}, "encoded_pictures")
    result = model.predictor(tmp_path / "photo.jpg")
    assert (found["height"][0], found["width"][0]) == result.size == (211, 147)
    if model.task == "detection":
        assert found["count"][0] == len(result)
        np.testing.assert_allclose(found["boxes"][0][: len(result)], result.boxes, atol=1e-3)
    else:
        name, expected = ("mask_bytes", result.mask) if model.task == "saliency" else ("labels_bytes", result.labels)
        assert (decoded(found[name][0]) != expected).mean() < 1e-3


def test_rest_clients_send_base64_and_get_json(model):
    """A body as the page beside the model shows it, of two pictures of different sizes."""
    rows = [{"b64": base64.b64encode(png(image)).decode()} for image in model.pictures[2:4]]
    body = json.dumps({"signature_name": "encoded_pictures", "instances": rows})
    answers = json.loads(model.server.rest(body))["predictions"]
    named = {"signature_name": "encoded_pictures", "instances": [{"image_bytes": row} for row in rows]}
    assert json.loads(model.server.rest(json.dumps(named)))["predictions"] == answers
    task = get_task(model.task)
    for image, answer in zip(model.pictures[2:4], answers, strict=True):
        assert set(answer) == {"height", "width", *task.encoded}
        assert (answer["height"], answer["width"]) == image.shape[:2]
        for name in (name for name in answer if name.endswith("_bytes")):
            assert decoded(base64.b64decode(answer[name]["b64"])).shape == image.shape[:2]
    raw = json.dumps({"signature_name": "pictures", "instances": [model.pictures[4].tolist()]})
    (answer,) = json.loads(model.server.rest(raw))["predictions"]
    compare(model, {name: np.array(part) for name, part in answer.items()}, model.pictures[4])
    columns = json.loads(model.server.rest(raw.replace("instances", "inputs")))["outputs"]
    assert {name: part[0] for name, part in columns.items()} == answer


def test_the_page_s_clients_run(model, monkeypatch, tmp_path, capsys):
    """What the page beside the model says: the server's command, a client with nothing but Python, and TensorFlow."""
    page = (model.folder / "README.md").read_text()
    for name, listed in read_card(model.folder).files["saved_model"]["signatures"].items():
        assert f"| `{name}` | `{listed['inputs'][0]['name']}`" in page
    assert f"/models/{model.task}/1" in page
    blocks = re.findall(r"(?:^    .*\n|^\n)+", page, re.MULTILINE)
    client, alone = (textwrap.dedent(block) for block in blocks if "encoded_pictures" in block)
    monkeypatch.chdir(tmp_path)
    for name in ("saved_model", "card.json"):
        (tmp_path / name).symlink_to(model.folder / name)
    Image.fromarray(model.pictures[3]).save("photo.jpg", quality=95)
    asked = []

    def answered(url, body):
        asked.append(url)
        return io.StringIO(model.server.rest(body.decode()))

    monkeypatch.setattr(urllib.request, "urlopen", answered)
    result, names = model.predictor("photo.jpg"), {}
    exec(client, names)
    assert asked == [f"http://localhost:8501/v1/models/{model.task}:predict"]
    lines = capsys.readouterr().out.splitlines()
    if model.task == "detection":
        assert len(lines) == len(result.shown)
        assert [line.split()[0] for line in lines] == [result.name(index) for index in result.shown.classes]
    else:
        name, expected = ("mask", result.mask) if model.task == "saliency" else ("labels", result.labels)
        assert (decoded((tmp_path / f"{name}.png").read_bytes()) != expected).mean() < 1e-3
        (tmp_path / f"{name}.png").rename("client.png")
    exec(alone, names)
    if model.task != "detection":
        assert (tmp_path / f"{name}.png").read_bytes() == (tmp_path / "client.png").read_bytes()
    compare(model, {name: part[0].numpy() for name, part in names["found"].items()}, result.image)


def test_the_default_signature_is_as_before(model):
    height, width = height_width(model.predictor.runner.size)
    square = model.predictor.runner.fit(model.pictures[0])[None]
    found = model.server.predict({"image": tensor(square)})
    assert set(found) == {"saliency": {"saliency"}, "segmentation": {"probabilities"}}.get(
        model.task, {"boxes", "scores", "classes", "count"}
    )
    task, answer = get_task(model.task), model.predictor.runner(square)
    answer = answer[0] if isinstance(answer, tuple) else answer
    np.testing.assert_allclose(found[next(iter(task.outputs))], answer, atol=1e-6)
    with pytest.raises(Refused, match="shape"):
        model.server.predict({"image": tensor(np.zeros((1, height, width + 1, 3), np.uint8))})


def test_what_is_no_picture_is_refused_with_a_sentence(model):
    files = tensor([png(model.pictures[0]), b"GIF89a;"], tf.string)
    with pytest.raises(Refused, match="must be JPEG or PNG files"):
        model.server.predict({"image_bytes": files}, "encoded_pictures")
    with pytest.raises(Refused, match="at least 1 pixel a side"):
        model.server.predict({"image": tensor(np.zeros((1, 0, 5, 3), np.uint8))}, "pictures")


def test_a_client_may_ask_for_one_output_alone(model):
    name = {"saliency": "mask_bytes", "segmentation": "labels_bytes", "detection": "boxes"}[model.task]
    given = {"image_bytes": tensor([png(model.pictures[0])], tf.string)}
    assert set(model.server.predict(given, "encoded_pictures", wanted=(name,))) == {name}


def test_the_card_describes_the_signatures_as_they_are(model):
    card, task = read_card(model.folder), get_task(model.task)
    entry = card.files["saved_model"]
    assert list(entry["signatures"]) == ["pictures", "encoded_pictures"]
    others = {"serving_default", *(["labels"] if model.task == "segmentation" else [])}
    assert {name for name in model.server.signatures if not name.startswith("__")} == {*entry["signatures"], *others}
    for name, listed in entry["signatures"].items():
        definition = model.server.signatures[name]
        for kind in ("inputs", "outputs"):
            infos = dict(getattr(definition, kind))
            assert {one["name"] for one in listed[kind]} == set(infos)
            for one in listed[kind]:
                info = infos[one["name"]]
                assert one["dtype"] == tf.dtypes.as_dtype(info.dtype).name
                assert one["shape"] == tf.TensorShape(info.tensor_shape).as_list()
                assert one["shape"][0] is None, "of any number of pictures, as REST clients need it"
                assert one["description"]
    assert set(task.pictures) == {one["name"] for one in entry["signatures"]["pictures"]["outputs"]}
    assert entry["sha256"] == digest(model.path)[1]


def test_thresholds_of_the_file_are_inside_of_it(model):
    """The mask and the boxes shown change with them, and nothing else does."""
    entry = read_card(model.folder).files["saved_model"]["thresholds"]
    levels = entry["per_class"] or [entry["optimal"]] * len(model.predictor.class_names)
    assert levels != [AS_WRITTEN] * len(levels)
    content = (model.path / "saved_model.pb").read_bytes()
    try:
        given = {"image": tensor(model.pictures[0][None])}
        before = model.server.predict(given, "pictures")
        set_thresholds(model.path, [0.0] * len(levels))
        found = Server(model.path).predict(given, "pictures")
        for name, part in found.items():
            if name in ("mask", "shown"):
                assert (part > 0).sum() == (found["count"][0] if "count" in found else part.size)
                assert not (before[name] > 0).all()
            else:
                np.testing.assert_array_equal(part, before[name])
        set_thresholds(model.path, levels)
        assert (model.path / "saved_model.pb").read_bytes() == content
    finally:
        (model.path / "saved_model.pb").write_bytes(content)


def prediction_log():
    """The message of TensorFlow Serving, declared anew: prediction_log.proto, predict.proto and model.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="log.proto", package="log", syntax="proto3")
    file.dependency.append("tensorflow/core/framework/tensor.proto")
    kinds = {
        "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
        "PredictRequest": [("model_spec", 1, ".log.ModelSpec"), ("inputs", 2, "map")],
        "PredictLog": [("request", 1, ".log.PredictRequest")],
        "PredictionLog": [("predict_log", 6, ".log.PredictLog")],
    }
    for name, fields in kinds.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            of = descriptor_pb2.FieldDescriptorProto
            if kind == "string":
                message.field.add(name=field, number=number, type=of.TYPE_STRING, label=of.LABEL_OPTIONAL)
            elif kind == "map":
                entry = message.nested_type.add(name="InputsEntry")
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, type=of.TYPE_STRING, label=of.LABEL_OPTIONAL)
                value = {"type": of.TYPE_MESSAGE, "type_name": ".tensorflow.TensorProto", "label": of.LABEL_OPTIONAL}
                entry.field.add(name="value", number=2, **value)
                here = f".log.{name}.InputsEntry"
                message.field.add(
                    name=field, number=number, type=of.TYPE_MESSAGE, type_name=here, label=of.LABEL_REPEATED
                )
            else:
                message.field.add(
                    name=field, number=number, type=of.TYPE_MESSAGE, type_name=kind, label=of.LABEL_OPTIONAL
                )
    pool = descriptor_pool.Default()
    assert tensor_pb2.DESCRIPTOR.name == file.dependency[0]
    with contextlib.suppress(TypeError):  # declared before
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("log.PredictionLog"))


def test_the_requests_to_warm_up_are_answered_for_every_signature(model):
    kind, asked = prediction_log(), {}
    for record in tf.compat.v1.io.tf_record_iterator(str(model.path / WARMUP)):
        log = kind.FromString(record)
        assert not list(unknown_fields.UnknownFieldSet(log.predict_log.request))
        request = log.predict_log.request
        found = model.server.predict(dict(request.inputs), request.model_spec.signature_name)
        assert all(len(part) for part in found.values())
        shapes = [tuple(one.size for one in proto.tensor_shape.dim) for proto in request.inputs.values()]
        asked.setdefault(request.model_spec.signature_name, []).extend(shapes)
    size = height_width(model.predictor.runner.size)
    square = [(1, *size, 3), (8, *size, 3)]
    assert asked.pop("pictures") == [(1, 480, 640, 3), (1, 1080, 1920, 3)]
    assert asked.pop("encoded_pictures") == [(1,), (1,), (2,)]
    assert asked == dict.fromkeys(["serving_default", *["labels"] * (model.task == "segmentation")], square)
    assert (model.path / WARMUP).stat().st_size < 20_000


def test_tensorflow_serving_s_own_classes_read_the_requests(model):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    for record in tf.compat.v1.io.tf_record_iterator(str(model.path / WARMUP)):
        request = logs.PredictionLog.FromString(record).predict_log.request
        assert request.model_spec.signature_name in model.server.signatures
        assert set(request.inputs) == set(model.server.signatures[request.model_spec.signature_name].inputs)


def cli(monkeypatch, *words):
    said = io.StringIO()
    monkeypatch.setattr(sys, "argv", ["saved_model_cli", *map(str, words)])
    with contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        saved_model_cli.main()
    assert not ended.value.code
    return said.getvalue()


def test_saved_model_cli_shows_and_runs_them(model, monkeypatch, tmp_path):
    said = cli(monkeypatch, "show", "--dir", model.path, "--tag_set", "serve", "--signature_def", "encoded_pictures")
    assert "inputs['image_bytes'] tensor_info:\n      dtype: DT_STRING\n      shape: (-1)" in said
    np.save(tmp_path / "picture.npy", model.pictures[3][None])
    run = ("run", "--dir", model.path, "--tag_set", "serve", "--signature_def", "pictures", "--outdir", tmp_path)
    cli(monkeypatch, *run, "--inputs", f"image={tmp_path / 'picture.npy'}")
    found = {name: np.load(tmp_path / f"{name}.npy")[0] for name in get_task(model.task).pictures}
    compare(model, found, model.pictures[3])


class One:
    """A source of one picture."""

    names = ("cat.jpg",)

    def __init__(self, image):
        self.image = image

    def __len__(self):
        return 1

    def load(self, index):
        return self


def test_a_file_whose_further_signatures_stray_is_refused(model, monkeypatch):
    """The whole of the export's own check: one signature after another is broken, and the sentence says which."""
    runner, task = SavedModelRunner(model.path), get_task(model.task)
    source = One(model.pictures[0])
    entry = read_card(model.folder).files["saved_model"]["thresholds"]
    levels = entry["per_class"] or [entry["optimal"]] * len(model.predictor.class_names)
    resizing = model.predictor.runner.resizing
    assert check.departure(task, runner, source, resizing, levels) == ""
    other = "stretch" if resizing == "pad" else "pad"
    picture = cv2.resize(model.pictures[0], (90, 40), interpolation=cv2.INTER_LINEAR)
    assert "signature pictures" in check.departure(task, runner, One(picture), other, levels)
    if model.task != "segmentation":
        assert "signature pictures" in check.departure(task, runner, source, resizing, [0.0] * len(levels))
    outputs = runner.outputs

    def wrong(images, signature):
        found = outputs(images, signature)
        return {name: part[::-1] for name, part in found.items()} if signature == "encoded_pictures" else found

    monkeypatch.setattr(runner, "outputs", wrong)
    assert "signature encoded_pictures" in check.departure(task, runner, source, resizing, levels)


def test_an_export_without_them_leaves_nothing(runs, monkeypatch, tmp_path):
    monkeypatch.setattr(check, "fitting", lambda *_: lambda images: tf.zeros((1, 32, 32, 3), tf.uint8))
    with pytest.raises(MetricfitError, match="saved_model: its signature pictures resizes pictures by up to"):
        export_run(runs["saliency"], tmp_path / "out", formats=("savedmodel",), quiet=True)
    assert not list(tmp_path.iterdir())
