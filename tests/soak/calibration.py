"""Whether calibration keeps what it promises, on many made-up detectors; or what it does to a model on data of yours.

    python -m tests.soak.calibration --times 200 --seed 1
    python -m tests.soak.calibration --model detection_bccd --fit voc:bccd:trainval --test voc:bccd:test

Made-up detectors have scores of all sorts: small as of ranking losses, saturated, rounded, and a class that is never
there. Of each the order of every class must stay, AP within 0.001, and the calibration errors of pictures
that no curve has seen must not grow by more than chance.
"""

import argparse
import sys

import numpy as np

from metricfit.trainers.calibration.curves import log_odds, probability
from metricfit.trainers.calibration.finds import Finds
from metricfit.trainers.calibration.fitting import FITS, fit
from metricfit.trainers.metrics import CocoAP, Found

from ..trainers.detections import box_calibration, random_pictures

CLASSES = ("cat", "dog", "owl", "emu")  # the last is never there
SLACK = 0.05
"""By which D-ECE may grow where scores were calibrated by chance."""


def made_up(seed: int, count: int):
    """Give pictures whose scores were spoilt by a rising function, the same for all of them."""
    rng = np.random.default_rng(seed)
    slope, shift = np.exp(rng.normal(0, 1)), rng.normal(-1, 3)
    digits = int(rng.choice([2, 3, 9]))
    for truth, found in random_pictures(seed=seed, count=count):
        spoilt = probability(slope * log_odds(found.scores) + shift)
        yield truth, Found(found.boxes, np.round(spoilt, digits).astype(np.float32), found.classes)


def tried(seed: int, method: str, target: str, count: int = 160) -> str:
    """Give what is wrong with one made-up detector; empty where nothing is."""
    pictures = list(made_up(seed, count))
    seen, unseen = pictures[: count // 2], pictures[count // 2 :]
    curves = fit(Finds.of(seen, len(CLASSES)), method, target)
    after = [
        (truth, Found(found.boxes, curves.scores(found.scores, found.classes).astype(np.float32), found.classes))
        for truth, found in unseen
    ]
    ap = []
    for some in (unseen, after):
        coco = CocoAP(CLASSES)
        for truth, found in some:
            coco.update(truth, found)
        ap.append(coco.result().ap)
    if abs(ap[1] - ap[0]) > 1e-3:
        return f"AP {ap[0]:.4f} becomes {ap[1]:.4f}"
    for (_, before), (_, found) in zip(unseen, after):
        for index in range(len(CLASSES)):
            own = before.classes == index
            if (np.diff(found.scores[own][np.argsort(before.scores[own], kind="stable")]) < 0).any():
                return f"the order of {CLASSES[index]} changes"
    errors = [box_calibration(some, CLASSES, np.zeros(len(CLASSES))) for some in (unseen, after)]
    name = "detection_ece" if target == "precision" else "laece_0"
    was, becomes = (getattr(one, name) for one in errors)
    if method == "isotonic" and becomes > was + SLACK:
        return f"{name} grows from {was:.3f} to {becomes:.3f}"
    return ""


def measured(model: str, fitted_to: str, test: str) -> None:
    """Print what calibrating an uncalibrated model does, fitted to the selection split of data, on other data."""
    from metricfit.app.predictor import load_predictor
    from metricfit.trainers.data.subset import split_for_selection
    from metricfit.trainers.judge.boxes import BoxJudge
    from metricfit.trainers.tasks import get_task
    from metricfit.trainers.training.config import DetectionConfig

    runner, task = load_predictor(model).runner, get_task("detection")
    if runner.fitted:
        sys.exit(f"{model} is calibrated: evaluate shows it before and after")
    names = runner.class_names
    judges = []
    for text in (fitted_to, test):
        source = task.open_source(text, DetectionConfig(quiet=True))
        source = split_for_selection(source)[1] if text is fitted_to else source
        source = task.judged_source(source, names)
        judge = BoxJudge(source.class_names, model_classes=names)
        pairs = list(task.found_in(runner, source, batch_size=8, quiet=True))
        judges.append((source, judge, pairs))
        for example, found in pairs:
            judge.update(example, found)
    (_, selection, _), (source, _, pairs) = judges
    for method, target in [
        ("isotonic", "precision"),
        ("isotonic", "iou"),
        ("platt", "precision"),
        ("temperature", "iou"),
    ]:
        report = selection.fitted_report((method, target))
        fitted, thresholds = report.fitted, report.thresholds
        told = {"thresholds": thresholds["per_class"], "calibration": fitted.calibration}
        carried = (thresholds["optimal"], fitted.before["f1_threshold"])
        judge = BoxJudge(source.class_names, model_classes=names, carried=carried, **told)
        for example, found in pairs:
            scores = fitted.calibration.scores(found.scores, found.classes).astype(np.float32)
            judge.update(example, Found(found.boxes, scores, found.classes))
        found = judge.result()
        print(f"\n{method} to {target}: {fitted.detections} boxes in {fitted.images} pictures")
        for label, figures in (
            ("left out, before", fitted.before), ("left out, after", fitted.after),
            ("intervals before", fitted.before_intervals), ("intervals after", fitted.after_intervals),
            ("test, before", {"ap": found.scalars["ap"], **found.uncalibrated.scalars}), ("test, after", found.scalars),
        ):  # fmt: skip
            keys = [key for key in ("ap", *found.uncalibrated.scalars) if key in figures]
            print(f"  {label}: " + ", ".join(f"{key} {np.round(figures[key], 3)}" for key in keys))


def main() -> int:
    """Try many, and say how many passed; or measure one model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", help="measure this detector instead")
    parser.add_argument("--fit", help="data to whose selection split curves are fitted")
    parser.add_argument("--test", help="data on which they are measured")
    options = parser.parse_args()
    if options.model:
        measured(options.model, options.fit, options.test)
        return 0
    methods = [(method, target) for method in FITS for target in ("precision", "iou")]
    passed = 0
    for number in range(options.times):
        seed, by = options.seed + number, methods[number % len(methods)]
        wrong = tried(seed, *by)
        passed += not wrong
        print(f"seed {seed}, {' to '.join(by)}: {wrong or 'kept'}", flush=True)
    print(f"calibration: tried {options.times}, passed {passed}, failed {options.times - passed}")
    return 0 if passed == options.times else 1


if __name__ == "__main__":
    sys.exit(main())
