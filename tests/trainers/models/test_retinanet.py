"""RetinaNet: shapes, order of anchors, losses, saving, and that it trains in every mode."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.losses.base import AnchorLoss
from metricfit.losses.boxes import aligned_giou, aligned_iou
from metricfit.trainers.errors import UsageError
from metricfit.trainers.models.backbones.builders import BACKBONES
from metricfit.trainers.models.detector.assignment import assign_by_iou
from metricfit.trainers.models.detector.coding import DELTAS
from metricfit.trainers.models.detector.loss import box_quality, class_labels, detector_loss
from metricfit.trainers.models.detector.retinanet import RetinaNet, build_retinanet
from metricfit.trainers.models.precision import dtype_policy, in_float32
from metricfit.trainers.training.callbacks import SelfBalancing, TrainingCheckpoint
from metricfit.trainers.training.callbacks.best import save_model
from metricfit.trainers.training.callbacks.checkpoint import restore

from ...reference.ranking_losses import reference

SIZE = 64
NAMES = ("disc", "bar")


def build(seed=1, size=SIZE, backbone="plain", **options):
    keras.utils.set_random_seed(seed)
    options = {"channels": 8, "head_layers": 0, "scales_per_octave": 1, "class_names": NAMES, **options}
    return build_retinanet(backbone, size=size, **options)


def pictures(objects=True):
    """Two pictures: one with two objects and an ignored box, one without any."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 60, (2, SIZE, SIZE, 3)).astype(np.uint8)
    boxes, classes = np.full((2, 4, 4), -1, np.float32), np.full((2, 4), -1, np.int32)
    if objects:
        images[0, 8:40, 4:36], images[0, 40:60, 20:60, 0] = 220, 250
        boxes[0, :3], classes[0, :3] = [[4, 8, 36, 40], [20, 40, 60, 60], [44, 0, 64, 30]], [0, 1, -2]
    return images, {"boxes": boxes, "classes": classes}


def batches(count=1):
    images, boxes = pictures()
    return tf.data.Dataset.from_tensors((images, boxes)).repeat(count)


@pytest.fixture(scope="module")
def model(tiny):
    return build()


@pytest.mark.parametrize("size", [32, 96, 160])
def test_outputs_fit_the_anchors_at_any_multiple_of_32(size, tiny):
    model = build(size=size, scales_per_octave=2)
    outputs = model(np.zeros((2, size, size, 3), np.uint8))
    count = len(model.starts)
    assert outputs["box"].shape == (2, count, 4)
    assert outputs["classification"].shape == (2, count, 2)
    assert {part.dtype for part in outputs.values()} == {tf.float32}
    assert {name: part.shape for name, part in model.output.items()} == {
        "box": (None, count, 4), "classification": (None, count, 2)
    }  # fmt: skip


@pytest.mark.parametrize("backbone", list(BACKBONES))
def test_every_backbone_gives_its_levels(backbone):
    model = build_retinanet(backbone, size=96, class_names=["a"], channels=8, head_layers=0)
    features = model.get_layer("feature_pyramid").output
    assert [level.shape[1:] for level in features] == [(side, side, 8) for side in (12, 6, 3, 2, 1)]


def test_nothing_is_left_without_a_gradient():
    """KerasCV's backbones end in layers for a classifier, which are left out."""
    model = build_retinanet("efficientnet_lite0", size=64, class_names=["a"], channels=8, head_layers=1)
    images = tf.random.stateless_uniform((1, 64, 64, 3), [1, 2], 0, 255)
    with tf.GradientTape() as tape:
        loss = sum(tf.reduce_mean(part**2) for part in model(images, training=True).values())
    gradients = tape.gradient(loss, model.trainable_variables)
    assert [weight.path for weight, gradient in zip(model.trainable_variables, gradients) if gradient is None] == []


def test_outputs_stand_in_the_order_of_the_anchors(tiny):
    """A bright spot changes most, on every level, what the anchors round it give."""
    model = build(size=160)
    # Without negative weights nothing cancels.
    model.set_weights([np.abs(weight) for weight in model.get_weights()])
    images = np.full((2, 160, 160, 3), 100, np.uint8)
    images[1, 28:36, 108:116] = 255
    without, spot = model(images)["box"].numpy()[..., 0]
    centres = 0.5 * (model.starts[:, :2] + model.starts[:, 2:])
    first = 0
    for (side, _), stride in zip(model.anchor_grid.shapes, (8, 16, 32, 64, 128)):
        level = slice(first, first + 3 * side * side)
        nearest = centres[level][np.argmax(np.abs(spot - without)[level])]
        assert (np.abs(nearest - [112, 32]) <= 2 * stride).all(), stride
        first = level.stop
    assert first == len(centres)


def test_channels_of_the_heads_are_anchors_then_values(model):
    copy = build()
    for head, values in ((copy.box_head, 4), (copy.classification_head, 2)):
        kernel, bias = head.last.get_weights()
        head.last.set_weights([0 * kernel, np.arange(len(bias), dtype=np.float32)])
        assert len(bias) == 3 * values
    outputs = copy(pictures()[0])
    np.testing.assert_array_equal(outputs["box"][1].numpy().reshape(-1, 12), [np.arange(12)] * (len(copy.starts) // 3))
    np.testing.assert_array_equal(outputs["classification"][0, 3:6], np.arange(6).reshape(3, 2))


def test_a_fresh_network_finds_next_to_nothing(model):
    scores = tf.sigmoid(model(pictures()[0])["classification"])
    assert 0.003 < float(tf.reduce_mean(scores)) < 0.03


def test_takes_bytes_floats_and_kerascvs_dicts_alike(model, recwarn):
    images = pictures()[0]
    for other in (images.astype(np.float32), {"images": images}):
        np.testing.assert_array_equal(model(images)["box"], model(other)["box"])
    assert [str(one.message) for one in recwarn if "structure" in str(one.message)] == []


def test_class_labels():
    grid = build_grid()
    y = pictures()[1]
    targets = assign_by_iou(y["boxes"], y["classes"], grid)
    labels = class_labels(targets, 2).numpy()
    assert labels.dtype == np.int8
    for image, anchor in np.ndindex(2, len(grid)):
        label = int(targets.labels[image, anchor])
        expected = {-1: [0, 0], -2: [-1, -1], 0: [1, 0], 1: [0, 1]}[label]
        assert list(labels[image, anchor]) == expected
    assert (labels[1] == 0).all()
    assert (labels == -1).any()


def build_grid():
    from metricfit.trainers.models.detector.anchors import AnchorGrid

    return AnchorGrid(SIZE, 1, 2.0)


def raw_outputs(grid, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-3, 1, (2, len(grid), 2)).astype(np.float32)
    return tf.constant(logits), tf.constant(rng.normal(0, 1, (2, len(grid), 4)).astype(np.float32))


@pytest.mark.parametrize("box_loss", ["smooth_l1", "giou", "iou"])
def test_box_losses_are_means_over_positives(box_loss):
    grid = build_grid()
    anchors = grid.boxes()
    logits, deltas = raw_outputs(grid)
    y = pictures()[1]
    targets = assign_by_iou(y["boxes"], y["classes"], grid)
    loss = losses.get("focal")
    classification, localization = detector_loss(loss, box_loss, targets, logits, deltas, anchors)
    np.testing.assert_allclose(classification, loss(class_labels(targets, 2), logits), rtol=1e-6)
    expected = []
    for image, anchor in np.argwhere(targets.labels.numpy() >= 0):
        box, delta = targets.boxes[image, anchor], deltas[image, anchor].numpy()
        if box_loss == "smooth_l1":
            distance = np.abs(DELTAS.encode(box, anchors[anchor]).numpy() - delta)
            expected.append(np.where(distance < 1, distance**2 / 2, distance - 0.5).sum())
        else:
            score = {"giou": aligned_giou, "iou": aligned_iou}[box_loss]
            expected.append(1 - score(DELTAS.decode(delta, anchors[anchor]), box))
    np.testing.assert_allclose(localization, np.mean(expected), rtol=1e-5)


@pytest.mark.parametrize("box_loss", ["giou", "iou"])
def test_alrp_ranks_the_errors_of_the_decoded_boxes(box_loss):
    grid = build_grid()
    logits, deltas = raw_outputs(grid)
    y = pictures()[1]
    targets = assign_by_iou(y["boxes"], y["classes"], grid)
    decoded = DELTAS.decode(deltas, grid.boxes())
    iou, giou = aligned_iou(decoded, targets.boxes).numpy(), aligned_giou(decoded, targets.boxes).numpy()
    error = (1 - iou) / 0.5 if box_loss == "iou" else (1 - giou) / 2 / 0.5
    expected = losses.get("alrp").parts(class_labels(targets, 2), logits, error[..., None])
    found = detector_loss(losses.get("alrp"), box_loss, targets, logits, deltas, grid.boxes())
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_rank_sort_takes_the_iou_as_a_fact():
    grid = build_grid()
    logits, deltas = raw_outputs(grid)
    y = pictures()[1]
    targets = assign_by_iou(y["boxes"], y["classes"], grid)
    loss = losses.get("rank_sort")
    iou = aligned_iou(DELTAS.decode(deltas, grid.boxes()), targets.boxes)[..., None]
    with tf.GradientTape() as tape:
        tape.watch([logits, deltas])
        classification, _ = detector_loss(loss, "smooth_l1", targets, logits, deltas, grid.boxes())
    np.testing.assert_allclose(classification, loss.parts(class_labels(targets, 2), logits, iou)[0], rtol=1e-6)
    to_logits, to_deltas = tape.gradient(classification, [logits, deltas])
    assert np.abs(to_logits).sum() > 0
    assert to_deltas is None


class WeighedByQuality(AnchorLoss):
    """A loss of one's own with a derivative by the quality that it is told."""

    needs = "localization_quality"

    def parts(self, labels, scores, localization=None, *, one_hot=False):
        return tf.reduce_sum(tf.where(labels == 1, localization * tf.nn.softplus(-scores), 0.0)), None


def test_no_loss_reaches_the_boxes_by_their_quality():
    grid = build_grid()
    logits, deltas = raw_outputs(grid)
    y = pictures()[1]
    targets = assign_by_iou(y["boxes"], y["classes"], grid)
    with tf.GradientTape() as tape:
        tape.watch([logits, deltas])
        classification, _ = detector_loss(WeighedByQuality(), "iou", targets, logits, deltas, grid.boxes())
    to_logits, to_deltas = tape.gradient(classification, [logits, deltas])
    iou = aligned_iou(DELTAS.decode(deltas, grid.boxes()), targets.boxes).numpy()[..., None]
    positive = class_labels(targets, 2).numpy() == 1
    assert (iou * positive).max() > 0.3
    np.testing.assert_allclose(to_logits, np.where(positive, -iou / (1 + np.exp(logits)), 0), atol=1e-6)
    assert to_deltas is None


@pytest.mark.parametrize("name", ["varifocal", "quality_focal"])
def test_iou_is_the_target_of_the_scores(name):
    grid = build_grid()
    logits, deltas = raw_outputs(grid)
    y = pictures()[1]
    targets = assign_by_iou(y["boxes"], y["classes"], grid)
    loss = losses.get(name)
    iou = aligned_iou(DELTAS.decode(deltas, grid.boxes()), targets.boxes).numpy()[..., None]
    with tf.GradientTape() as tape:
        tape.watch(deltas)
        classification, _ = detector_loss(loss, "giou", targets, logits, deltas, grid.boxes())
    labels = class_labels(targets, 2)
    expected, *_ = reference(name, labels.numpy(), logits.numpy(), iou)
    np.testing.assert_allclose(classification, expected[0], rtol=1e-5)
    assert tape.gradient(classification, deltas) is None
    assert iou[labels.numpy().max(-1) == 1].max() > 0.3


@pytest.mark.parametrize("name", [entry.name for entry in losses.LOSSES.values() if entry.task == "detection"])
def test_without_objects_the_boxes_part_is_zero_and_all_is_finite(name):
    grid = build_grid()
    y = pictures(objects=False)[1]
    targets = assign_by_iou(y["boxes"], y["classes"], grid)
    logits, deltas = raw_outputs(grid)
    with tf.GradientTape() as tape:
        tape.watch([logits, deltas])
        classification, localization = detector_loss(losses.get(name), "giou", targets, logits, deltas, grid.boxes())
        total = classification + localization
    assert float(localization) == 0
    assert np.isfinite(float(classification))
    to_logits, to_deltas = tape.gradient(total, [logits, deltas], unconnected_gradients="zero")
    assert np.isfinite(to_logits).all()
    assert (to_deltas.numpy() == 0).all()


def test_the_weight_scales_what_the_boxes_get_and_nothing_else(tiny):
    found = []
    for weight in (1.0, 3.0):
        model = build()
        model.compile("sgd", "alrp", box_weight=weight)
        images, y = pictures()
        with tf.GradientTape(persistent=True) as tape:
            loss = model.compute_loss(images, y, model(images, training=True))
        found.append(
            [tape.gradient(loss, head.trainable_variables) for head in (model.classification_head, model.box_head)]
        )
        parts = [float(tracker.result()) for tracker in model._trackers]
        np.testing.assert_allclose(float(loss), parts[0] + weight * parts[1], rtol=1e-6)
    for (classes, boxes), factor in ((found[0], 1), (found[1], 3)):
        for one, other in zip(classes, found[0][0]):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-8)
        for one, other in zip(boxes, found[0][1]):
            np.testing.assert_allclose(one, factor * other, rtol=1e-4, atol=1e-8)
    assert any(np.abs(one).max() > 1e-6 for one in found[0][1])


def test_trains(tiny):
    model = build(backbone=tiny, head_layers=1)
    model.compile(keras.optimizers.SGD(0.05, global_clipnorm=1.0), "focal", box_weight=2.0)
    history = model.fit(batches(3), epochs=2, validation_data=batches(), shuffle=False, verbose=0).history
    parts = {"loss", "classification_loss", "localization_loss"}
    assert set(history) == parts | {"box_weight"} | {f"val_{name}" for name in parts}
    assert history["box_weight"] == [2.0, 2.0]
    for name in parts:
        assert np.isfinite(history[name]).all()
        assert history[name][1] < history[name][0]
    expected = np.add(history["classification_loss"], 2 * np.array(history["localization_loss"]))
    np.testing.assert_allclose(history["loss"], expected, rtol=1e-5)


@pytest.mark.parametrize(("name", "coefficient"), [("quality_focal", "spearman"), ("varifocal", "concordance")])
def test_a_few_steps_bring_scores_nearer_to_the_iou(tiny, name, coefficient):
    model = build()
    added = losses.get("correlation", coefficient=coefficient)
    model.compile(keras.optimizers.SGD(0.05, global_clipnorm=1.0), name, correlation=added, jit_compile=False)
    assert model.box_loss == "giou"
    history = model.fit(batches(4), epochs=2, shuffle=False, verbose=0).history
    for part in ("classification_loss", "localization_loss", "correlation_loss"):
        assert history[part][1] < history[part][0]


def test_correlation_is_added_and_trains_the_scores_alone(model):
    added = losses.get("correlation", coefficient="pearson")
    model.compile("sgd", "alrp", box_weight=3.0, correlation=added, correlation_weight=0.5, run_eagerly=True)
    images, y = pictures()
    outputs, targets = model(images, training=False), model.assign(y["boxes"], y["classes"])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(outputs)
        total = model.compute_loss(images, y, outputs)
        quality = box_quality(targets, outputs["box"], model.starts)[..., None]
        labels = class_labels(targets, 2)
        expected = added.parts(labels, outputs["classification"], quality)[0]
        parts = detector_loss(losses.get("alrp"), "giou", targets, *outputs_of(outputs), model.starts)
    assert float(expected) > 0.1
    np.testing.assert_allclose(total, parts[0] + 3 * parts[1] + 0.5 * expected, rtol=1e-6)
    to_boxes = [tape.gradient(one, outputs["box"]) for one in (total, parts[1])]
    np.testing.assert_allclose(to_boxes[0], 3 * to_boxes[1], rtol=1e-5, atol=1e-9)
    _, _, gradients, _ = model.examine(tf.constant(images), y)
    np.testing.assert_allclose(gradients, tape.gradient(total, outputs["classification"]), rtol=1e-5, atol=1e-9)
    assert "correlation_loss" in {metric.name for metric in model.metrics}
    again = build()
    again.compile_from_config(model.get_compile_config())
    assert again.compile_arguments["correlation"].get_config() == added.get_config()
    assert again.compile_arguments["correlation_weight"] == 0.5
    again = build()
    again.compile("sgd", "alrp")
    assert "correlation_loss" not in {metric.name for metric in again.metrics}


def outputs_of(outputs):
    return outputs["classification"], outputs["box"]


def test_a_step_without_objects_leaves_finite_weights(tiny):
    model = build()
    model.compile("sgd", "ap", run_eagerly=True)
    images, y = pictures(objects=False)
    assert np.isfinite(model.train_on_batch(images, y)).all()
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.long
def test_trains_under_xla_as_without(tiny):
    found = []
    for compiled in (False, True):
        model = build(assignment="atss")
        model.compile("sgd", "alrp", jit_compile=compiled, run_eagerly=not compiled)
        assert model.jit_compile is compiled
        history = model.fit(batches(2), shuffle=False, verbose=0).history
        found.append([history["loss"], history["localization_loss"]])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)
    # XLA has no padded suppression: predicting goes without.
    assert model.predict(pictures()[0], verbose=0)["boxes"].shape == (2, 100, 4)
    assert model.jit_compile


def test_mixed_precision(tiny):
    images, y = pictures()
    with dtype_policy("mixed_float16"):
        model = build()
    model.compile("adam", "alrp")
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        loss = model.compute_loss(images, y, outputs)
        scaled = 128 * loss
    assert {part.dtype for part in (loss, *outputs.values())} == {tf.float32}
    assert model.feature_pyramid.smooth[0].compute_dtype == "float16"
    for weight, gradient in zip(model.trainable_weights, tape.gradient(scaled, model.trainable_weights)):
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 0 or "kernel" not in weight.path, weight.path
    with dtype_policy("mixed_float16"):  # a model is made again in its own precision
        plain = in_float32(model)
    assert {layer.compute_dtype for layer in plain._flatten_layers()} == {"float32"}
    assert plain.class_names == NAMES
    for own, given in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(own, given)
    for name, part in plain(images).items():
        np.testing.assert_allclose(part, model(images)[name], atol=0.02)


def test_saved_model_is_the_same_model(tiny, tmp_path):
    model = build(class_names=["ü", "b c"], resizing="stretch", assignment="atss", anchor_scale=3.0)
    model.compile(
        keras.optimizers.Adam(1e-3),
        losses.get("alrp", delta=0.5),
        box_loss="iou",
        self_balancing=True,
        run_eagerly=True,
    )
    model.fit(batches(), shuffle=False, verbose=0, callbacks=[SelfBalancing(7.0)])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is RetinaNet
    assert (loaded.size, loaded.class_names, loaded.resizing) == (SIZE, ("ü", "b c"), "stretch")
    np.testing.assert_array_equal(loaded.starts, model.starts)
    assert int(loaded.optimizer.iterations) == 1
    assert float(loaded.box_weight) == float(model.box_weight) != 7.0
    images, y = pictures()
    found = loaded.predict(images, verbose=0)
    for name, part in model.predict(images, verbose=0).items():
        np.testing.assert_array_equal(found[name], part)
    expected = model.evaluate(images, y, verbose=0, return_dict=True)
    assert loaded.evaluate(images, y, verbose=0, return_dict=True) == expected
    for layer in loaded._flatten_layers():
        assert getattr(layer, "momentum", 0.95) == 0.95, "moving statistics go on as before"


def test_bare_model_has_the_weights_and_nothing_of_the_training(tiny, tmp_path):
    model = build()
    model.compile("sgd", "focal", box_weight=5.0, run_eagerly=True)
    images, y = pictures()
    model.train_on_batch(images, y)
    loaded = keras.models.load_model(save_model(model, tmp_path / "model.keras"))
    assert not loaded.compiled
    assert loaded.metrics == []
    assert float(loaded.box_weight) == 5.0
    np.testing.assert_array_equal(loaded(images)["box"], model(images)["box"])
    assert model.compiled


def test_checkpoint_keeps_the_weight_of_the_boxes(tiny, tmp_path):
    def prepared():
        model = build()
        model.compile("sgd", "alrp", self_balancing=True, run_eagerly=True)
        first = restore(model, tmp_path).epochs
        return model, first, {"initial_epoch": first, "callbacks": [SelfBalancing(9.0), TrainingCheckpoint(tmp_path)]}

    model, _, options = prepared()
    history = model.fit(batches(), epochs=1, shuffle=False, verbose=0, **options).history
    assert history["box_weight"] == [9.0]
    weight = float(model.box_weight)
    parts = history["classification_loss"][0], history["localization_loss"][0]
    assert weight == pytest.approx(sum(parts) / parts[1], rel=1e-6)
    resumed, first, options = prepared()
    assert first == 1
    assert float(resumed.box_weight) == weight
    history = resumed.fit(batches(), epochs=2, shuffle=False, verbose=0, **options).history
    assert history["box_weight"] == [weight]


def test_predictions_are_sorted_boxes_in_the_picture(model):
    found = model.predict(pictures()[0], verbose=0)
    assert {name: part.shape for name, part in found.items()} == {
        "boxes": (2, 100, 4), "confidence": (2, 100), "classes": (2, 100), "num_detections": (2,)
    }  # fmt: skip
    assert found["boxes"].min() >= 0
    assert found["boxes"].max() <= SIZE
    assert (np.diff(found["confidence"]) <= 0).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"loss": "floss"}, "needs a loss over anchors"),
        ({"loss": "correlation"}, "needs a loss over anchors"),
        ({"loss": "ap", "correlation": losses.get("ap")}, "correlation must be a CorrelationLoss or None"),
        ({"loss": "ap", "correlation_weight": 0.0}, "correlation_weight must be above 0"),
        ({"loss": "alrp", "box_loss": "smooth_l1"}, "must be one of giou, iou"),
        ({"loss": "ap", "box_loss": "huber"}, "must be one of smooth_l1, l1, giou, iou"),
        ({"loss": "ap", "box_weight": -1.0}, "box_weight must be 0 or more"),
        ({"loss": "ap", "metrics": ["accuracy"]}, "callback EpochReport"),
    ],
)
def test_what_compile_refuses(model, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.compile("sgd", **arguments)


def test_self_balancing_needs_its_callback(tiny):
    model = build()
    model.compile("sgd", "alrp", self_balancing=True)
    with pytest.raises(ValueError, match="give fit the callback SelfBalancing"):
        model.fit(batches(1), verbose=0)


def test_sample_weights_are_refused(tiny):
    model = build()
    model.compile("sgd", "ap")
    images, y = pictures()
    with pytest.raises(ValueError, match="no sample_weight"):
        model.compute_loss(images, y, model(images), sample_weight=np.ones(2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"backbone": "vgg"}, {"size": 100}, {"size": 0}, {"assignment": "nearest"}, {"resizing": "crop"},
        {"class_names": ()}, {"channels": 0}, {"head_layers": -1}, {"scales_per_octave": 0}, {"anchor_scale": -1.0},
        {"weights": "best"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
def test_wrong_settings_are_one_sentence(wrong, tiny):
    arguments = {"backbone": "tiny", "size": 32, "class_names": NAMES, "channels": 4, "head_layers": 0, **wrong}
    with pytest.raises(UsageError) as caught:
        build_retinanet(arguments.pop("backbone"), **arguments)
    assert "\n" not in str(caught.value)
