"""What `metricfit compare` can be told, by task. Imports no TensorFlow, so that --help is quick."""

import functools
from dataclasses import dataclass, field, fields, make_dataclass
from typing import Annotated, Any, cast, get_type_hints

import tyro

from ...trainers.tasks import CONFIGS
from ...trainers.training.config import RunConfig
from ..flags import Data, Quiet, SkipBad, Sources, Strict, Trust
from ..options import TaskName

# What a comparison sets for each training by itself, and so has no flag below --train.
SET_FOR_EACH = {
    "data": "", "val": None, "out": "", "config": None, "loss": "", "loss_options": (), "learning_rate": 1e-3,
    "seed": 0, "minutes": None, "skip_bad": False, "strict": False, "overwrite": False, "quiet": False, "trust": False,
}  # fmt: skip


@dataclass(frozen=True)
class CompareOptions:
    """Train losses on the same data, seeds and schedule, and show them side by side on every test set.

    Writes report.html (one file, no network), results.csv and results.json. Interrupted, the same command goes on where
    it stopped; losses, seeds, test sets and sweeps may be added later. --task decides which flags --train has.

    Example: metricfit compare --task saliency --losses floss,cross_entropy,log_floss:1 --data folder:photos:train
    --test folder:photos:test --test scenes:test --seeds 3 --train.epochs 30 --out reports/losses

    Example: metricfit compare --task segmentation --losses softmax_cross_entropy,lovasz_softmax
    --data folder:streets:train --test folder:streets:test --seeds 3 --train.equibatch --out reports/streets

    Example: metricfit compare --task detection --losses focal,ap,alrp --data voc:photos:train --test voc:photos:test
    --seeds 3 --out reports/detectors

    Example: metricfit compare --task detection --losses "focal,alrp,alrp[model=foveabox learning-rate=3e-3]" --data
    voc:photos:train --test voc:photos:test --out reports/systems
    """

    losses: str
    """The losses, with commas between them; NAME:SEEDS gives one its own number of seeds. What one row alone is told
    stands in brackets, flags of metricfit train: "focal[box-loss=giou],alrp[model=foveabox learning-rate=3e-3]:2"; a
    learning rate there is not searched for. The same for all stay data, how they are read and augmented, seeds,
    folders, minutes, devices, what is measured, and calibration, as the networks' own scores are compared; for
    hyperparameters of a loss there is --sweep."""
    test: Sources
    """Test data; give it once for each set. Every model is evaluated on each of them once."""
    task: TaskName = "saliency"
    """What is trained."""
    data: Data = "scenes:train"
    val: str | None = None
    """Data that pick epochs, learning rates, thresholds and logit scales; without it every tenth training example is
    held out for that."""
    out: str = "reports/comparison"
    """Folder of the report, the runs and their evaluations."""
    seeds: int = 1
    """Trainings of each loss, with the seeds --seed, --seed + 1, ..."""
    seed: int = 0
    """The first seed."""
    learning_rates: str = "3e-4,1e-3,3e-3"
    """Tried for each loss alike, judged on the selection data; a single one is taken as it is."""
    trial_epochs: int | None = None
    """Epochs of each trial; by default a quarter of --train.epochs."""
    sweep: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME=VALUES")] = ()
    """A hyperparameter at several values, such as beta2=0.1,0.3,0.8, for each row that has it, or for one, named as in
    --losses: floss.beta2=0.1,0.3,0.8 for floss as all are told, "alrp[model=foveabox].delta=0.5,1" for that one."""
    sweep_seeds: int = 1
    """Trainings of each value of a sweep."""
    skip_bad: SkipBad = False
    strict: Strict = False
    trust: Trust = False
    overwrite: bool = False
    """Begin anew where a comparison exists."""
    quiet: Quiet = False
    train: RunConfig = field(default_factory=RunConfig)
    """What every training is told."""


@functools.cache
def options_of(task: str) -> type[CompareOptions]:
    """Give the options with the flags below --train that the task's training has."""
    about = {"__doc__": f"What every training is told; see metricfit train {task} --help."}
    hints, suppressed = get_type_hints(CONFIGS[task]), cast(Any, tyro.conf.Suppress)
    hidden = [(name, suppressed[hints[name]], field(default=default)) for name, default in SET_FOR_EACH.items()]
    training: Any = make_dataclass("Training", hidden, bases=(CONFIGS[task],), frozen=True, namespace=about)
    own = [("task", TaskName, field(default=task)), ("train", training, field(default_factory=training))]
    namespace = {"__doc__": CompareOptions.__doc__}
    return make_dataclass("CompareOptions", own, bases=(CompareOptions,), frozen=True, namespace=namespace)


def training_config(options: CompareOptions) -> RunConfig:
    """Give what all trainings share, as the task's own configuration class."""
    config_class: Any = CONFIGS[options.task]
    shared = {name: getattr(options, name) for name in ("data", "val", "skip_bad", "strict", "trust", "quiet")}
    given = {one.name: getattr(options.train, one.name) for one in fields(config_class)}
    return config_class(**{**given, "loss": config_class().loss, "seed": options.seed, **shared})
