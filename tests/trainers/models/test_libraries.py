"""What is said where a library is not installed that a network is made of."""

import importlib.util
import io
import json
import zipfile
from dataclasses import replace

import pytest

from metricfit.app import cli
from metricfit.trainers.errors import UsageError
from metricfit.trainers.models.keras_file import load_keras_file
from metricfit.trainers.models.registry import MODELS, check_settings, import_builders
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import DetectionConfig

HUB = "hub:retinanet"
SENTENCE = r"is made of KerasHub, which is not installed: pip install 'metricfit\[hub\]'"


@pytest.fixture
def without_hub(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "keras_hub" else found(name, *more)
    )


def test_a_training_says_what_to_install(without_hub, tmp_path, capsys):
    words = ["train", "detection", "--model", HUB, "--data", "scenes:train", "--out", str(tmp_path / "run")]
    assert cli.main(words) == 2
    assert f"--model {HUB} is made of KerasHub, which is not installed: pip install 'metricfit[hub]'" in "".join(
        capsys.readouterr()
    )
    assert not (tmp_path / "run").exists()


def test_so_does_everything_that_builds_it(without_hub):
    with pytest.raises(UsageError, match=SENTENCE):
        MODELS[HUB].load()
    with pytest.raises(UsageError, match=SENTENCE):
        check_settings("detection", HUB, DetectionConfig(model=HUB))
    import_builders()  # all others
    with pytest.raises(UsageError, match=f"^mine {SENTENCE}"):
        import_builders("keras_hub.src.models", "mine")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("keras_hub.src.models.resnet.resnet_backbone", "ResNetBackbone"),
        ("metricfit.trainers.models.hub.encoders", "HubEfficientNetLite"),
    ],
)
def test_and_a_saved_model(without_hub, tmp_path, module, name):
    described = {
        "module": "metricfit.trainers.models.hub.retinanet",
        "class_name": "HubRetinaNet",
        "registered_name": "metricfit>HubRetinaNet",
        "config": {"encoder": {"module": module, "class_name": name}},
    }
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("config.json", json.dumps(described))
    (tmp_path / "model.keras").write_bytes(content.getvalue())
    with pytest.raises(UsageError, match=rf"model\.keras {SENTENCE}"):
        load_keras_file(tmp_path / "model.keras")


def test_the_assignment_of_a_library_is_its_networks(without_hub):
    config = DetectionConfig(assignment="hub")
    for model in ("retinanet", "foveabox"):
        with pytest.raises(UsageError, match="--assignment"):
            get_task("detection").check(replace(config, model=model))
