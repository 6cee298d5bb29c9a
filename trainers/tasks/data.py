"""How a task opens its data, and which examples stand in which batch."""

from abc import ABC
from typing import Any, ClassVar, Generic, TypeVar

import tensorflow as tf

from ..data.batches import pipeline
from ..data.batches.order import Sampler
from ..data.batches.repeats import RepeatRare, picture_factors, repeats_told
from ..data.batches.share import WHOLE, Share
from ..data.example import Source
from ..data.pixel_files.coding import FileCoding
from ..data.scan.presence import presence
from ..data.scan.scanner import checked_source
from ..data.steady import stand_ins
from ..data.targets.base import Target
from ..training.config import RunConfig
from .sources import LeftOut, open_both

ConfigT = TypeVar("ConfigT", bound=RunConfig)


class TaskData(ABC, Generic[ConfigT]):
    """What is learnt from examples of a `target`, and how these come; it holds no state."""

    target: ClassVar[Target[Any]]

    @property
    def needs(self) -> str:
        """The part that an example must have: "mask", "labels" or "boxes"."""
        return self.target.name

    # What a task may add.

    def check_data(self, config: ConfigT, training: Source, selection: Source) -> None:
        """Refuse data that do not fit, before the run folder is touched."""

    def source_options(self, config: ConfigT) -> dict[str, Any]:
        """Give what `checked_source` is told besides."""
        return {"files": FileCoding(max_megapixels=config.max_megapixels)}

    def batching(self, config: Any) -> dict[str, Any]:
        """Give how batches are made, see `pipeline.evaluation_batches`."""
        return {"size": config.size, "batch_size": config.batch_size, "resizing": config.resizing}

    def sampler(self, config: ConfigT, source: Source) -> Sampler | None:
        """Give what decides which training example comes when, such as rare classes' more often; None shuffles them."""
        share = _repeated_share(config)
        if not share:
            return None
        return RepeatRare(picture_factors(presence(source, self.needs, quiet=config.quiet), share), config.seed)

    def repeats(self, config: ConfigT, source: Source) -> str:
        """Say how often pictures of which class come where those of rare ones are repeated; empty where none are."""
        if not (share := _repeated_share(config)):
            return ""
        found = presence(source, self.needs, quiet=config.quiet)
        return repeats_told(found, share, self.steps_per_epoch(config, source), config.batch_size)

    # What all tasks share.

    def open_sources(self, config: ConfigT, left_out: tuple[LeftOut, LeftOut] = (None, None)) -> tuple[Source, Source]:
        """Open and scan the data that train and those that choose: epochs, thresholds, learning rates.

        Where an example turns bad afterwards, the next usable one stands in for it if bad ones may be skipped. What was
        `left_out` of the two when a training began stays so when it goes on, and nothing else.
        """
        return open_both(config, self.target, lambda text, names: self.open_source(text, config, names), left_out)

    def open_source(self, text: str, config: ConfigT, left_out: LeftOut = None, **more: Any) -> Source:
        """Open and scan one of the sources of a configuration; raises `UsageError` or `DataError`."""
        options = {**self.source_options(config), **more}
        if _repeated_share(config) and text == config.data:
            # Labels are counted in any case, and what stands in for a picture may not have its classes.
            options |= {"remembered": self.needs == "boxes", "replacing": False}
        return checked_source(
            text, needs=self.needs, skip_bad=config.skip_bad, strict=config.strict, quiet=config.quiet,
            left_out=left_out, cache=config.scan_cache, **options,
        )  # fmt: skip

    def training_batches(
        self, config: ConfigT, source: Source, start_step: int = 0, share: Share = WHOLE
    ) -> tf.data.Dataset:
        """Give the endless stream of training batches, from a step on; see `pipeline.training_batches`."""
        return pipeline.training_batches(
            source, self.target, seed=config.seed, augmentation=config.augmentation, cache_mib=config.cache_mib,
            sampler=self.sampler(config, source), start_step=start_step, least_steps=config.min_epoch_steps,
            data_service=config.data_service, share=share, **self.batching(config),
        )  # fmt: skip

    def names_of_step(self, config: ConfigT, source: Source, step: int) -> list[str]:
        """Name the examples of a training batch, with those that are mixed in and what stands in for bad ones."""
        made = pipeline.pictures_of_step(
            source, step, config.batch_size, config.seed, config.min_epoch_steps,
            sampler=self.sampler(config, source), mixed=config.augmentation.mixed,
        )  # fmt: skip
        instead = {one.name: f"{one.by} in place of {one.name}" for one in stand_ins(source)}
        names = [[instead.get(name, name) for name in pictures] for pictures in made]
        return [own + (f" with {' and '.join(others)}" if others else "") for own, *others in names]

    def selection_batches(self, config: ConfigT, source: Source, share: Share = WHOLE) -> tf.data.Dataset:
        """Go once through what this process measures of a source, in batches at the network's size."""
        return pipeline.evaluation_batches(source, self.target, share=share, **self.batching(config))

    def steps_per_epoch(self, config: ConfigT, source: Source) -> int:
        """Count the steps of an epoch."""
        return pipeline.steps_per_epoch(source, config.batch_size, config.min_epoch_steps)


def _repeated_share(config: RunConfig) -> float:
    """Give the share below which classes are rare, 0 where none is: a task without classes has no such setting."""
    return float(getattr(config, "repeat_rare", 0.0))
