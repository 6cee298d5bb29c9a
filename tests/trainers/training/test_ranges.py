"""Values that no run can have are refused alike from flags, files and Python, in words without Python's classes."""

import dataclasses
import json
import typing

import pytest

import metricfit
from metricfit.app import cli
from metricfit.trainers.errors import UsageError
from metricfit.trainers.tasks import CONFIGS
from metricfit.trainers.training.config_files import read_config
from metricfit.trainers.training.filling import filled, in_words
from metricfit.trainers.training.ranges import RANGES, Range, check_ranges

NAN, INF = float("nan"), float("inf")

NO_RUN = [
    ("saliency", "cache_mib", -5, "must be at least 0, got -5"),
    ("saliency", "seed", 2**32, "must be at most 4294967295, got 4294967296"),
    ("saliency", "learning_rate", INF, "must be at most 3e+38, got inf"),
    ("saliency", "learning_rate", NAN, "must be a number above 0, got nan"),
    ("saliency", "epochs", 10**12, "must be at most 1000000, got 1000000000000"),
    ("saliency", "batch_size", 0, "must be at least 1, got 0"),
    ("saliency", "size", 0, "must be at least 1, got 0"),
    ("saliency", "size", 10**6, "must be at most 8192, got 1000000"),
    ("saliency", "minutes", NAN, "must be a number above 0, got nan"),
    ("saliency", "ema", 1.0, "must be below 1, got 1.0"),
    ("saliency", "warmup_share", NAN, "must be a number from 0, got nan"),
    ("saliency", "weight_decay", -1e-9, "must be at least 0, got -1e-09"),
    ("saliency", "clip_norm", INF, "must be at most 1000000000, got inf"),
    ("saliency", "beta2", NAN, "must be a number above 0, got nan"),
    ("segmentation", "momentum", NAN, "must be a number from 0, got nan"),
    ("segmentation", "aspp_dilations", [1, 0], "must be at least 1 each, got (1, 0)"),
    ("detection", "box_weight", INF, "must be at most 1000000, got inf"),
    ("detection", "anchor_scale", NAN, "must be a number above 0, got nan"),
]


@pytest.mark.parametrize(("task", "name", "value", "says"), NO_RUN)
def test_values_that_no_run_can_have(task, name, value, says, tmp_path, capsys):
    flag = f"--{name.replace('_', '-')}"
    typed = map(str, value if isinstance(value, list) else [value])
    assert cli.main(["train", task, flag, *typed, "--out", str(tmp_path / "run")]) == 2
    assert f"error: {flag} {says}\n" in capsys.readouterr().err
    (tmp_path / "settings.json").write_text(json.dumps({name: value}))
    assert cli.main(["train", task, "--config", str(tmp_path / "settings.json"), "--out", str(tmp_path / "run")]) == 2
    assert f"error: {flag} {says}\n" in capsys.readouterr().err
    with pytest.raises(UsageError) as caught:
        metricfit.train(task, out=tmp_path / "run", **{name: value})
    assert str(caught.value) == f"{name} {says}"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "value"), [("hue", NAN), ("hue", -0.1), ("brightness", INF), ("min_scale", NAN), ("min_scale", -1.0)]
)
@pytest.mark.parametrize("task", CONFIGS)
def test_augmentation_that_no_run_can_have(task, name, value, tmp_path, capsys):
    flag = f"--augmentation.{name.replace('_', '-')}"
    assert cli.main(["train", task, flag, str(value), "--out", str(tmp_path / "run")]) == 2
    assert f"error: {flag} must be from" in capsys.readouterr().err
    (tmp_path / "settings.json").write_text(json.dumps({"augmentation": {name: value}}))
    with pytest.raises(UsageError, match=f"{flag} must be from"):
        read_config(tmp_path / "settings.json", CONFIGS[task])
    with pytest.raises(UsageError, match=r"augmentation\..* must be from"):
        metricfit.train(task, augmentation={name: value})


@pytest.mark.parametrize("task", CONFIGS)
def test_every_number_of_a_training_has_a_range(task):
    own = {"fade_epochs", "ignore", "mask_threshold"}  # they are checked with what they are for
    hints = typing.get_type_hints(CONFIGS[task])
    numbers = {name for name, hint in hints.items() if "number" in in_words(hint)} - own
    assert numbers <= RANGES.keys()
    check_ranges(CONFIGS[task]())


def test_ends_of_a_range():
    whole, share = Range(1, 3), Range(0, 1, above=True, below=True)
    assert [whole.fault(value) for value in (0, 1, 3, 4)] == ["at least 1", None, None, "at most 3"]
    assert [share.fault(value) for value in (0, 0.5, 1)] == ["above 0", None, "below 1"]


def test_options_within_options_are_checked():
    @dataclasses.dataclass
    class Outer:
        train: typing.Any

    with pytest.raises(UsageError, match=r"--train\.batch-size must be at least 1"):
        check_ranges(Outer(CONFIGS["saliency"](batch_size=0)))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"epochs": "many"}, "epochs in here must be a whole number, got 'many'"),
        ({"epochs": 1.5}, "epochs in here must be a whole number, got 1.5"),
        ({"epochs": True}, "epochs in here must be a whole number, got True"),
        ({"minutes": "x"}, "minutes in here must be a number or none, got 'x'"),
        ({"jit_compile": 1}, "jit_compile in here must be true or false, got 1"),
        ({"mixed_precision": "half"}, "mixed_precision in here must be one of none, float16, bfloat16, got 'half'"),
        ({"mixed_precision": ["none"]}, "must be one of none, float16, bfloat16, got ['none']"),
        ({"model": "m" * 500}, f"must be one of deeplab, enet, got 'm{'m' * 55}..."),
        ({"ignore": [1, "a"]}, "ignore in here must be a list of whole numbers, got [1, 'a']"),
        ({"fade_epochs": [1]}, "fade_epochs in here must be 2 numbers or none, got [1]"),
        ({"augmentation": 3}, "augmentation in here must be settings by name, got 3"),
        ({"augmentation": {"hue": []}}, "hue in here, augmentation must be a number, got []"),
        ({"data": "folder:\0"}, "data in here holds characters that no name has, got 'folder:\\x00'"),
        ({"data": "\ud800"}, "data in here holds characters that no name has"),
        ({"e" * 100: 1}, f"unknown setting '{'e' * 56}... in here"),
    ],
)
def test_wrong_types_are_said_in_plain_words(values, says):
    with pytest.raises(UsageError) as caught:
        filled(CONFIGS["segmentation"], values, "here")
    assert says in str(caught.value)


@pytest.mark.parametrize("content", ['{"config": 3}', "[]", "3", "null", '{"config": []}'])
def test_a_file_without_settings_is_said_so(content, tmp_path):
    (tmp_path / "settings.json").write_text(content)
    with pytest.raises(UsageError, match=r"must (be|hold) settings by name, got"):
        read_config(tmp_path / "settings.json", CONFIGS["saliency"])


def test_a_file_cannot_say_whom_to_trust(tmp_path):
    (tmp_path / "settings.json").write_text('{"trust": true}')
    with pytest.raises(UsageError, match="give --trust yourself"):
        read_config(tmp_path / "settings.json", CONFIGS["saliency"])


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (["train", "saliency", "--clip-norm", "x"], "--clip-norm must be a number or none, got 'x': see metricfit"),
        (["train", "saliency", "--epochs=1.5"], "--epochs must be a whole number, got '1.5'"),
        (
            ["train", "saliency", "--model", "m" * 500],
            f"--model must be one of deeplab, dss, dhs, amulet, basnet, got 'm{'m' * 55}...",
        ),
        (["train", "saliency", "--augmentation.hue", "x"], "--augmentation.hue must be a number, got 'x'"),
        (["train", "segmentation", "--ignore", "a", "3"], "--ignore must be a list of whole numbers, got 'a', '3'"),
        (["predict", "m", "x", "--threads", "0"], "--threads must be at least 1, got 0"),
        (["bench", "losses", "--repeats", "0"], "--repeats must be at least 1, got 0"),
    ],
)
def test_what_was_typed_is_answered_in_plain_words(typed, says, capsys):
    assert cli.main(typed) == 2
    assert f"metricfit: error: {says}" in capsys.readouterr().err


def test_other_mistakes_are_answered_by_the_reader_of_flags(capsys):
    assert cli.main(["train", "saliency", "--nonsense"]) == 2
    assert "--nonsense" in capsys.readouterr().err
