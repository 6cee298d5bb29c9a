"""The registry of networks: what stands in it exists, and is what `--model` takes."""

import inspect
import subprocess
import sys
from dataclasses import dataclass, fields, replace

import pytest

from metricfit.trainers.errors import UsageError
from metricfit.trainers.models.detector.fovea.foveabox import FoveaBox, build_foveabox
from metricfit.trainers.models.detector.retinanet import RetinaNet, build_retinanet
from metricfit.trainers.models.detector.two_stage.faster_rcnn import FasterRCNN, build_faster_rcnn
from metricfit.trainers.models.registry import MODELS, Architecture, check_settings, explained, serving
from metricfit.trainers.tasks import CONFIGS


def hub_networks(builder):
    """What KerasHub's builders hand their settings on to."""
    if not builder.__module__.endswith("hub.retinanet"):
        return []
    from metricfit.trainers.models.hub.retinanet import HubRetinaNet

    return [HubRetinaNet]


@pytest.mark.parametrize("name", list(MODELS))
def test_a_builder_takes_the_settings_and_every_setting_is_one_of_a_training(name):
    architecture = MODELS[name]
    if not architecture.library.is_installed:
        pytest.skip(f"the extra {architecture.library.extra} is not installed")
    builder = architecture.load()
    # Builders of detectors hand their settings on.
    detectors = {build_retinanet: RetinaNet, build_foveabox: FoveaBox, build_faster_rcnn: FasterRCNN}
    takers = [builder, *([detectors[builder]] if builder in detectors else hub_networks(builder))]
    assert {taker.stages for taker in takers if isinstance(taker, type)} <= {architecture.stages}
    parameters = set().union(*(inspect.signature(taker).parameters for taker in takers))
    assert {"size", *architecture.settings} <= parameters
    known = {field.name for task in architecture.tasks for field in fields(CONFIGS[task])}
    assert {*architecture.settings, *architecture.taught} <= known
    assert set(architecture.tasks) <= set(CONFIGS)


def test_the_usual_network_of_a_task_comes_first():
    for task, config in CONFIGS.items():
        usual, *_ = serving(task)
        assert getattr(config(), "model", usual) == usual


def test_a_network_is_told_the_settings_that_it_has(monkeypatch):
    from metricfit.trainers.models.deeply_supervised import dss

    told = {}
    monkeypatch.setattr(dss, "build_dss", lambda **settings: told.update(settings))
    MODELS["dss"].build(replace(CONFIGS["saliency"](), model="dss", size=64, weights="none"), class_names=("a",))
    assert told == {"size": 64, "backbone": "efficientnet_lite0", "weights": "none", "class_names": ("a",)}


@pytest.mark.parametrize(
    ("task", "changes", "sentence"),
    [
        ("saliency", {"model": "basnet", "backbone": "resnet50"}, "for --model deeplab, dss, dhs and amulet, BASNet"),
        (
            "saliency",
            {"model": "basnet", "weights": "imagenet"},
            "imagenet is not to be had for the ResNet34",
        ),
        ("segmentation", {"model": "enet", "aspp_channels": 8}, "--aspp-channels is for --model deeplab, ENet has no"),
        ("detection", {"proposals": 64}, "--proposals is for --model faster_rcnn, RetinaNet has no such part"),
        ("detection", {"rpn_weight": 0.5}, "--rpn-weight is for --model faster_rcnn, RetinaNet has no such part"),
        ("detection", {"model": "foveabox", "anchor_scale": 3.0}, "retinanet, faster_rcnn and hub:retinanet, FoveaBox"),
        ("detection", {"model": "faster_rcnn", "head_layers": 1}, "retinanet, foveabox and hub:retinanet, Faster R"),
    ],
)
def test_settings_of_another_network_are_refused(task, changes, sentence):
    config = replace(CONFIGS[task](), **changes)
    with pytest.raises(UsageError, match=sentence):
        check_settings(task, config.model, config)


def test_settings_that_a_network_has_pass():
    for task, changes in [
        ("saliency", {"model": "basnet", "weights": "resnet.weights.h5"}),
        ("saliency", {"model": "dss", "backbone": "resnet50", "weights": "preset:resnet50_imagenet"}),
        ("segmentation", {"model": "enet", "resizing": "stretch", "size": 64}),
        ("segmentation", {"model": "deeplab", "aspp_channels": 8}),
        ("detection", {"model": "faster_rcnn", "proposals": 64, "region_units": 8, "rpn_weight": 1, "channels": 8}),
    ]:
        config = replace(CONFIGS[task](), **changes)
        check_settings(task, config.model, config)


def test_another_network_is_one_entry(monkeypatch):
    @dataclass(frozen=True)
    class Config:
        model: str = "deeplab"
        backbone: str = "efficientnet_lite0"
        weights: str = "none"
        depth: int = 3

    monkeypatch.setitem(MODELS, "deep", Architecture(lambda: dict, ("saliency",), "Deep", "of --depth", ("depth",)))
    assert list(serving("saliency")) == ["deeplab", "dss", "dhs", "amulet", "basnet", "deep"]
    assert explained("saliency").endswith("; or deep, of --depth.")
    with pytest.raises(UsageError, match="--depth is for --model deep, DeepLabV3\\+ has no such part"):
        check_settings("saliency", "deeplab", Config(depth=4))


def test_it_is_read_without_tensorflow():
    heavy = "{'tensorflow', 'keras', 'keras_hub'}"
    program = f"import sys, metricfit.trainers.models.registry; assert not {heavy} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
