"""What whole trainings in tests share: a tiny backbone, an easy source, and one finished run."""

import logging
import os
import signal
import tempfile
from contextlib import contextmanager
from functools import partial

import keras
import keras_cv
import numpy as np
import pytest

from metricfit.trainers.data import sources
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.models import deeplab
from metricfit.trainers.models.backbones import builders as backbones
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.segmentation import Segmentation
from metricfit.trainers.training.config import SaliencyConfig, SegmentationConfig


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
    """The tiny backbone, the discs and the colours, for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbones.BACKBONES, "tiny", tiny_backbone)
        patch.setitem(backbones.PREPROCESSING, "tiny", ([1 / 255.0] * 3, [0.0] * 3))
        patch.setitem(sources.SOURCES, "discs", sources.SourceKind("discs:SPLIT", Discs))
        patch.setitem(sources.SOURCES, "colours", sources.SourceKind("colours:SPLIT", Colours))
        # Moving statistics must settle within 27 steps.
        patch.setattr(deeplab, "build_deeplab", partial(deeplab.build_deeplab, batch_norm_momentum=0.5))
        yield


def pytest_configure():
    """Hear signals also where the tests run in the background or under nohup, which leave them out for all below."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def log_as_before():
    """Give the program's log back as it was: a verb writes it to the standard output of its own test."""
    log = logging.getLogger("metricfit")
    handlers, level, propagate = list(log.handlers), log.level, log.propagate
    yield
    log.handlers[:], log.propagate = handlers, propagate
    log.setLevel(level)


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
        out=str(tmp_path_factory.mktemp("runs") / "run"),
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
def trained(small_config):
    """One finished run, which no test changes."""
    with registered():
        return get_task("saliency").train(small_config)


@pytest.fixture(scope="session")
def segmentation_config(tmp_path_factory):
    """A training of seconds on colours:train."""
    return SegmentationConfig(
        data="colours:train",
        out=str(tmp_path_factory.mktemp("segmentation") / "run"),
        backbone="tiny",
        size=64,
        batch_size=6,
        epochs=3,
        min_epoch_steps=1,
        learning_rate=2e-2,
        equibatch=True,
        class_weights="balanced",
        quiet=True,
    )


class Interrupt(keras.callbacks.Callback):
    """Ctrl-C after the first epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        """Interrupt."""
        if epoch == 1:
            raise KeyboardInterrupt


@pytest.fixture(scope="session")
def segmented(segmentation_config):
    """One finished run, which no test changes; it was interrupted after its first epoch and continued."""

    class Stopping(Segmentation):
        def watchers(self, *arguments):
            return [*super().watchers(*arguments), Interrupt()]

    with registered():
        assert Stopping().train(segmentation_config).interrupted
        return get_task("segmentation").train(segmentation_config)
