"""The two sources of a training: what it learns from, and what chooses its best epoch."""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from ..data.batches.service import check_service
from ..data.classes import with_class_names
from ..data.example import Source
from ..data.shared import shared_examples
from ..data.sources import names_clips
from ..data.steady import Steady
from ..data.subset import split_for_selection
from ..data.targets.base import Target
from ..errors import UsageError
from ..training.config import RunConfig

log = logging.getLogger("metricfit")

LeftOut = Sequence[str] | None  # names; None leaves what to leave out to be found


def open_both(
    config: RunConfig,
    target: Target[Any],
    open_one: Callable[[str, LeftOut], Source],
    left_out: tuple[LeftOut, LeftOut],
) -> tuple[Source, Source]:
    """Open and scan both, by a function of what is typed and what is left out of it; see `Definition.open_sources`."""
    training, selection = _opened(config, target, open_one, *left_out)
    if config.data_service:
        check_service(config.data_service, training)
    replacing = config.skip_bad and not config.strict
    return Steady(training, target, replacing=replacing), Steady(selection, target, replacing=replacing)


def _opened(
    config: RunConfig,
    target: Target[Any],
    open_one: Callable[[str, LeftOut], Source],
    left_out: LeftOut,
    left_out_of_val: LeftOut,
) -> tuple[Source, Source]:
    training = open_one(config.data, left_out)
    if not config.val:
        if names_clips(config.data):
            raise UsageError(
                f"without --val every tenth frame of {config.data} would be held out, of pictures whose other frames "
                "train: give --val, such as the clips of other pictures"
            )
        return split_for_selection(training)
    selection = open_one(config.val, left_out_of_val)
    if known := shared_examples(training, selection):
        log.warning(
            "%d of the %d examples of --val are training data, too (%s%s): the best epoch and all val_ figures "
            "are of pictures that training has seen",
            len(known), len(selection), ", ".join(known[:3]), ", ..." if len(known) > 3 else "",
        )  # fmt: skip
    # Two data sets may count the same classes differently.
    return training, selection if target.name == "mask" else with_class_names(selection, training.class_names)
