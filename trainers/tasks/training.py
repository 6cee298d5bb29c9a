"""One training of a task, from its settings to the evaluation of its best epoch."""

import logging
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf

from .. import stopping
from ..data.batches.stream import raising_what_was_raised
from ..data.example import Source
from ..data.steady import stand_ins
from ..errors import UsageError
from ..judge.spread import FEW
from ..locking import FolderLock
from ..models.backbones.weights import check_weights
from ..models.precision import dtype_policy, policy_of
from ..models.preparation import fit_statistics_to
from ..models.registry import MODELS
from ..text import counted
from ..training import fitting, run
from ..training.callbacks.checkpoint import restore
from ..training.faults.blame import unsound
from ..training.faults.changed_data import RunData, check_same_data, read_run_data, write_run_data
from ..training.faults.mending import mend
from ..training.faults.record import FaultRecord
from ..training.faults.restoring import Restoring
from ..training.faults.telling import telling_of_files
from ..training.optimizer import build_optimizer
from ..training.run_folder import LogFile, check_run, check_there, has_state, open_run
from ..training.saved import best_model
from ..training.states import BEGINNING, Reached
from .definition import ConfigT, Definition, ReportT
from .first_model import advice, first_model

log = logging.getLogger("metricfit")


def train(task: Definition[ConfigT, ReportT], config: ConfigT) -> run.RunResult:
    """Train, or continue, one run; see `Task.train`."""
    run.check(config)
    task.check(config)
    folder = Path(config.out)
    with (
        LogFile() as log_file,
        dtype_policy(policy_of(config.mixed_precision)),
        raising_what_was_raised(),
        telling_of_files(folder),
        FolderLock(folder) as lock,
    ):
        config = run.settled(config, MODELS[task.architecture(config)])
        if check_run(task.name, config) or folder.is_dir():
            lock.acquire()
        # The checkpoint holds all weights, and the files of the first start may be gone.
        restored = check_run(task.name, config) and has_state(folder)
        if not restored:
            check_weights(config.weights)
        kept = read_run_data(folder) if restored else None
        training, selection = task.open_sources(config, kept.left_out if kept else (None, None))
        data, steps = RunData.of(training, selection), task.steps_per_epoch(config, training)
        if restored:
            check_same_data(folder, kept, data, steps)
        task.check_data(config, training, selection)
        keras.utils.set_random_seed(config.seed)
        model = starting_model(task, config, training, restored)
        fit_statistics_to(model, steps * config.epochs)
        rate = tf.Variable(1.0, trainable=False)  # a factor on the learning rate
        task.compile_model(model, config, build_optimizer(config, steps * config.epochs, rate), training)
        reached = restore(model, folder / "checkpoints") if restored else BEGINNING
        # Only now, when everything asked for was found to be sound, the folder is touched.
        lock.acquire()
        open_run(task.name, config, {one.name: one.digest for one in (training, selection) if one.digest})
        log_file.write_to(folder)
        if kept is None:
            write_run_data(folder, data)
        mend(folder, fitting.best_epoch(folder, task.shown))
        log.info(
            "%s: %d training and %d selection examples, %.1f M parameters",
            folder, len(training), len(selection), model.count_params() / 1e6,
        )  # fmt: skip
        run.say_steps(config, len(training), steps)
        request = _trained(task, config, model, rate, training, selection, reached)
        if request.number is None:
            check_there(folder)
            report = task.evaluate(
                best_model(folder, model), selection, batch_size=config.batch_size, label=config.loss,
                quiet=config.quiet, errors=len(selection) <= FEW, **task.judging_of(config),
            )  # fmt: skip
            run.say_best(folder, report, task.shown, len(selection))
            made = run.keep(folder, report, {"data": selection.name, "split": "selection"})
            return run.RunResult(folder, report, False, made)
    # Only now, when all is closed, whoever else waits for the machine's signal gets it.
    stopping.pass_on(request)
    return run.RunResult(folder, None, True)


def _trained(
    task: Definition[ConfigT, ReportT],
    config: ConfigT,
    model: keras.Model,
    rate: tf.Variable,
    training: Source,
    selection: Source,
    reached: Reached,
) -> stopping.StopRequest:
    """Train a compiled model on, in its run folder, from how far it is; gives whether somebody asked it to end."""
    folder = Path(config.out)
    record = FaultRecord(folder / "checkpoints/faults.json")
    if fitting.is_done(config, folder, reached, task.shown, record.lost_seconds):
        return stopping.StopRequest()
    (folder / "metrics.json").unlink(missing_ok=True)  # of a model that was the best so far
    batches = fitting.Batches(
        training=lambda step: task.training_batches(config, training, step),
        selection=task.selection_batches(config, selection),
        steps=task.steps_per_epoch(config, training),
        names=lambda step: task.names_of_step(config, training, step),
    )
    watchers = task.watchers(config, folder, selection)
    restoring = Restoring(config, folder, model, rate, batches, record)
    with stopping.asked_to_end() as request:
        restoring.train(
            lambda reached: fitting.fit(
                config, folder, model, watchers, batches,
                reached=reached, shown=task.shown, request=request, watch=restoring.watch,
                lost_seconds=record.lost_seconds,
            ),
            reached,
        )  # fmt: skip
    _say_faults(restoring.record, training, selection)
    return request


def _say_faults(record: FaultRecord, *sources: Source) -> None:
    for sentence in record.sentences():
        log.warning("%s", sentence)
    if replaced := stand_ins(*sources):
        listed = "; ".join(map(str, replaced))
        log.warning("--skip-bad: %s replaced while the training ran: %s", counted(len(replaced), "picture"), listed)


def starting_model(
    task: Definition[ConfigT, ReportT], config: ConfigT, training: Source, restored: bool
) -> keras.Model:
    """Build the model that a training begins with: `restored` ones get their weights from a checkpoint afterwards."""
    if restored:
        return task.build_model(replace(config, weights="none"), training)
    model = task.build_model(config, training)
    if config.init:
        trained = first_model(config.init, (task.name, *task.starts_from), training, trust=config.trust)
        try:
            task.initialise(model, trained, config)
        except ValueError as error:
            raise UsageError(
                f"--init {config.init} holds another network ({trained.name}) than {model.name}: "
                f"{advice(config, task.name, task.network)}"
            ) from error
    if path := unsound(model.weights):
        raise UsageError(
            f"the first weights hold values that are no numbers ({path}): choose another --init or --weights"
        )
    return model
