"""One runner for several threads and processes: right answers, in turns, and nothing that hangs."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from metricfit.app.predictor import load_predictor
from metricfit.export import load_runner
from metricfit.export.runners.lending import Lending
from metricfit.trainers.errors import MetricfitError

from .small_model import SIZE
from .whole_way import different_from_one_thread

THREADS = 8
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def _pictures(count=THREADS):
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(params=["keras", "saved_model", "model_float32.tflite", "model_int8.tflite"])
def path(request, exported, run_folder):
    return run_folder if request.param == "keras" else exported / request.param


@pytest.mark.parametrize("threads", [None, 1])
def test_eight_threads_get_what_one_gets(path, threads):
    runner, pictures = load_runner(path, threads=threads), _pictures()
    expected = runner(pictures)
    together = threading.Barrier(THREADS)

    def work(index):
        together.wait()
        return [runner(pictures[index : index + 1])[0] for _ in range(10)]

    with ThreadPoolExecutor(THREADS) as pool:
        for index, answers in enumerate(pool.map(work, range(THREADS))):
            for answer in answers:
                np.testing.assert_array_equal(answer, expected[index])


def test_a_detector_serves_eight_threads(detector):
    runner = load_runner(detector / "model_int8.tflite", threads=1)
    pictures = np.random.default_rng(0).integers(0, 256, (THREADS, runner.size, runner.size, 3), np.uint8)
    expected = [runner(picture[None]) for picture in pictures]
    with ThreadPoolExecutor(THREADS) as pool:
        for answer, known in zip(pool.map(runner, 3 * [picture[None] for picture in pictures]), 3 * expected):
            for part, right in zip(answer, known, strict=True):
                np.testing.assert_array_equal(part, right)


@pytest.mark.parametrize("threads", [None, 1])
def test_eight_threads_draw_and_write_what_one_does(path, threads, tmp_path):
    assert different_from_one_thread(load_predictor(path, threads=threads), tmp_path) == []


@pytest.mark.parametrize("file", ["saved_model", "model_int8.tflite"])
def test_eight_threads_draw_and_write_boxes(detector, tmp_path, file):
    assert different_from_one_thread(load_predictor(detector / file, threads=1), tmp_path) == []


def test_a_file_replaced_meanwhile_changes_nothing(exported, tmp_path, monkeypatch):
    file = tmp_path / "model_float32.tflite"
    file.write_bytes((exported / file.name).read_bytes())
    runner = load_runner(file, threads=1)
    runner._interpreters._most = 2
    expected = runner(_pictures(1))
    file.write_bytes(b"another model")
    with runner._interpreters.lent():  # so that the next call opens another
        np.testing.assert_array_equal(runner(_pictures(1)), expected)


def test_a_runner_may_be_let_go_by_any_thread(exported):
    runner = load_runner(exported / "model_int8.tflite", threads=2)
    with ThreadPoolExecutor(2) as pool:
        pool.submit(runner, _pictures(1)).result()
        holder = [runner]
        del runner
        pool.submit(holder.clear).result()


def test_what_is_lent_is_used_by_one_at_a_time_and_in_turn():
    made, served, inside = [], [], []
    lending = Lending(lambda: made.append(object()) or made[-1], most=2)

    def work(number):
        with lending.lent() as thing:
            assert thing not in inside
            inside.append(thing)
            served.append(number)
            time.sleep(0.005)
            inside.remove(thing)

    with lending.lent(), lending.lent():
        threads = []
        for number in range(6):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            while len(lending._waiting) <= number:
                time.sleep(0.001)
        assert len(made) == 2
    for thread in threads:
        thread.join(5)
    assert len(made) == 2
    assert sorted(served) == list(range(6))
    assert max(abs(number - place) for place, number in enumerate(served)) <= 1, "first come, first served"


def test_what_cannot_be_opened_holds_no_place():
    answers = iter([RuntimeError("no memory"), "interpreter"])

    def opened():
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    lending = Lending(opened, most=1)
    with pytest.raises(RuntimeError), lending.lent():
        pass
    with lending.lent() as thing:
        assert thing == "interpreter"


def _in_a_fork(work, seconds=30):
    """Run in a forked process, which is killed where it hangs; gives what `work` gives, 0 to 255."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(work())
        finally:
            os._exit(99)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (state := os.waitpid(child, os.WNOHANG))[0]:
            return os.waitstatus_to_exitcode(state[1])
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"


@forks
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_process_goes_on_with_a_tflite_file(exported):
    runner = load_runner(exported / "model_float32.tflite", threads=2)
    expected = runner(_pictures(1))
    with runner._interpreters.lent():  # as by a thread that the fork does not have
        assert _in_a_fork(lambda: int(np.array_equal(runner(_pictures(1)), expected))) == 1
    np.testing.assert_array_equal(runner(_pictures(1)), expected)


@forks
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_tensorflow_in_a_fork_is_refused(exported, run_folder):
    for path in (exported / "saved_model", run_folder):
        runner = load_runner(path)

        def work(runner=runner):
            try:
                runner(_pictures(1))
            except MetricfitError as error:
                return 7 if "spawn" in str(error) else 8
            return 0

        assert _in_a_fork(work) == 7


def test_a_predictor_goes_to_another_process(exported):
    predict, picture = load_predictor(exported / "model_int8.tflite", threads=1), _pictures(1)[0]
    predict.threshold = predict(picture).at(0.7).threshold
    expected = predict(picture)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(predict, (picture,))
    np.testing.assert_array_equal(found.map, expected.map)
    assert found.threshold == expected.threshold
    np.testing.assert_array_equal(found.boxes, expected.boxes)
