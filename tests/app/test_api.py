"""The face: `import metricfit` and the verbs as functions, with the flags' names, defaults and errors."""

import inspect
import json
import logging
import pydoc
import re
import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import cv2
import numpy as np
import pytest

import metricfit
from metricfit.app import cli
from metricfit.app.compare.options import CompareOptions
from metricfit.app.keywords import of_python
from metricfit.app.live.options import PredictOptions
from metricfit.app.options import EvaluateOptions, ExportOptions
from metricfit.export import ExportResult
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import DataError, UsageError
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import RunConfig, SaliencyConfig

from ..conftest import registered
from ..export.conftest import converting_here
from .fakes import disc, load_fake_detector, save

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _discs():
    with registered():
        yield


def python(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_package_comes_at_once_and_without_libraries():
    program = (
        "import sys; before = set(sys.modules); import metricfit; "
        "come = {name for name in set(sys.modules) - before if name.split('.')[0] not in sys.stdlib_module_names}; "
        "assert not {'tensorflow', 'keras', 'numpy', 'cv2', 'tyro'} & set(sys.modules); print(*come)"
    )
    assert len(python(program).split()) < 10


PROGRAMS = {
    "public": """
        from metricfit import *
        from metricfit.losses import FLoss
        from metricfit.metrics import FMeasure
        print(train.__name__, predict.__name__, FLoss.__module__.split('.')[:2], FMeasure.__name__)
    """,
    **{
        f"after {first!r}": first
        + """
        import metricfit
        from metricfit.export import read_card
        try:
            metricfit.export("no/run", to="out")
        except metricfit.UsageError as error:
            print(error)
        print(metricfit.export.read_card is read_card)
        """
        for first in ("import metricfit.export.card", "from metricfit.export import load_runner", "pass")
    },
}


@pytest.fixture(scope="module")
def said():
    """What each program prints; libraries are imported once, each has a process of its own."""
    program = f"""
import contextlib, inspect, io, json, os, keras, keras_cv, tensorflow
for name, program in {PROGRAMS}.items():
    if (child := os.fork()) == 0:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(inspect.cleandoc(program), {{}})
        print(json.dumps([name, printed.getvalue()]), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
    return dict(map(json.loads, python(program).splitlines()))


def test_what_is_public_stands_in_one_place(said):
    assert sorted(metricfit.__all__) == dir(metricfit)
    for name in metricfit.__all__:
        assert getattr(metricfit, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = metricfit.trian
    assert said["public"].split() == ["train", "predict", "['metricfit',", "'losses']", "FMeasure"]


def test_the_version_is_what_the_changelog_says():
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert metricfit.__version__ == newest[1]
    assert re.search(r"^version = attr: metricfit\.__version__$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)


def test_export_is_a_room_and_a_verb(said):
    expected = ["no trained model at no/run: give a run folder that holds model.keras, or a .keras file", "True"]
    orders = [printed.splitlines() for name, printed in said.items() if name.startswith("after")]
    assert orders == 3 * [expected]


@pytest.mark.parametrize(
    ("function", "options", "more"),
    [
        (metricfit.train, RunConfig, {"task", "flags"}),
        (metricfit.evaluate, EvaluateOptions, set()),
        (metricfit.export, ExportOptions, set()),
        (metricfit.predict, PredictOptions, set()),
        (metricfit.compare, CompareOptions, set()),
    ],
)
def test_signatures_have_the_flags_with_their_defaults(function, options, more):
    shown = inspect.signature(function).parameters
    assert set(shown) - more == {field.name for field in fields(options)}
    for field in fields(options):
        # A task is always named, and writing always asked for.
        if field.default is not MISSING and field.name not in ("task", "test", "data"):
            assert shown[field.name].default == field.default
    assert str(inspect.signature(metricfit.load)).startswith("(model: ")


def test_training_again_gives_the_run_that_is_there(plain_trained, small_config):
    settings = {**vars(small_config), "backbone": "plain", "out": str(plain_trained.folder)}
    run = metricfit.train("saliency", **settings)
    assert run.folder == plain_trained.folder
    assert run.scalars["max_f"] == pytest.approx(plain_trained.scalars["max_f"], abs=1e-6)
    assert not run.interrupted
    with pytest.raises(UsageError, match="size"):
        metricfit.train("saliency", **{**settings, "size": 64})


def test_a_config_gives_the_defaults(plain_trained):
    found = metricfit.app.keywords.options_from(
        SaliencyConfig, {"config": plain_trained.folder / "config.json", "epochs": 9, "data": "discs:other"}, "train()"
    )
    assert (found.epochs, found.data, found.backbone, found.size) == (9, "discs:other", "plain", 32)


def test_what_is_not_given_stays_as_a_config_has_it(tmp_path, monkeypatch):
    file, seen = tmp_path / "config.json", []
    file.write_text('{"config": {"data": "discs:mine", "size": 64, "augmentation": {"flip": false}}}')
    monkeypatch.setattr(type(get_task("saliency")), "train", lambda self, config: seen.append(config))
    metricfit.train("saliency", config=file, augmentation={"brightness": 0.5})
    metricfit.train("saliency")
    assert (seen[0].data, seen[0].size, seen[1].data) == ("discs:mine", 64, "scenes:train")
    assert (seen[0].augmentation.flip, seen[0].augmentation.brightness) == (False, 0.5)


def test_evaluate_gives_what_the_verb_writes(plain_trained, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = metricfit.evaluate(plain_trained.folder, data="discs:test", quiet=True)
    assert not list(tmp_path.iterdir()), "nothing is written unless asked for"
    assert capsys.readouterr().out == ""
    assert cli.main(["evaluate", str(plain_trained.folder), "--data", "discs:test", "--out", "typed", "--quiet"]) == 0
    again = metricfit.evaluate(str(plain_trained.folder), "discs:test", out=tmp_path / "called", quiet=True)
    assert again.scalars == report.scalars
    assert repr(report).startswith("SaliencyReport(max_f=")
    assert len(repr(plain_trained)) < 1000, "a notebook shows it"
    assert (tmp_path / "typed/metrics.json").read_text() == (tmp_path / "called/metrics.json").read_text()
    assert {path.name for path in Path("typed").iterdir()} == {path.name for path in Path("called").iterdir()}
    assert "the model was trained on" not in capsys.readouterr().out
    cli.main(["evaluate", str(plain_trained.folder), "--data", "discs:train", "--out", "trained", "--quiet"])
    assert "60 of the 60 pictures are of the data that the model was trained on" in capsys.readouterr().out
    with pytest.raises(UsageError, match=r"^scales is for segmentation models"):
        metricfit.evaluate(plain_trained.folder, "discs:test", scales=[0.5, 1.0])


def test_a_segmentation_run_is_measured_and_predicts(segmented):
    report = metricfit.evaluate(segmented.folder, data="colours:test", batch_size=7, quiet=True)
    assert report.scalars["dataset_miou"] > 0
    (found,) = metricfit.predict(segmented.folder, open_source("colours:test").load(0).image, quiet=True)
    assert isinstance(found, metricfit.ClassMap)
    assert found.class_names == ("background", "red", "blue")


def test_export_and_predict_with_what_was_exported(plain_trained, tmp_path):
    settings = {"formats": "tflite", "quantize": ["none"], "val": "discs:val", "data_terms": "made up", "quiet": True}
    folder = tmp_path / "model"
    with converting_here():
        exported = metricfit.export(plain_trained.folder, to=folder, **settings)
    assert isinstance(exported, ExportResult)
    assert (exported.folder, exported.card.data_terms) == (folder, "made up")
    assert list(exported.files) == ["model_float32.tflite"]
    image = open_source("discs:test").load(3).image
    predict = metricfit.load(folder, threshold=0.25)
    assert isinstance(predict, metricfit.Predictor)
    result = predict(image)
    assert isinstance(result, metricfit.SaliencyMap)
    assert (result.threshold.value, result.size) == (0.25, image.shape[:2])
    assert cv2.imread(str(result.save(tmp_path / "overlay.png"))).shape == image.shape
    for model in (predict, folder):
        (found,) = metricfit.predict(model, image, threshold=0.25, quiet=True)
        np.testing.assert_array_equal(found.map, result.map)
    with pytest.raises(UsageError, match="holds an exported model"):
        metricfit.export(plain_trained.folder, to=folder, **settings)


def test_predict_takes_files_folders_and_arrays_and_writes_where_it_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        save(tmp_path / f"in/{name}.png", disc())
    model = load_fake_detector()
    found = metricfit.predict(model, [tmp_path / "in", disc(90, 60), tmp_path / "in/a.png"], quiet=True)
    assert [result.path for result in found] == [str(tmp_path / "in/a.png"), str(tmp_path / "in/b.png"), "picture-2"]
    assert [result.size for result in found] == [(120, 160), (120, 160), (90, 60)]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert found[0].threshold == model.threshold
    written = metricfit.predict(model, "in", out="out", threshold=0.3, quiet=True)
    assert [len(result.shown) for result in written] == [1, 1]
    assert {path.name for path in Path("out").iterdir()} == {
        "overlays",
        "results.json",
        "results.jsonl",
        "detections.json",
    }
    (tmp_path / "in/broken.jpg").write_bytes(b"broken")
    with pytest.raises(DataError, match="1 of 3 pictures could not be read"):
        metricfit.predict(model, "in", quiet=True)
    with pytest.raises(UsageError, match="at least one picture"):
        metricfit.predict(model, [])
    with pytest.raises(UsageError, match="a threshold from 0 to 1"):
        metricfit.predict(model, "in/a.png", threshold=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: metricfit.train("saliency", losss="floss"),
            r"unknown setting losss in train\(\): did you mean loss\?",
        ),
        (lambda: metricfit.train("salience"), "choose one of saliency, segmentation, detection"),
        (lambda: metricfit.train("saliency", epochs="many"), r"epochs in train\(\) must be"),
        (
            lambda: metricfit.train("saliency", augmentation={"flipp": 1}),
            r"unknown setting flipp in train\(\), augment",
        ),
        (lambda: metricfit.train("saliency", data="nowhere:x", epochs=0), "^epochs must be at least 1"),
        (lambda: metricfit.evaluate("none.keras", batchsize=3), r"unknown setting batchsize .* mean batch_size\?"),
        (lambda: metricfit.evaluate("none.keras"), r"no model at none\.keras"),
        (lambda: metricfit.export("runs/none", to="out", formatz=1), r"did you mean formats\?"),
        (
            lambda: metricfit.compare("saliency", ["floss"], seed="x"),
            r"seed in compare\(\) must be",
        ),
        (lambda: metricfit.compare("saliency", "floss"), "give test SOURCE"),
        (
            lambda: metricfit.compare("saliency", "floss", test="discs:test", train={"epochs": 1, "loss": "dice"}),
            r"compare\(\) sets loss for each training by itself: leave loss out of train=\{\.\.\.\}",
        ),
        (lambda: metricfit.load("saliency_large"), "no model at saliency_large"),
        (lambda: metricfit.load("saliency_lite0", threshold=3), "from 0 to 1"),
    ],
)
def test_errors_are_those_of_the_command_line(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_keywords_become_what_the_flags_give(tmp_path):
    made = metricfit.app.keywords.options_from(
        CompareOptions,
        {"losses": "floss", "test": "scenes:test", "out": tmp_path, "train": {"epochs": 3, "augmentation": {}}},
        "compare()",
    )
    assert (made.test, made.out, made.train.epochs) == (("scenes:test",), str(tmp_path), 3)
    made = metricfit.app.keywords.options_from(
        SaliencyConfig, {"loss_options": {"beta2": 0.8, "mode": "x"}, "learning_rate": 1}, "train()"
    )
    assert (made.loss_options, made.learning_rate) == (("beta2=0.8", "mode=x"), 1)
    made = metricfit.app.keywords.options_from(EvaluateOptions, {"model": "m", "logit_scale": 2.5}, "evaluate()")
    assert made.logit_scale == "2.5"
    given = {"model": Path("m"), "logit_scale": 1.23456789, "batch_size": np.int64(2), "ignore": [np.uint8(3)]}
    made = metricfit.app.keywords.options_from(EvaluateOptions, given, "evaluate()")
    assert (made.model, made.logit_scale, made.batch_size, made.ignore) == ("m", "1.23456789", 2, (3,))
    made = metricfit.app.keywords.options_from(
        CompareOptions, {"losses": "floss", "test": [Path("a"), "b"]}, "compare()"
    )
    assert made.test == ("a", "b")
    with pytest.raises(UsageError, match=r"evaluate\(\) needs model"):
        metricfit.app.keywords.options_from(EvaluateOptions, {}, "evaluate()")


def test_shipped_models_run_without_tensorflow(tmp_path):
    program = (
        "import sys, metricfit, numpy as np\n"
        "picture = np.full((120, 160, 3), 90, np.uint8)\n"
        "for name in ('saliency_lite0', 'detection_bccd'):\n"
        "    result = metricfit.load(name)(picture)\n"
        f"    result.plot().savefig({str(tmp_path)!r} + f'/{{name}}-plot.png')\n"
        f"    print(type(result).__name__, result.save({str(tmp_path)!r} + f'/{{name}}.jpg'))\n"
        "assert not {'tensorflow', 'keras', 'torch'} & set(sys.modules)"
    )
    assert [line.split()[0] for line in python(program).splitlines()] == ["SaliencyMap", "Detections"]
    assert len(list(tmp_path.iterdir())) == 4


def test_help_of_export_is_that_of_the_verb():
    shown = pydoc.plain(pydoc.render_doc(metricfit.export))
    assert "metricfit.export(run: " in shown
    assert "Write a trained model as SavedModel and TFLite" in shown
    assert "quantize" in shown


def test_errors_speak_of_keywords(tmp_path):
    with pytest.raises(UsageError) as caught:
        metricfit.load("saliency_lite0", threshold=2)
    assert str(caught.value) == "expected a threshold from 0 to 1, got 2"
    with pytest.raises(UsageError, match=r"^learning_rates takes numbers") as caught:
        metricfit.compare(losses="floss", test="scenes:test", learning_rates="fast", out=tmp_path)
    with pytest.raises(UsageError, match=r"compare\(\) needs losses"):
        metricfit.compare(test="scenes:test")
    assert caught.value.exit_code == 2


def test_quiet_calls_log_nothing_but_warnings(monkeypatch):
    log, said = logging.getLogger("metricfit"), []
    keeping = logging.NullHandler()
    keeping.handle = lambda record: said.append(record.getMessage())
    monkeypatch.setattr(log, "handlers", [keeping])
    monkeypatch.setattr(log, "propagate", False)
    monkeypatch.setattr(log, "level", logging.INFO)
    log.manager._clear_cache()

    @of_python
    def work(quiet=False):
        log.info("progress")
        log.warning("beware")

    work(quiet=True)
    assert said == ["beware"]
    work()
    assert said == ["beware", "progress", "beware"]
