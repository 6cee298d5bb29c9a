"""The skeleton of a comparison: learning rates, trainings, evaluations, thresholds carried over, rows of the table."""

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data.classes import with_class_names
from ..data.example import SEPARATOR, Source
from ..data.sources import split_texts
from ..errors import MetricfitError, UsageError
from ..files import write_json
from ..locking import FolderLock, holds_nothing, refuse_locked
from ..models.backbones.weights import check_weights
from ..tasks.base import Task
from ..tasks.first_model import find_model
from ..training import run
from ..training.config_files import to_dict
from ..training.saved import model_file
from .outcome import SELECTION, Outcome, Row, outcome
from .plan import Entry, Plan, as_key
from .result import Comparison
from .trainings import Trainings, step_seconds

log = logging.getLogger("metricfit")

MARK = "comparison.json"  # says that a folder holds a comparison


def compare(task: Task[Any, Any], plan: Plan) -> Comparison:
    """Train, evaluate and compare; what was done before an interruption is not done again."""
    with FolderLock(plan.out) as lock:
        return _compared(task, plan, lock)


def _compared(task: Task[Any, Any], plan: Plan, lock: FolderLock) -> Comparison:
    plan = _with_baseline(task, plan)
    trained = [(entry, plan.seed + number) for number in range(max(entry.seeds for entry in plan.entries))
               for entry in plan.entries if number < entry.seeds]  # fmt: skip
    swept = [(entry, plan.seed + number) for sweep in plan.sweeps for entry in sweep.entries.values()
             for number in range(entry.seeds)]  # fmt: skip
    runs = list(dict.fromkeys((entry.label, seed) for entry, seed in trained + swept))
    tried = {entry.name: _tried_rates(entry, plan) for entry in plan.entries}
    trainings = Trainings(task, plan, len(runs) + sum(len(rates) for rates in tried.values() if len(rates) > 1))
    for entry, seed in trained + swept:
        config = trainings.config(entry, tried[entry.name][0], seed)
        run.check(config)
        task.check(config)
    _check_folder(task, plan)
    if plan.out.is_dir():
        lock.acquire()
    _check_first_weights(plan)
    training, sets = _open_sets(task, plan)
    # Only now, when everything asked for was found to be sound, the folder is touched.
    lock.acquire()
    if plan.overwrite:
        for name in ("runs", "evaluations"):
            refuse_locked(plan.out / name)
        for name in ("runs", "evaluations"):
            shutil.rmtree(plan.out / name, ignore_errors=True)
    write_json(plan.out / MARK, {"task": task.name, "training": to_dict(plan.config)})

    trials, rates = {}, {}
    for entry in plan.entries:
        several = tried[entry.name] if len(tried[entry.name]) > 1 else ()
        trials[entry.name] = [trainings.trial(entry, rate) for rate in several]
        rates[entry.name] = chosen_rate(entry.name, trials[entry.name], tried[entry.name][0])
    found = {}
    for entry, seed in trained + swept:
        if (entry.label, seed) not in found:
            rate = rates[entry.name]
            steps = task.steps_per_epoch(trainings.config(entry, rate, seed), training)
            found[entry.label, seed] = _outcomes(trainings, entry, rate, seed, sets, steps)

    def row(entry: Entry, label: str = "") -> list[Row]:
        seeds = [found[entry.label, plan.seed + number] for number in range(entry.seeds)]
        rows = [Row(label or entry.label, entry, rates[entry.name], [plain for plain, _, _ in seeds])]
        if _is_baseline(task, entry):
            scaled = [control for _, control, _ in seeds if control]
            factors = [factor for *_, factor in seeds if factor is not None]
            rows.append(Row(f"{rows[0].label}, logits scaled", entry, rates[entry.name], scaled, factors))
        return rows

    sweeps = {
        (sweep.name, sweep.loss): {value: row(entry, f"{sweep.name} = {value}")[0]
                                   for value, entry in sweep.entries.items()}
        for sweep in plan.sweeps
    }  # fmt: skip
    return Comparison(
        task=task.name,
        plan=plan,
        rows=[line for entry in plan.entries for line in row(entry)],
        sweeps=sweeps,
        trials=trials,
        tests=tuple(name for name in sets if name != SELECTION),
        examples={"training": len(training), **{name: len(source) for name, source in sets.items()}},
    )


def chosen_rate(loss: str, trials: list[dict], only: float) -> float:
    """Give the learning rate of the best trial, the lower one of equals; the only one where none were made."""
    sound = [trial for trial in trials if "score" in trial]
    if trials and not sound:
        rates = ", ".join(f"{trial['learning_rate']:g}" for trial in trials)
        raise MetricfitError(f"{loss} stopped being a number at the learning rates {rates}: add a lower one")
    if not trials:
        return only
    best = max(sound, key=lambda trial: (trial["score"], -trial["learning_rate"]))
    log.info("%s: learning rate %g, of %d tried", loss, best["learning_rate"], len(trials))
    return best["learning_rate"]


def _outcomes(
    trainings: Trainings, entry: Entry, rate: float, seed: int, sets: dict[str, Source], steps: int
) -> tuple[Outcome, Outcome | None, float | None]:
    """Train and measure one model: its outcome, and that with scaled logits and the factor where it has the control."""
    task, record = trainings.task, trainings.training(entry, rate, seed)
    seconds = step_seconds(record, steps)
    factor = trainings.scale(record, sets[SELECTION])["factor"] if _is_baseline(task, entry) else None
    plain, *scaled = trainings.measured(record, sets, factor)
    control = outcome(task, record, scaled[0], seconds) if scaled else None
    return outcome(task, record, plain, seconds), control, factor


def _is_baseline(task: Task[Any, Any], entry: Entry) -> bool:
    return entry.loss == task.baseline and not entry.options and not entry.settings


def _tried_rates(entry: Entry, plan: Plan) -> tuple[float, ...]:
    """Give the learning rates that a row is tried with: its own one, or those of all."""
    own = dict(entry.settings).get("learning_rate")
    return plan.learning_rates if own is None else (float(own),)


def _with_baseline(task: Task[Any, Any], plan: Plan) -> Plan:
    """Add the loss of the control where it was not asked for: without it the comparison proves little."""
    if not task.baseline or any(_is_baseline(task, entry) for entry in plan.entries):
        return plan
    log.info("%s is trained, too: its models with scaled logits are the control", task.baseline)
    seeds = max(entry.seeds for entry in plan.entries)
    return replace(plan, entries=(Entry(task.baseline, seeds=seeds), *plan.entries))


def _check_folder(task: Task[Any, Any], plan: Plan) -> None:
    """Refuse a folder that holds anything but a comparison of this task."""
    mark = plan.out / MARK
    if plan.out.exists() and (not plan.out.is_dir() or (not holds_nothing(plan.out) and not mark.is_file())):
        raise UsageError(f"{plan.out} exists and holds no comparison: choose another --out")
    if mark.is_file():
        found = json.loads(mark.read_text(encoding="utf-8")).get("task")
        if found != task.name and not plan.overwrite:
            raise UsageError(f"{plan.out} holds a comparison of {found}: choose another --out, or --overwrite it")


def _check_first_weights(plan: Plan) -> None:
    """Refuse first weights and teachers that are not there or would be deleted, before all is deleted or trained."""
    # A comparison that goes on has the weights in its checkpoints.
    if (plan.out / MARK).is_file() and not plan.overwrite:
        return
    for config in {entry.name: replace(plan.config, **dict(entry.settings)) for entry in plan.entries}.values():
        _check_first_weights_of(config, plan)


def _check_first_weights_of(config: Any, plan: Plan) -> None:
    check_weights(config.weights)
    for flag in ("init", "teacher"):
        named = getattr(config, flag, None)
        if named and plan.overwrite and plan.out.resolve() in Path(named).resolve().parents:
            raise UsageError(f"--train.{flag} {named} lies in {plan.out}, which --overwrite empties: copy it elsewhere")
    if config.init:
        model_file(config.init)
    if teacher := getattr(config, "teacher", None):
        find_model(teacher, "--train.teacher")


def _open_sets(task: Task[Any, Any], plan: Plan) -> tuple[Source, dict[str, Source]]:
    """Open and scan all data before anything is trained; the sets by name, the selection split first."""
    config = plan.config
    training, selection = task.open_sources(config)
    task.check_data(config, training, selection)
    sets = {SELECTION: selection}
    known = dict.fromkeys(split_texts(config.data), "--data")
    known |= dict.fromkeys(split_texts(config.val or ""), "--val")
    for text, name in zip(plan.tests, short_names(plan.tests)):
        for part in split_texts(text):
            if part in known:
                raise UsageError(f"--test {part} is {known[part]}, too: test on data that training has not seen")
        sets[name] = task.open_source(text, config)
        task.check_data(config, training, sets[name])
        if task.needs != "mask":
            # Refuses classes that the models will not know.
            with_class_names(sets[name], training.class_names)
    return training, sets


def short_names(texts: tuple[str, ...]) -> list[str]:
    """Call sources by the last part of their path, as far as that tells them apart."""
    if len(set(map(as_key, texts))) < len(texts):
        raise UsageError("--test names a source twice: leave one away")
    short = [SEPARATOR.join(map(_short_name, split_texts(text))) for text in texts]
    return short if len(set(map(as_key, short))) == len(short) else list(texts)


def _short_name(text: str) -> str:
    kind, _, rest = text.partition(":")
    rest = rest.split(",")[-1]
    return f"{kind}:{rest}" if kind == "scenes" and rest else Path(rest).name or text
