"""`metricfit compare`: what is trained and measured, once; the table, the controls, the report, and its errors."""

import csv
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import pytest

import metricfit
from metricfit.app import cli
from metricfit.app.compare import saliency
from metricfit.app.compare import verb as compare_verb
from metricfit.app.compare.options import CompareOptions, training_config
from metricfit.app.compare.saliency import SaliencyPresentation
from metricfit.app.compare.sweeps import sweep_sections
from metricfit.app.compare.tables import labelled
from metricfit.trainers.data import sources
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import UsageError
from metricfit.trainers.locking import FolderLock
from metricfit.trainers.tasks.saliency import Saliency
from metricfit.trainers.training.config import DetectionConfig, SaliencyConfig
from metricfit.trainers.training.config_files import read_config
from metricfit.trainers.training.saved import load_model

from .comparisons import FakeTrainings, Few

SETS = ("--data", "discs:train", "--test", "discs:test", "--test", "discs:other")


@pytest.fixture
def fake(config, monkeypatch):
    for name in ("discs", "colours"):
        whole = sources.SOURCES[name].open
        few = sources.SourceKind(name, lambda rest, needs, whole=whole: Few(whole(rest, needs)))
        monkeypatch.setitem(sources.SOURCES, name, few)
    return FakeTrainings(monkeypatch)


@pytest.fixture
def undrawn(monkeypatch):
    """A report takes a second to draw: most tests are not about it."""
    monkeypatch.setattr(compare_verb, "report", lambda *_: "<p>report</p>")


@pytest.fixture
def compare(fake, tmp_path, capsys):
    def typed(*options, code=0, sets=SETS):
        assert cli.main(["compare", *options, *sets, "--out", str(tmp_path / "out"), "--quiet"]) == code
        return tmp_path / "out", capsys.readouterr().err

    return typed


def refuse(constant):
    raise AssertionError(f"{constant} is no JSON")


def rows_of(folder):
    with (folder / "results.csv").open() as file:
        return list(csv.DictReader(file))


class Page(HTMLParser):
    """Checks that elements are closed in order, and collects what the page refers to."""

    VOID = ("meta", "img", "br", "wbr", "use", "path")

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.texts, self.tags = [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
                self.links.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_a_comparison_with_its_control(compare, fake, undrawn):
    folder, _ = compare("--losses", "cross_entropy,floss:1", "--seeds", "2", "--learning-rates", "1e-3")
    assert sorted(fake.trained) == [
        "cross_entropy-lr0.001-seed0", "cross_entropy-lr0.001-seed1", "floss-lr0.001-seed0",
    ]  # fmt: skip
    # Each set once, and the selection split once more for the factor on the logits.
    assert {pair: count for pair, count in fake.measured.items() if count > 1} == {
        (f"cross_entropy-lr0.001-seed{seed}", "discs:train"): 2 for seed in (0, 1)
    }
    lines = rows_of(folder)
    assert [(line["row"], line["seed"], line["test"]) for line in lines] == [
        (row, seed, test)
        for row, seeds in (("cross_entropy", "01"), ("cross_entropy, logits scaled", "01"), ("floss", "0"))
        for seed in seeds
        for test in ("test", "other")
    ]
    plain, scaled = lines[0], lines[4]
    assert float(scaled["logit_scale"]) > 1
    assert float(scaled["mean_f"]) > float(plain["mean_f"]) + 0.05
    assert float(scaled["mae"]) < float(plain["mae"])
    transferred = ("transferred", "transfer_loss", "worst_transfer_loss", "middle_transfer_loss")
    for key in (*transferred, "worst_middle_transfer_loss", "f_half", "f_half_loss"):
        assert scaled[key] == plain[key], "scaling cannot move it"
    assert float(plain["step_seconds"]) == 20.0 / 25, "an epoch has 25 steps at least"

    found = json.loads((folder / "results.json").read_text(), parse_constant=refuse)
    assert found["versions"]["keras"]
    assert found["training"]["backbone"]
    assert found["examples"] == {"training": 18, "selection split": 2, "test": 7, "other": 7}
    means = found["rows"][0]["mean_and_spread"]["test"]["max_f"]
    assert means["mean"] == pytest.approx((float(lines[0]["max_f"]) + float(lines[2]["max_f"])) / 2)
    assert (means["count"], found["rows"][2]["mean_and_spread"]["test"]["max_f"]["deviation"]) == (2, None)
    transfer = found["rows"][0]["models"][0]["transfer"]
    assert transfer["sets"] == ["selection split", "test", "other"]
    lost = [transfer["loss_by_picked_on_and_used_on"][row][1] for row in (0, 2)]
    assert float(plain["transfer_loss"]) == pytest.approx(sum(lost) / 2)
    assert float(plain["worst_transfer_loss"]) == pytest.approx(max(lost))
    middle = found["rows"][0]["models"][0]["middle_transfer"]
    lost = [middle["loss_by_picked_on_and_used_on"][row][1] for row in (0, 2)]
    assert float(plain["middle_transfer_loss"]) == pytest.approx(sum(lost) / 2)
    assert float(plain["worst_middle_transfer_loss"]) == pytest.approx(max(lost))


def test_the_face_compares_as_the_verb_does(compare, fake, undrawn, tmp_path, capsys):
    found = metricfit.compare(
        "saliency",
        ["cross_entropy", "floss:1"],
        data="discs:train",
        test=["discs:test", "discs:other"],
        out=tmp_path / "called",
        seeds=2,
        learning_rates=[1e-3],
        train={"epochs": 4},
        quiet=True,
    )
    assert capsys.readouterr().out == ""
    assert (found.task, found.tests, found.plan.config.epochs) == ("saliency", ("test", "other"), 4)
    assert [row.label for row in found.rows] == ["cross_entropy", "cross_entropy, logits scaled", "floss"]
    assert (tmp_path / "called/report.html").is_file()
    compare("--losses", "cross_entropy,floss:1", "--seeds", "2", "--learning-rates", "1e-3", "--train.epochs", "4")
    assert rows_of(tmp_path / "called") == rows_of(tmp_path / "out")


def test_the_report_is_one_whole_page_without_network(compare):
    folder, _ = compare("--losses", "floss,log_floss:1", "--seeds", "2", "--sweep", "floss.beta2=0.3,2",
                        sets=SETS[:4])  # fmt: skip
    text = (folder / "report.html").read_text()
    page = Page(text)
    assert "http" not in text
    assert "script" not in page.tags
    assert "@import" not in text
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert len(set(page.ids)) == len(page.ids)
    targets = re.findall(r"url\(#([^)]*)\)", text) + [link[1:] for link in page.links if link.startswith("#")]
    assert targets
    assert set(targets) <= set(page.ids)
    # By F; precision and recall of four rows; best thresholds; the sweep.
    assert page.tags.count("svg") == 1 + 4 + 1 + 1
    assert page.tags.count("img") == 6 * (2 + 4)
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    # Colours follow the scheme, and text stays text.
    assert "fill: #" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    assert "Threshold" in page.texts
    assert "var(--font)" in text
    shown = " ".join(page.texts)
    for words in (
        "What scaling cannot move", "cross_entropy, logits scaled ×", "F lost at threshold 0.5", "carried over",
        "Where the best thresholds lie", "floss by beta2", "beta2 = 0.3", "Learning rates", "0.0003", "step, ms",
        "3 trials for each loss, of 5 epochs", "1 or 2 seeds a loss", "tensorflow",
    ):  # fmt: skip
        assert words in shown, words
    assert "F on test" in shown
    assert "F on selection split" not in shown, "nothing is judged on what thresholds are picked on"
    lead = text[text.index("What scaling") : text.index("Each test set")]
    lines = re.findall(r"<tr><th>.*?</tr>", lead)
    assert ["±" in line for line in lines[1:]] == [True, True, True, False], "one seed has no spread"


def test_rows_with_settings_are_drawn_beside_cross_entropy_as_all_are_told(fake, undrawn, tmp_path, monkeypatch):
    losses = "cross_entropy[size=256],cross_entropy,floss[size=256 ema=0.9]"
    found = metricfit.compare("saliency", losses, data="discs:train", test="discs:test", out=tmp_path, quiet=True,
                              learning_rates=[1e-3], sweep=["floss[size=256 ema=0.9].beta2=0.3,1"])  # fmt: skip
    # What a drawing of the sweep is clipped by is found, and each of its values has the time of a step.
    monkeypatch.setattr(SaliencyPresentation, "columns", ("max_f", "step_ms"))
    swept = "".join(sweep_sections(found, SaliencyPresentation()))
    ids, clipped = re.findall(r'\bid="([^"]*)"', swept), re.findall(r"url\(#([^)]*)\)", swept)
    assert clipped
    assert set(clipped) <= set(ids)
    assert all(re.fullmatch(r"[\w.=-]+", one) for one in ids)
    assert "step, ms" in swept
    assert "–" not in swept

    baselines = {}

    def drawn(own, beside):
        baselines[own[0].label] = [line.label for line in beside]

    monkeypatch.setattr(saliency, "f_measure_figure", drawn)
    monkeypatch.setattr(saliency, "to_svg", lambda *_: "")
    SaliencyPresentation().figures(found, labelled(found))
    assert baselines.pop("cross_entropy") == []
    assert len(baselines) == 3
    assert set(map(tuple, baselines.values())) == {("cross_entropy",) * 3}, "precision, recall and F"


def test_an_interrupted_comparison_goes_on_where_it_stopped(compare, fake, undrawn):
    asked = ("--losses", "cross_entropy,floss", "--seeds", "2", "--learning-rates", "1e-3,3e-3")
    fake.stop_before = 6
    folder, told = compare(*asked, code=130)
    assert told == "metricfit: interrupted\n"
    assert fake.trained.total() == 6
    assert not (folder / "report.html").exists()
    fake.stop_before = None
    compare(*asked)
    assert fake.trained.total() == 8
    assert set(fake.trained.values()) == {1}, "nothing is trained twice"
    once, first = fake.measured.copy(), (folder / "results.csv").read_text()
    compare(*asked)
    assert (fake.trained.total(), fake.measured) == (8, once), "all of it was there"
    assert (folder / "results.csv").read_text() == first
    compare(*asked, sets=(*SETS, "--test", "discs:third"))
    assert fake.trained.total() == 8
    assert {source for _, source in fake.measured - once} == {"discs:third"}
    _, told = compare(*asked, "--train.size", "64", code=2)
    assert "size is 192, asked for 64" in told
    compare(*asked, "--train.size", "64", "--overwrite")
    assert fake.trained.total() == 16
    # A run that somebody removed is made anew, and what was measured of it does not count.
    (folder / "runs/floss-lr0.001-seed1/config.json").unlink()
    for path in sorted((folder / "runs/floss-lr0.001-seed1").iterdir()):
        path.unlink() if path.is_file() else path.rmdir()
    before = fake.measured["floss-lr0.001-seed1", "discs:test"]
    compare(*asked, "--train.size", "64")
    assert fake.measured["floss-lr0.001-seed1", "discs:test"] == before + 1


def test_each_loss_has_equally_many_trials_and_the_best_rate(compare, fake, undrawn):
    fake.best_rate, fake.fails = 3e-3, {"trials/floss-lr0.003-2-epochs"}
    asked = ("--losses", "cross_entropy,floss", "--learning-rates", "3e-4,1e-3,3e-3", "--trial-epochs", "2")
    asked += ("--train.select-by", "mean_f")
    folder, _ = compare(*asked)
    trials = [name for name in fake.trained if name.startswith("trials/")]
    assert sorted(trials) == sorted(
        f"trials/{loss}-lr{rate}-2-epochs"
        for loss in ("cross_entropy", "floss")
        for rate in ("0.0003", "0.001", "0.003")
    )
    assert set(fake.trained) - set(trials) == {"cross_entropy-lr0.003-seed0", "floss-lr0.001-seed0"}
    assert json.loads((folder / "runs/trials/floss-lr0.001-2-epochs/config.json").read_text())["config"]["epochs"] == 2
    assert "loss became nan" in (folder / "results.json").read_text()
    assert not any(source == "discs:test" for name, source in fake.measured if name.startswith("trials/"))
    compare(*asked)
    assert set(fake.trained.values()) == {1}, "a trial that failed is not tried again"
    fake.fails = {f"trials/log_floss-lr{rate}-2-epochs" for rate in ("0.0003", "0.001", "0.003")}
    _, told = compare("--losses", "log_floss", *asked[2:], code=1)
    assert "log_floss stopped being a number at the learning rates 0.0003, 0.001, 0.003" in told


def test_a_sweep_takes_the_run_that_the_loss_has_already(compare, fake, undrawn):
    folder, _ = compare("--losses", "floss", "--learning-rates", "1e-3", "--sweep", "beta2=0.3,1")
    assert sorted(fake.trained) == [
        "cross_entropy-lr0.001-seed0", "floss-beta2=1-lr0.001-seed0", "floss-lr0.001-seed0",
    ]  # fmt: skip
    assert [line["sweep"] for line in rows_of(folder) if line["sweep"]] == ["beta2=0.3"] * 2 + ["beta2=1"] * 2


def test_segmentation_and_detection_have_their_own_figures(compare, fake):
    sets = ("--data", "colours:train", "--test", "colours:test")
    folder, _ = compare("--task", "segmentation", "--losses", "softmax_cross_entropy,lovasz_softmax:1", "--seeds", "2",
                        "--learning-rates", "1e-3", "--train.size", "64", sets=sets)  # fmt: skip
    shown = " ".join(Page((folder / "report.html").read_text()).texts)
    for words in (
        "batch mIoU",
        "image mIoU, 0/0 = 1",
        "IoU by class on test",
        "blue",
        "no threshold to choose",
    ):
        assert words in shown, words
    assert "carried over" not in shown
    assert {line["row"] for line in rows_of(folder)} == {"softmax_cross_entropy", "lovasz_softmax"}
    models = json.loads((folder / "results.json").read_text())["rows"][0]["models"]
    assert set(models[0]["sets"]["test"]["classes"]) == {"background", "red", "blue"}
    _, told = compare("--task", "detection", "--losses", "ap", code=2)
    assert "holds a comparison of segmentation" in told

    losses = "focal,alrp[learning-rate=2e-3 model=foveabox]"
    folder, _ = compare("--task", "detection", "--losses", losses, "--learning-rates", "1e-3", "--overwrite",
                        sets=SETS[:4])  # fmt: skip
    page = Page((folder / "report.html").read_text())
    shown = " ".join(page.texts)
    for words in ("LRP over the threshold", "F1 over the threshold", "AP on test", "AP90", "oLRP", "carried over"):
        assert words in shown, words
    for words in ("2 systems side by side", "step, ms", "0.002 for alrp [learning-rate=0.002 model=foveabox]"):
        assert words in shown, words
    told = [json.loads(path.read_text())["config"] for path in sorted((folder / "runs").glob("*/config.json"))]
    assert sorted((one["loss"], one["model"], one["learning_rate"]) for one in told if one["loss"] in losses) == [
        ("alrp", "foveabox", 2e-3), ("focal", "retinanet", 1e-3)
    ]  # fmt: skip
    # LRP, F1, best thresholds, AP by class, and two matrices of which class is taken for which.
    assert page.tags.count("svg") == 6
    for words in ("AP by class on test", "Which class is taken for which", "objects", "background", "95 %"):
        assert words in shown, words
    found = json.loads((folder / "results.json").read_text(), parse_constant=refuse)
    ranked = found["rows"][1]["models"][0]
    assert ranked["over_all_sets"]["threshold_mean"] < 0.05, "scores of ranking losses are small"
    assert ranked["transfer"]["sets"] == ["selection split", "test"]


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (("--losses", "floss,floss"), 2, "floss stands twice in --losses"),
        (("--losses", "ap"), 2, "--loss ap: ap is no loss of maps: choose among floss"),
        (("--losses", "floss + 0.5 * alrp"), 2, "alrp is no loss of maps"),
        (("--losses", "gloss,floss"), 2, "gloss is no loss of maps"),
        (("--losses", "softmax_cross_entropy"), 2, "of 2 or more"),
        (("--losses", "floss", "--seeds", "0"), 2, "--seeds must be at least 1, got 0"),
        (("--losses", "floss", "--learning-rates", "fast"), 2, "--learning-rates takes numbers above 0"),
        (("--losses", "floss", "--learning-rates", "0"), 2, "--learning-rates takes numbers above 0"),
        (("--losses", "floss", "--trial-epochs", "0"), 2, "--trial-epochs must be at least 1, got 0"),
        (("--losses", "floss", "--sweep", "gamma=1,2"), 2, "no such hyperparameter; those of the losses are floss"),
        (("--losses", "floss", "--sweep", "beta2=0.3,-1"), 2, "beta2"),
        (("--losses", "floss", "--sweep", "beta2=0.3,1", "--sweep", "floss.beta2=2,3"), 2, "beta2 of floss twice"),
        (("--losses", "floss", "--sweep", "from_logits=True,False"), 2, "no such hyperparameter"),
        (("--losses", "floss", "--test", "discs:test"), 2, "--test names a source twice"),
        (("--losses", "floss", "--test", "discs:train"), 2, "--test discs:train is --data, too"),
        (("--losses", "floss", "--val", "discs:valid", "--test", "discs:valid"), 2, "--test discs:valid is --val, too"),
        (("--losses", "floss", "--test", "folder:/nowhere"), 3, "/nowhere"),
        (("--losses", "floss", "--train.epochs", "0"), 2, "--train.epochs must be at least 1"),
        (("--task", "detection", "--losses", "floss"), 2, "--loss floss is no detection loss"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_before_anything_is_trained(compare, fake, options, code, sentence):
    _, told = compare(*options, code=code)
    assert sentence in told
    assert told.startswith("metricfit: error: ")
    assert not fake.trained


def test_another_set_of_the_same_short_name_is_measured_anew(compare, fake, monkeypatch):
    folder, _ = compare("--losses", "cross_entropy", "--learning-rates", "1e-3", sets=SETS[:4])
    (path,) = folder.glob("evaluations/*/sets/test.json")
    kept = json.loads(path.read_text())
    path.write_text(json.dumps({**kept, "source": "folder:old/test"}))
    fake.measured.clear()
    compare("--losses", "cross_entropy", "--learning-rates", "1e-3", sets=SETS[:4])
    assert [source for _, source in fake.measured] == ["discs:test"]
    assert json.loads(path.read_text()) == kept


def test_overwriting_deletes_nothing_before_the_first_weights_are_there(compare):
    folder, _ = compare("--losses", "cross_entropy", "--learning-rates", "1e-3", sets=SETS[:4])
    kept = sorted(folder.rglob("*"))
    again = ("--losses", "cross_entropy", "--overwrite")
    assert "no trained model at nowhere" in compare(*again, "--train.init", "nowhere", code=2)[1]
    assert "no weights at no.weights.h5" in compare(*again, "--train.weights", "no.weights.h5", code=2)[1]
    inside = str(folder / "runs/some/model.keras")
    assert "which --overwrite empties" in compare(*again, "--train.init", inside, code=2)[1]
    assert "--train.teacher takes a run folder" in compare(*again, "--train.teacher", "nowhere", code=2)[1]
    assert f"--train.teacher {inside} lies in" in compare(*again, "--train.teacher", inside, code=2)[1]
    assert sorted(folder.rglob("*")) == kept


def test_a_folder_of_something_else_and_no_test_data(compare, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/letter.txt").write_text("dear")
    assert "exists and holds no comparison" in compare("--losses", "floss", code=2)[1]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["letter.txt"]
    assert "give --test SOURCE" in compare("--losses", "floss", sets=("--data", "discs:train"), code=2)[1]


def test_the_task_decides_the_flags_of_the_training():
    typed = ["--losses", "ap", "--test", "voc:a", "--task", "detection", "--train.channels", "32", "--data", "voc:b"]
    options = cli._read_options("compare", CompareOptions, typed)
    assert training_config(options) == DetectionConfig(channels=32, data="voc:b", out="")
    assert cli._read_options("compare", CompareOptions, [*typed[:4], "--task=detection", *typed[6:]]) == options
    assert training_config(replace(options, seed=3)).seed == 3
    options = cli._read_options("compare", CompareOptions, ["--losses", "floss", "--test", "a", "--train.beta2", "1"])
    assert training_config(options) == SaliencyConfig(beta2=1.0, out="")
    for flag in ("--train.loss", "--train.seed", "--train.learning-rate"):
        with pytest.raises(UsageError, match=f"takes nothing more, got {flag}"):
            cli._read_options("compare", CompareOptions, ["--losses", "floss", "--test", "a", flag, "1"])


def test_a_real_training_from_loss_to_report(plain_trained, plain_config, tmp_path, monkeypatch):
    monkeypatch.setattr(Saliency, "baseline", "")  # a second training
    # The comparison goes on with a run that was trained with the very settings it asks for; others it would refuse.
    run = tmp_path / "out/runs/floss-lr0.01-seed0"
    shutil.copytree(plain_trained.folder, run)
    (tmp_path / "out/comparison.json").write_text('{"task": "saliency"}')
    arguments = ["compare", "--losses", "floss", "--data", "discs:train", "--test", "discs:test", "--quiet",
                 "--learning-rates", "1e-2", "--out", str(tmp_path / "out"), "--train.backbone", "plain",
                 "--train.size", "32", "--train.batch-size", "6", "--train.epochs", "3",
                 "--train.min-epoch-steps", "1"]  # fmt: skip
    assert cli.main(arguments) == 0
    (line,) = rows_of(tmp_path / "out")
    assert line["row"] == "floss"
    assert float(line["image_iou_half"]) > 0.5, "it learnt"
    assert float(line["max_f"]) >= float(line["f_half"])
    assert 0 < float(line["step_seconds"]) < 5
    found = Saliency().measure(load_model(run), read_config(run / "config.json", SaliencyConfig),
                               open_source("discs:test"), (1.0, 4.0))  # fmt: skip
    assert found[0]["scalars"]["max_f"] == pytest.approx(float(line["max_f"]), abs=1e-6)
    assert found[1]["scalars"]["mae"] < found[0]["scalars"]["mae"], "polarised by the factor"
    assert found[1]["curves"]["logit_f"] == found[0]["curves"]["logit_f"]
    Page((tmp_path / "out/report.html").read_text())


def test_a_folder_in_which_another_comparison_or_training_runs_is_left_alone(compare, undrawn):
    asked = ("--losses", "cross_entropy", "--learning-rates", "1e-3")
    folder, _ = compare(*asked)
    runs = sorted((folder / "runs").rglob("*"))
    for busy in (folder, next(folder.glob("runs/*"))):
        with FolderLock(busy) as lock:
            lock.acquire()
            _, told = compare(*asked, "--overwrite", code=2)
            assert f"{busy} is in use by process" in told
    assert sorted((folder / "runs").rglob("*")) == runs
