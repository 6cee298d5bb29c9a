"""The parts of a comparison's report: which cell is marked, what rows and thresholds are called."""

import re
from types import SimpleNamespace

import pytest

from metricfit.app.compare import detection
from metricfit.app.compare.detection import _balance
from metricfit.app.compare.tables import labelled, spread_table
from metricfit.app.page.html import Label
from metricfit.app.tasks import TASKS
from metricfit.trainers.comparison import Entry, Row
from metricfit.trainers.comparison.spread import spreads
from metricfit.trainers.metrics.catalogue import metrics_of


def best_cells(figures, keys):
    text = spread_table([Label(str(place), place) for place in range(len(figures))], metrics_of(*keys), figures)
    return ["best" in cell for cell in re.findall(r"<td([^>]*)>", text)]


def test_the_best_of_a_column_is_marked_by_which_way_is_better():
    keys = ("max_f", "mae", "optimal_threshold", "f_half")
    figures = [spreads([dict(zip(keys, values))]) for values in ((0.9, 0.2, 0.5, 0.7), (0.8, 0.1, 0.4, 0.7))]
    # Nothing is best of thresholds, nor where all have the same.
    assert best_cells(figures, keys) == [True, False, False, False, False, True, False, False]
    assert best_cells(figures[:1], keys) == [False] * 4


def test_a_figure_that_a_row_lacks_is_a_dash():
    figures = [spreads([{"ap": 0.5}]), spreads([{"ap": 0.25, "ap50": 0.75}])]
    text = spread_table([Label("a"), Label("b", 1)], metrics_of("ap", "ap50"), figures, first="of")
    assert re.findall(r"<span>(.*?)</span>", text) == ["0.500", "–", "0.250", "0.750"]
    assert re.findall(r"<th>(.*?)</th>", text)[:3] == ["of", "AP", "AP50"]


def test_a_control_is_dashed_in_the_colour_of_its_loss():
    losses = [Entry("cross_entropy"), Entry("cross_entropy"), Entry("floss", ("beta2=1",))]
    scales = [[], [3.0, 4.0], []]
    rows = [Row(entry.label, entry, 1e-3, [], scale) for entry, scale in zip(losses, scales)]
    found = labelled(SimpleNamespace(rows=rows))
    assert [(row.text, row.place, row.dashed) for row in found] == [
        ("cross_entropy", 0, False), ("cross_entropy ×3 to ×4", 0, True), ("floss, beta2=1", 1, False),
    ]  # fmt: skip
    assert "dashed" in found[1].html


def test_thresholds_and_what_they_lose_are_written_as_the_task_measures_them():
    found = {name: task.presentation() for name, task in TASKS.items()}
    saliency, detection = found["saliency"], found["detection"]
    assert saliency.metric("transfer_loss").narrow == "F lost, thr. of others"
    assert detection.metric("transfer_loss").narrow == "F1 lost, thr. of others"
    assert [saliency.threshold(value) for value in (0.0, 2.0, -12.0)] == ["0.500", "0.881", "logit -12"]
    assert detection.threshold(0.0218) == "0.0218"
    assert {name: one.score for name, one in found.items()} == {"saliency": "F", "segmentation": "", "detection": "F1"}


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_balance_of_one_epoch_is_told_and_not_drawn(epochs):
    outcomes = [SimpleNamespace(record={"watched": {"gradient_balance": [4.0, 0.5][:epochs]}})]
    row = SimpleNamespace(text="AP-Loss", html="AP-Loss", place=0, dashed=False, outcomes=outcomes)
    heading, *parts = _balance([row])
    assert "Balance of the gradients" in heading
    assert f"In the last epoch: AP-Loss {[4, 0.5][epochs - 1]}." in "".join(parts)
    assert ("<svg" in "".join(parts)) == (epochs > 1), "a point is no line"


def test_a_balance_that_falls_far_fills_its_figure(monkeypatch):
    drawn = []
    monkeypatch.setattr(detection, "to_svg", lambda figure, *names: drawn.append(figure) or "")
    outcomes = [SimpleNamespace(record={"watched": {"gradient_balance": [90.0, 0.08, 1.0]}})]
    _balance([SimpleNamespace(text="Focal", html="Focal", place=0, dashed=False, outcomes=outcomes)])
    low, high = drawn[0].axes[0].get_ylim()
    assert 0.02 < low < 0.08
    assert 90 < high < 300
    drawn[0].canvas.draw()
    said = {label.get_text() for label in drawn[0].axes[0].get_ymajorticklabels()}
    assert {"0.1", "1", "10"} <= said, "numbers, not powers of ten"
