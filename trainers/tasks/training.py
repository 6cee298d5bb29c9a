"""One training of a task, from its settings to the evaluation of its best epoch."""

import logging
from dataclasses import replace
from pathlib import Path

import keras

from .. import stopping
from ..data.example import Source
from ..errors import UsageError
from ..judge.spread import FEW
from ..models.backbones.weights import check_weights
from ..models.precision import dtype_policy, policy_of
from ..models.preparation import fit_statistics_to
from ..models.registry import MODELS
from ..training import fitting, run
from ..training.callbacks.checkpoint import restore
from ..training.optimizer import build_optimizer
from ..training.run_folder import LogFile, check_run, open_run
from ..training.saved import best_model
from ..training.states import state_files
from .definition import ConfigT, Definition, ReportT
from .first_model import advice, first_model

log = logging.getLogger("metricfit")


def train(task: Definition[ConfigT, ReportT], config: ConfigT) -> run.RunResult:
    """Train, or continue, one run; see `Task.train`."""
    run.check(config)
    task.check(config)
    with LogFile() as log_file, dtype_policy(policy_of(config.mixed_precision)):
        config = run.settled(config, MODELS[task.architecture(config)])
        # The checkpoint holds all weights, and the files of the first start may be gone.
        restored = check_run(task.name, config) and bool(state_files(Path(config.out) / "checkpoints"))
        if not restored:
            check_weights(config.weights)
        training, selection = task.open_sources(config)
        task.check_data(config, training, selection)
        keras.utils.set_random_seed(config.seed)
        model = _first_model(task, config, training, restored)
        steps = task.steps_per_epoch(config, training)
        fit_statistics_to(model, steps * config.epochs)
        task.compile_model(model, config, build_optimizer(config, steps * config.epochs), training)
        # Only now, when everything asked for was found to be sound, the folder is touched.
        folder = open_run(task.name, config)
        log_file.write_to(folder)
        log.info(
            "%s: %d training and %d selection examples, %.1f M parameters",
            folder, len(training), len(selection), model.count_params() / 1e6,
        )  # fmt: skip
        run.say_steps(config, len(training), steps)
        batches = fitting.Batches(
            lambda step: task.training_batches(config, training, step),
            task.selection_batches(config, selection), steps,
        )  # fmt: skip
        reached = restore(model, folder / "checkpoints")
        interrupted = False
        if not fitting.is_done(config, folder, reached, task.shown):
            with stopping.asked_to_end() as request:
                interrupted = fitting.fit(
                    config, folder, model, task.watchers(config, folder, selection), batches,
                    reached=reached, shown=task.shown, request=request,
                )  # fmt: skip
        if not interrupted:
            report = task.evaluate(
                best_model(folder, model), selection, batch_size=config.batch_size, label=config.loss,
                quiet=config.quiet, errors=len(selection) <= FEW, **task.judging_of(config),
            )  # fmt: skip
            run.say_best(folder, report, task.shown, len(selection))
            made = run.keep(folder, report, {"data": selection.name, "split": "selection"})
            return run.RunResult(folder, report, False, made)
    stopping.pass_on(request)
    return run.RunResult(folder, None, True)


def _first_model(task: Definition[ConfigT, ReportT], config: ConfigT, training: Source, restored: bool) -> keras.Model:
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
    return model
