"""Progress: a bar where one can move, and elsewhere a line now and then."""

import logging

import pytest
from tqdm import auto, std

from metricfit.trainers import progress as module
from metricfit.trainers.progress import progress


@pytest.fixture
def lines(monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("metricfit"), "propagate", True)
    caplog.set_level(logging.INFO, "metricfit")
    return lambda: [record.message for record in caplog.records]


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(std, "time", lambda: now[0])
    return now


def test_without_a_terminal_a_line_is_written_every_half_minute(lines, clock, capsys):
    for number in progress(range(100), desc="scan", unit="image", delay=0.5, leave=False):
        clock[0] += 1.0
        if number == 28:
            assert lines() == []
    told = lines()
    assert len(told) == 3
    assert told[0] == "scan: 30 of 100, after 00:30, 01:10 left"
    assert told[2].startswith("scan: 90 of 100")
    with progress(desc="read", total=4) as bar:
        for _ in range(4):
            clock[0] += 40.0
            bar.update()
    assert lines()[3:] == [f"read: {done} of 4, after {spent}, {left} left" for done, spent, left in
                           ((1, "00:40", "02:00"), (2, "01:20", "01:20"), (3, "02:00", "00:40"))]  # fmt: skip
    assert capsys.readouterr() == ("", "")


def test_steps_are_called_so_and_a_new_name_has_one_colon(lines, clock):
    with progress(desc="epoch 1 of 20", total=3, unit="step", leave=False) as bar:
        clock[0] += 40.0
        bar.update()
        bar.set_description("export: comparing")
        clock[0] += 40.0
        bar.update()
    assert lines() == [
        "epoch 1 of 20: step 1 of 3, after 00:40, 01:20 left",
        "export: comparing: step 1 of 3, after 00:40, 01:20 left",
        "export: comparing: step 2 of 3, after 01:20, 00:40 left",
    ]


def test_quiet_says_nothing(lines, clock, capsys):
    for _ in progress(range(100), quiet=True, desc="scan"):
        clock[0] += 10.0
    assert (lines(), capsys.readouterr()) == ([], ("", ""))


@pytest.mark.parametrize(("terminal", "notebook"), [(True, False), (False, True)])
def test_terminals_and_notebooks_have_bars(monkeypatch, terminal, notebook):
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr(auto, "notebook_tqdm", object if notebook else std.tqdm)
    assert type(progress(range(3), disable=True)) is auto.tqdm
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.setattr(auto, "notebook_tqdm", std.tqdm)
    assert type(progress(range(3))) is module._Lines
