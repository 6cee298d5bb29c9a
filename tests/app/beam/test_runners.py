"""Runners and what they are told; what needs Beam itself is in test_pipelines."""

import sys

import pytest

from metricfit.app import cli
from metricfit.app.beam.runners import check_runner, flags_of
from metricfit.app.live.options import PredictOptions
from metricfit.app.options import EvaluateOptions
from metricfit.app.typed import read_typed
from metricfit.trainers.errors import MetricfitError, UsageError


def test_what_a_runner_is_told_is_written_in_either_way():
    typed = ["m", "--runner", "direct", "--runner-options", "a=1", "--quiet", "--", "--b=2", "--c", "3"]
    options = read_typed("evaluate", EvaluateOptions, typed)
    assert (options.runner, options.quiet) == ("direct", True)
    assert options.runner_options == ("a=1", "--b=2", "--c", "3")
    assert flags_of("flink", options.runner_options) == ["--a=1", "--b=2", "--c", "3"]
    options = read_typed("predict", PredictOptions, ["m", "x.png", "--runner", "direct", "--", "--b=2"])
    assert (options.inputs, options.runner_options) == (("x.png",), ("--b=2",))


def test_several_workers_on_this_machine_are_processes_unless_something_else_is_said():
    assert flags_of("direct", ["direct_num_workers=2"])[-1] == "--direct_running_mode=multi_processing"
    told = ["direct_num_workers=2", "direct_running_mode=multi_threading"]
    assert flags_of("direct", told) == [f"--{one}" for one in told]
    assert flags_of("flink", ["direct_num_workers=2"]) == ["--direct_num_workers=2"]


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch, capsys, tmp_path):
    for name in [name for name in sys.modules if name.partition(".")[0] == "apache_beam"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(
        MetricfitError, match=r"--runner needs Apache Beam, which is not installed: pip install 'metric"
    ):
        check_runner("direct", ())
    for verb in (["evaluate", "saliency_lite0"], ["predict", "saliency_lite0", "scenes:val", "--out", str(tmp_path)]):
        assert cli.main([*verb, "--runner", "direct"]) == 1
        assert "needs Apache Beam" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_options_without_a_runner_are_refused(capsys, tmp_path):
    check_runner(None, ())
    with pytest.raises(UsageError, match="a=1 is for a runner: give --runner direct"):
        check_runner(None, ("a=1",))
    for verb in (["evaluate", "saliency_lite0"], ["predict", "saliency_lite0", "scenes:val", "--out", str(tmp_path)]):
        assert cli.main([*verb, "--", "--direct_num_workers=2"]) == 2
        assert "is for a runner" in capsys.readouterr().err
