"""The one skeleton of every training: run folder, data, model, callbacks, fit, resume, evaluation, saved files."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras

from ..data.classes import with_class_names
from ..data.example import Source
from ..data.scan.scanner import checked_source
from ..data.subset import split_for_selection
from ..errors import DivergedError, UsageError, first_line
from ..figures import maps as figures
from ..files import write_json
from ..models import BACKBONES, in_float32, prepare_for_training
from ..models.backbones.weights import check_weights
from ..models.registry import import_builders
from .callbacks import (
    AveragedWeights,
    BestModel,
    HistoryCSV,
    HParams,
    Progress,
    TimeLimit,
    TrainingCheckpoint,
    read_history,
    write_final_metrics,
)
from .callbacks.best import save_model
from .callbacks.checkpoint import has_checkpoint
from .config import to_dict
from .optimizer import build_optimizer
from .run_folder import LogFile, check_run, open_run

log = logging.getLogger("metricfit")


@dataclass(frozen=True)
class Task:
    """What differs between tasks; `train` is what they share.

    Attributes:
        name: as typed after `metricfit train`.
        needs: what an example must have: "mask", "labels" or "boxes".
        main_metric: name of the validation metric that picks the best epoch; larger is better.
        shown: names of validation metrics that the progress bar shows.
        network: names of the settings that decide the network's shape.
        check: refuses settings of a configuration that do not fit, before any data are read.
        check_data: (configuration, training source, selection source): refuses data that do not fit, before the run
            folder is touched.
        build_model: (configuration, training source) to an untrained model.
        initialise: (configuration, model, trained model): gives the model the weights of `--init`; raises ValueError
            where they do not fit.
        compile_model: (model, configuration, optimizer, training source): gives it loss, metrics and optimizer.
        training_batches: (configuration, source, start_step) to an endless tf.data stream.
        steps_per_epoch: (configuration, source) to the steps of one epoch.
        selection_batches: (configuration, source) to a finite tf.data stream.
        watchers: (configuration, run folder, selection source) to callbacks that measure and draw; what they add to an
            epoch's logs is there for the choice of the best epoch.
        evaluate: (model, configuration, source) to a report with `scalars`, `to_dict()` and `draw(folder)`.
        source_options: from the configuration to what `checked_source` is told besides.
    """

    name: str
    needs: str
    main_metric: str
    shown: tuple[str, ...]
    network: tuple[str, ...]
    check: Callable[[Any], None]
    check_data: Callable[[Any, Source, Source], None]
    build_model: Callable[[Any, Source], keras.Model]
    initialise: Callable[[Any, keras.Model, keras.Model], None]
    compile_model: Callable[[keras.Model, Any, keras.optimizers.Optimizer, Source], None]
    training_batches: Callable
    steps_per_epoch: Callable
    selection_batches: Callable
    watchers: Callable
    evaluate: Callable
    source_options: Callable[[Any], dict] = lambda config: {}


@dataclass(frozen=True)
class RunResult:
    """What a training left behind.

    Attributes:
        folder: the run folder.
        metrics: the best epoch's model on the selection data, at the labels' own size.
        interrupted: whether the training was stopped by hand.
        made: paths worth naming to the user.
    """

    folder: Path
    metrics: dict
    interrupted: bool
    made: list[Path] = field(default_factory=list)


def train(task: Task, config) -> RunResult:
    """Train, or continue, one run.

    Args:
        task: what is trained.
        config: an instance of the task's configuration class.

    Returns:
        Where everything is and how good it got.

    Raises:
        UsageError: settings that do not fit together.
        DataError: examples that cannot be used.
        DivergedError: the loss stopped being a number.
    """
    check(config)
    task.check(config)
    # The checkpoint holds all weights, and the files of the first start may be gone.
    restored = check_run(task.name, config) and has_checkpoint(Path(config.out) / "checkpoints")
    if not restored:
        check_weights(config.weights)
    with LogFile() as log_file, _precision(config.mixed_precision):
        training, selection = open_sources(task, config)
        task.check_data(config, training, selection)
        keras.utils.set_random_seed(config.seed)
        model = _initial_model(task, config, training, restored)
        steps = task.steps_per_epoch(config, training)
        task.compile_model(model, config, build_optimizer(config, steps * config.epochs), training)
        # Only now, when everything asked for was found to be sound, the folder is touched.
        folder = open_run(task.name, config)
        log_file.write_to(folder)
        return _train(task, config, folder, model, training, selection, steps)


def check(config) -> None:
    """Refuse settings outside their range, in one sentence each."""
    for name in ("epochs", "batch_size"):
        if getattr(config, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, got {getattr(config, name)}")
    for name in ("learning_rate", "minutes", "clip_norm"):
        value = getattr(config, name)
        if value is not None and not value > 0:
            raise UsageError(f"--{name.replace('_', '-')} must be above 0, got {value}")
    for name in ("seed", "weight_decay"):
        if getattr(config, name) < 0:
            raise UsageError(f"--{name.replace('_', '-')} must be 0 or more, got {getattr(config, name)}")
    for name in ("ema", "warmup_share"):
        if not 0 <= getattr(config, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be in [0, 1), got {getattr(config, name)}")
    if config.backbone not in BACKBONES:
        raise UsageError(f"unknown backbone {config.backbone}: choose one of {', '.join(BACKBONES)}")
    if config.size < 32 or config.size % 32:
        raise UsageError(
            f"the size must be a multiple of 32, got {config.size}: try {max(32, round(config.size / 32) * 32)}"
        )
    if config.init and config.weights != "none":
        raise UsageError("--init starts from a whole trained model, --weights from a backbone: give one of them")


def model_file(run_or_model) -> Path:
    """Find the .keras file of a run folder, or take the file itself.

    Raises:
        UsageError: neither of the two.
    """
    path = Path(run_or_model)
    if path.is_dir():
        path = path / "model.keras"
    if path.suffix != ".keras" or not path.is_file():
        raise UsageError(
            f"no trained model at {run_or_model}: give a run folder that holds model.keras, or a .keras file"
        )
    return path


def load_model(run_or_model) -> keras.Model:
    """Load the trained model of a run folder, or a .keras file.

    Raises:
        UsageError: neither of the two, or no Keras model.
    """
    path = model_file(run_or_model)
    import_builders()
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise UsageError(f"{path} cannot be loaded as a Keras model: {first_line(error)}") from error


@contextlib.contextmanager
def _precision(name: str):
    """Set Keras' global dtype policy inside the block, and put the old one back."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if name == "none" else f"mixed_{name}")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def open_sources(task: Task, config) -> tuple[Source, Source]:
    """Open and scan the data that train and those that choose: epochs, thresholds, learning rates.

    Raises:
        UsageError: no such source.
        DataError: examples that cannot be used.
    """
    options = {"needs": task.needs, "skip_bad": config.skip_bad, "strict": config.strict, "quiet": config.quiet}
    options |= task.source_options(config)
    training = checked_source(config.data, **options)
    if config.val:
        selection = checked_source(config.val, **options)
        # Two data sets may count the same classes differently.
        return training, selection if task.needs == "mask" else with_class_names(selection, training.class_names)
    return split_for_selection(training)


def _initial_model(task: Task, config, training: Source, restored: bool) -> keras.Model:
    if restored:
        return task.build_model(replace(config, weights="none"), training)
    model = task.build_model(config, training)
    if config.init:
        trained = load_model(config.init)
        try:
            task.initialise(config, model, trained)
        except ValueError as error:
            raise UsageError(
                f"--init {config.init} holds another network ({trained.name}) than {model.name}: "
                f"use the same --{' and --'.join(task.network)} as there"
            ) from error
    return model


def _train(task: Task, config, folder: Path, model, training, selection, steps: int) -> RunResult:
    log.info(
        "%s: %d training and %d selection examples, %.1f M parameters, %d steps an epoch",
        folder, len(training), len(selection), model.count_params() / 1e6, steps,
    )  # fmt: skip
    interrupted = _fit(task, config, folder, model, training, selection, steps)
    if interrupted and not (folder / "model.keras").is_file():
        log.warning("no epoch was finished, so there is no model yet")
        return RunResult(folder, {}, interrupted)
    best = _best_model(folder, model)
    report = task.evaluate(best, config, selection)
    log.info(
        "best epoch on the selection data, at the labels' own size: %s %.4f",
        task.main_metric, report.scalars[task.main_metric],
    )  # fmt: skip
    write_json(folder / "metrics.json", {"data": selection.name, "split": "selection", **report.to_dict()})
    write_final_metrics(folder / "tensorboard", report.scalars)
    made = [folder / "model.keras", folder / "metrics.json", *report.draw(folder / "figures")]
    rows = read_history(folder / "history.csv")
    if rows:
        made.append(figures.save(figures.history_figure(rows), folder / "figures/history.png"))
    return RunResult(folder, report.scalars, interrupted, [*made, folder / "tensorboard"])


def _fit(task: Task, config, folder: Path, model, training, selection, steps: int) -> bool:
    """Run Keras' fit from where the folder's checkpoint stands; gives whether it was interrupted."""
    checkpoint = TrainingCheckpoint(folder / "checkpoints")
    first_epoch = checkpoint.restore(model)
    if first_epoch >= config.epochs:
        log.info("%s is already trained for %d epochs", folder, config.epochs)
        return False
    done = read_history(folder / "history.csv") if first_epoch else []
    spent = sum(row["seconds"] for row in done)
    if done and config.minutes and spent + min(row["seconds"] for row in done) > 60 * config.minutes:
        log.info("%s has had its %g minutes", folder, config.minutes)
        return False
    if first_epoch:
        log.info("continuing after epoch %d of %d", first_epoch, config.epochs)
    monitor = f"val_{task.main_metric}"
    averaged, logs = AveragedWeights(), folder / "tensorboard"
    callbacks = [
        averaged,
        keras.callbacks.TerminateOnNaN(),
        *task.watchers(config, folder, selection),
        BestModel(folder / "model.keras", monitor=monitor, record=folder / "checkpoints/best.json"),
        keras.callbacks.TensorBoard(logs, write_graph=False, update_freq="epoch"),
        HParams(to_dict(config), logs, trial_id=folder.name, metrics=task.shown),
        HistoryCSV(folder / "history.csv"),
        checkpoint,
    ]
    limit = TimeLimit(config.minutes, spent_seconds=spent)
    callbacks.append(limit)
    if not config.quiet:
        callbacks.append(Progress(("loss", task.main_metric, "val_loss", *(f"val_{name}" for name in task.shown))))
    try:
        history = model.fit(
            task.training_batches(config, training, first_epoch * steps),
            epochs=config.epochs,
            initial_epoch=first_epoch,
            steps_per_epoch=steps,
            validation_data=task.selection_batches(config, selection),
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )
    except KeyboardInterrupt:
        averaged.restore()
        log.warning("interrupted after the last whole epoch; the same command continues this run")
        return True
    losses = history.history.get("loss", [])
    if limit.reached:
        log.info("stopped after epoch %d of %d: --minutes %g", first_epoch + len(losses), config.epochs, config.minutes)
    if losses and not all(value == value and abs(value) != float("inf") for value in losses):
        raise DivergedError(f"the loss became {losses[-1]} in {folder}: try a lower --learning-rate")
    return False


def _best_model(folder: Path, model) -> keras.Model:
    """The saved best epoch in float32, as every later step wants it; the current weights where none was saved."""
    path = folder / "model.keras"
    # Layers within layers take the policy that is set while they are built again.
    with _precision("none"):
        saved = keras.models.load_model(path, compile=False) if path.is_file() else None
        best = in_float32(model if saved is None else saved)
    if best is not saved:
        save_model(best, path)
    return prepare_for_training(best)
