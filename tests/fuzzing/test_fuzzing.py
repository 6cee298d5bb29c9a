"""A short look at damaged files of every kind, and that what is not sound would be seen."""

import os
import time
from pathlib import Path

import pytest

from metricfit.trainers.errors import DataError

from . import tries
from .apart import run_apart
from .base import Format
from .formats import COUNTS, OPENED, formats_of
from .tries import faults_of, run, template

TIMES = 40  # and many more by `python -m tests.soak.fuzz`
SOME = {"packed": 60, "keras": 20, "saved_model": 40, "best": 20, "mask": 60}  # the first take longer


@pytest.mark.parametrize(
    ("kind", "number"),
    [(kind, number) for kind in OPENED if kind != "tflite" for number in range(COUNTS.get(kind, 1))],
)
def test_damaged_files_are_answered_in_a_sentence(kind, number, tmp_path):
    known = formats_of(kind)[number]
    tally = run(known, SOME.get(kind, TIMES), 0, tmp_path / "corpus")
    assert tally.tried == SOME.get(kind, TIMES)
    assert (tally.failed, tally.failures) == (0, [])
    assert len(tally.outcomes) > 1 or kind in ("history", "best")
    assert len(list((tmp_path / "corpus").glob("*.input"))) == tally.kept


def test_damaged_tflite_files_end_no_process(tmp_path):
    formats_of("tflite")  # made here: in the fork below TensorFlow would not run, LiteRT does
    tally = run_apart("tflite", 0, 60, 0, tmp_path, run)
    assert tally.tried == 60
    assert (tally.failed, tally.failures) == (0, [])
    assert {"read"} < tally.outcomes.keys()


def reading(answer):
    """A format whose sound file is b"sound"; of another one `answer` is called."""

    def read(folder):
        if (folder / "file").read_bytes() != b"sound":
            answer()

    return Format("own", "file", (b"sound",), read)


def raising(error):
    def answer():
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (raising(KeyError("x")), "KeyError"),
        (raising(DataError("expected <class 'int'> here")), "a Python class"),
        (raising(DataError("two\nlines of it")), "more than a line"),
        (raising(DataError("x" * 1000)), "1000 characters"),
        (raising(DataError("")), "says nothing"),
        (lambda: time.sleep(10), "no answer after"),
        (lambda: bytearray(1 << 40), "MemoryError"),
        (lambda: Path("written").touch(), "wrote written outside"),
        (lambda: Path("../written").touch(), "wrote written outside"),
    ],
)
def test_what_is_not_sound_is_seen(answer, says, monkeypatch):
    monkeypatch.setattr(tries, "SECONDS", 0.1)
    tally = run(reading(answer), 2, 0)
    assert tally.failed
    assert says in tally.failures[0]


def test_a_process_that_ends_is_seen(monkeypatch, tmp_path):
    known = reading(os.abort)
    monkeypatch.setitem(OPENED, "own", lambda: Format(known.name, known.file, known.seeds, known.read, apart=True))
    tally = run_apart("own", 0, 2, 0, tmp_path, run)
    assert tally.failures == ["the process was ended by signal SIGABRT"] * tally.failed
    assert tally.failed == 2
    assert list(tmp_path.glob("*.fault"))


def test_new_answers_are_kept_and_damaged_further(tmp_path):
    def answer():
        raise DataError("one sentence about it")

    tally = run(reading(answer), 30, 0, tmp_path)
    assert (tally.failed, tally.kept) == (0, len(tally.outcomes))
    again = run(reading(answer), 0, 0, tmp_path)
    assert again.tried == 0


def test_answers_are_told_apart_by_what_they_say():
    assert template("FOLDER/a.json has 'x' in line 3 (why)") == template("FOLDER/b.json has 'yy' in line 44 (else)")
    assert template("one thing is wrong") != template("another thing is wrong")
    assert faults_of("folder:x: 2 examples, 1 fault\n  one\nmend it") == ""
