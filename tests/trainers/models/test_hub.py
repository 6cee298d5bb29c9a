"""KerasHub's RetinaNet: what it finds and learns is what KerasHub says, and with every loss of ours."""

import keras
import numpy as np
import pytest
import tensorflow as tf

keras_hub = pytest.importorskip("keras_hub", reason="the extra hub is not installed")

from metricfit import losses  # noqa: E402
from metricfit.trainers.errors import MetricfitError, UsageError  # noqa: E402
from metricfit.trainers.geometry import height_width  # noqa: E402
from metricfit.trainers.models.detector.coding import Deltas  # noqa: E402
from metricfit.trainers.models.hub.anchors import HubAnchorGrid  # noqa: E402
from metricfit.trainers.models.hub.encoders import ENCODERS, PREPROCESSING, resnet  # noqa: E402
from metricfit.trainers.models.hub.ranked import RankedRetinaNetObjectDetector  # noqa: E402
from metricfit.trainers.models.hub.retinanet import HubRetinaNet, build_hub_retinanet  # noqa: E402
from metricfit.trainers.models.hub.weights import load_first_weights  # noqa: E402
from metricfit.trainers.models.input_size import at_size  # noqa: E402
from metricfit.trainers.models.keras_file import load_keras_file  # noqa: E402
from metricfit.trainers.models.precision import dtype_policy, in_float32  # noqa: E402
from metricfit.trainers.tasks import get_task  # noqa: E402

from ...reference import assignment as reference  # noqa: E402
from .test_foveabox import pictures  # noqa: E402

NAMES = ("disc", "bar")
SIZE = 64


def small_encoder(input_shape):
    """A ResNet of four thin blocks."""
    return resnet(input_shape, [1, 1, 1, 1], "basic_block", (64, 8, 8, 16))


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENCODERS, "small", small_encoder)
        yield


def build(size=SIZE, class_names=NAMES, backbone="small", **options):
    keras.utils.set_random_seed(1)
    given = {"head_layers": 0, "scales_per_octave": 1, "assignment": "atss", **options}
    return build_hub_retinanet(backbone, size=size, class_names=class_names, **given)


@pytest.fixture(scope="module")
def model(small):
    """One network, which no test trains; its boxes are spread."""
    built = build()
    last = built.network.box_head.prediction_layer
    last.bias.assign(np.random.default_rng(0).normal(0, 1, last.bias.shape))
    return built


def detector(**options):
    """KerasHub's detector by our class, with its own defaults."""
    keras.utils.set_random_seed(1)
    pyramid = keras_hub.models.RetinaNetBackbone(
        small_encoder((SIZE, SIZE, 3)), min_level=3, max_level=7, use_p5=False, image_shape=(SIZE, SIZE, 3)
    )
    options = {"pre_logits_num_conv_layers": 0, "bounding_box_format": "xyxy", **options}
    return RankedRetinaNetObjectDetector(pyramid, num_classes=2, **options)


@pytest.mark.parametrize("size", [32, 96, 224, (96, 224), (160, 64)])
def test_anchors_are_keras_hubs(size):
    for scales, scale in ((1, 4.0), (2, 2.83), (3, 0.5), (3, 9.51)):
        generator = keras_hub.layers.AnchorGenerator("xyxy", 3, 7, scales, [0.5, 1.0, 2.0], scale)
        expected = np.concatenate(
            [np.asarray(part) for part in generator(np.zeros((1, *height_width(size), 3))).values()]
        )
        np.testing.assert_array_equal(HubAnchorGrid(size, scales, scale).boxes(), expected)


def test_codes_are_read_as_keras_hub_reads_them(model):
    outputs = model(pictures()[0], training=False)
    codes = outputs["box"].numpy()
    assert codes.std() > 0.5
    expected = keras.utils.bounding_boxes.decode_deltas_to_boxes(
        anchors=np.asarray(model.references(outputs)), boxes_delta=codes, variance=[0.1, 0.1, 0.2, 0.2],
        encoded_format="center_xywh", anchor_format="xyxy", box_format="xyxy", image_shape=(SIZE, SIZE, 3),
    )  # fmt: skip
    np.testing.assert_allclose(model.coder.decode(codes, model.references(outputs)), expected, rtol=1e-4, atol=1e-3)


def test_its_own_assignment_is_that_of_its_label_encoder(model):
    rng = np.random.default_rng(3)
    low, side = rng.uniform(0, 40, (3, 7, 2)), rng.uniform(4, 40, (3, 7, 2))
    boxes = np.concatenate([low, np.minimum(low + side, SIZE)], -1).astype(np.float32)
    classes = rng.integers(0, 5, (3, 7)).astype(np.int32)
    boxes[:, 5:], classes[:, 5:] = -1, -1
    codes, labels = model.network.label_encoder(np.zeros((3, SIZE, SIZE, 3), np.float32), boxes, classes)
    targets = model.network.assign(boxes, classes, SIZE, SIZE, "hub")
    np.testing.assert_array_equal(targets.labels, np.asarray(labels))
    positive = np.asarray(labels) >= 0
    assert positive.sum() > 20
    assert (np.asarray(labels) == -2).any()
    encoded = model.coder.encode(targets.boxes, model.anchors)
    np.testing.assert_allclose(encoded.numpy()[positive], np.asarray(codes)[positive], rtol=1e-3, atol=1e-3)
    rows, _ = np.nonzero(positive)
    np.testing.assert_array_equal(targets.boxes.numpy()[positive], boxes[rows, targets.matched.numpy()[positive]])


def test_boxes_to_be_ignored_are_so_in_each_assignment(model):
    _, y = pictures()
    for assignment in ("hub", "iou", "atss"):
        labels = model.network.assign(y["boxes"], y["classes"], SIZE, SIZE, assignment).labels.numpy()
        assert set(np.unique(labels[0])) == {-2, -1, 0, 1}, assignment
        assert (labels[1] == -1).all(), "a picture without objects is background"


def test_a_crowd_takes_no_anchor_from_an_object_and_keeps_what_lies_on_it_from_learning(model):
    """Also where an anchor is much smaller than the crowd, so that their IoU is small."""
    boxes = np.array([[[8, 8, 40, 40], [0, 0, 64, 64], [10, 6, 40, 42]]], np.float32)
    alone, among = (model.network.assign(boxes, [kinds], SIZE, SIZE, "hub") for kinds in ([1, -1, -1], [1, -2, -2]))
    found, labels = among.labels.numpy()[0], alone.labels.numpy()[0]
    on_crowd = np.array(reference.covered(boxes[0], [1, -2, -2], model.anchors))
    assert (on_crowd & (labels == -1)).sum() > 50
    np.testing.assert_array_equal(found, np.where(on_crowd & (labels == -1), -2, labels))
    assert (found == 1).sum() > 2


@pytest.mark.parametrize("name", ["focal", "ap", "alrp", "rank_sort", "varifocal"])
def test_every_loss_reaches_both_heads(model, name):
    images, y = pictures()
    model.compile("sgd", name, run_eagerly=True)
    network = model.network
    with tf.GradientTape(persistent=True) as tape:
        loss = model.compute_loss(images, y, model(images, training=True))
    for head in (network.classification_head, network.box_head):
        gradients = tape.gradient(loss, head.trainable_variables)
        assert all(np.isfinite(one).all() for one in gradients)
        assert any(np.abs(one).max() > 0 for one in gradients)


def test_every_class_begins_with_the_prior_and_boxes_with_none():
    begun = build(head_layers=2)
    scores = tf.sigmoid(begun(pictures()[0])["classification"]).numpy()
    assert 0.005 < np.median(scores) < 0.02
    np.testing.assert_array_equal(begun.network.box_head.prediction_layer.bias, 0)
    first, second = (layer.kernel.numpy() for layer in begun.network.box_head.conv_layers)
    assert np.abs(first - second).max() > 0.01, "KerasHub begins all of a head alike"


def test_is_saved_and_looks_at_another_size(model, tmp_path):
    images, _ = pictures()
    model.bare().save(tmp_path / "model.keras")
    loaded = load_keras_file(tmp_path / "model.keras")
    assert type(loaded) is HubRetinaNet
    assert loaded.assignment == "atss"
    for name, part in loaded(images).items():
        np.testing.assert_array_equal(part, model(images)[name])
    larger = at_size(loaded, 96, loaded.size)
    assert larger.size == 96
    assert larger(np.zeros((1, 96, 96, 3)))["box"].shape[1] == len(larger.anchors) == len(HubAnchorGrid(96, 1))


@pytest.mark.long
def test_mixed_precision_keeps_outputs_and_boxes_in_float32():
    with dtype_policy("mixed_float16"):
        mixed = build(head_layers=1)
    outputs = mixed(pictures()[0])
    assert {part.dtype for part in outputs.values()} == {tf.float32}
    network = mixed.network
    assert network.box_head.conv_layers[0].compute_dtype == "float16"
    assert network.backbone.feature_pyramid.compute_dtype == "float16"
    for layer in (network.box_head.prediction_layer, network.label_encoder, network.anchor_generator):
        assert layer.compute_dtype == "float32"
    whole = in_float32(mixed)
    assert whole.network.box_head.conv_layers[0].compute_dtype == "float32"
    np.testing.assert_allclose(whole(pictures()[0])["box"], outputs["box"], atol=0.05)
    with dtype_policy("mixed_float16"):
        encoder = detector().label_encoder
    assert encoder.box_matcher.compute_dtype == "float32", "or boxes of nearly equal IoU are as good as each other"


@pytest.mark.long
def test_efficientnet_lite_is_read_before_its_classifier():
    large = build(backbone="efficientnet_lite0")
    encoder = large.network.backbone.image_encoder
    assert [encoder.pyramid_outputs[f"P{level}"].shape[1:] for level in (3, 4, 5)] == [
        (8, 8, 40),
        (4, 4, 112),
        (2, 2, 320),
    ]
    trained = {weight.path.split("/")[0] for weight in large.trainable_weights}
    assert "top_conv" not in trained
    again = HubRetinaNet.from_config(large.get_config())
    assert [weight.shape for weight in again.weights] == [weight.shape for weight in large.weights]


def test_weights_go_to_other_classes_by_name_and_to_no_other_network():
    lender, taker = build(class_names=("bar", "cat")), build()
    for weight in lender.weights:
        weight.assign(tf.random.stateless_uniform(weight.shape, [1, 2], 0.1, 1.0))
    get_task("detection").initialise(taker, lender)
    new, old = (one.network.classification_head.prediction_layer.kernel.numpy() for one in (taker, lender))
    np.testing.assert_array_equal(new[..., 1::2], old[..., ::2])
    assert np.abs(new[..., ::2]).max() < 0.1, "what is new begins anew"
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="not the same network"):
        get_task("detection").initialise(taker, other)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"class_names": ()}, "at least one class name"),
        ({"assignment": "best"}, "unknown assignment best: choose one of hub, iou, atss"),
        ({"anchor_scale": 0.1}, "anchor_scale 0.1 is too small"),
        ({"backbone": "vgg"}, "unknown backbone vgg: choose one of efficientnet_lite0, resnet18"),
        ({"size": 65}, "must be a multiple of 32"),
    ],
)
def test_settings_that_it_does_not_have(options, sentence):
    with pytest.raises(UsageError, match=sentence):
        build(**options)


@pytest.mark.parametrize(
    ("name", "weights", "sentence"),
    [
        ("resnet18", "imagenet", "imagenet is of KerasCV's backbones: use --weights preset:resnet_18_imagenet"),
        ("resnet18", "preset:resnet_vd_50_imagenet", "no preset resnet_vd_50_imagenet .*: choose one of resnet_18_im"),
        ("small", "preset:nowhere", "no preset nowhere with weights for small: give a handle such as hf://"),
        ("resnet18", "random", "is none of: auto, none, imagenet, preset:NAME"),
    ],
)
def test_weights_that_are_not_there(model, name, weights, sentence):
    with pytest.raises(UsageError, match=sentence):
        load_first_weights(model.network, name, weights)


def test_a_preset_that_cannot_be_fetched(model, monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", unreachable)
    with pytest.raises(MetricfitError, match="resnet_18_imagenet could not be fetched or read") as caught:
        load_first_weights(model.network, "resnet18", "preset:resnet_18_imagenet")
    assert "(ConnectionError: no route to host): without the network use --weights" in str(caught.value)


def converter(scale=PREPROCESSING[0], offset=PREPROCESSING[1], kind="RetinaNet"):
    return getattr(keras_hub.layers, f"{kind}ImageConverter")(image_size=(SIZE, SIZE), scale=scale, offset=offset)


def randomised(network):
    rng = np.random.default_rng(5)
    network.set_weights([rng.uniform(0.5, 1.5, one.shape) * (one + 0.01) for one in network.get_weights()])
    return network


def test_presets_of_an_encoder(tmp_path, caplog):
    encoder, network = randomised(small_encoder((None, None, 3))), build().network
    encoder.save_to_preset(tmp_path / "encoder")
    preset = f"preset:{tmp_path / 'encoder'}"
    with caplog.at_level("INFO", "metricfit"):
        load_first_weights(network, "small", preset)
    assert "does not say how it takes pictures" in caplog.text
    for own, other in zip(network.backbone.image_encoder.get_weights(), encoder.get_weights()):
        np.testing.assert_array_equal(own, other)
    converter(kind="ResNet").save_to_preset(tmp_path / "encoder")
    caplog.clear()
    load_first_weights(network, "small", preset)
    assert "does not say" not in caplog.text
    converter(scale=1 / 255, offset=None, kind="ResNet").save_to_preset(tmp_path / "encoder")
    with pytest.raises(UsageError, match=r"multiplies pictures by \[0\.00392.* ImageNet's mean"):
        load_first_weights(network, "small", preset)
    encoder.save_weights(tmp_path / "encoder.weights.h5")
    network.backbone.image_encoder.set_weights([one * 0 for one in encoder.get_weights()])
    load_first_weights(network, "small", str(tmp_path / "encoder.weights.h5"))
    np.testing.assert_array_equal(network.backbone.image_encoder.get_weights()[0], encoder.get_weights()[0])
    # v2 has its normalisations elsewhere: some weights have the same shapes
    other = keras_hub.models.ResNetBackbone(
        [64], [7], [64, 8, 8, 16], [1, 1, 1, 1], [1, 2, 2, 2], "basic_block", use_pre_activation=True
    )
    other.save_to_preset(tmp_path / "other")
    with pytest.raises(UsageError, match="is not a small: it is a ResNetBackbone of another use_pre_activation"):
        load_first_weights(network, "small", f"preset:{tmp_path / 'other'}")


def test_a_preset_of_a_whole_detector_finds_the_same_boxes(model, tmp_path):
    preprocessor = keras_hub.models.RetinaNetObjectDetectorPreprocessor(image_converter=converter())
    options = {"num_scales": 1, "aspect_ratios": [0.5, 1.0, 2.0], "anchor_size": 4.0}
    anchors = keras_hub.layers.AnchorGenerator("xyxy", 3, 7, **options)
    source = randomised(detector(pre_logits_num_conv_layers=1, anchor_generator=anchors, preprocessor=preprocessor))
    source.save_to_preset(tmp_path)
    with pytest.raises(UsageError, match="has heads of 1 convolutions: give --head-layers 1"):
        load_first_weights(model.network, "small", f"preset:{tmp_path}")
    given = build(weights=f"preset:{tmp_path}", head_layers=1)
    images = pictures()[0].astype(np.float32)
    codes = source(images * PREPROCESSING[0] + PREPROCESSING[1])["bbox_regression"]
    expected = Deltas((1.0, 1.0, 1.0, 1.0)).decode(codes, given.anchors)
    found = given.coder.decode(given(images)["box"], given.anchors)
    assert np.asarray(expected).std() > 10
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=0.05)
    hidden = [one.classification_head.conv_layers[0].kernel for one in (given.network, source)]
    np.testing.assert_array_equal(*hidden)
    scores = given.network.classification_head.prediction_layer.kernel.numpy()
    assert np.abs(scores).max() < 0.1, "scores begin anew"


# The class for those who use KerasHub themselves.


def labelled(y):
    return {"boxes": y["boxes"], "labels": y["classes"]}


def test_its_loss_is_that_of_the_detector_here(model):
    images, y = pictures()
    outputs = model(images, training=False)
    of_hub = {"bbox_regression": outputs["box"], "cls_logits": outputs["classification"]}
    for name, box_loss in (("alrp", "giou"), ("rank_sort", "smooth_l1"), ("ap", "iou")):
        model.compile("sgd", name, box_loss=box_loss, box_weight=2.0)
        model.network.compile("sgd", box_loss, losses.get(name), box_weight=2.0, assignment="atss")
        expected = float(model.compute_loss(images, y, outputs))
        assert float(model.network.compute_loss(images, labelled(y), of_hub)) == pytest.approx(expected, rel=1e-6)
        assert expected > 0


@pytest.fixture(scope="module")
def hub_detector(small):
    """KerasHub's detector with its own anchors, not trained by any test."""
    return detector()


@pytest.mark.long
def test_it_takes_boxes_as_keras_hub_does(hub_detector):
    _, y = pictures()
    other, values = detector(bounding_box_format="yxyx"), []
    rng, count = np.random.default_rng(0), len(hub_detector.anchor_boxes(SIZE, SIZE))
    outputs = {"bbox_regression": rng.normal(0, 0.3, (2, count, 4)), "cls_logits": rng.normal(0, 1, (2, count, 2))}
    outputs = {name: part.astype(np.float32) for name, part in outputs.items()}
    for one, order in ((hub_detector, [0, 1, 2, 3]), (other, [1, 0, 3, 2])):
        for assignment in ("hub", "atss"):
            one.compile(classification_loss="alrp", assignment=assignment)
            truth = {"boxes": y["boxes"][..., order], "labels": y["classes"]}
            values.append(float(one.compute_loss(np.zeros((2, SIZE, SIZE, 3)), truth, outputs)))
    np.testing.assert_allclose(values[2:], values[:2], rtol=1e-5)
    assert values[0] != values[1]


def test_it_is_saved_compiled_and_goes_on(hub_detector, tmp_path):
    images, y = pictures()
    hub_detector.compile(keras.optimizers.SGD(0.01), "iou", "alrp", assignment="iou", box_weight=3.0)
    hub_detector.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is RankedRetinaNetObjectDetector
    assert loaded.assignment == "iou"
    assert isinstance(loaded.optimizer, keras.optimizers.SGD)
    outputs = hub_detector(images / np.float32(255))
    for name, part in loaded(images / np.float32(255)).items():
        np.testing.assert_array_equal(part, outputs[name])
    values = [float(one.compute_loss(images, labelled(y), outputs)) for one in (hub_detector, loaded)]
    assert values[0] == values[1]


def test_predict_undoes_the_variances(hub_detector, monkeypatch):
    rng = np.random.default_rng(0)
    images, count = np.zeros((1, SIZE, SIZE, 3), np.float32), len(hub_detector.anchor_boxes(SIZE, SIZE))
    codes = rng.normal(0, 0.3, (1, count, 4)).astype(np.float32)
    logits = rng.normal(0, 3, (1, count, 2)).astype(np.float32)
    expected = hub_detector.decode_predictions({"bbox_regression": codes, "cls_logits": logits}, images)
    monkeypatch.setattr(hub_detector.label_encoder, "box_variance", [0.1, 0.1, 0.2, 0.2])
    coded = {"bbox_regression": codes / [0.1, 0.1, 0.2, 0.2], "cls_logits": logits}
    found = hub_detector.decode_predictions(coded, images)
    np.testing.assert_allclose(found["boxes"], expected["boxes"], atol=1e-3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"box_loss": "smooth_l1"}, "box_loss of loss alrp must be one of giou, iou, got smooth_l1"),
        ({"classification_loss": keras.losses.MeanSquaredError()}, "needs a loss over anchors"),
        ({"assignment": "best"}, "unknown assignment best: choose one of hub, iou, atss"),
        ({"box_weight": -1.0}, "box_weight must be 0 or more"),
        ({"metrics": ["accuracy"]}, "not measured by metrics of compile"),
    ],
)
def test_what_compile_refuses(model, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        model.network.compile(**options)


def test_other_anchors_have_their_own_assignment_alone(model, monkeypatch):
    _, y = pictures()
    by_atss = model.network.assign(y["boxes"], y["classes"], SIZE, 2 * SIZE, "atss").labels
    assert by_atss.shape[1] == len(HubAnchorGrid((SIZE, 2 * SIZE), 1, model.anchor_grid.anchor_scale))
    monkeypatch.setattr(model.network.anchor_generator, "aspect_ratios", [0.5, 1.0, 3.0])
    with pytest.raises(ValueError, match="for anchors of the levels 3 to 7"):
        model.network.assign(y["boxes"], y["classes"], SIZE, SIZE, "atss")
    labels = model.network.assign(y["boxes"], y["classes"], SIZE, SIZE, "hub").labels
    assert (labels.numpy() >= 0).any()
    with pytest.raises(ValueError, match="takes no sample_weight"):
        model.network.compute_loss(sample_weight=np.ones(2))
