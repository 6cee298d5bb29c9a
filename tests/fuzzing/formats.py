"""The files that are read from elsewhere: a sound one of each, what lies beside it, and who reads it."""

import csv
import functools
import io
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
SIDE = 32


@dataclass(frozen=True)
class Format:
    """A kind of file. Those that libraries in C++ read are tried `apart`, as these may end the process."""

    name: str
    file: str
    seeds: tuple[bytes, ...]
    read: Callable[[Path], object]
    beside: Mapping[str, bytes] = field(default_factory=dict)
    apart: bool = False


def picture(form: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    """Encode a small picture."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, form, **options)
    return out.getvalue()


# Text that runs and exports leave.


def _config(path: Path) -> None:
    from metricfit.trainers.tasks import CONFIGS, get_task
    from metricfit.trainers.training import run
    from metricfit.trainers.training.config_files import read_config
    from metricfit.trainers.training.run_folder import check_run

    text = path.read_bytes()
    task = next((name for name in CONFIGS if name.encode() in text), "saliency")
    config = read_config(path, CONFIGS[task])
    run.check(config)
    get_task(task).check(config)
    check_run(task, config)


def configs() -> Format:
    """Settings that `--config` names, of a user's own and of a run."""
    from metricfit.trainers.tasks import CONFIGS
    from metricfit.trainers.training.config_files import to_dict

    def whole(name: str) -> bytes:
        return json.dumps({"task": name, "config": to_dict(CONFIGS[name]())}).encode()

    own = b'{"data": "scenes:train", "epochs": 3, "loss": "floss", "loss_options": ["beta2=0.5"]}'
    return Format(
        "config", "settings.json", (own, *map(whole, CONFIGS)), lambda folder: _config(folder / "settings.json")
    )


def cards() -> Format:
    """card.json of an exported model."""
    from metricfit.export.card import read_card

    seeds = tuple(path.read_bytes() for path in sorted(ROOT.glob("saved_models/*/card.json")))
    return Format("card", "card.json", seeds, read_card)


def runs() -> Format:
    """config.json of a run folder, as what goes on from a run reads it."""
    from metricfit.trainers.tasks.first_model import settings_of
    from metricfit.trainers.training.config import SaliencyConfig
    from metricfit.trainers.training.run_folder import check_run, read_run

    def read(folder: Path) -> None:
        read_run(folder)
        settings_of(str(folder))
        check_run("saliency", SaliencyConfig(out=str(folder)))

    config = configs().seeds[1]
    return Format("run", "config.json", (config,), read, {"history.csv": b"epoch,loss\r\n1,0.5\r\n"})


def histories() -> Format:
    """history.csv of a run folder, which a training mends as it goes on."""
    from metricfit.trainers.training.callbacks.history import mended_history, read_history

    def read(folder: Path) -> None:
        mended_history(folder / "history.csv")
        for row in read_history(folder / "history.csv"):
            assert all(isinstance(value, int | float) for value in row.values())

    text = io.StringIO()
    writer = csv.DictWriter(text, ["epoch", "seconds", "learning_rate", "loss", "val_max_f"])
    writer.writeheader()
    for epoch in range(1, 6):
        writer.writerow({"epoch": epoch, "seconds": 3.5, "learning_rate": 1e-3, "loss": 0.5 / epoch, "val_max_f": 0.8})
    return Format("history", "history.csv", (text.getvalue().encode(),), read)


def bests() -> Format:
    """The record of the best epoch of a run."""
    from metricfit.trainers.training.callbacks.best import BestModel
    from metricfit.trainers.training.faults.mending import mend

    def read(folder: Path) -> None:
        mend(folder, BestModel(folder / "model.keras", "val_max_f"))

    record = {"monitor": "val_max_f", "value": 0.8, "epoch": 3, "then": -0.1, "highest": 0.81, "error": 0.02}
    beside = {"model.keras": keras_file(), "history.csv": histories().seeds[0]}
    return Format("best", "model.best.json", (json.dumps(record).encode(),), read, beside)


def metrics() -> Format:
    """metrics.json of a run, whose thresholds are taken with its model."""
    from metricfit.export.runners.load import read_facts
    from metricfit.export.tasks import TASKS

    def read(folder: Path) -> None:
        for task in TASKS.values():
            read_facts(task, task.facts, folder)

    report = {
        "scalars": {"best_threshold": 0.4, "f1_threshold": 0.3, "max_f": 0.9},
        "classes": {"a": {"threshold": 0.4}},
    }
    return Format("metrics", "metrics.json", (json.dumps(report).encode(),), read)


# Models.


@functools.cache
def keras_file() -> bytes:
    """A small saliency model."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Conv2D(2, 3, padding="same", activation="relu")]
    layers += [keras.layers.BatchNormalization(), keras.layers.Conv2D(1, 1), keras.layers.Reshape((SIDE, SIDE))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        keras.Sequential(layers).save(path)
        return path.read_bytes()


def keras_models() -> Format:
    """A .keras file."""
    from metricfit.export import load_runner

    return Format("keras", "model.keras", (keras_file(),), lambda folder: load_runner(folder / "model.keras"))


@contextmanager
def saved_model() -> Iterator[Path]:
    """Give the folder of a small SavedModel."""
    import tensorflow as tf

    kernel = tf.constant(np.random.default_rng(0).normal(0, 0.01, (3, 3, 3, 1)).astype(np.float32))

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.nn.conv2d(tf.cast(image, tf.float32), kernel, 1, "SAME")
        return {"saliency": tf.reshape(tf.sigmoid(found), (1, SIDE, SIDE))}

    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.uint8, name="image")])
    with tempfile.TemporaryDirectory() as name:
        tf.saved_model.save(module, name, signatures={"serving_default": module.serve})
        yield Path(name)


def saved_models() -> Format:
    """The graph of a SavedModel."""
    from metricfit.export import load_runner

    with saved_model() as folder:
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    graph = files.pop("saved_model.pb")
    beside = {f"saved/{path}": data for path, data in files.items()}

    def read(folder: Path) -> None:
        load_runner(folder / "saved")(np.zeros((1, SIDE, SIDE, 3), np.uint8))

    return Format("saved_model", "saved/saved_model.pb", (graph,), read, beside, apart=True)


def tflite_models() -> Format:
    """A .tflite file."""
    import tensorflow as tf

    from metricfit.export import load_runner

    with saved_model() as folder, warnings.catch_warnings(action="ignore"):
        content = tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()

    def read(folder: Path) -> None:
        runner = load_runner(folder / "model.tflite", threads=1)
        runner(np.zeros((1, runner.size, runner.size, 3), np.uint8))

    return Format("tflite", "model.tflite", (content,), read, apart=True)


# Pictures and what is known about them.


def _scanned(text: str, needs: str) -> None:
    from metricfit.trainers.data.scan.scanner import checked_source

    source = checked_source(text, needs=needs, quiet=True)
    for index in range(len(source)):
        source.load(index)


def pictures() -> Format:
    """Picture files, whatever their ending says."""
    from metricfit.trainers.data.images import read_image

    forms = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA")
    seeds = (
        *map(picture, forms),
        picture("PNG", "P"),
        picture("JPEG", "CMYK"),
        picture("PNG", "LA"),
        picture("PNG", "1"),
    )
    return Format("picture", "picture.png", seeds, lambda folder: read_image(folder / "picture.png", transparency=True))


def masks() -> Format:
    """Mask files of a folder."""
    mask = Image.fromarray(np.pad(np.full((12, 10), 255, np.uint8), ((0, 12), (0, 10))))
    seeds = []
    for mode in ("L", "P", "1"):
        out = io.BytesIO()
        mask.convert(mode).save(out, "PNG")
        seeds.append(out.getvalue())
    read = functools.partial(lambda folder: _scanned(f"folder:{folder}", "mask"))
    return Format("mask", "masks/a.png", tuple(seeds), read, {"images/a.png": picture()})


def labels() -> Format:
    """The list of classes of a folder with class maps."""
    out = io.BytesIO()
    Image.fromarray(np.arange(480, dtype=np.uint8).reshape(24, 20) % 3).save(out, "PNG")
    beside = {"images/a.png": picture(), "labels/a.png": out.getvalue()}
    return Format(
        "classes", "classes.txt", (b"sky\nroad\ncar\n",), lambda folder: _scanned(f"folder:{folder}", "labels"), beside
    )


VOC = b"""<annotation><filename>a.png</filename><size><width>20</width><height>24</height><depth>3</depth></size>
<object><name>cat</name><difficult>0</difficult><truncated>0</truncated>
<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>12</xmax><ymax>14</ymax></bndbox></object></annotation>"""
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 20, "height": 24}],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 11], "area": 110, "iscrowd": 0},
        {
            "id": 2,
            "image_id": 1,
            "category_id": 1,
            "bbox": [1, 1, 4, 4],
            "segmentation": [[1, 1, 5, 1, 5, 5]],
            "iscrowd": 0,
        },
        {
            "id": 3,
            "image_id": 1,
            "category_id": 1,
            "bbox": [1, 0, 1, 3],
            "segmentation": {"size": [24, 20], "counts": [24, 3, 453]},
            "iscrowd": 1,
        },
    ],
}
LABELME = {
    "version": "5.0", "flags": {}, "imagePath": "a.png", "imageData": None, "imageHeight": 24, "imageWidth": 20,
    "shapes": [
        {"label": "cat", "points": [[2, 3], [12, 14]], "shape_type": "rectangle", "group_id": None, "flags": {}},
        {"label": "dog", "points": [[2, 3], [12, 14], [5, 9]], "shape_type": "polygon", "group_id": 1, "flags": {}},
        {"label": "dog", "points": [[9, 9], [12, 9]], "shape_type": "circle", "group_id": None, "flags": {}},
    ],
}  # fmt: skip
CVAT = b"""<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels><label>
<name>cat</name></label></labels></task></meta><image id="0" name="a.png" width="20" height="24">
<box label="cat" occluded="0" xtl="2" ytl="3" xbr="12" ybr="14" z_order="0"></box>
<polygon label="cat" points="1.0,1.0;5.0,1.0;5.0,5.0" z_order="0"></polygon></image></annotations>"""


def boxes() -> tuple[Format, ...]:
    """Annotations of boxes in each layout."""
    image = {"images/a.png": picture()}
    voc = {"JPEGImages/a.png": picture(), "ImageSets/Main/train.txt": b"a\n"}
    data = b"path: .\ntrain: images\nval: images\nnames:\n  0: cat\n  1: dog\n"
    lines = b"0 0.5 0.5 0.2 0.3\n1 0.1 0.2 0.3 0.4 0.4 0.1\n"

    def reads(text: str) -> Callable[[Path], object]:
        return lambda folder: _scanned(text.replace("HERE", str(folder)), "boxes")

    return (
        Format("voc", "Annotations/a.xml", (VOC,), reads("voc:HERE:train"), voc),
        Format("coco", "a.json", (json.dumps(COCO).encode(),), reads("coco:HERE/images,HERE/a.json"), image),
        Format("yolo", "labels/a.txt", (lines,), reads("yolo:HERE:train"), {**image, "data.yaml": data}),
        Format("yolo_yaml", "data.yaml", (data,), reads("yolo:HERE:train"), {**image, "labels/a.txt": lines}),
        Format("labelme", "a.json", (json.dumps(LABELME).encode(),), reads("labelme:HERE"), {"a.png": picture()}),
        Format("cvat", "annotations.xml", (CVAT,), reads("cvat:HERE"), image),
    )


# The state of a training.


def checkpoints() -> Format:
    """The file of a training's state."""
    import keras

    from metricfit.trainers.training.callbacks.checkpoint import TrainingCheckpoint, restore
    from metricfit.trainers.training.states import state_files

    def model() -> keras.Model:
        keras.utils.set_random_seed(0)
        built = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        built.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
        return built

    with tempfile.TemporaryDirectory() as name:
        callback = TrainingCheckpoint(Path(name))
        callback.set_model(model())
        callback.on_train_begin()
        callback.on_epoch_end(0, {"loss": 0.5})
        (file,) = state_files(name)
        data, called = file.read_bytes(), file.name
    going_on = model()  # its numbers do not matter
    return Format("checkpoint", called, (data,), lambda folder: restore(going_on, folder))


OPENED: dict[str, Callable[[], Format | tuple[Format, ...]]] = {
    "config": configs, "card": cards, "run": runs, "history": histories, "best": bests, "metrics": metrics,
    "keras": keras_models, "saved_model": saved_models, "tflite": tflite_models, "picture": pictures, "mask": masks,
    "classes": labels, "boxes": boxes, "checkpoint": checkpoints,
}  # fmt: skip
"""What makes the formats of each kind."""


COUNTS = {"boxes": 6}
"""How many formats a kind has, where there are several."""


def formats_of(kind: str) -> tuple[Format, ...]:
    """Give the formats of a kind."""
    made = OPENED[kind]()
    return made if isinstance(made, tuple) else (made,)
