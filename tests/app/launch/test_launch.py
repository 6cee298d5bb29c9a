"""Workers that are small programs: what they are told, how they end together, and what is said of it."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from metricfit.app import cli
from metricfit.app.launch import cluster, verb
from metricfit.app.launch.cluster import environments, free_ports, visible_gpus
from metricfit.app.launch.options import LaunchOptions
from metricfit.app.launch.verb import FailedError, command_of, run
from metricfit.app.launch.workers import Workers

TRAIN = ("train", "saliency", "--out", "there")
BEGIN = """
import json, os, signal, sys, time
told = json.loads(os.environ["TF_CONFIG"])
index = told["task"]["index"]
"""


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.setattr(verb, "visible_gpus", list)


@pytest.fixture
def workers_are(monkeypatch):
    """Let the workers be a program of a few lines instead of a training."""

    def become(lines):
        monkeypatch.setattr(
            verb, "command_of", lambda options: [sys.executable, "-ISc", BEGIN + textwrap.dedent(lines)]
        )

    return become


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_each_worker_is_told_who_all_are_and_which_one_it_is():
    ports = free_ports(3)
    told = [json.loads(one["TF_CONFIG"]) for one in environments(ports, [])]
    assert len(set(ports)) == 3
    assert [one["task"] for one in told] == [{"type": "worker", "index": index} for index in range(3)]
    assert all(one["cluster"] == {"worker": [f"127.0.0.1:{port}" for port in ports]} for one in told)


@pytest.mark.parametrize(
    ("gpus", "expected"), [("0,1,2,3", ["0,1", "2,3"]), ("GPU-a,GPU-b,GPU-c", ["GPU-a", "GPU-b"]), ("", [None, None])]
)
def test_gpus_are_dealt_out_in_equal_parts(monkeypatch, gpus, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    found = [one.get("CUDA_VISIBLE_DEVICES") for one in environments([1, 2], visible_gpus())]
    assert found == expected


def test_fewer_gpus_than_workers_are_refused():
    with pytest.raises(cluster.UsageError, match="--workers 3 is more than the 2 GPUs of this machine"):
        environments([1, 2, 3], ["0", "1"])


def test_the_command_is_a_training_with_its_strategy():
    own = [sys.executable, "-m", "metricfit"]
    assert command_of(LaunchOptions(command=TRAIN)) == [*own, *TRAIN, "--strategy", "multi_worker"]
    for given in (("--strategy", "multi_worker"), ("--strategy=multi_worker",)):
        assert command_of(LaunchOptions(command=(*TRAIN, *given))) == [*own, *TRAIN, *given]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["launch"], "there is nothing behind it"),
        (["launch", "--", "predict", "model"], "got predict model"),
        (["launch", "--", *TRAIN, "--strategy", "mirrored"], "leave --strategy out"),
        (["launch", "--workers", "0", "--", *TRAIN], "--workers must be at least 1"),
    ],
)
def test_what_is_no_training_of_workers_is_refused(words, sentence, capsys):
    assert cli.main(words) == 2
    assert sentence in capsys.readouterr().err


def test_a_worker_launches_nothing(monkeypatch, capsys):
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert cli.main(["launch", "--", *TRAIN]) == 2
    assert "this process is a worker already" in capsys.readouterr().err


def test_words_behind_the_dashes_are_the_workers_own(monkeypatch):
    seen = []
    monkeypatch.setattr(verb, "run", lambda options: seen.append(options) or 0)
    assert cli.main(["launch", "--workers", "3", "--", *TRAIN, "--debug", "--", "x"]) == 0
    assert seen == [LaunchOptions(workers=3, command=(*TRAIN, "--debug", "--", "x"))]


def test_workers_that_end_well(workers_are, capfd):
    workers_are('print(f"here is {index}", flush=True)')
    assert run(LaunchOptions(workers=3)) == 0
    said = capfd.readouterr().out.splitlines()
    assert {"here is 0", "[worker 1] here is 1", "[worker 2] here is 2"} <= set(said)


def test_one_that_fails_ends_the_others(workers_are, tmp_path):
    workers_are(f"""
    open(r"{tmp_path}/" + str(index), "w").write(str(os.getpid()))
    if index == 1:
        while not os.path.exists(r"{tmp_path}/0"): time.sleep(0.01)
        sys.exit(3)
    time.sleep(60)
    """)
    with pytest.raises(FailedError, match="worker 1 ended with exit code 3, and the others") as error:
        run(LaunchOptions(workers=2, restarts=5))  # data at fault are not mended by another start
    assert error.value.exit_code == 3
    assert not is_running(int((tmp_path / "0").read_text()))


def test_one_that_is_killed_lets_all_start_again(workers_are, tmp_path):
    workers_are(f"""
    starts = os.path.join(r"{tmp_path}", str(index))
    before = os.path.getsize(starts) if os.path.exists(starts) else 0
    open(starts, "a").write("x")
    other = os.path.join(r"{tmp_path}", "1")
    if index == 0 and before < 2:
        while not os.path.exists(other) or os.path.getsize(other) <= before: time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert run(LaunchOptions(workers=2, restarts=2)) == 0
    assert [(tmp_path / name).stat().st_size for name in "01"] == [3, 3]
    for path in tmp_path.iterdir():
        path.unlink()
    with pytest.raises(FailedError, match="worker 0 was killed by SIGKILL") as error:
        run(LaunchOptions(workers=2, restarts=1))
    assert error.value.exit_code == 137


def test_those_that_have_started_end_where_a_further_one_cannot(monkeypatch):
    begun = []

    class Failing(subprocess.Popen):
        def __init__(self, *arguments, **settings):
            if begun:
                raise BlockingIOError(11, "Resource temporarily unavailable")
            super().__init__(*arguments, **settings)
            begun.append(self.pid)

    monkeypatch.setattr(subprocess, "Popen", Failing)
    with pytest.raises(BlockingIOError):
        Workers([sys.executable, "-ISc", "import time; time.sleep(60)"], [{}, {}])
    assert not is_running(begun[0])


@pytest.mark.parametrize(("code", "said"), [(-9, "was killed by SIGKILL"), (-40, "was killed by signal 40")])
def test_signals_without_a_name_are_named_by_their_number(code, said):
    assert verb._ended(code) == said


LAUNCH = """
import sys
from metricfit.app import cli
from metricfit.app.launch import verb
verb.command_of = lambda options: [sys.executable, "-ISc", sys.argv[1]]
sys.exit(cli.main(["launch", "--grace", "0.5", "--", "train"]))
"""
STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
WAITING = """
print("ready", os.getpid(), flush=True)
time.sleep(60)
"""


def test_workers_go_on_where_nobody_reads_what_they_say(tmp_path):
    script = f"""{BEGIN}
if index:
    for _ in range(300): print("x" * 1000, flush=True)  # more than a pipe holds
    open(r"{tmp_path}/done", "w").close()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
    assert (tmp_path / "done").is_file()


@pytest.mark.parametrize(
    ("number", "stubborn", "code"),
    [
        (signal.SIGTERM, False, 143),
        (signal.SIGTERM, True, 143),
        (signal.SIGINT, False, 130),
        (signal.SIGKILL, False, -9),
    ],
)
def test_signals_end_all(number, stubborn, code):
    script = BEGIN + STUBBORN * stubborn + WAITING
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    pids = []
    for line in process.stdout:
        if "ready" in line:
            pids.append(int(line.split()[-1]))
        if len(pids) == 2:
            break
    process.send_signal(number)
    assert process.wait(30) == code
    process.stdout.close()
    until = time.monotonic() + 10
    while any(map(is_running, pids)):
        assert time.monotonic() < until
        time.sleep(0.05)
