"""The verbs as Python functions, which the package exposes as `metricfit.train`, `metricfit.evaluate` and so on.

Keywords are called as the flags of the command line, with the same defaults, meanings and errors; `help()` lists them.
What is found comes back as an object, and nothing is printed but progress bars, where the output is a terminal and
`quiet` is not set. What the program logs goes to Python's logger "metricfit".
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..trainers.errors import UsageError
from ..trainers.judge.tiles import tiling_of
from ..trainers.machine import held_back_stderr
from ..trainers.models.detector.suppression import suppression_of_flags
from ..trainers.tasks import CONFIGS, get_task
from ..trainers.training.config import RunConfig
from .compare.options import SET_FOR_EACH, CompareOptions, options_of
from .keywords import keywords_of, of_python, options_from
from .options import EvaluateOptions, ExportOptions
from .predictor import Predictor, load_predictor
from .results import Result
from .show.inputs import Input

if TYPE_CHECKING:
    from ..export import ExportResult
    from ..trainers.comparison import Comparison
    from ..trainers.judge.base import Report
    from ..trainers.training.run import RunResult

__all__ = ["compare", "evaluate", "export", "load", "predict", "train"]

Model = str | Path


@keywords_of(RunConfig, further=CONFIGS.values())
def train(task: str, data: str | Path | None = None, **flags: Any) -> "RunResult":
    """Train a model, or continue its training; see `metricfit train TASK --help`.

    Args:
        task: saliency, segmentation or detection.
        data: training data, as `--data` takes them: scenes[:SPLIT], folder:PATH[:SPLIT], voc:PATH[:SPLIT] and others;
            None takes those of `config`, or scenes:train.
        **flags: the other flags, `-` written as `_`: `out` (the run folder), `loss`, `val`, `epochs`, `weights`,
            `augmentation={...}` and more, and those of the task alone. Settings of another training are the defaults
            where `config` names its config.json.

    Returns:
        The run folder, and the figures of the best epoch's model on the selection data.

    Raises:
        UsageError: no such task or flag, or settings that do not fit together.
        DataError: examples that cannot be used.
        DivergedError: the loss stopped being a number.
    """
    _check_task(task)
    given = flags if data is None else {"data": data, **flags}
    config = options_from(CONFIGS[task], given, "train()")
    return get_task(task).train(config)


@keywords_of(EvaluateOptions)
def evaluate(model: Model, data: str = "scenes:test", out: str | Path | None = None, **flags: Any) -> "Report":
    """Measure a trained or exported model on data; see `metricfit evaluate --help`.

    Args:
        model: a run folder, an exported folder, a .keras or .tflite file, a SavedModel, or a shipped model's name.
        data: with masks, labels or boxes, as the model's task needs.
        out: folder for JSON and figures; None writes nothing.
        **flags: the other flags: `batch_size`, `protocol`, `scales`, `guarantee`, `skip_bad` and more.

    Returns:
        The report of the model's task: `scalars`, `to_dict()`, `figures()` and `draw(folder)`; with a `guarantee` also
        that, its `threshold` and `statement`.

    Raises:
        UsageError: no such flag or model, or one that is for another task.
        DataError: examples that cannot be used.
    """
    from .evaluation.verb import evaluate as measure

    options = options_from(EvaluateOptions, {"model": model, "data": data, "out": out, **flags}, "evaluate()")
    evaluation = measure(options)
    if out is not None:
        evaluation.write(Path(out))
    if options.into_card:
        evaluation.keep()
    return evaluation.report


@keywords_of(ExportOptions)
def export(run: Model, to: str | Path, **flags: Any) -> "ExportResult":
    """Write a trained model as SavedModel and TFLite, each file compared with it; see `metricfit export --help`.

    Args:
        run: a run folder.
        to: the folder to make.
        **flags: the other flags: `formats`, `quantize`, `test`, `data_terms`, `overwrite` and more.

    Returns:
        The folder and its card: every file with its size, figures, latency and agreement. `refused` says which files
        did not pass and were left out.

    Raises:
        UsageError: no such flag or run, or something in the way.
        DataError: data or a model that cannot be read.
        MetricfitError: the model gives no numbers, or no file passed (with `strict`: not every file).
    """
    with held_back_stderr():
        from ..export import export_run

    return export_run(**vars(options_from(ExportOptions, {"run": run, "to": to, **flags}, "export()")))


@of_python
def predict(
    model: Model | Predictor,
    inputs: Input | Iterable[Input],
    out: str | Path | None = None,
    *,
    threshold: float | None = None,
    objects: bool = False,
    resume: bool = False,
    runner: str | None = None,
    runner_options: Sequence[str] = (),
    threads: int | None = None,
    trust: bool = False,
    max_megapixels: float | None = None,
    smooth: float = 0.0,
    tiles: str | int | None = None,
    tile_overlap: float | None = None,
    nms: str | None = None,
    nms_iou: float | None = None,
    nms_sigma: float | None = None,
    nms_per_class: bool = True,
    max_detections: int | None = None,
    quiet: bool = False,
) -> list[Result]:
    """Find what is in pictures; see `metricfit predict --help`.

    Args:
        model: what `evaluate` takes, or a predictor.
        inputs: a picture file, a folder, a pattern, a source such as scenes:test, a picture as uint8 [H, W, 3] or
            [H, W, 4], a video file (with `out`, where its results are written), or several of these.
        out: folder for drawn pictures, videos and JSON; None writes nothing.
        threshold: where to cut the scores, in [0, 1]; None takes the model's best one.
        objects: frame the objects in the overlays that are written.
        resume: go on with what was interrupted in `out`; what is done and unchanged is not done again, and not given.
        runner: spread the pictures over the workers of Apache Beam's direct, flink, dataflow or another runner; what is
            found is in `out` then, and not given.
        runner_options: what that runner is told, such as ["direct_num_workers=2"].
        threads: CPU threads of a model that is loaded here; None takes what its runtime chooses.
        trust: load the model even where it holds code, see `load`.
        max_megapixels: larger pictures are not read; None takes 179, or what the environment says.
        smooth: of videos: how much of what was found in the frame before is kept where the picture stays the same, from
            0 to below 1.
        tiles: of detectors, see `load`, as are the five below.
        tile_overlap, nms, nms_iou, nms_sigma, nms_per_class, max_detections: see `load`.
        quiet: no progress bar.

    Returns:
        `SaliencyMap`, `ClassMap` or `Detections` of each picture, in the order of the inputs; none of videos, and none
        with a `runner`.

    Raises:
        UsageError: no such model or input, `out` holds files of others, or what is resumed was begun otherwise.
        DataError: pictures that cannot be read; the others are done first.
    """
    from .beam.predicting import RunnerPrediction
    from .beam.runners import check_runner
    from .prediction.checks import check_not_smooth
    from .prediction.prediction import Prediction

    several = [inputs] if isinstance(inputs, str | Path | np.ndarray) else list(inputs)
    folder = None if out is None else Path(out)
    boxes: dict[str, Any] = {
        "suppression": suppression_of_flags(nms, nms_iou, nms_sigma, nms_per_class, max_detections),
        "tiling": tiling_of(None if tiles is None else str(tiles), tile_overlap),
    }
    prediction: Prediction | RunnerPrediction
    if runner is not None:
        check_not_smooth(smooth)
        prediction = RunnerPrediction(
            model, several, folder, runner, runner_options,
            threshold=threshold, objects=objects, resume=resume, threads=threads, trust=trust, quiet=quiet,
            max_megapixels=max_megapixels, **boxes,
        )  # fmt: skip
    else:
        check_runner(None, runner_options)
        prediction = Prediction(
            model, several, folder,
            threshold=threshold, objects=objects, resume=resume, threads=threads, trust=trust, quiet=quiet,
            max_megapixels=max_megapixels, smooth=smooth, **boxes,
        )  # fmt: skip
    with closing(iter(prediction)) as found:
        results = list(found)
    prediction.raise_failures()
    return results


@keywords_of(CompareOptions)
def compare(
    task: str = CompareOptions.task,
    losses: str | Sequence[str] = (),
    data: str = "scenes:train",
    test: str | Sequence[str] = (),
    out: str | Path = "reports/comparison",
    **flags: Any,
) -> "Comparison":
    """Train losses side by side and judge them on test sets; see `metricfit compare --help`.

    Args:
        task: saliency, segmentation or detection.
        losses: their names, which must be given; NAME:SEEDS gives one its own number of seeds.
        data: training data.
        test: test data that training has not seen.
        out: folder of the report, the runs and their evaluations; a comparison in it goes on.
        **flags: the other flags: `seeds`, `learning_rates`, `sweep` and more, and `train={...}` for what all trainings
            are told, such as `train={"epochs": 30}`.

    Returns:
        The rows of the table, and by set the figures of every model. The report is `out`/report.html.

    Raises:
        UsageError: no such flag or loss, settings that do not fit together, or `train` has one of those that differ
            from training to training, such as `loss`.
        DataError: examples that cannot be used.
        MetricfitError: a loss stopped being a number.
    """
    flags |= {"task": task, "losses": _listed(losses), "data": data, "test": test, "out": out}
    if "learning_rates" in flags:
        flags["learning_rates"] = _listed(flags["learning_rates"])
    _check_task(task)
    if not losses:
        raise UsageError("compare() needs losses: the names of those to compare, such as losses='floss,cross_entropy'")
    if own := SET_FOR_EACH.keys() & flags.get("train", ()):
        name = min(own)
        raise UsageError(f"compare() sets {name} for each training by itself: leave {name} out of train={{...}}")
    options = options_from(options_of(task), flags, "compare()")
    with held_back_stderr():
        from .compare.verb import compare_losses
    comparison, _ = compare_losses(options)
    return comparison


@of_python
def load(
    model: Model = "",
    *,
    threshold: float | None = None,
    threads: int | None = None,
    trust: bool = False,
    tiles: str | int | None = None,
    tile_overlap: float | None = None,
    nms: str | None = None,
    nms_iou: float | None = None,
    nms_sigma: float | None = None,
    nms_per_class: bool = True,
    max_detections: int | None = None,
) -> Predictor:
    """Load a model that takes pictures of any size.

        predict = metricfit.load("saliency_lite0")
        predict("photo.jpg").save("overlay.png")

    Args:
        model: what `evaluate` takes; the shipped saliency_lite0 where it is left out.
        threshold: where its results are cut, in [0, 1]; None takes the model's best one.
        threads: CPU threads; None takes what the runtime chooses.
        trust: load a SavedModel or .keras file even where it holds code, which can do whatever you can.
        tiles: of detectors: look at parts of each picture as well, so many along its longer side, or "auto", which
            shows it at its own size.
        tile_overlap: share of a tile that the next one shows, too; None takes 0.2.
        nms: of run folders and .keras files of detectors: how boxes around one object are thinned out, "hard",
            "soft-linear" or "soft-gaussian"; None takes "hard", and for exported files what is inside of them.
        nms_iou: overlap up to which boxes leave each other alone; None takes 0.5, of "soft-linear" 0.3.
        nms_sigma: of "soft-gaussian"; None takes 0.5.
        nms_per_class: whether boxes of different classes leave each other alone.
        max_detections: boxes that a picture keeps at most; None takes 100, with tiles 1000.

    Returns:
        Called with a picture's file or uint8 [H, W, 3], it gives `SaliencyMap`, `ClassMap` or `Detections`.

    Raises:
        UsageError: no such model, one that holds code and is not trusted, or a threshold out of range.
        DataError: it cannot be read, or is not the file that its card describes.
    """
    return load_predictor(
        model, threshold=threshold, threads=threads, trust=trust,
        suppression=suppression_of_flags(nms, nms_iou, nms_sigma, nms_per_class, max_detections),
        tiling=tiling_of(None if tiles is None else str(tiles), tile_overlap),
    )  # fmt: skip


def _check_task(task: str) -> None:
    if task not in CONFIGS:
        raise UsageError(f"no task {task}: choose one of {', '.join(CONFIGS)}")


def _listed(values: Any) -> Any:
    """Write several values as the flag takes them."""
    return ",".join(map(str, values)) if isinstance(values, list | tuple) else values
