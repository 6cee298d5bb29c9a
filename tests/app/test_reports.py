"""Tables as text, in terminals of all widths and in none."""

import json

import pytest

from metricfit.app import cli, reports
from metricfit.app.reports import grid, table
from metricfit.losses import LOSSES
from metricfit.trainers.metrics.catalogue import metrics_of

CELLS = [
    ["", "MaxF", "MeanF", "MAE", "optimal threshold"],
    ["folder:/home/me/photos/of/last/year:test (100)", "0.912", "0.905", "0.051", "0.5"],
    ["scenes:test (40)", "0.8", "0.7", "0.1", "0.25"],
]


@pytest.fixture
def columns(monkeypatch):
    """Set the width of the terminal."""
    return lambda count: monkeypatch.setenv("COLUMNS", str(count))


def test_without_a_terminal_a_table_is_as_wide_as_it_is(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = grid(CELLS).splitlines()
    assert len(lines) == 3
    assert lines[1].startswith(CELLS[1][0] + "  0.912  0.905  0.051")


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_table_fits_the_terminal_and_loses_no_figure(columns, width):
    columns(width)
    text = grid(CELLS)
    assert max(map(len, text.splitlines())) <= width
    for row in CELLS:
        for cell in row[1:]:
            assert cell in text
    blocks = text.split("\n\n")
    assert (len(blocks) == 1) == (width >= 100)
    labels = {line[: text.index("MaxF")].strip() for line in text.splitlines()[1:3]}
    for block in blocks:
        assert {line.split("  ")[0] for line in block.splitlines()[1:]} == {label.split("  ")[0] for label in labels}


def test_labels_that_would_look_alike_stay_whole(columns):
    columns(30)
    rows = [["", "figure"], ["a" * 40 + "/the/same/end/of/a/path", "1"], ["b" * 40 + "/the/same/end/of/a/path", "2"]]
    assert rows[1][0] in grid(rows)
    assert grid([["a"], ["b"]]) == "a\nb"


def test_a_missing_figure_is_a_dash():
    lines = table([("mine", {"mae": 0.25}), ("yours", {})], metrics_of("mae", "max_f")).splitlines()
    assert lines[1].split()[::2] == ["mine", "-"]
    assert lines[2].split() == ["yours", "-", "-"]


@pytest.mark.parametrize("width", [60, 80, 130, 200])
def test_the_list_of_losses_fits_too(columns, width, capsys):
    columns(width)
    assert cli.main(["losses"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= width
    assert "softmax_cross_entropy" in shown
    assert ("reference:" in shown) == (width < 120)


@pytest.mark.parametrize("task", ["saliency", "segmentation", "detection"])
def test_each_loss_of_a_task_says_when_to_take_it(columns, task, capsys):
    columns(200)
    assert cli.main(["losses", "--for", task]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.split() == ["take", "when"]
    said = dict(line.split(maxsplit=1) for line in lines)
    own = {name for name, entry in LOSSES.items() if entry.task == task}
    assert set(said) == own | ({"lovasz_hinge"} if task == "saliency" else set())
    assert all(said[name] == LOSSES[name].when[task] for name in said)
    assert cli.main(["losses", "--for", task, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == said
    columns(60)
    assert cli.main(["losses", "--for", task]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 60


def test_the_width_is_that_of_the_terminal(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert reports.terminal_width() == 0
    monkeypatch.setattr(reports.sys.stdout, "isatty", lambda: True, raising=False)
    assert reports.terminal_width() > 0
