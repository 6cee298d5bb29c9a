"""What every training does around Keras' fit that knows nothing of its task: checks, what is said, what is kept."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from ..errors import UsageError
from ..figures.history import history_figure
from ..figures.rendering import save
from ..files import write_json
from ..geometry import check_size
from ..judge.base import Report
from ..judge.spread import interval
from ..metrics.catalogue import metrics_of
from ..models.registry import Architecture
from ..text import counted
from .config import RunConfig
from .config_files import DECIDED
from .fitting import best_epoch
from .ranges import check_ranges
from .reporting.history import read_history
from .reporting.hparams import write_final_metrics
from .run_folder import earlier_settings

log = logging.getLogger("metricfit")

ENOUGH_STEPS = 300  # for 20 photos; the maps of 60 stayed grey after 60

ConfigT = TypeVar("ConfigT", bound=RunConfig)


@dataclass(frozen=True)
class RunResult:
    """What a training left behind in its folder, paths worth naming in `made`.

    The report is of the best epoch's model on the selection data, at the labels' own size; an interrupted training has
    none yet, which the same call continues.
    """

    folder: Path
    report: Report | None
    interrupted: bool
    made: list[Path] = field(default_factory=list)

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures of the report; none of an interrupted training."""
        return self.report.scalars if self.report else {}

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON-able data."""
        made, report = list(map(str, self.made)), self.report.to_dict() if self.report else None
        return {"folder": str(self.folder), "interrupted": self.interrupted, "made": made, "report": report}

    def draw(self, folder: str | Path) -> list[Path]:
        """Write the figures of the report, as in the run's own `figures`; gives the files."""
        return self.report.draw(folder) if self.report else []


def check(config: RunConfig) -> None:
    """Refuse settings outside their range, in one sentence each."""
    check_ranges(config)
    check_size(config.size)
    if config.strategy != "one" and config.jit_compile:
        raise UsageError("--jit-compile is for one device (Keras cannot compile a step of several): leave one away")
    if config.data_service and config.strategy == "multi_worker":
        raise UsageError(
            "--data-service brings all pictures in a row, of which multi_worker takes parts: leave one away"
        )
    if config.devices and config.strategy != "mirrored":
        raise UsageError(f"--devices {config.devices} says how many --strategy mirrored uses: give that, too")
    if getattr(config, "teacher_share", 0.5) != 0.5 and not getattr(config, "teacher", None):
        raise UsageError("--teacher-share says what share of each label --teacher has: give that, too")
    if config.init and config.weights not in ("auto", "none"):
        raise UsageError("--init starts from a whole trained model, --weights from a backbone: give one of them")


def settled(config: ConfigT, architecture: Architecture) -> ConfigT:
    """Decide what `auto` is: as in the run that is continued; else weights are what is installed.

    Anchors are left to the data of a new run, see `Definition.suited`.
    """
    auto = [name for name in DECIDED if getattr(config, name, None) == "auto"]
    if kept := earlier_settings(config) if auto else {}:
        usual = type(config)()
        return replace(config, **{name: kept.get(name, getattr(usual, name)) for name in auto})
    if config.weights != "auto":
        return config
    if config.init or "weights" not in architecture.settings:
        return replace(config, weights="none")
    weights, hint = architecture.library.usual_weights(architecture.backbone.lower() or config.backbone)
    if hint:
        log.info("%s", hint)
    return replace(config, weights=weights)


def say_frozen(config: RunConfig) -> None:
    """Warn of statistics that are frozen before there are any."""
    if config.batch_norm == "frozen" and config.weights == "none" and not config.init:
        log.warning(
            "--batch-norm frozen keeps the statistics of the first weights, and this network begins without any: give "
            "--weights or --init, or leave it away"
        )


def say_steps(config: RunConfig, examples: int, steps: int) -> None:
    """Say how much training there will be, and where that is little for a model that begins anew."""
    passes, total = steps * config.batch_size / examples, steps * config.epochs
    again = f", each of them {passes:.1f} passes over the data" if passes > 1.5 else ""
    sizes = counted(config.epochs, "epoch"), counted(steps, "step"), counted(config.batch_size, "picture")
    log.info("%s of %s of %s%s", *sizes, again)
    if total < ENOUGH_STEPS and not config.init:
        log.info("%d steps in all are few: small sets need some %d (--epochs, --min-epoch-steps)", total, ENOUGH_STEPS)


def say_best(config: RunConfig, report: Report, shown: Sequence[str], pictures: int) -> None:
    """Say how good the kept epoch is, how far that can be trusted, and where a model gives the same for everything."""
    folder = Path(config.out)
    main, epoch = metrics_of(shown[0])[0].heading, best_epoch(folder, shown).epoch
    value, error = report.scalars[shown[0]], report.errors.get(shown[0])
    log.info(
        "best epoch: %s, on the %d selection pictures at the labels' own size: %s %.3f", epoch, pictures, main, value
    )
    if error is not None:
        low, high = interval(value, error, pictures)
        log.info(
            "by the spread among these pictures %.3f to %.3f (95 %%); but they are few, and picked the epoch: "
            "'metricfit evaluate %s --data OTHERS' says what it is worth",
            low, high, folder,
        )  # fmt: skip
    if report.note:
        log.warning(report.note)
    if report.warning:
        bare = config.weights == "none" and not config.init
        log.warning(
            "%s is not worth using: %s. Train for more steps (--epochs, --min-epoch-steps), with %sanother "
            "--learning-rate, and look at the labels with 'metricfit data show'",
            folder / "model.keras", report.warning, "first weights (--weights) or " if bare else "",
        )  # fmt: skip


def keep(folder: Path, report: Report, about: Mapping[str, str]) -> list[Path]:
    """Write the final evaluation of a run into its folder, with its figures; gives what is worth naming."""
    errors = {"standard_errors": report.errors} if report.errors else {}
    write_json(folder / "metrics.json", {**about, **report.to_dict(), **errors})
    write_final_metrics(folder / "tensorboard", report.scalars)
    made = [folder / "model.keras", folder / "metrics.json", *report.draw(folder / "figures")]
    if rows := read_history(folder / "history.csv"):
        made.append(save(history_figure(rows), folder / "figures/history.png"))
    return [*made, folder / "tensorboard"]
