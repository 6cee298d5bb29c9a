"""The trainings and evaluations of a comparison, each done once and kept below its folder."""

import gc
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..data.example import Source
from ..errors import DivergedError, UsageError
from ..files import write_json
from ..tasks.base import Task
from ..tasks.predictor import Predictor
from ..training.config import RunConfig
from ..training.reporting import read_history
from ..training.run_folder import check_run
from ..training.saved import load_model
from .plan import Entry, Plan, Record, as_key

log = logging.getLogger("metricfit")


class Trainings:
    """Trains what a plan names, and remembers it: OUT/runs has run folders, OUT/evaluations what they score."""

    def __init__(self, task: Task[Any, Any], plan: Plan, total: int):
        self.task, self.plan, self.total = task, plan, total
        self.begun = 0
        self._loaded: tuple[str, Predictor | None] = ("", None)

    def config(
        self, entry: Entry, learning_rate: float, seed: int, name: str = "", epochs: int | None = None
    ) -> RunConfig:
        """Give the configuration of one training."""
        config = replace(self.plan.config, **dict(entry.settings))
        return replace(
            config,
            loss=entry.loss,
            loss_options=(*config.loss_options, *entry.options),
            learning_rate=learning_rate,
            seed=seed,
            epochs=epochs or config.epochs,
            out=str(self.plan.out / "runs" / name),
        )

    def trial(self, entry: Entry, learning_rate: float) -> Record:
        """Train shortly with a learning rate; gives its record, with `failed` where the loss stopped being a number."""
        name = f"trials/{entry.key}-lr{learning_rate:g}-{self.plan.trial_epochs}-epochs"
        config = self.config(entry, learning_rate, self.plan.seed, name, self.plan.trial_epochs)
        self._say(f"{entry.label}, trial of learning rate {learning_rate:g}")
        return self._trained(name, config, may_fail=True)

    def training(self, entry: Entry, learning_rate: float, seed: int) -> Record:
        """Train once with the whole schedule; gives its record."""
        name = f"{entry.key}-lr{learning_rate:g}-seed{seed}"
        self._say(f"{entry.label}, seed {seed}, learning rate {learning_rate:g}")
        return self._trained(name, self.config(entry, learning_rate, seed, name), may_fail=False)

    def scale(self, record: Record, selection: Source) -> Record:
        """Find the best factor on a model's logits on the selection split, once; gives `factor` and `scores`."""

        def find() -> Record:
            factor, scores = self.task.best_scale(self._model(record), self.plan.config, selection)
            return {"factor": factor, "scores": {f"{key:g}": value for key, value in scores.items()}}

        return self._once(self._folder(record) / "logit_scale.json", find)

    def measured(self, record: Record, sets: dict[str, Source], scale: float | None = None) -> list[Record]:
        """Evaluate a model on every set, once; gives its measurements by set; with a scale, of scaled logits too."""
        scales = (1.0,) if scale is None else (1.0, scale)
        found: list[list[Record]] = []
        for name, source in sets.items():
            path = self._folder(record) / "sets" / f"{as_key(name)}.json"
            if not _is_of(path, source):
                path.unlink(missing_ok=True)

            def measure(source: Source = source) -> Record:
                log.info("  evaluating on %s", source.name)
                kept = self.task.measure(self._model(record), self.plan.config, source, scales)
                return {"source": source.name, "examples": len(source), "scales": list(scales), "measured": kept}

            found.append(self._once(path, measure)["measured"])
        return [dict(zip(sets, kept)) for kept in zip(*found)]

    def _say(self, what: str) -> None:
        self.begun += 1
        log.info("run %d of %d: %s", self.begun, self.total, what)

    def _trained(self, name: str, config: RunConfig, may_fail: bool) -> Record:
        kept = self.plan.out / "evaluations" / name / "run.json"
        # Refuses a folder in which another training lies.
        if not check_run(self.task.name, config):
            shutil.rmtree(kept.parent, ignore_errors=True)

        def train() -> Record:
            self._release()
            record = {
                "name": name, "loss": config.loss, "options": list(config.loss_options), "seed": config.seed,
                "learning_rate": config.learning_rate, "epochs": config.epochs,
            }  # fmt: skip
            try:
                result = self.task.train(config)
            except DivergedError as error:
                if not may_fail:
                    raise
                log.warning("  failed: %s", error)
                return {**record, "failed": str(error)}
            if result.interrupted:
                raise KeyboardInterrupt
            history = read_history(result.folder / "history.csv")
            return {
                **record,
                "score": result.scalars[self.task.figures_of(config)[0]],
                "selection": result.scalars,
                "training_seconds": [row["training_seconds"] for row in history if "training_seconds" in row],
                "seconds": sum(row["seconds"] for row in history),
                "watched": self.task.watched(result.folder),
            }

        return self._once(kept, train)

    def _folder(self, record: Record) -> Path:
        return self.plan.out / "evaluations" / record["name"]

    def _model(self, record: Record) -> Predictor:
        name, model = self._loaded
        if model is None or name != record["name"]:
            self._release()
            name = record["name"]
            model = self.task.as_predictor(load_model(self.plan.out / "runs" / name))
            self._loaded = name, model
        return model

    def _release(self) -> None:
        """Let go of the models before: Keras keeps what it traced."""
        self._loaded = ("", None)
        keras.backend.clear_session()
        gc.collect()

    def _once(self, path: Path, make: Callable[[], Record]) -> Record:
        """Read what an earlier call made, or make it; a file is whole or absent."""
        if not path.is_file():
            write_json(path, make())
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise UsageError(f"{path} is not JSON ({error}): remove it, and it is made anew") from error


def _is_of(path: Path, source: Source) -> bool:
    """Tell whether a kept measurement is of these very data: another source may have the same short name."""
    if not path.is_file():
        return False
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return True  # which is refused with a sentence where it is read
    return (kept.get("source"), kept.get("examples")) == (source.name, len(source))


def step_seconds(record: Record, steps: int) -> float | None:
    """Give the median time of a training step; None of a single epoch, in which TensorFlow compiles."""
    later = record["training_seconds"][1:]
    return float(np.median(later)) / steps if later else None
