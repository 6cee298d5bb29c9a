"""Comparisons without a training: runs that are folders alone, and models that see the truth through noise."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from metricfit.trainers.comparison import trainings
from metricfit.trainers.data.example import Source
from metricfit.trainers.errors import DivergedError
from metricfit.trainers.judge.box_report import DetectionReport
from metricfit.trainers.judge.classes import SegmentationReport
from metricfit.trainers.metrics import LRP, CocoAP, Found, Jaccard, Truth
from metricfit.trainers.metrics.logit_scale import sigmoid
from metricfit.trainers.metrics.ranking.confusion import confused
from metricfit.trainers.metrics.ranking.resampled import ap_intervals
from metricfit.trainers.tasks.base import Task
from metricfit.trainers.tasks.detection import Detection
from metricfit.trainers.tasks.saliency import Saliency
from metricfit.trainers.tasks.segmentation import Segmentation
from metricfit.trainers.training.run import RunResult
from metricfit.trainers.training.run_folder import open_run

STEEPNESS = {"cross_entropy": 1.0, "floss": 6.0, "log_floss": 5.0, "lovasz_hinge": 3.0}
"""Factor on the logits of each loss' models: how polarised their maps are."""


class Few(Source):
    """The first examples of another source: enough to be trained on, few to be judged on."""

    def __init__(self, source):
        self.source, self.name, self.class_names = source, source.name, source.class_names
        self.names = source.names[: 20 if source.name.endswith("train") else 7]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        return self.source.load(index)


class FakeTrainings:
    """Stands in for `Task.train` and everything behind it, and counts what is asked for.

    Attributes:
        trained: how often each run folder was trained, by its name below `runs`.
        measured: how often each pair of run folder and source was predicted.
        stop_before: the number of the training that is interrupted, or None.
        fails: names of run folders whose loss stops being a number.
        best_rate: the learning rate at which trials score highest.
    """

    def __init__(self, patch):
        self.trained, self.measured = Counter(), Counter()
        self.stop_before, self.fails, self.best_rate = None, set(), 1e-3
        patch.setattr(Task, "train", lambda task, config: self.train(task, config))
        # There is no model to let go of, and collecting takes longer than everything else here.
        patch.setattr(trainings.gc, "collect", lambda: 0)
        patch.setattr(trainings, "load_model", self.load)
        patch.setattr(Saliency, "found_in", lambda task, model, source, **_: self.maps(model, source))
        patch.setattr(Segmentation, "evaluate", lambda task, model, source, **_: self.segment(model, source))
        patch.setattr(Detection, "evaluate", lambda task, model, source, **_: self.detect(model, source))

    def train(self, task, config):
        name = config.out.partition("/runs/")[2]
        if self.stop_before is not None and self.trained.total() == self.stop_before:
            raise KeyboardInterrupt
        self.trained[name] += 1
        folder = open_run(task.name, config)
        (folder / "model.keras").touch()
        if name in self.fails:
            raise DivergedError(f"the loss became nan in {folder}")
        rows = [f"{epoch + 1},{seconds},1e-3,{seconds}" for epoch, seconds in enumerate((40, 20, 21, 20))]
        (folder / "history.csv").write_text("\n".join(["epoch,seconds,learning_rate,training_seconds", *rows, ""]))
        score = 1 - abs(np.log(config.learning_rate / self.best_rate))
        return RunResult(folder, SimpleNamespace(scalars={task.figures_of(config)[0]: score}), interrupted=False)

    def load(self, folder):
        assert (Path(folder) / "model.keras").is_file()
        found = json.loads((Path(folder) / "config.json").read_text())["config"]
        return {**found, "name": str(folder).partition("/runs/")[2]}

    def maps(self, model, source):
        """Give logits that grow with the distance from the object's edge; each set has its own bias."""
        self.measured[model["name"], source.name] += 1
        bias = 0.6 * (len(source.name) % 3 - 1) * (2.0 if model["loss"] == "cross_entropy" else 0.5)
        for index in range(len(source)):
            example = source.load(index)
            rng = np.random.default_rng([model["seed"], index, len(model["loss"])])
            soft = cv2.GaussianBlur(example.mask.astype(np.float32), (0, 0), 2)
            logits = 4 * (soft - 0.5) + rng.normal(0, 1.2, soft.shape) + bias
            yield example, sigmoid(STEEPNESS.get(model["loss"], 2.0) * cv2.GaussianBlur(logits, (0, 0), 1))

    def segment(self, model, source):
        self.measured[model["name"], source.name] += 1
        jaccard, pictures = Jaccard(source.class_names, batch_size=4, ignore=255), []
        for index in range(len(source)):
            example = source.load(index)
            rng = np.random.default_rng([model["seed"], index, len(model["loss"])])
            wrong = cv2.GaussianBlur(rng.normal(0, 1, example.labels.shape), (0, 0), 2) > 0.2
            valid = np.minimum(example.labels, len(source.class_names) - 1)
            predicted = np.where(wrong, rng.integers(0, len(source.class_names)), valid).astype(np.uint8)
            jaccard.update(example.labels, predicted)
            pictures.append((example.image, example.labels, predicted, example.name))
        return SegmentationReport(jaccard.result(), pictures=pictures[:6])

    def detect(self, model, source):
        """Find each box, moved a little, and one that is none; the scores of ranking losses are small."""
        self.measured[model["name"], source.name] += 1
        coco, lrp, pictures = CocoAP(source.class_names), LRP(source.class_names), []
        scale = 0.05 if model["loss"] == "alrp" else 1.0
        for index in range(len(source)):
            example = source.load(index)
            rng = np.random.default_rng([model["seed"], index, len(model["loss"])])
            truth = Truth(example.boxes, example.classes)
            noise = np.array([[2, 2, 12, 12]], np.float32)
            boxes = np.concatenate([example.boxes + rng.normal(0, 1.5, example.boxes.shape), noise])
            scores = scale * np.concatenate([rng.uniform(0.3, 0.95, len(example.boxes)), rng.uniform(0.1, 0.6, 1)])
            found = Found(boxes.astype(np.float32), scores.astype(np.float32), np.append(example.classes, 0))
            coco.update(truth, found)
            lrp.update(truth, found)
            pictures.append((example.image, truth, found, example.name))
        seen, names = coco.pictures, source.class_names
        measured = {"confusion": confused(seen, names, np.full(len(names), 0.4 * scale)), "pictures": pictures[:6]}
        if any(len(truth.boxes) for truth, _ in seen):
            measured["intervals"] = ap_intervals(seen, len(names), count=20)
        return DetectionReport(coco.result(), lrp.result(), float("nan"), **measured)
