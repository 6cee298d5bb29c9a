"""Distillation: labels that a trained model has a share of, by hand and in a training, and what cannot teach."""

import logging
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit, softmax

from metricfit.trainers.data.example import IGNORE
from metricfit.trainers.errors import UsageError
from metricfit.trainers.models.layers.logits import ClassLogits
from metricfit.trainers.models.precision import dtype_policy
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks import teacher as teaching
from metricfit.trainers.tasks.teacher import Teacher, teacher_of
from metricfit.trainers.training.config import CONFIGS
from metricfit.trainers.training.reporting import read_history
from metricfit.trainers.training.run import check

from ...conftest import Colours, registered

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), np.uint8)
WEIGHTS = np.random.default_rng(1).normal(0, 0.02, (3, 3)).astype("float32")
SIZE = (4, 6)
SIZE_OF_BATCH = (2, *SIZE)


@pytest.fixture(scope="module")
def config(small_config):
    with registered():
        yield small_config


def pointwise(class_names=(), size=SIZE):
    """A network whose logits at a pixel are its colours times `WEIGHTS`."""
    image = keras.Input((*size, 3))
    convolution = keras.layers.Conv2D(len(class_names) or 1, 1, use_bias=False)
    logits = convolution(keras.layers.Rescaling(1.0)(image))
    outputs = ClassLogits(class_names)(logits) if class_names else keras.layers.Reshape(size)(logits)
    model = keras.Model(image, outputs)
    convolution.set_weights([WEIGHTS[np.newaxis, np.newaxis, :, : len(class_names) or 1]])
    return model


def taught_by(teacher, labels):
    ((images, taught),) = teacher.teach(tf.data.Dataset.from_tensors((IMAGES, labels))).as_numpy_iterator()
    np.testing.assert_array_equal(images, IMAGES)
    assert taught.dtype == np.float32
    return taught


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_a_mask_becomes_a_mixture(share):
    masks = np.random.default_rng(2).choice([0, 1, IGNORE], SIZE_OF_BATCH).astype("int32")
    found = expit(IMAGES.astype("float64") @ WEIGHTS[:, 0])
    expected = np.where(masks == IGNORE, IGNORE, (1 - share) * masks + share * found)
    np.testing.assert_allclose(taught_by(Teacher(pointwise(), share), masks), expected, rtol=1e-5)


def test_class_numbers_become_shares_in_the_order_of_the_labels():
    labels = np.random.default_rng(3).choice([0, 1, IGNORE], SIZE_OF_BATCH).astype("int32")
    teacher = Teacher(pointwise(("sky", "road", "tree")), 0.4, ("tree", "sky"))
    found = softmax((IMAGES.astype("float64") @ WEIGHTS)[..., [2, 0]], axis=-1)  # roads are no class here
    own = np.stack([labels == 0, labels == 1], axis=-1)
    expected = np.where((labels == IGNORE)[..., None], IGNORE, 0.6 * own + 0.4 * found)
    np.testing.assert_allclose(taught_by(teacher, labels), expected, rtol=1e-5)


def test_a_teacher_of_another_size_is_shown_pictures_of_its_own():
    masks = np.zeros(SIZE_OF_BATCH, "int32")
    plain = np.full_like(IMAGES, 77)
    for names in ((), ("a", "b")):
        teachers = [Teacher(pointwise(names, size), 0.5, names) for size in (SIZE, (8, 12))]
        same, enlarged = (teacher.taught(plain, tf.constant(masks)) for teacher in teachers)
        assert same.shape[:3] == enlarged.shape[:3] == SIZE_OF_BATCH
        np.testing.assert_allclose(same, enlarged, rtol=1e-4)


def test_a_training_follows_its_teacher(plain_config, plain_trained, tmp_path, caplog):
    folder = str(plain_trained.folder)
    own = replace(plain_config, init=folder, teacher=folder, teacher_share=1.0, loss="floss")
    with caplog.at_level(logging.INFO, "metricfit"):
        result = get_task("saliency").train(replace(own, learning_rate=1e-9, epochs=1, out=str(tmp_path / "run")))
    assert f"taught by {folder} (deeplab_plain), which has 1 of each label" in caplog.text
    (row,) = read_history(result.folder / "history.csv")
    assert row["loss"] < 0.5 * row["val_loss"], "it finds what its teacher finds, not what the masks say"


def test_what_cannot_teach(config, plain_trained):
    source = Colours("train", "labels")
    with pytest.raises(UsageError, match=r"--teacher nowhere|no trained model at nowhere: --teacher takes"):
        teacher_of("saliency", replace(config, teacher="nowhere"), source)
    with pytest.raises(UsageError, match=r"--teacher .* is a saliency model: give a segmentation model"):
        teacher_of("segmentation", replace(CONFIGS["segmentation"](), teacher=str(plain_trained.folder)), source)
    with pytest.raises(ValueError, match="does not know cat, dog"):
        Teacher(pointwise(("sky", "road")), 0.5, ("sky", "cat", "dog"))
    assert teacher_of("saliency", config, source) is None
    assert teacher_of("detection", CONFIGS["detection"](), source) is None


def test_pictures_that_are_made_to_fit_otherwise_are_said(monkeypatch, caplog):
    monkeypatch.setattr(teaching, "first_model", lambda *_, **__: pointwise(("background", "disc")))
    source = Colours("train", "labels")
    source.class_names = ("background", "disc")
    config = CONFIGS["segmentation"](teacher="some", resizing="stretch")
    teacher_of("segmentation", replace(config, resizing="pad"), source)
    assert "made to fit" not in caplog.text
    teacher_of("segmentation", config, source)
    assert "trained on pictures that were made to fit by --resizing pad, and is shown them by stretch" in caplog.text


def test_a_share_without_a_teacher_is_refused(config):
    with pytest.raises(UsageError, match="--teacher-share says what share of each label --teacher has"):
        check(replace(config, teacher_share=0.3))
    check(replace(config, teacher_share=0.3, teacher="saliency_lite0"))


@pytest.mark.parametrize("task", ["saliency", "segmentation"])
def test_losses_that_take_no_shares_are_refused(task):
    config = CONFIGS[task](loss="lovasz_hinge", teacher="saliency_lite0")
    with pytest.raises(UsageError, match="nothing between"):
        get_task(task).check(config)
    get_task(task).check(replace(config, teacher=None))
    for loss in (
        ("floss",) if task == "saliency" else ("lovasz_softmax", "softmax_cross_entropy + 0.5 * lovasz_softmax")
    ):
        get_task(task).check(replace(config, loss=loss))


def test_shares_of_classes_are_those_of_a_softmax():
    config = CONFIGS["segmentation"](loss="lovasz_softmax")
    shares = tf.nn.softmax(tf.constant(np.random.default_rng(4).normal(0, 2, (1, 4, 4, 3)), tf.float32))
    logits = tf.math.log(shares)
    taught = get_task("segmentation").build_loss(replace(config, teacher="any"))
    assert float(taught(shares, logits)) == pytest.approx(0, abs=1e-6)
    with pytest.warns(UserWarning, match="several labels a pixel"):
        assert float(get_task("segmentation").build_loss(config)(shares, logits)) > 0.05


def test_a_teacher_is_not_deleted_with_the_run_that_it_stands_in(config, plain_trained):
    own = replace(config, out=str(plain_trained.folder), teacher=str(plain_trained.folder), overwrite=True)
    with pytest.raises(UsageError, match=r"--overwrite would delete .*, which --teacher needs"):
        get_task("saliency").train(own)


def test_a_teacher_that_is_not_there_costs_no_run(plain_config, plain_trained, tmp_path):
    shutil.copytree(plain_trained.folder, tmp_path / "run")
    kept = sorted(tmp_path.rglob("*"))
    again = replace(plain_config, out=str(tmp_path / "run"), teacher="nowhere", overwrite=True)
    with pytest.raises(UsageError, match="no trained model at nowhere: --teacher takes"):
        get_task("saliency").train(again)
    assert sorted(tmp_path.rglob("*")) == kept


@pytest.mark.usefixtures("config")
def test_a_teacher_computes_in_float32_whatever_the_training_does(plain_config, plain_trained):
    own = replace(plain_config, teacher=str(plain_trained.folder))
    with dtype_policy("mixed_float16"):
        teacher = teacher_of("saliency", own, Colours("train", "labels"))
    assert {layer.compute_dtype for layer in teacher.model._flatten_layers()} == {"float32"}
    assert all("CPU" in weight.value.device for weight in teacher.model.weights)
