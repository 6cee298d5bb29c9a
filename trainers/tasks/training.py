"""One training of a task, from its settings to the evaluation of its best epoch."""

import functools
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import tensorflow as tf

from .. import stopping
from ..data.batches.share import WHOLE, Share
from ..data.batches.stream import raising_what_was_raised
from ..data.example import Source
from ..data.steady import stand_ins
from ..errors import UsageError
from ..judge.spread import FEW
from ..locking import FolderLock
from ..models.backbones.weights import check_weights
from ..models.precision import dtype_policy, policy_of
from ..models.preparation import fit_statistics_to, train_together
from ..models.registry import MODELS
from ..text import counted
from ..training import fitting, run
from ..training.callbacks.checkpoint import restore
from ..training.devices.agreement import Agreement
from ..training.devices.distribution import Distribution, as_the_chief, distribution_of
from ..training.devices.exchange import Exchange
from ..training.devices.measurement import Measurement
from ..training.devices.metric_states import build_metrics
from ..training.faults.blame import unsound
from ..training.faults.changed_data import (
    RunData,
    check_same_data,
    read_run_data,
    refuse_others,
    write_run_data,
)
from ..training.faults.mending import mend
from ..training.faults.record import FaultRecord
from ..training.faults.restoring import Restoring
from ..training.faults.telling import telling_of_files, telling_of_workers
from ..training.optimizer import build_optimizer
from ..training.run_folder import LogFile, check_run, check_there, has_state, open_run
from ..training.saved import best_model
from ..training.states import BEGINNING, Reached
from .data import ConfigT
from .definition import Definition, ReportT
from .first_model import advice, first_model
from .input_shape import shape_note
from .teacher import Teacher, teacher_of

log = logging.getLogger("metricfit")


def train(task: Definition[ConfigT, ReportT], config: ConfigT) -> run.RunResult:
    """Train, or continue, one run; see `Task.train`."""
    run.check(config)
    folder = Path(config.out)
    with (
        LogFile() as log_file,
        dtype_policy(policy_of(config.mixed_precision)),
        telling_of_workers(),
        raising_what_was_raised(),
        telling_of_files(folder),
        FolderLock(folder) as lock,
    ):
        distribution = distribution_of(config)  # before TensorFlow computes anything
        exchange = distribution.exchange
        task.check(config)
        of_chief, restored, kept = exchange.by_chief(lambda: _begun(task, config, lock))
        config = replace(as_the_chief(config, of_chief), quiet=config.quiet or not exchange.is_chief)
        training, selection = exchange.together(lambda: _opened(task, config, restored, kept))
        data, steps = RunData.of(training, selection), task.steps_per_epoch(config, training)
        refuse_others(exchange.all(data))
        if restored:
            exchange.by_chief(lambda: check_same_data(folder, kept, data, steps))
        exchange.together(lambda: task.check_data(config, training, selection))
        repeats = exchange.together(lambda: task.repeats(config, training))
        suited = exchange.by_chief(lambda: task.suited(config, training))
        config = replace(as_the_chief(config, suited), quiet=config.quiet)
        keras.utils.set_random_seed(config.seed)
        rate = tf.Variable(1.0, trainable=False)  # a factor on the learning rate
        with distribution.scope():
            model = exchange.together(lambda: starting_model(task, config, training, restored))
            fit_statistics_to(model, steps * config.epochs)
            train_together(model, distribution.share.replicas, config.batch_norm)
            task.compile_model(model, config, build_optimizer(config, steps * config.epochs, rate), training)
            model.optimizer.build(model.trainable_variables)
        if exchange.workers > 1 and not restored:
            # What others were given as first weights may be another file.
            model.set_weights(exchange.by_chief(model.get_weights))
        reached = restore(model, folder / "checkpoints", exchange) if restored else BEGINNING
        teacher = functools.cache(lambda: _teacher(task, config, exchange, training))
        if not restored:  # a run that goes on may be trained to its end, and its teacher gone
            teacher()

        def opened() -> None:
            lock.acquire()
            digests = {one.name: one.digest for one in (training, selection) if one.digest}
            open_run(task.name, config, digests, distribution.described())
            log_file.write_to(folder)
            if kept is None:
                write_run_data(folder, data)
            mend(folder, fitting.best_epoch(folder, task.figures_of(config)))

        # Only now, when everything asked for was found to be sound, the folder is touched.
        exchange.by_chief(opened)
        log.info(
            "%s: %d training and %d selection examples, %.1f M parameters",
            folder, len(training), len(selection), model.count_params() / 1e6,
        )  # fmt: skip
        run.say_steps(config, len(training), steps)
        if shape := shape_note(config.size, task.batching(config)["resizing"], training):
            log.info("%s", shape)
        if repeats:
            log.info("%s", repeats)
        run.say_frozen(config)
        request = _trained(task, config, distribution, model, teacher, rate, training, selection, reached)
        if request.number is None:
            return _judged(task, config, exchange, model, training, selection)
    # Only now, when all is closed, whoever else waits for the machine's signal gets it.
    stopping.pass_on(request)
    return run.RunResult(folder, None, True)


def _begun(
    task: Definition[ConfigT, ReportT], config: ConfigT, lock: FolderLock
) -> tuple[ConfigT, bool, RunData | None]:
    """Settle what is left open, tell whether there is a state to go on from, and of which data; locks what is there."""
    config, folder = run.settled(config, MODELS[task.architecture(config)]), Path(config.out)
    if check_run(task.name, config) or folder.is_dir():
        lock.acquire()
    restored = check_run(task.name, config) and has_state(folder)
    return config, restored, read_run_data(folder) if restored else None


def _opened(
    task: Definition[ConfigT, ReportT], config: ConfigT, restored: bool, kept: RunData | None
) -> tuple[Source, Source]:
    # The checkpoint holds all weights, and the files of the first start may be gone.
    if not restored:
        check_weights(config.weights)
    return task.open_sources(config, kept.left_out if kept else (None, None))


def _judged(
    task: Definition[ConfigT, ReportT],
    config: ConfigT,
    exchange: Exchange,
    model: keras.Model,
    training: Source,
    selection: Source,
) -> run.RunResult:
    """Judge the best epoch's model, and keep the report."""
    folder = Path(config.out)

    def best() -> keras.Model:
        check_there(folder)
        return best_model(folder, model)

    found = best() if exchange.workers == 1 else None
    if found is None:  # the folder is the chief's
        with dtype_policy("float32"):  # as `best_model` gives it
            found = task.build_model(replace(config, weights="none"), training)
        found.set_weights(exchange.by_chief(lambda: best().get_weights()))
    judging = {**task.judging_of(config), **task.final_judging(config)}
    report = task.evaluate(
        found, selection, batch_size=config.batch_size, label=config.loss, quiet=config.quiet,
        errors=len(selection) <= FEW, main=task.figures_of(config)[0], exchange=exchange, **judging,
    )  # fmt: skip

    def kept() -> list[Path]:
        run.say_best(config, report, task.figures_of(config), len(selection))
        chosen = {"selected_by": config.select_by} if config.select_by else {}
        return run.keep(folder, report, {"data": selection.name, "split": "selection", **chosen})

    made = exchange.by_chief(kept)
    return run.RunResult(folder, report, False, made if exchange.is_chief else [])


def _teacher(
    task: Definition[ConfigT, ReportT], config: ConfigT, exchange: Exchange, training: Source
) -> Teacher | None:
    """Load the teacher of a training, in all processes the chief's, if there is one."""
    teacher = exchange.together(lambda: teacher_of(task.name, config, training))
    if teacher and exchange.workers > 1:
        teacher.model.set_weights(exchange.by_chief(teacher.model.get_weights))
    return teacher


def _trained(
    task: Definition[ConfigT, ReportT],
    config: ConfigT,
    distribution: Distribution,
    model: keras.Model,
    teacher: Callable[[], Teacher | None],
    rate: tf.Variable,
    training: Source,
    selection: Source,
    reached: Reached,
) -> stopping.StopRequest:
    """Train a compiled model on, in its run folder, from how far it is; gives whether somebody asked it to end."""
    folder, exchange = Path(config.out), distribution.exchange
    record = exchange.by_chief(lambda: FaultRecord(folder / "checkpoints/faults.json"))
    record.writes = exchange.is_chief

    def done() -> bool:
        if fitting.is_done(config, folder, reached, task.figures_of(config), record.lost_seconds):
            return True
        (folder / "metrics.json").unlink(missing_ok=True)  # of a model that was the best so far
        return False

    if exchange.by_chief(done):
        return stopping.StopRequest()
    teaching = teacher()

    def taught(step: int, share: Share = WHOLE) -> tf.data.Dataset:
        made = task.training_batches(config, training, step, share)
        return teaching.teach(made) if teaching else made

    batches = fitting.Batches(
        training=lambda step: distribution.dealt(lambda share: taught(step, share)),
        whole=taught,
        selection=task.selection_batches(config, selection, distribution.share),
        steps=task.steps_per_epoch(config, training),
        names=lambda step: task.names_of_step(config, training, step),
    )
    watchers = task.watchers(config, folder, selection, exchange)
    with distribution.scope():
        build_metrics(model, batches.whole(0))
    measure = None
    if distribution.strategy:
        twin = task.twin(model, config, training)
        train_together(twin, 1, config.batch_norm)
        measure = Measurement(model, twin, batches.selection, exchange)
    restoring = Restoring(config, folder, model, rate, batches, record, exchange)
    with stopping.asked_to_end() as request, exchange.waiting(config.wait_minutes):
        agreement = Agreement(request, exchange, restoring.step)
        request.waits = agreement.several
        restoring.train(
            lambda reached: fitting.fit(
                config, folder, model, watchers, batches, measure,
                reached=reached, shown=task.figures_of(config), agreement=agreement, watch=restoring.watch,
                lost_seconds=record.lost_seconds,
            ),
            reached,
        )  # fmt: skip
    exchange.by_chief(lambda: _say_faults(record, training, selection))
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
