"""The command line: finds the verb, reads its options, runs it, and turns errors into one sentence and an exit code."""

import contextlib
import importlib
import logging
import os
import sys
from dataclasses import dataclass

import tyro

from ..trainers.errors import MetricfitError, UsageError
from ..trainers.machine import held_back_stderr

log = logging.getLogger("metricfit")


@dataclass(frozen=True)
class Verb:
    """One thing that can be typed: its options class and its handler, each as "module:name", and a line of help."""

    options: str
    handler: str
    help: str


VERBS = {
    "quickstart": Verb("app.options:QuickstartOptions", "app.quickstart:run", "the main job on embedded data"),
    "train saliency": Verb(
        "trainers.training.config:SaliencyConfig", "app.train:train_saliency", "train a saliency model"
    ),
    "train segmentation": Verb(
        "trainers.training.config:SegmentationConfig", "app.train:train_segmentation", "train a segmentation model"
    ),
    "train detection": Verb(
        "trainers.training.config:DetectionConfig", "app.train:train_detection", "train an object detector"
    ),
    "evaluate": Verb("app.options:EvaluateOptions", "app.evaluate:run", "measure a trained or exported model"),
    "compare": Verb(
        "app.compare.options:CompareOptions", "app.compare.verb:run", "train losses side by side: a report"
    ),
    "export": Verb("app.options:ExportOptions", "app.export:run", "write SavedModel and TFLite, compared"),
    "predict": Verb("app.live.options:PredictOptions", "app.predict:predict_files", "masks or boxes of pictures"),
    "demo": Verb("app.live.options:DemoOptions", "app.live.demo:run_demo", "live overlay on a webcam, video or folder"),
    "data check": Verb("app.options:DataCheckOptions", "app.data:check", "scan data for faults"),
    "data show": Verb("app.options:DataShowOptions", "app.data:show", "draw a contact sheet"),
    "bench": Verb("app.options:BenchOptions", "app.bench.verb:run", "measure speed as ratios"),
    "experiment": Verb(
        "app.options:ExperimentOptions", "app.experiments.verb:run", "figures of the papers, computed anew"
    ),
    "losses": Verb("app.options:LossesOptions", "app.losses:run", "list the losses"),
}


def main(arguments: list[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: what was typed after the program's name; None takes the process's own.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 3 input data at fault, 130 interrupted.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    # TensorFlow reads this when it is imported: 2 leaves warnings about the machine out and errors in.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        return _dispatch(arguments, debug)
    except KeyboardInterrupt:
        print("metricfit: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output has enough of it: `metricfit --help | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MetricfitError as error:
        if debug:
            raise
        print(f"metricfit: error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"metricfit: error: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    except Exception as error:  # nobody else is left to tell: one sentence and exit code 1, and --debug for the rest
        if debug:
            raise
        print(
            f"metricfit: unexpected error: {type(error).__name__}: {error} (the same command with --debug shows where)",
            file=sys.stderr,
        )
        return 1


def overview() -> str:
    """The help of the program as a whole."""
    width = max(map(len, VERBS)) + 2
    lines = [f"  {name:<{width}}{verb.help}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "usage: metricfit VERB ... [--debug]",
            "",
            "Train Keras models directly for the numbers they are judged by.",
            "",
            *lines,
            "",
            "Start with:  metricfit quickstart",
            "Then:        metricfit train saliency --data folder:PATH --loss floss --out runs/first",
            "Help:        metricfit VERB --help",
        ]
    )


def _dispatch(arguments: list[str], debug: bool = False) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(overview())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        from metricfit import __version__

        print(f"metricfit {__version__}")
        return 0
    name, rest = _find_verb(arguments)
    verb = VERBS[name]
    options = _read_options(name, _load(verb.options), rest)
    _set_up_logging(getattr(options, "quiet", False))
    with held_back_stderr() if not debug else contextlib.nullcontext():
        handler = _load(verb.handler)
    return handler(options) or 0


def _find_verb(arguments: list[str]) -> tuple[str, list[str]]:
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in VERBS:
            return name, arguments[words:]
    nested = [name for name in VERBS if name.startswith(arguments[0] + " ")]
    if nested and (len(arguments) == 1 or arguments[1] in ("-h", "--help")):
        width = max(map(len, nested)) + 2
        print("\n".join(f"metricfit {name:<{width}}{VERBS[name].help}" for name in nested))
        raise SystemExit(0 if len(arguments) > 1 else 2)
    if nested:
        choices = ", ".join(name.split()[1] for name in nested)
        raise UsageError(f"metricfit {arguments[0]} does not know {arguments[1]}: choose one of {choices}")
    choices = ", ".join(dict.fromkeys(name.split()[0] for name in VERBS))
    raise UsageError(f"unknown verb {arguments[0]}: choose one of {choices}")


def _read_options(name: str, options_class, arguments: list[str]):
    if "train" in options_class.__dataclass_fields__:
        # Which flags there are below --train depends on the task; a task that is none is refused below.
        options_class = _load("app.compare.options:OF_TASK").get(_value_of("--task", arguments), options_class)
    settings = {"prog": f"metricfit {name}", "args": arguments}
    if "config" in options_class.__dataclass_fields__:
        path = _value_of("--config", arguments)
        if path:
            from ..trainers.training.config import read_config

            settings["default"] = read_config(path, options_class)
    return tyro.cli(options_class, **settings)


def _value_of(flag: str, arguments: list[str]) -> str | None:
    for index, argument in enumerate(arguments):
        if argument.startswith(flag + "="):
            return argument.partition("=")[2]
        if argument == flag and index + 1 < len(arguments):
            return arguments[index + 1]
    return None


def _load(target: str):
    module, name = target.split(":")
    return getattr(importlib.import_module(f"metricfit.{module}"), name)


def _set_up_logging(quiet: bool) -> None:
    for handler in list(log.handlers):
        log.removeHandler(handler)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.setLevel(logging.WARNING if quiet else logging.INFO)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
