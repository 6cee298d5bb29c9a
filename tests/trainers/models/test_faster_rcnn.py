"""Faster R-CNN as a network: what it gives, what both stages learn from, and that it trains, comes back and lends."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.trainers.models.detector.coding import DELTAS
from metricfit.trainers.models.detector.loss import box_quality
from metricfit.trainers.models.detector.retinanet import build_retinanet
from metricfit.trainers.models.detector.two_stage import faster_rcnn
from metricfit.trainers.models.detector.two_stage.faster_rcnn import FasterRCNN, build_faster_rcnn
from metricfit.trainers.models.detector.two_stage.proposals import outside
from metricfit.trainers.models.detector.two_stage.regions import assign_anchors, assign_regions
from metricfit.trainers.models.detector.two_stage.sampling import sampled
from metricfit.trainers.models.precision import dtype_policy
from metricfit.trainers.models.transfer import transfer_features
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.callbacks import SelfBalancing
from metricfit.trainers.training.callbacks.checkpoint import keep_state, restore
from metricfit.trainers.training.states import Reached

from .test_foveabox import pictures

NAMES = ("disc", "bar")


def build(size=64, class_names=NAMES, backbone="plain", seed=1, **options):
    keras.utils.set_random_seed(seed)
    given = {"channels": 8, "proposals": 12, "region_units": 8, **options}
    return build_faster_rcnn(backbone, size=size, class_names=class_names, **given)


@pytest.fixture(scope="module")
def networks(tiny):
    """One whose classes have a sigmoid each, and one whose exclude each other; no test changes their weights."""
    return build(), build(exclusive=True)


def by_cross_entropy(model, optimizer="sgd", **options):
    model.compile(optimizer, "anchor_cross_entropy", "l1", **{"run_eagerly": True, **options})
    model.reset_metrics()
    return model


def test_outputs(networks):
    plain, exclusive = networks
    for model, size, own in ((plain, 64, ()), (exclusive, 64, ("class_logits",)), (build(224), 224, ("P4",))):
        outputs = model(np.zeros((2, size, size, 3), np.uint8))
        count = len(model.anchors)
        shapes = {
            "references": (12, 4), "classification": (12, 2), "box": (12, 4), "objectness": (count, 1),
            "proposal_box": (count, 4), "P3": (size // 8, size // 8, 8), "P4": (size // 16, size // 16, 8),
            "class_logits": (12, 2),
        }  # fmt: skip
        wanted = {name: shape for name, shape in shapes.items() if name not in ("P4", "class_logits") or name in own}
        assert {name: part.shape[1:] for name, part in outputs.items()} == wanted
        assert {name: part.shape[1:] for name, part in model.output.items()} == wanted
        assert {part.dtype for part in outputs.values()} == {tf.float32}


def test_a_fresh_network_finds_next_to_nothing_and_stays_within_the_picture(networks):
    for model in networks:
        boxes, scores, classes, count = model.detections(model(pictures()[0]))
        assert 0 < np.max(scores) < 0.05
        assert np.min(boxes) >= 0
        assert np.max(boxes) <= 64
        assert set(np.unique(classes)) <= {-1, 0, 1}
        assert np.min(count) > 0


def test_the_second_stage_looks_at_any_region(networks):
    images, _ = pictures()
    for model in networks:
        outputs = model(images, training=False)
        regions = tf.concat([outputs["references"][:, 3:5], tf.tile(outside(64)[None, None], [2, 1, 1])], axis=1)
        logits, codes = model.second_stage(outputs, regions)
        whole = outputs.get("class_logits", outputs["classification"])
        np.testing.assert_allclose(logits[:, :2], whole[:, 3:5], atol=1e-5)
        np.testing.assert_allclose(codes[:, :2], outputs["box"][:, 3:5], atol=1e-5)
        np.testing.assert_array_equal(codes[:, 2], np.zeros((2, 4)))
        assert (np.asarray(logits)[:, 2] < -40).all(), "what stands for no region is of no class"
    shares = np.exp(whole.numpy()) / (1 + np.exp(whole.numpy()).sum(-1, keepdims=True))
    np.testing.assert_allclose(tf.sigmoid(outputs["classification"]), shares, rtol=1e-4)


def cross_entropy(logits, classes):
    """Mean over rows that are not ignored, -2, of a softmax over classes and, -1, the background; NumPy."""
    entropies = []
    for row, kind in zip(np.asarray(logits, np.float64).reshape(-1, logits.shape[-1]), np.ravel(classes)):
        if kind > -2:
            entropies.append(np.log(1 + np.exp(row).sum()) - (row[kind] if kind >= 0 else 0))
    return np.mean(entropies)


def distance(codes, targets, references):
    """Mean over positives of the sum of the distances of four codes."""
    references = np.broadcast_to(references, codes.shape)
    found = [
        np.abs(DELTAS.encode(targets.boxes[place], references[place]) - np.asarray(codes)[place]).sum()
        for place in zip(*np.nonzero(np.asarray(targets.labels) >= 0))
    ]
    return np.mean(found)


@pytest.mark.parametrize("training", [True, False])
def test_the_loss_of_both_stages_is_that_of_the_papers(networks, training):
    model, (images, y) = by_cross_entropy(networks[1], box_weight=3.0, rpn_weight=0.5, sampling_seed=7), pictures()
    model.optimizer.iterations.assign(5)
    outputs = model(images, training=False)
    own = np.array(y["boxes"])
    own[y["classes"] < 0] = outside(64)
    regions = np.concatenate([outputs["references"], own], axis=1)
    logits, codes = (np.concatenate(both, axis=1) for both in zip(
        (outputs["class_logits"], outputs["box"]), model.second_stage(outputs, tf.constant(own))
    ))  # fmt: skip
    step = 5 if training else -1
    anchors = sampled(assign_anchors(y["boxes"], y["classes"], model.anchor_grid), (256, 0.5), [7, 2 * step])
    second = sampled(assign_regions(y["boxes"], y["classes"], tf.constant(regions)), (6, 0.25), [7, 2 * step + 1])
    assert (second.labels.numpy() > -2).sum(axis=1).tolist() == [6, 6]
    assert second.labels.numpy().max(axis=1).tolist() == [1, -1] or second.labels.numpy().max(axis=1).tolist() == [
        0,
        -1,
    ]
    parts = {
        "classification_loss": cross_entropy(logits, second.labels),
        "localization_loss": distance(codes, second, regions),
        "rpn_classification_loss": cross_entropy(outputs["objectness"], anchors.labels),
        "rpn_localization_loss": distance(outputs["proposal_box"], anchors, model.anchors),
    }
    total = model.compute_loss(images, y, outputs, training=training)
    noted = {metric.name: float(metric.result()) for metric in model.metrics}
    for name, part in parts.items():
        assert noted[name] == pytest.approx(part, rel=1e-4), name
    first, boxes, rpn, rpn_boxes = parts.values()
    assert float(total) == pytest.approx(first + 3 * boxes + 0.5 * (rpn + 3 * rpn_boxes), rel=1e-4)


def test_a_correlation_is_of_the_shares_of_the_softmax(networks, monkeypatch):
    monkeypatch.setattr(faster_rcnn, "region_sample", lambda proposals: (24, 1.0))
    model, (images, y) = networks[1], pictures()
    by_cross_entropy(model, correlation=losses.get("correlation", coefficient="concordance"))
    rng, outputs = np.random.default_rng(0), dict(model(images, training=False))
    near = np.repeat(y["boxes"][:, :2], 6, axis=1) + rng.uniform(0, 4, (2, 12, 4))
    outputs |= {"references": near.astype(np.float32), "class_logits": rng.normal(0, 2, (2, 12, 2)).astype(np.float32)}
    model.compute_loss(images, y, outputs, training=False)
    targets, logits, *boxes = model._found(y, outputs, False)
    powers = np.exp(np.float64(logits))
    share, kinds = powers / (1 + powers.sum(axis=-1, keepdims=True)), targets.labels.numpy()
    positive = np.nonzero(kinds >= 0)
    assert len(positive[0]) > 8
    scores, iou = share[(*positive, kinds[positive])], box_quality(targets, *boxes).numpy()[positive]
    apart = scores.var() + iou.var() + (scores.mean() - iou.mean()) ** 2
    expected = 1 - 2 * np.cov(scores, iou, bias=True)[0, 1] / apart
    noted = {metric.name: float(metric.result()) for metric in model.metrics}
    assert noted["correlation_loss"] == pytest.approx(expected, rel=1e-5)
    labels, log_odds, gradients, _ = model.examine(images, y)
    np.testing.assert_allclose(log_odds[:, :12], model(images)["classification"], rtol=1e-5)
    assert np.abs(gradients[labels == 1]).min() > 0


@pytest.mark.parametrize(
    ("name", "box_loss", "correlation", "rpn_weight"),
    [
        ("anchor_cross_entropy", "smooth_l1", None, 1.0), ("alrp", None, "concordance", 0.2),
        ("focal", "l1", None, 1.0), ("quality_focal", "iou", None, 1.0), ("rank_sort", "giou", None, 0.2),
    ],
)  # fmt: skip
def test_every_loss_reaches_both_stages(networks, name, box_loss, correlation, rpn_weight):
    model, (images, y) = networks[name == "anchor_cross_entropy"], pictures()
    added = losses.get("correlation", coefficient=correlation) if correlation else None
    model.compile("sgd", name, box_loss=box_loss, correlation=added, run_eagerly=True)
    assert model.compile_arguments["rpn_weight"] == rpn_weight
    with tf.GradientTape() as tape:
        loss = model.compute_loss(images, y, model(images, training=False))
    weights = model.trainable_variables
    gradients = dict(zip((one.path for one in weights), tape.gradient(loss, weights)))
    assert all(gradient is not None and np.isfinite(gradient).all() for gradient in gradients.values())
    for part in ("classification_head/last", "classification_head/boxes", "objectness_head/last", "proposal_head/last"):
        assert any(np.abs(one).max() > 0 for path, one in gradients.items() if part in path), part


def test_each_stage_has_a_balance_of_its_own(networks):
    model, _ = networks
    model.compile("sgd", "alrp", self_balancing=True)
    weights = (model.box_weight, model.rpn_box_weight)
    assert [float(one) for one in weights] == [50, 50]
    callback = SelfBalancing(20.0)
    callback.set_model(model)
    callback.on_epoch_begin(0)
    assert [float(one) for one in weights] == [20, 20]
    logs = {"classification_loss": 0.9, "localization_loss": 0.1}
    callback.on_epoch_end(0, {**logs, "rpn_classification_loss": 0.6, "rpn_localization_loss": 0.2})
    assert [float(one) for one in weights] == pytest.approx([10, 4])
    callback.on_epoch_end(1, {**logs, "rpn_classification_loss": 0.6, "rpn_localization_loss": 0.0})
    assert [float(one) for one in weights] == pytest.approx([10, 4]), "an epoch without a positive"


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def steps(model, count):
    images, y = pictures()
    for _ in range(count):
        model.train_on_batch(images, y)
    return model.get_weights()


def test_a_training_that_goes_on_draws_what_it_would_have_drawn(tiny, tmp_path):
    """By a checkpoint; the model that goes on comes from a file, with what it was compiled with. A seed has 32 bits."""
    settings = {"rpn_weight": 0.7, "sampling_seed": 2**32 - 1, "box_weight": 4.0}
    model = by_cross_entropy(build(exclusive=True), keras.optimizers.Adam(1e-2), **settings)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    steps(model, 1)
    keep_state(model, tmp_path, Reached(0, 1))
    expected = steps(model, 1)
    other = keras.saving.load_model(tmp_path / "model.keras")
    assert type(other) is FasterRCNN
    assert other.exclusive
    assert other.compile_arguments["rpn_weight"] == 0.7
    assert float(other.rpn_box_weight) == 4.0
    restore(other, tmp_path)
    assert not same(other.get_weights(), expected)
    assert same(steps(other, 1), expected)


@pytest.mark.long
@pytest.mark.parametrize("name", ["anchor_cross_entropy", "alrp"])
def test_steps_under_xla_are_those_without(tiny, name):
    found, (images, y) = [], pictures()
    for compiled in (False, True):
        model = build(exclusive=name != "alrp")
        model.compile(keras.optimizers.SGD(0.05, global_clipnorm=1.0), name, jit_compile=compiled)
        found.append([model.train_on_batch(images, y)[0], steps(model, 2)])
    (loss, weights), (compiled_loss, compiled_weights) = found
    assert float(compiled_loss) == pytest.approx(float(loss), rel=1e-5)
    for one, other in zip(weights, compiled_weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_mixed_precision_keeps_what_is_found_in_float32(tiny):
    with dtype_policy("mixed_float16"):
        model = build(exclusive=True)
    assert {name for name, part in model.output.items() if part.dtype != "float32"} == {"P3"}
    again = FasterRCNN.from_config(model.get_config())
    assert again.exclusive
    for one in (model, again):
        head = one.classification_head
        assert [layer.compute_dtype for layer in (*head.hidden, head.last, head.boxes)] == [
            *2 * ["float16"],
            *2 * ["float32"],
        ]


@pytest.fixture(scope="module")
def retinanet(tiny):
    model = build_retinanet("plain", size=64, class_names=("cat",), channels=8, head_layers=0, scales_per_octave=1)
    for weight in model.weights:
        weight.assign(tf.random.stateless_uniform(weight.shape, [1, 2], 0.1, 1.0))
    return model


def test_what_does_not_fit_together_is_refused(networks, retinanet):
    model, softmax = networks
    with pytest.raises(ValueError, match="anchor_cross_entropy is the mean over a sample, which RetinaNet does not"):
        retinanet.compile("sgd", "anchor_cross_entropy")
    with pytest.raises(ValueError, match="anchor_cross_entropy needs a network built with exclusive=True"):
        model.compile("sgd", "anchor_cross_entropy")
    with pytest.raises(ValueError, match="alrp needs a network built with exclusive=False"):
        softmax.compile("sgd", "alrp")
    with pytest.raises(ValueError, match="rpn_weight must be above 0, got 0"):
        model.compile("sgd", "alrp", rpn_weight=0)
    with pytest.raises(ValueError, match="box_loss of loss alrp must be one of giou, iou, got l1"):
        model.compile("sgd", "alrp", "l1")
    with pytest.raises(ValueError, match="proposals must be at least 1, got 0"):
        FasterRCNN(None, class_names=NAMES, proposals=0)


def of(model, name):
    return [weight.numpy() for weight in model.get_layer(name).weights]


def test_a_retinanet_lends_its_backbone_and_pyramid(networks, retinanet, caplog):
    caplog.set_level("INFO")
    initialise, heads = get_task("detection").initialise, ("objectness_head", "proposal_head", "classification_head")
    first, wider = networks[0].get_weights(), build(channels=16)
    said = {networks[0]: "backbone and pyramid; the heads begin anew", wider: "its pyramid is not as wide"}
    for model, sentence in said.items():
        before = [of(model, name) for name in heads]
        initialise(model, retinanet)
        assert same(of(model, "features"), of(retinanet, "features"))
        assert model is wider or same(of(model, "feature_pyramid"), of(retinanet, "feature_pyramid"))
        assert all(same(of(model, name), one) for name, one in zip(heads, before))
        assert sentence in caplog.messages[-1]
    networks[0].set_weights(first)
    initialise(retinanet, networks[0])
    assert same(of(retinanet, "features"), of(networks[0], "features"))
    shallow = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="features")])
    shallow.add(keras.layers.Dense(2, name="feature_pyramid"))
    with pytest.raises(ValueError, match="not the same backbone"):
        transfer_features(networks[0], shallow)


def test_it_lends_its_weights_by_the_names_of_the_classes(networks):
    lender, model = networks[0], build(class_names=("bar", "owl", "disc"), seed=2)
    owl = model.classification_head.last.get_weights()[0][:, 1]
    get_task("detection").initialise(model, lender)
    kernel, theirs = (one.classification_head.last.get_weights()[0] for one in (model, lender))
    np.testing.assert_array_equal(kernel, np.stack([theirs[:, 1], owl, theirs[:, 0]], axis=1))
    assert same(of(model, "proposal_head"), of(lender, "proposal_head"))
