"""Every figure that a report gives has an entry; headings can be told apart; what is unknown is answered."""

import subprocess
import sys

import numpy as np
import pytest

from metricfit.app import tasks as apps
from metricfit.app.export import COLUMNS
from metricfit.export import tasks as exports
from metricfit.trainers.errors import UsageError
from metricfit.trainers.metrics import LRP, CocoAP, FMeasureCurve, Jaccard
from metricfit.trainers.metrics.catalogue import CATALOGUE, metrics_of

from ..detections import NAMES, random_pictures


def test_every_figure_of_the_measures_has_an_entry():
    curve, jaccard, coco, lrp = FMeasureCurve(), Jaccard(NAMES), CocoAP(NAMES), LRP(NAMES)
    curve.update(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.uint8))
    jaccard.update(np.eye(3, dtype=int), np.eye(3, dtype=int))
    for picture in random_pictures():
        coco.update(*picture)
        lrp.update(*picture)
    keys = {*curve.result().to_dict(curves=False)} - {"images", "band"} | {"band_low", "band_high"}
    for result in (jaccard.result(), coco.result(), lrp.result()):
        keys |= {*result.scalars} | {key for values in result.class_scalars.values() for key in values}
    assert len(keys) > 30
    assert keys - set(CATALOGUE) == set()


def test_entries_are_whole():
    for key, metric in CATALOGUE.items():
        assert metric.key == key
        assert metric.heading
        assert metric.narrow
        assert metric.explained
        assert metric.text(0.25)
        assert metric.sign == {True: 1, False: -1, None: 0}[metric.larger_is_better]
    assert all(CATALOGUE[key].sign == -1 for key in ("mae", "detection_ece", "laece_0", "laace_0", "pixel_ece"))
    assert CATALOGUE["max_f"].text(0.91234) == "0.912"
    assert CATALOGUE["f1_threshold"].sign == 0
    assert CATALOGUE["mae_difference"].sign == -1
    assert CATALOGUE["ap_difference"].text(-0.01) == "-0.0100"
    alone = [metric.heading for metric in CATALOGUE.values() if not metric.heading.startswith("best threshold")]
    assert len(set(alone)) == len(alone), "two figures share a heading"


@pytest.mark.parametrize("task", apps.TASKS)
def test_every_figure_that_is_shown_has_an_entry(task):
    app, files = apps.TASKS[task], exports.TASKS[task]
    page = app.presentation()
    keys = {*app.columns, *app.class_columns, *app.calibration, *page.lead, *page.overall, *page.columns}
    keys |= {*COLUMNS, *files.columns, *files.main, *(f"{key}_difference" for key in files.main)}
    assert keys - set(CATALOGUE) == set()


def test_titles():
    titles = [metric.title for metric in metrics_of("band_width", "dataset_miou", "olrp_localization", "max_f", "f1")]
    assert titles == ["Band width", "mIoU, 0/0 = 1", "oLRP: localisation", "MaxF", "F1"]


def test_an_unknown_key_is_answered():
    with pytest.raises(UsageError, match=r"no metric is called 'max_ff'.*max_f"):
        CATALOGUE["max_ff"]
    assert "max_ff" not in CATALOGUE


def test_it_needs_no_tensorflow():
    program = "import sys, metricfit.trainers.metrics.catalogue; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
