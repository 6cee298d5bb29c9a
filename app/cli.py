"""The command line: finds the verb, reads its options, runs it, and turns errors into one sentence and an exit code."""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TextIO

from ..trainers.errors import MetricfitError, Terminated, UsageError, first_line
from ..trainers.machine import (
    LEAST_ADDRESS_SPACE,
    check_address_space,
    held_back_stderr,
    hold_back_tensorflow,
    showing_all,
)
from ..trainers.stopping import unwinding_when_asked_to_end
from ..trainers.tasks import CONFIGS
from ..trainers.text import without_long_words
from ..trainers.training.config import RunConfig
from ..trainers.training.config_files import read_config
from ..trainers.training.ranges import check_ranges
from . import options as verbs
from .compare.options import CompareOptions, options_of
from .datasets.options import DataConvertOptions, DataPackOptions, DataSplitOptions
from .launch.options import LaunchOptions
from .live.options import DemoOptions, PredictOptions
from .serve.options import ServeOptions
from .typed import read_typed, value_of

log = logging.getLogger("metricfit")


class Verb(NamedTuple):
    """One thing that can be typed: its options, which `run` takes, and a line of help."""

    options: type
    help: str


def _training(config: type[RunConfig]) -> Verb:
    first = (config.__doc__ or "").partition(":")[0]
    return Verb(config, first[:1].lower() + first[1:])


VERBS = {
    "quickstart": Verb(verbs.QuickstartOptions, "the main job on embedded data"),
    **{f"train {task}": _training(config) for task, config in CONFIGS.items()},
    "launch": Verb(LaunchOptions, "a training as several processes, to try it"),
    "evaluate": Verb(verbs.EvaluateOptions, "measure a trained or exported model"),
    "compare": Verb(CompareOptions, "train losses side by side: a report"),
    "export": Verb(verbs.ExportOptions, "write SavedModel and TFLite, compared"),
    "predict": Verb(PredictOptions, "masks or boxes of pictures"),
    "demo": Verb(DemoOptions, "live overlay on a webcam, video or folder"),
    "serve": Verb(ServeOptions, "answer pictures over HTTP, with a page"),
    "data check": Verb(verbs.DataCheckOptions, "scan data for faults"),
    "data show": Verb(verbs.DataShowOptions, "draw a contact sheet"),
    "data split": Verb(DataSplitOptions, "divide data into train, val and test"),
    "data convert": Verb(DataConvertOptions, "write data in another layout"),
    "data pack": Verb(DataPackOptions, "put data into a few large files"),
    "bench": Verb(verbs.BenchOptions, "measure speed as ratios"),
    "experiment": Verb(verbs.ExperimentOptions, "figures of the papers, computed anew"),
    "losses": Verb(verbs.LossesOptions, "list the losses"),
}


def handler(options: Any) -> Callable[[Any], int]:
    """Give what does what was typed. It is imported only now: help must not wait for TensorFlow."""
    run: Callable[[Any], int]
    match options:
        case verbs.QuickstartOptions():
            from .quickstart import run
        case RunConfig():
            from .train import run
        case LaunchOptions():
            from .launch.verb import run
        case verbs.EvaluateOptions():
            from .evaluation.verb import run
        case CompareOptions():
            from .compare.verb import run
        case verbs.ExportOptions():
            from .export import run
        case PredictOptions():
            from .prediction.verb import predict_files as run
        case DemoOptions():
            from .live.demo import run_demo as run
        case ServeOptions():
            from .serve.verb import run
        case verbs.DataCheckOptions():
            from .datasets.look import check as run
        case verbs.DataShowOptions():
            from .datasets.look import show as run
        case DataSplitOptions():
            from .datasets.split import run
        case DataPackOptions():
            from .datasets.pack import run
        case DataConvertOptions():
            from .datasets.convert import run
        case verbs.BenchOptions():
            from .bench.verb import run
        case verbs.ExperimentOptions():
            from .experiments.verb import run
        case verbs.LossesOptions():
            from .losses import run
        case _:
            raise TypeError(f"no verb takes {type(options).__name__}")
    return run


def main(arguments: list[str] | None = None) -> int:
    """Run the program; gives 0 done, 1 failed, 2 wrong usage, 3 input data at fault, 130 by Ctrl-C, 143 by SIGTERM."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    own, behind = _split(arguments)
    debug = "--debug" in own
    arguments = [argument for argument in own if argument != "--debug"] + behind
    # TensorFlow reads this when it is imported, in child processes, too: it takes a machine without a GPU for an error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    hold_back_tensorflow()
    # Whatever the environment or keras.json names: everything here is made of TensorFlow.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with unwinding_when_asked_to_end(), showing_all() if debug else contextlib.nullcontext():
            return _dispatch(arguments)
    except Terminated as error:
        print(f"metricfit: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("metricfit: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _forget_output()
        return 0
    except Exception as error:  # nobody else is left to tell: one sentence and an exit code, and --debug for the rest
        if debug:
            raise
        if isinstance(error, MetricfitError):
            told = f"error: {error}"
        elif isinstance(error, OSError):
            told = f"error: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}"
        else:
            what = f"{type(error).__name__}: {first_line(error)}"
            told = f"unexpected error: {what} (the same command with --debug shows where)"
        print(f"metricfit: {without_long_words(told)}", file=sys.stderr)
        return error.exit_code if isinstance(error, MetricfitError) else 1


def overview() -> str:
    """The help of the program as a whole."""
    verbs_with_help = "\n".join(_described(list(VERBS), "  "))
    return (
        "usage: metricfit VERB ... [--debug]\n\n"
        "Train Keras models directly for the numbers they are judged by.\n\n"
        f"{verbs_with_help}\n\n"
        "Start with:  metricfit quickstart\n"
        "Then:        metricfit train saliency --data PATH --out runs/first\n"
        "Help:        metricfit VERB --help"
    )


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from metricfit import __version__

        print(f"metricfit {__version__}")
        return 0
    name, rest = _find_verb(arguments)
    options = _read_options(name, VERBS[name].options, rest)
    _set_up_logging(getattr(options, "quiet", False))
    check_address_space(LEAST_ADDRESS_SPACE, "this program")
    if isinstance(options, (RunConfig, verbs.EvaluateOptions)):  # a path is mistyped sooner than TensorFlow is imported
        from ..trainers.data.sources import check_named, videos_of

        if isinstance(options, RunConfig) or not videos_of(options.data):
            check_named(options.data)
    with held_back_stderr():
        run = handler(options)
    return run(options)


def _find_verb(arguments: list[str]) -> tuple[str, list[str]]:
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in VERBS:
            return name, arguments[words:]
    first, *rest = arguments
    nested = [name for name in VERBS if name.startswith(first + " ")]
    if not nested:
        choices = ", ".join(dict.fromkeys(name.split()[0] for name in VERBS))
        raise UsageError(f"unknown verb {first}: choose one of {choices}")
    if not rest or rest[0] in ("-h", "--help"):
        choices = "|".join(name.split()[1] for name in nested)
        listed = "\n".join(_described(nested, "  metricfit "))
        print(f"usage: metricfit {first} {choices} ... [--debug]\n\n{listed}\n\nHelp:  metricfit {nested[0]} --help")
        raise SystemExit(0 if rest else 2)
    choices = ", ".join(name.split()[1] for name in nested)
    raise UsageError(f"metricfit {first} does not know {rest[0]}: choose one of {choices}")


def _described(names: Sequence[str], before: str) -> list[str]:
    width = max(map(len, names)) + 2
    return [f"{before}{name:<{width}}{VERBS[name].help}" for name in names]


def _read_options(name: str, options_class: type, arguments: list[str]) -> Any:
    settings: dict[str, Any] = {}
    if options_class is LaunchOptions:
        arguments, behind = _split(arguments)
        settings["default"] = LaunchOptions(command=tuple(behind[1:]))
    if options_class is CompareOptions:
        # Which flags there are below --train depends on the task; a task that is none is refused below.
        task = value_of("--task", arguments)
        options_class = options_of(task if task in CONFIGS else CompareOptions.task)
    if issubclass(options_class, RunConfig) and (path := value_of("--config", arguments)):
        settings["default"] = read_config(path, options_class)
    options = read_typed(name, options_class, arguments, **settings)
    check_ranges(options)
    return options


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Part what is meant for the program from another command: that and the -- before it."""
    place = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:place], arguments[place:]


def _forget_output() -> None:
    """Write no more: whoever read the output has enough of it, as of `metricfit --help | head`."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Output(logging.StreamHandler[TextIO]):
    """Lines for whoever reads them: work goes on where nobody does any more."""

    def handleError(self, record: logging.LogRecord) -> None:
        """See `logging.Handler`."""
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            _forget_output()
        else:
            super().handleError(record)


def _set_up_logging(quiet: bool) -> None:
    log.handlers.clear()
    for stream in (sys.stdout, sys.stderr):
        # Names of files need not be text.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    handler = _Output(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    if quiet:
        # For its log.txt a training lets every line pass the logger itself.
        handler.addFilter(lambda record: record.levelno >= logging.WARNING or record.name == "metricfit.results")
    log.addHandler(handler)
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    logging.getLogger("metricfit.results").setLevel(logging.INFO)
    log.propagate = False
