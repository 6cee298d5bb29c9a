"""The pipelines themselves, on Beam's runner of this machine: `make test-beam` runs what the other tests skip."""

import json
from pathlib import Path

import pytest

pytest.importorskip(
    "apache_beam", reason="Apache Beam is not installed: make test-beam makes an environment that has it"
)

import apache_beam as beam
from apache_beam.ml.inference.base import RunInference
from apache_beam.testing.util import assert_that, equal_to

import metricfit
from metricfit.app import cli
from metricfit.app.beam import transforms
from metricfit.app.beam.handler import PictureHandler
from metricfit.app.beam.outcome import Costs, Noted, Outcome
from metricfit.app.beam.prediction import part_file
from metricfit.app.prediction.checks import PARTS

from ...conftest import registered
from ..fakes import disc, save
from .data import boxed, masked
from .test_evaluation import same_files
from .test_prediction import files

PROCESSES = ("direct_num_workers=2",)


@pytest.fixture
def typed(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with registered():
            code = cli.main(list(map(str, arguments)))
        told = capfd.readouterr()
        return code, told.out, told.err

    return run


@pytest.mark.parametrize("told", [(), PROCESSES, ("direct_num_workers=2", "direct_running_mode=multi_threading")])
def test_saliency_on_one_and_two_workers(typed, tmp_path, told):
    data = masked(tmp_path / "data")
    common = ["evaluate", "saliency_lite0", "--data", data, "--batch-size", "2"]
    assert typed(*common, "--out", "one")[0] == 0
    code, out, error = typed(*common, "--out", "many", "--runner", "direct", "--", *told)
    assert code == 0, error
    assert error == "", "Beam is loud"
    assert "13 pictures on the runner direct, in 7 parts" in out
    same_files(Path("one"), Path("many"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "many", "one"]


def test_detection_in_two_processes(typed, tmp_path):
    common = ["evaluate", "detection_bccd", "--data", boxed(tmp_path / "data"), "--batch-size", "2"]
    assert typed(*common, "--out", "one")[0] == 0
    assert typed(*common, "--out", "many", "--runner", "direct", "--runner-options", *PROCESSES)[0] == 0
    same_files(Path("one"), Path("many"))


def test_segmentation(typed, segmented):
    common = ["evaluate", segmented.folder, "--data", "colours:test", "--batch-size", "7"]
    assert typed(*common, "--out", "one")[0] == 0
    code, _, error = typed(*common, "--out", "many", "--runner", "direct")
    assert code == 0, error
    same_files(Path("one"), Path("many"))


def test_what_a_worker_refuses_is_one_sentence(typed, tmp_path):
    data = masked(tmp_path / "data", bad=(12,))
    common = ["evaluate", "saliency_lite0", "--data", data, "--runner", "direct"]
    for told in ((), PROCESSES):
        code, _, error = typed(*common, "--", *told)
        assert code == 3
        assert error.startswith("metricfit: error: folder:")
        assert error.count("\n") == 3, error
        assert "mend them, or leave them out with --skip-bad" in error
    # What only the workers are without.
    code, _, error = typed(
        "predict", "saliency_lite0", tmp_path / "data/images", "--out", "/proc/no", "--runner", "direct"
    )
    assert code == 1
    assert error.count("\n") == 1


def test_prediction_in_two_processes(typed, tmp_path):
    for number in range(5):
        save(tmp_path / f"in/{number}.png", disc(60, 160, 30 + 20 * number, 20))
    (tmp_path / "in/bad.jpg").write_bytes(b"broken")
    assert typed("predict", "saliency_lite0", "in", "--out", "one")[0] == 3
    code, _, error = typed("predict", "saliency_lite0", "in", "--out", "many", "--runner", "direct", "--", *PROCESSES)
    assert code == 3
    assert "1 of 6 pictures could not be read, the others were done" in error
    expected, found = files(Path("one")), files(Path("many"))
    assert json.loads(found.pop("errors.jsonl"))["name"] == "in/bad.jpg"
    assert found == expected
    part_file(Path("many"), 0, 1).unlink()
    assert typed("predict", "saliency_lite0", "in", "--out", "many", "--resume", "--runner", "direct")[0] == 3
    assert len(list(Path("many", PARTS).iterdir())) == 6


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (["--runner", "no"], "--runner must be one of direct, dataflow, "),
        (["--runner", "apache_beam.no.Runner"], "the runner apache_beam.no.Runner cannot be loaded"),
        (["--runner", "direct", "--", "--direct_num_wrokers=2"], "Beam knows no option --direct_num_wrokers=2"),
        (["--runner", "direct", "--", "--direct_num_workers=two"], "what Beam is told cannot be read"),
        (["--runner", "direct", "--", "--runner=FlinkRunner"], "the runner is named twice"),
    ],
)
def test_what_beam_does_not_know_is_refused_before_anything_runs(typed, told, said):
    code, out, error = typed("evaluate", "saliency_lite0", *told)
    assert code in (1, 2)
    assert said in error
    assert error.count("\n") == 1
    assert out == ""


def test_workers_elsewhere_need_a_place_to_hand_back(typed):
    code, _, error = typed("evaluate", "saliency_lite0", "--runner", "portable", "--", "--job_endpoint=localhost:1")
    assert code == 2
    assert "give --out, on a disk that all of them share with this machine, or temp_location=PLACE" in error


def test_outcomes_cross_processes_by_their_own_bytes():
    outcomes = [Outcome(faults=[(place, "bad")], repaired={"cut": Noted(1, [place])}) for place in range(40)]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        merged = (
            pipeline
            | beam.Create(range(40))
            | beam.Map(outcomes.__getitem__).with_output_types(Outcome)
            | beam.Reshuffle()
            | beam.CombineGlobally(transforms.MergeOutcomes())
        )
        assert_that(
            merged | beam.Map(lambda whole: (len(whole.faults), whole.faults[7], whole.repaired["cut"].times)),
            equal_to([(40, (7, "bad"), 40)]),
        )
    coder = transforms.MergeOutcomes().get_accumulator_coder()
    whole = Outcome(costs=Costs(model=0.25))
    assert coder.decode(coder.encode(whole)) == whole
    assert beam.coders.registry.get_coder(Outcome).encode(whole).startswith(b"metricfit ")


def test_a_model_in_a_pipeline_of_ones_own(tmp_path):
    paths = [str(save(tmp_path / f"{number}.png", disc(60, 160, 40 + 40 * number, 20))) for number in range(3)]
    expected = {path: metricfit.load("saliency_lite0")(path).to_dict() for path in paths}
    (tmp_path / "bad.png").write_bytes(b"broken")
    bad = str(tmp_path / "bad.png")
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        handler = PictureHandler("saliency_lite0")
        found, failed = (
            pipeline | beam.Create([*paths, bad]) | RunInference(handler).with_exception_handling(use_subprocess=False)
        )
        told = found | beam.Map(lambda one: (one.example, one.inference.to_dict()))
        assert_that(told, equal_to(list(expected.items())), label="found")
        named = failed.failed_inferences | beam.Map(lambda failure: [failure[0]])
        assert_that(named, equal_to([[[bad]]]), label="failed")
