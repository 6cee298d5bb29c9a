"""What a task is: its target, judge, models and losses; and how all tasks are evaluated."""

import functools
import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import keras

from ... import losses
from ..data.example import Example, Source
from ..data.subset import Subset
from ..errors import UsageError
from ..judge.base import Judge, Report, evenly_spread
from ..judge.feeding import found_in
from ..judge.spread import BLOCKS, FEW, judged_block, judged_in_blocks, of_blocks
from ..judge.views import PLAIN, Views
from ..models.registry import MODELS, check_settings
from ..text import cut
from ..training.devices.exchange import ALONE, Exchange
from ..training.devices.metric_states import measures_of
from ..training.reporting import EpochReport
from ..training.words import parse_loss_options
from .data import ConfigT, TaskData
from .predictor import AnyModel, CompiledModel, Predictor

ReportT = TypeVar("ReportT", bound=Report)


class Definition(TaskData[ConfigT], Generic[ConfigT, ReportT]):
    """One thing that models are trained for: what is particular to it, data and evaluation; it holds no state.

    Attributes:
        name: as typed after `metricfit train`.
        target: what is learnt from an example.
        shown: scalars that the progress bar shows; the first is the main one, which picks the best epoch.
        selecting: further ones, of which larger is better, that may pick it instead.
        network: settings that decide the network's shape.
        judging: what `judge` and `evaluate` can be told besides, each also a flag of `metricfit evaluate`.
        tags: the figures of a report that are drawn after each epoch: name -> TensorBoard's subfolder/tag.
        measured_by_keras: whether Keras' own validation logs the main metric.
        baseline: of comparisons, the loss from whose models the control with scaled logits is made; empty where
            scaling changes nothing.
        starts_from: further tasks from whose models a training can start.
        judges_shown: whether its judge takes the model's `thresholds`, one for each class, to tell what it shows.
        best_threshold: the scalar that says where a set's best threshold lies, in [0, 1]; empty without thresholds.
    """

    name: ClassVar[str]
    shown: ClassVar[tuple[str, ...]]
    selecting: ClassVar[tuple[str, ...]] = ()
    network: ClassVar[tuple[str, ...]]
    tags: ClassVar[Mapping[str, str]]
    judging: ClassVar[tuple[str, ...]] = ()
    measured_by_keras: ClassVar[bool] = False
    baseline: ClassVar[str] = ""
    starts_from: ClassVar[tuple[str, ...]] = ()
    judges_shown: ClassVar[bool] = False
    best_threshold: ClassVar[str] = ""

    @property
    def main_metric(self) -> str:
        """The scalar of a report that picks the best epoch unless another is asked for; larger is better."""
        return self.shown[0]

    def figures_of(self, config: ConfigT) -> tuple[str, ...]:
        """Give the scalars that a training shows, first the one that picks its best epoch."""
        first = config.select_by or self.main_metric
        return first, *(name for name in self.shown if name != first)

    # What a task is.

    def check(self, config: ConfigT) -> None:
        """Refuse settings that do not fit, before any data are read; raises `UsageError`."""
        check_settings(self.name, self.architecture(config), config)
        choices = dict.fromkeys((self.main_metric, *self.selecting))
        if config.select_by and config.select_by not in choices:
            raise UsageError(f"--select-by of {self.name} is one of {', '.join(choices)}, got {cut(config.select_by)}")

    def architecture(self, config: Any) -> str:
        """Name the network, a key of `MODELS`."""
        return config.model

    def build_model(self, config: ConfigT, source: Source) -> keras.Model:
        """Build the untrained model for the classes of a source."""
        classes = {} if self.needs == "mask" else {"class_names": source.class_names}
        return MODELS[self.architecture(config)].build(config, **classes)

    @abstractmethod
    def initialise(self, model: keras.Model, trained: keras.Model, config: ConfigT | None = None) -> None:
        """Give a model the weights of a trained one, classes by name; ValueError if the networks differ."""

    @abstractmethod
    def compile_model(
        self, model: keras.Model, config: ConfigT, optimizer: keras.optimizers.Optimizer, training: Source
    ) -> None:
        """Give a model its loss, metrics and optimizer."""

    def twin(self, model: keras.Model, config: ConfigT, training: Source) -> keras.Model:
        """Make a model of one device that measures what one of several devices has learnt: same loss, own metrics."""
        twin = self.build_model(replace(config, weights="none"), training)
        metrics = [type(metric).from_config(metric.get_config()) for metric in measures_of(model)]
        twin.compile("sgd", model.loss, metrics=metrics, jit_compile=config.jit_compile)
        return twin

    @abstractmethod
    def predictor(self, model: keras.Model) -> CompiledModel:
        """Compile a Keras model to a function from uint8 pictures [B, h, w, 3] to what is found in them."""

    @abstractmethod
    def judge(self, source: Source, class_names: Sequence[str] = (), **options: Any) -> Judge[Any, ReportT]:
        """Make the judge of a model with these classes on a source, as `judged_source` gives it, or a part of it.

        Options are those in `judging`, those of `judge.base.Judge`, `batch_size`, and `thresholds` where it
        `judges_shown`; UsageError out of range.
        """

    @abstractmethod
    def measurement(self, report: ReportT) -> dict[str, Any]:
        """Give what a comparison keeps of a report, see `measure`."""

    # What a task may add.

    def loss_hyperparameters(self, config: ConfigT) -> dict[str, Any]:
        """Give those that the configuration names, and the scope where the loss, or one of a sum, has one."""
        scope = {"scope": config.loss_scope} if losses.takes(config.loss, "scope") else {}
        return {**scope, **parse_loss_options(config.loss_options)}

    def suited(self, config: ConfigT, training: Source) -> ConfigT:
        """Settle what a new run is to take from its training data, and say what that is."""
        return config

    def classed_source(self, source: Source, class_names: Sequence[str]) -> Source:
        """Bring the classes of a source together with those of a model; loads nothing."""
        return source

    def judged_source(self, source: Source, class_names: Sequence[str]) -> Source:
        """As `classed_source`, of examples that can be loaded; refuses a source in which nothing counts."""
        return self.classed_source(source, class_names)

    def views(self, options: dict[str, Any]) -> Views:
        """Take the views on each picture out of the options of `evaluate`."""
        return PLAIN

    def finding(self, options: dict[str, Any]) -> dict[str, Any]:
        """Give what `found_in` is told by the options of `evaluate`, of which `views` takes its own away."""
        return {"views": self.views(options), "smooth": options.pop("smooth", 0.0)}

    def watchers(
        self, config: ConfigT, folder: Path, selection: Source, exchange: Exchange = ALONE
    ) -> list[keras.callbacks.Callback]:
        """Give the callbacks of a training: what they add to an epoch's logs is there for the best epoch's choice.

        Of several processes each has them, and the chief's alone draw and write.
        """
        evaluate, logs = self.epoch_report(config, selection, exchange), folder / "tensorboard"
        add_logs = not self.measured_by_keras
        return [EpochReport(evaluate, logs, self.tags, add_logs=add_logs, draws=exchange.is_chief)]

    def epoch_report(
        self, config: ConfigT, selection: Source, exchange: Exchange = ALONE
    ) -> Callable[[keras.Model], Report]:
        """Give what reports on the model after each epoch, on which all processes work."""
        predictor = functools.lru_cache(maxsize=1)(self.predictor)  # once, for the one model that a training has
        given = {"batch_size": config.batch_size, "label": "validation", "quiet": True, **self.judging_of(config)}
        few = len(selection) <= FEW  # more tell epochs apart, and take long to leave out in turn
        given |= {"errors": few, "main": self.figures_of(config)[0], "exchange": exchange}
        return lambda model: self.evaluate(predictor(model), selection, **given)

    def judging_of(self, config: ConfigT) -> dict[str, Any]:
        """Give the options of `judge` that a training's configuration has."""
        return {}

    def final_judging(self, config: ConfigT) -> dict[str, Any]:
        """Give those with which the model that is kept is judged at the end, besides or instead."""
        return {}

    def measuring(self, config: ConfigT) -> dict[str, Any]:
        """Give those with which a comparison measures models."""
        return {}

    # Evaluation.

    def evaluate(
        self,
        model: AnyModel,
        source: Source,
        *,
        batch_size: int = 16,
        label: str = "model",
        quiet: bool = False,
        errors: bool = False,
        main: str = "",
        exchange: Exchange = ALONE,
        watch: Callable[[Example, Any], None] = lambda example, found: None,
        **options: Any,
    ) -> ReportT:
        """Judge a model at the pictures' own sizes.

        Args:
            model: a Keras model, or a `Predictor`.
            source: examples with the target, or DataError; MetricfitError where nothing in it counts.
            batch_size: pictures a call of the model; of class maps also a batch of `batch_miou`.
            label: name of the model in figures.
            quiet: no progress bar.
            errors: also give the standard error of a figure over the pictures, in `Report.errors`.
            main: that figure; by default the main metric.
            exchange: processes that call this together: each judges a part, and all get the report of the whole.
            watch: is shown each example with what is found in it, in their order.
            **options: as of `judge`, but for those of `judge.base.Judge`; UsageError out of range, or for a class that
                the model does not know. `smooth` as of `found_in`.
        """
        finding, predictor = self.finding(options), self.as_predictor(model)
        source = self.judged_source(source, predictor.class_names)
        shown, main = evenly_spread(len(source)), main or self.main_metric
        given = {"batch_size": batch_size, "shown": shown, "label": label, **options}

        def judge(start: int) -> Judge[Any, ReportT]:
            return self.judge(source, predictor.class_names, start=start, **given)

        def pairs(places: range) -> Iterator[tuple[Example, Any]]:
            part = source if len(places) == len(source) else Subset(source, places)
            for example, found in self.found_in(predictor, part, batch_size=batch_size, quiet=quiet, **finding):
                watch(example, found)
                yield example, found

        # None is empty: the error goes by how many there are.
        blocks = max(1, min(BLOCKS if errors else exchange.workers, len(source)))
        if exchange.workers == 1:
            report, error = judged_in_blocks(pairs(range(len(source))), judge, len(source), main, blocks)
        else:
            mine = {
                block: judged_block(pairs, judge, len(source), blocks, block)
                for block in range(exchange.worker, blocks, exchange.workers)
            }
            everyone = {block: part for judged in exchange.all(mine) for block, part in judged.items()}
            report, error = of_blocks([everyone[block] for block in sorted(everyone)], main)
        return report if math.isnan(error) else replace(report, errors={main: error})

    def as_predictor(self, model: AnyModel) -> Predictor:
        """Compile a Keras model; a predictor is given back as it is."""
        return self.predictor(model) if isinstance(model, keras.Model) else model

    def found_in(self, predictor: Predictor, source: Source, **options: Any) -> Iterator[tuple[Example, Any]]:
        """Yield each example with what is found in it; options as in `judge.feeding.found_in`."""
        return found_in(predictor, source, self.target, size=predictor.size, resizing=predictor.resizing, **options)
