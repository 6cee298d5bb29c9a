"""FoveaBox: places and codes against loops, on cases done by hand, in every mode; and that it trains."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.losses.boxes import aligned_iou
from metricfit.trainers.models.detector.coding import FOVEA
from metricfit.trainers.models.detector.fovea.assignment import assign_by_fovea, left_out_by_fovea
from metricfit.trainers.models.detector.fovea.foveabox import FoveaBox, build_foveabox
from metricfit.trainers.models.detector.fovea.places import PlaceGrid
from metricfit.trainers.models.detector.loss import detector_loss
from metricfit.trainers.models.detector.retinanet import build_retinanet
from metricfit.trainers.models.precision import dtype_policy
from metricfit.trainers.tasks import get_task
from tests.reference import fovea as reference

from .test_assignment import random_batch

GRID = PlaceGrid(96)
NAMES = ("disc", "bar")


def build(size=64, class_names=NAMES, kind=build_foveabox, **options):
    keras.utils.set_random_seed(1)
    return kind("plain", size=size, class_names=class_names, channels=8, **{"head_layers": 1, **options})


def pictures():
    """Two pictures: one with two objects and an ignored box, one without any."""
    images = np.random.default_rng(0).integers(0, 60, (2, 64, 64, 3)).astype(np.uint8)
    images[0, 8:40, 4:36], images[0, 40:60, 20:60, 0] = 220, 250
    boxes, classes = np.full((2, 4, 4), -1, np.float32), np.full((2, 4), -1, np.int32)
    boxes[0, :3], classes[0, :3] = [[4, 8, 36, 40], [20, 40, 60, 60], [44, 0, 64, 30]], [0, 1, -2]
    return images, {"boxes": boxes, "classes": classes}


def assigned(boxes, classes, grid=GRID):
    boxes, classes = np.array([boxes], np.float32), np.array([classes], np.int32)
    return (part.numpy()[0] for part in assign_by_fovea(boxes, classes, grid))


def test_places_are_those_of_nested_loops():
    for size in (32, 96, (64, 160)):
        x, y, base, least, most = np.array(reference.places(size)).T
        grid = PlaceGrid(size)
        np.testing.assert_allclose(grid.boxes(), np.stack([x, y, x, y], 1) + base[:, None] / 2 * [[-1, -1, 1, 1]])
        np.testing.assert_array_equal(grid.scales(), np.stack([least, most], 1))
        assert len(grid) == len(x)


@pytest.mark.parametrize("size", [96, (64, 128)])
def test_the_assignment_is_that_of_loops(size):
    grid = PlaceGrid(size)
    for seed in range(12):
        boxes, classes = random_batch(seed, size)
        targets, left_out = assign_by_fovea(boxes, classes, grid), left_out_by_fovea(boxes, classes, grid).numpy()
        for image in range(len(boxes)):
            labels, matched = reference.assign(boxes[image], classes[image], size)
            np.testing.assert_array_equal(targets.labels[image], labels, err_msg=f"seed {seed}")
            np.testing.assert_array_equal(targets.matched[image], matched, err_msg=f"seed {seed}")
            expected = np.where(labels[:, None] >= 0, boxes[image][matched], grid.boxes())
            np.testing.assert_allclose(targets.boxes[image], expected, rtol=1e-6)
            found = set(matched[labels >= 0])
            assert found == set(np.flatnonzero(classes[image] >= 0)), "every object has a place"
            ruled, owners = reference.assign(boxes[image], classes[image], size, forced=False)
            assert set(np.flatnonzero(left_out[image])) == found - set(owners[ruled >= 0])


def test_places_of_an_object_done_by_hand():
    """Of 40x40 round (48, 48) the fovea is 40 to 56: on P3 its corners and ends, on P4 the middle of one cell."""
    labels, _, boxes = assigned([[28, 28, 68, 68]], [3])
    fine, coarse = labels[:144].reshape(12, 12), labels[144:180].reshape(6, 6)
    expected = np.full((12, 12), -1)
    expected[5:7, 5:7] = 3  # centres at 44 and 52
    np.testing.assert_array_equal(fine, expected)
    assert (coarse == 3).sum() == 4, "centres at 40 and 56, on the fovea's very edge"
    assert (labels[180:] == -1).all(), "40 pixels are too small for P5"
    assert (boxes[labels == 3] == [28, 28, 68, 68]).all()


@pytest.mark.parametrize(("side", "levels"), [(30, {0}), (32, {0, 1}), (64, {0, 1, 2}), (65, {1, 2}), (90, {1, 2})])
def test_levels_share_half_of_their_scales(side, levels):
    grid = PlaceGrid(128)
    labels, *_ = assigned([[60 - side / 2] * 2 + [60 + side / 2] * 2], [0], grid)
    ends = np.cumsum([0, *(height * width for height, width in grid.shapes)])
    assert {level for level in range(5) if (labels[ends[level] : ends[level + 1]] == 0).any()} == levels


def test_of_objects_in_one_place_the_smallest_has_it():
    large, small = [20, 20, 76, 76], [36, 36, 60, 60]
    for order in ([large, small], [small, large]):
        labels, *_ = assigned(order, [0, 1])
        kind = order.index(small)
        assert (labels[:144].reshape(12, 12)[5:7, 5:7] == kind).all()
        assert set(labels[labels >= 0]) == {0, 1}
    labels, *_ = assigned([large, large], [4, 2])
    assert (labels == 4).sum() > (labels == 2).sum() == 1, "the lower index; the other gets the nearest free place"


def test_what_the_fovea_misses_gets_the_nearest_place():
    """Of 5x5 round (49, 33) no centre lies in the 2x2 of its fovea; the nearest on P3 is (52, 36), by 3 pixels each."""
    labels, *_ = assigned([[46.5, 30.5, 51.5, 35.5]], [0])
    assert np.flatnonzero(labels == 0).tolist() == [4 * 12 + 6]


def test_ignored_boxes_are_ignored_on_levels_that_could_find_them():
    labels, *_ = assigned([[8, 8, 48, 48], [0, 60, 20, 80]], [-2, 1])
    fine = labels[:144].reshape(12, 12)
    assert (fine[1:6, 1:6] == -2).all()
    assert (fine == -2).sum() == 25
    assert (labels[144:180].reshape(6, 6)[1:3, 1:3] == -2).all(), "P4 takes 32 pixels and more"
    assert (labels[180:] != -2).all()
    assert (labels == 1).any()


def test_all_modes_agree():
    boxes, classes = random_batch(2, 96)
    expected = assign_by_fovea(boxes, classes, GRID)
    for compiled in (False, True):
        found = tf.function(lambda *data: assign_by_fovea(*data, GRID), jit_compile=compiled)(boxes, classes)
        for one, other in zip(found, expected):
            np.testing.assert_allclose(one, other, rtol=1e-6)


def test_codes_are_those_of_the_paper():
    rng, places = np.random.default_rng(0), reference.places(96)
    references = GRID.boxes()
    for number in rng.integers(0, len(places), 50):
        x, y, base, *_ = places[number]
        low, high = rng.uniform(0.05, 4, (2, 2)) * base
        box = np.array([x - low[0], y - low[1], x + high[0], y + high[1]], np.float32)
        codes = FOVEA.encode(box, references[number])
        np.testing.assert_allclose(codes, reference.encode(box, places[number]), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(FOVEA.decode(codes, references[number]), box, rtol=1e-4, atol=1e-3)
        codes = rng.normal(0, 3, 4).astype(np.float32)
        expected = reference.decode(codes, places[number])
        np.testing.assert_allclose(FOVEA.decode(codes, references[number]), expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(FOVEA.decode(np.zeros((len(GRID), 4), np.float32), references), references, atol=1e-4)


def test_a_place_beside_its_box_has_finite_codes_and_gradients():
    box, place = np.array([3.0, 3, 6, 6], np.float32), GRID.boxes()[0]  # whose middle is (4, 4)
    np.testing.assert_allclose(FOVEA.decode(FOVEA.encode(box, place), place), [3, 3, 6, 6], atol=1e-4)
    beside = FOVEA.decode(FOVEA.encode(box + 4, place), place)
    np.testing.assert_allclose(beside, [3, 3, 10, 10], atol=1e-4)  # a sixteenth of 16 pixels to the left
    codes = tf.constant([[1e4, -1e4, 0, 1e30]])
    with tf.GradientTape() as tape:
        tape.watch(codes)
        boxes = FOVEA.decode(codes, place)
    assert np.isfinite(boxes).all()
    assert np.isfinite(tape.gradient(boxes, codes)).all()


def test_box_losses_go_by_the_codes(tiny):
    model, (images, y) = build(), pictures()
    outputs, targets = model(images, training=False), model.assign(y["boxes"], y["classes"])
    rng = np.random.default_rng(0)
    codes = tf.constant(rng.normal(0, 1, outputs["box"].shape).astype(np.float32))
    positive = np.argwhere(targets.labels.numpy() >= 0)
    assert len(positive) >= 2
    found = [targets, outputs["classification"], codes, model.references(outputs), model.coder]
    smooth, overlaps = [], []
    for image, place in positive:
        where, box = reference.places(64)[place], targets.boxes[image, place].numpy()
        distance = np.abs(np.array(reference.encode(box, where)) - codes[image, place].numpy())
        smooth.append(np.where(distance < 1, distance**2 / 2, distance - 0.5).sum())
        decoded = np.array(reference.decode(codes[image, place].numpy(), where), np.float32)
        overlaps.append(1 - float(aligned_iou(decoded, box)))
    loss = losses.get("focal")
    np.testing.assert_allclose(detector_loss(loss, "smooth_l1", *found)[1], np.mean(smooth), rtol=1e-4)
    np.testing.assert_allclose(detector_loss(loss, "iou", *found)[1], np.mean(overlaps), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "box_loss", "correlation"),
    [
        ("focal", "smooth_l1", None), ("ap", "iou", None), ("alrp", "giou", "concordance"),
        ("rank_sort", "giou", None), ("varifocal", None, "spearman"), ("quality_focal", "iou", None),
    ],
)  # fmt: skip
def test_every_loss_reaches_both_heads(tiny, name, box_loss, correlation):
    model, (images, y) = build(head_layers=0), pictures()
    added = losses.get("correlation", coefficient=correlation) if correlation else None
    model.compile("sgd", name, box_loss=box_loss, correlation=added, run_eagerly=True)
    with tf.GradientTape(persistent=True) as tape:
        loss = model.compute_loss(images, y, model(images, training=True))
    for head in (model.classification_head, model.box_head):
        gradients = tape.gradient(loss, head.trainable_variables)
        assert all(np.isfinite(one).all() for one in gradients)
        assert any(np.abs(one).max() > 0 for one in gradients)


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.long)])
def test_trains_and_comes_back(tiny, tmp_path, compiled):
    model, (images, y) = build(head_layers=0), pictures()
    model.compile(keras.optimizers.SGD(0.05, global_clipnorm=1.0), "alrp", jit_compile=compiled)
    data = tf.data.Dataset.from_tensors((images, y)).repeat(4)
    history = model.fit(data, epochs=2, shuffle=False, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    if compiled:
        return
    model.bare().save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is FoveaBox
    for name, part in loaded.predict(images, verbose=0).items():
        np.testing.assert_array_equal(part, model.predict(images, verbose=0)[name])


def test_mixed_precision_keeps_the_outputs_in_float32(tiny):
    with dtype_policy("mixed_float16"):
        model = build(head_layers=1)
    assert {part.dtype for part in model(pictures()[0]).values()} == {tf.float32}
    assert model.box_head.hidden[0].compute_dtype == "float16"
    again = FoveaBox.from_config(model.get_config())
    assert again.box_head.hidden[0].compute_dtype == "float16"


def test_a_retinanet_lends_all_but_its_last_convolutions(tiny):
    lender, model = build(kind=build_retinanet, class_names=("cat",), scales_per_octave=1), build()
    fresh = [weight.numpy() for head in (model.classification_head, model.box_head) for weight in head.last.weights]
    for weight in lender.weights:
        weight.assign(tf.random.stateless_uniform(weight.shape, [1, 2], 0.1, 1.0))
    get_task("detection").initialise(model, lender)
    kept = [weight for head in (model.classification_head, model.box_head) for weight in head.last.weights]
    for one, other in zip(kept, fresh):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(model.weights, lender.weights):
        if not any(one is weight for weight in kept):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="not the same network"):
        get_task("detection").initialise(build(head_layers=2), lender)
    with pytest.raises(ValueError, match="up to its last layers"):
        get_task("detection").initialise(
            build_foveabox("plain", size=64, class_names=NAMES, channels=9, head_layers=1), lender
        )
