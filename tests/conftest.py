"""What whole trainings in tests share: a tiny backbone, an easy source, and one finished run."""

import fcntl
import gc
import logging
import os
import pickle
import shutil
import signal
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import keras
import keras_cv
import numpy as np
import pytest

from metricfit.trainers.data import sources
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.models import deeplab
from metricfit.trainers.models.backbones import builders as backbones
from metricfit.trainers.models.layers.logits import ClassLogits
from metricfit.trainers.models.preparation import picture_input, prepare_for_training
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import SaliencyConfig, SegmentationConfig

from .undrawn import undrawn

FIRST = ("trainers/data/test_growth.py", "trainers/data/test_million.py")
"""Files whose tests collect garbage over and over, which takes long once a process holds models."""

LONGEST = (
    "losses/test_contract_detection.py",
    "app/test_verbs.py",
    "losses/test_contract_saliency.py",
    "export/test_calibration.py",
    "trainers/models/test_models.py",
    "trainers/models/test_retinanet.py",
    "losses/test_step_sums.py",
    "losses/test_contract_segmentation.py",
    "trainers/tasks/test_detection.py",
    "export/serving/test_contract.py",
    "export/test_faster_rcnn.py",
    "trainers/training/test_run.py",
    "losses/test_replicas.py",
    "losses/test_ranking.py",
    "trainers/training/test_callbacks.py",
    "losses/test_ranges.py",
    "trainers/models/test_foveabox.py",
    "trainers/data/packed/test_service.py",
    "app/test_api.py",
    "export/test_export.py",
    "trainers/training/test_kills.py",
    "trainers/metrics/keras/test_everywhere.py",
    "trainers/training/test_checkpoint.py",
    "losses/test_keyed_sums.py",
    "trainers/models/test_assignment.py",
    "trainers/training/devices/test_devices.py",
    "trainers/models/test_faster_rcnn.py",
    "trainers/metrics/keras/test_saliency.py",
    "app/beam/test_evaluation.py",
    "trainers/training/devices/test_workers.py",
)
"""Files of 15 seconds and more."""


def tiny_backbone(input_shape):
    """Four blocks, so that trainings and XLA compilations fit into a test."""
    return keras_cv.models.MobileNetV3Backbone(
        input_shape=input_shape,
        stackwise_expansion=[1, 2, 2, 2],
        stackwise_filters=[8, 8, 16, 16],
        stackwise_kernel_size=[3, 3, 3, 3],
        stackwise_stride=[2, 2, 2, 2],
        stackwise_se_ratio=[None, None, None, 0.25],
        stackwise_activation=["relu", "relu", "hard_swish", "hard_swish"],
        include_rescaling=False,
    )


@keras.saving.register_keras_serializable(package="tests")
class PlainBackbone(keras_cv.models.Backbone):
    """A convolution with moving statistics for each level: for detectors whose backbone does not matter."""

    def __init__(self, input_shape, **more):
        image = level = keras.Input(input_shape)
        names = {f"P{number}": f"level{number}" for number in range(1, 6)}
        for name in names.values():
            level = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name=f"{name}_conv")(level)
            level = keras.layers.BatchNormalization(momentum=0.5, name=f"{name}_norm")(level)
            level = keras.layers.ReLU(name=name)(level)
        super().__init__(inputs=image, outputs=level, **more)
        self.pyramid_level_inputs = names

    def get_config(self):
        return {"input_shape": self.input_shape[1:], "name": self.name, "trainable": self.trainable}


def build_plain(*, size, class_names=(), resizing="pad", **_):
    """Two convolutions with moving statistics and dropout, for trainings whose network does not matter."""
    image, scaled = picture_input(size, 1 / 255)
    hidden = keras.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="features")(scaled)
    hidden = keras.layers.ReLU()(keras.layers.BatchNormalization(name="norm")(hidden))
    hidden = keras.layers.Dropout(0.1)(hidden)
    classes = len(class_names) or 1
    logits = keras.layers.Conv2D(classes, 1, dtype="float32", name=deeplab.CLASS_LAYER)(hidden)
    logits = keras.layers.UpSampling2D(2, interpolation="bilinear", dtype="float32")(logits)
    if class_names:
        logits = ClassLogits(class_names, resizing)(logits)
    else:
        logits = keras.layers.Reshape(image.shape[1:3], dtype="float32", name="logits")(logits)
    return prepare_for_training(keras.Model(image, logits, name="deeplab_plain"), batch_norm_momentum=0.5)


def build_network(backbone="efficientnet_lite0", *, build=deeplab.build_deeplab, **settings):
    """A DeepLab whose moving statistics settle within 27 steps; of the backbone "plain" two convolutions alone."""
    return build_plain(**settings) if backbone == "plain" else build(backbone, batch_norm_momentum=0.5, **settings)


@pytest.fixture(scope="session", autouse=True)
def temporary_files_stay_with_the_tests(tmp_path_factory):
    """Lay what TFDS and TensorFlow leave behind among pytest's folders, which clears them away."""
    folder, before = str(tmp_path_factory.mktemp("temporary")), (tempfile.tempdir, os.environ.get("TMPDIR"))
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    yield
    tempfile.tempdir = before[0]
    os.environ.pop("TMPDIR") if before[1] is None else os.environ.update(TMPDIR=before[1])


class Discs(Source):
    """Bright discs on dark noise: learnt within a few steps."""

    def __init__(self, rest, needs):
        self.name = f"discs:{rest}"
        self.class_names = ("disc",) if needs == "boxes" else ("background", "disc")
        self.names = [f"{rest}{index:02d}" for index in range(60)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        rng = np.random.default_rng([len(self.name), index])
        y, x = np.mgrid[:40, :48]
        mask = (y - (row := rng.integers(12, 28))) ** 2 + (x - (column := rng.integers(12, 36))) ** 2 < 100
        image = (rng.integers(0, 60, (40, 48, 3)) + 180 * mask[..., None]).astype(np.uint8)
        return Example(
            image=image,
            mask=mask.astype(np.uint8),
            boxes=np.array([[column - 9, row - 9, column + 10, row + 10]], np.float32),
            classes=np.zeros(1, np.int32),
            name=self.names[index],
        )


class Colours(Source):
    """Red squares and, in every third picture, a blue one, on dark noise; a border of ignored pixels."""

    def __init__(self, rest, needs):
        self.name = f"colours:{rest}"
        self.class_names = ("background", "red", "blue")
        self.names = [f"{rest}{index:02d}" for index in range(60)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        rng = np.random.default_rng([len(self.name), index])
        labels = np.zeros((40, 48), np.uint8)
        row, column = rng.integers(2, 20), rng.integers(2, 10)
        labels[row : row + 14, column : column + 14] = 1
        if index % 3 == 0:
            row, column = rng.integers(2, 20), rng.integers(26, 32)
            labels[row : row + 14, column : column + 14] = 2
        image = rng.integers(0, 60, (40, 48, 3))
        image[labels == 1, 0] += 180
        image[labels == 2, 2] += 180
        labels[-2:] = 255
        return Example(image.astype(np.uint8), labels=labels, name=self.names[index])


@contextmanager
def registered():
    """The tiny and the plain backbone, the discs and the colours, for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbones.BACKBONES, "tiny", tiny_backbone)
        patch.setitem(backbones.PREPROCESSING, "tiny", ([1 / 255.0] * 3, [0.0] * 3))
        patch.setitem(backbones.BACKBONES, "plain", PlainBackbone)
        patch.setitem(backbones.PREPROCESSING, "plain", backbones.PREPROCESSING["tiny"])
        patch.setitem(sources.SOURCES, "discs", sources.SourceKind("discs:SPLIT", Discs))
        patch.setitem(sources.SOURCES, "colours", sources.SourceKind("colours:SPLIT", Colours))
        patch.setattr(deeplab, "build_deeplab", build_network)
        yield


@pytest.fixture
def undrawn_figures():
    """Leave figures blank in a test."""
    with undrawn():
        yield


def pytest_configure():
    """Hear signals also where the tests run in the background or under nohup, which leave them out for all below."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items):
    """Put the files in order; two processes that begin with the longest end together (`--no-loadscope-reorder`)."""
    places = {f"tests/{name}": place for place, name in enumerate(FIRST + LONGEST)}
    items.sort(key=lambda item: places.get(item.nodeid.split("::")[0], len(places)))


def pytest_collection_finish():
    """Leave what was imported out of garbage collections, and collect less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope="module", autouse=True)
def what_a_file_leaves_is_not_gone_through_again():
    """Collect the garbage of a file, and leave the rest, traces of functions above all, out of further collections."""
    yield
    gc.collect()
    gc.freeze()


def _as_imported(log: logging.Logger) -> None:
    log.handlers.clear()
    log.propagate = True
    log.setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def log_as_imported():
    """Begin and end with the program's log as an import leaves it: a verb writes it to standard output.

    Without it, pytest listens to a log twice that a fixture's verb took from the root, and a test has given back.
    """
    log = logging.getLogger("metricfit")
    _as_imported(log)
    yield
    _as_imported(log)


def once(factory, name, make):
    """Give a folder that `make(folder)` fills in the first of the processes of a session that asks; nobody changes it.

    The others wait until it is there. Where making fails, the next one tries anew.
    """
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # that of all processes
    folder = base / "once" / name
    folder.parent.mkdir(exist_ok=True)
    with open(folder.with_name(f"{name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (done := folder.with_name(f"{name}.done")).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder


def trained_once(factory, config, train):
    """Train in one process of the session; gives the result of a copy of the run, in `config.out`."""

    def make(folder):
        with registered():
            result = train(replace(config, out=str(folder / "run")))
        (folder / "result.pickle").write_bytes(pickle.dumps(result))

    folder = once(factory, Path(config.out).parent.name, make)
    own = Path(shutil.copytree(folder / "run", config.out))
    result = pickle.loads((folder / "result.pickle").read_bytes())
    return replace(result, folder=own, made=[own / path.relative_to(folder / "run") for path in result.made])


@pytest.fixture(scope="module")
def tiny():
    """The name of the tiny backbone."""
    with registered():
        yield "tiny"


@pytest.fixture(scope="session")
def small_config(tmp_path_factory):
    """A training of seconds on discs:train."""
    return SaliencyConfig(
        data="discs:train",
        out=str(tmp_path_factory.mktemp("saliency") / "run"),
        backbone="tiny",
        size=32,
        batch_size=6,
        epochs=3,
        min_epoch_steps=1,
        learning_rate=1e-2,
        quiet=True,
    )


@pytest.fixture(scope="module")
def config(small_config):
    """That training, with everything registered that it needs."""
    with registered():
        yield small_config


@pytest.fixture(scope="session")
def trained(small_config, tmp_path_factory):
    """One finished run, which no test changes."""
    return trained_once(tmp_path_factory, small_config, get_task("saliency").train)


@pytest.fixture(scope="module")
def plain_config(small_config, tmp_path_factory):
    """That training with a network of two convolutions, which takes a third of the time."""
    with registered():
        yield replace(small_config, backbone="plain", out=str(tmp_path_factory.mktemp("own") / "run"))


@pytest.fixture(scope="session")
def plain_trained(small_config, tmp_path_factory):
    """One finished run of the network of two convolutions, which no test changes."""
    config = replace(small_config, backbone="plain", out=str(tmp_path_factory.mktemp("plain") / "run"))
    return trained_once(tmp_path_factory, config, get_task("saliency").train)


@pytest.fixture(scope="session")
def segmentation_config(tmp_path_factory):
    """A training of seconds on colours:train."""
    return SegmentationConfig(
        data="colours:train",
        out=str(tmp_path_factory.mktemp("segmentation") / "run"),
        backbone="plain",
        size=(64, 96),
        batch_size=6,
        epochs=3,
        min_epoch_steps=1,
        learning_rate=2e-2,
        equibatch=True,
        class_weights="balanced",
        quiet=True,
    )


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C after so many epochs."""

    def __init__(self, at=1):
        super().__init__()
        self.at = at

    def on_epoch_begin(self, epoch, logs=None):
        """Interrupt."""
        if epoch == self.at:
            raise KeyboardInterrupt


@pytest.fixture(scope="session")
def segmented(segmentation_config, tmp_path_factory):
    """One finished run, which no test changes."""
    return trained_once(tmp_path_factory, segmentation_config, get_task("segmentation").train)


def interrupted_and_continued(task, config):
    """Train a task, stopped by Ctrl-C after its first epoch and begun again; gives the result."""

    class Stopping(type(task)):
        def watchers(self, *arguments):
            return [*super().watchers(*arguments), Interrupt()]

    assert Stopping().train(config).interrupted
    result = task.train(config)
    assert not result.interrupted
    return result
