"""How evenly a detection loss pulls at positives and negatives, and how well scores follow IoU, for TensorBoard."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ...metrics.ranking.correlation import rank_correlation
from ...metrics.ranking.matching import ClassMatches
from ..callbacks.averaged import averaged_weights
from .series import begin_at

_WATCHED = ("gradient_balance", "rank_correlation")
_FOLDER = "ranking"  # of the run's TensorBoard folder


class RankingWatch(keras.callbacks.Callback):
    """Examines a detector on fixed batches after each epoch, with the weights that validation sees.

    It writes `gradient_balance`, the sum of |dL/ds| over the negatives divided by that over the positives (Oksuz et
    al., NeurIPS 2020, Figure 4; 1 for AP-Loss and aLRP), and `rank_correlation`: Pearson's correlation between the
    ranks by score and by IoU of the positive anchors, averaged over the classes. What is undefined is left out.

    Args:
        batches: held-out batches, as the model trains on; gone through once an epoch, each ranked by itself.
        log_dir: TensorBoard folder of the run; the scalars go to its subfolder `ranking`.
        every: epochs between two examinations.
    """

    def __init__(self, batches: Iterable[Any], log_dir: str | Path, every: int = 1) -> None:
        super().__init__()
        self.batches, self.every = batches, every
        self.log_dir = Path(log_dir) / _FOLDER
        self.values: dict[str, float] = {}  # the latest, NaN where undefined

    def set_model(self, model: keras.Model) -> None:
        """Take the model to examine, which is compiled once for all epochs."""
        super().set_model(model)
        self._examine = (
            model.examine if model.run_eagerly else tf.function(model.examine, reduce_retracing=True, autograph=False)
        )

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the writer."""
        self._begins = True
        self._writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Let the first epoch take the place of what was written from there on."""
        if self._begins:
            begin_at(epoch, self._writer)
            self._begins = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Examine, and write the scalars."""
        if (epoch + 1) % self.every:
            return
        self.values = self.examine()
        with self._writer.as_default(step=epoch):
            for name, value in self.values.items():
                if np.isfinite(value):
                    tf.summary.scalar(name, value)
        self._writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the writer."""
        self._writer.close()

    def examine(self) -> dict[str, float]:
        """Give the scalars of the model as it is."""
        negative = positive = 0.0
        found: list[tuple[np.ndarray, ...]] = []
        with averaged_weights(self.model):
            for images, boxes in self.batches:
                labels, logits, gradients, iou = (part.numpy() for part in self._examine(images, boxes))
                sizes = np.abs(gradients, dtype=np.float64)
                negative, positive = negative + sizes[labels == 0].sum(), positive + sizes[labels == 1].sum()
                image, anchor, kind = np.nonzero(labels == 1)
                found.append((kind, logits[image, anchor, kind], iou[image, anchor]))
        balance = float(negative / positive) if positive else float("nan")
        return {"gradient_balance": balance, "rank_correlation": _correlation(found)}


def _correlation(found: list[tuple[np.ndarray, ...]]) -> float:
    if not found:
        return float("nan")
    kinds, scores, iou = (np.concatenate(column) for column in zip(*found))
    classes = [kinds == kind for kind in np.unique(kinds)]
    by_class = [ClassMatches(scores[one], iou[one], np.ones(one.sum(), bool), int(one.sum())) for one in classes]
    return rank_correlation(by_class)


def read_watched(log_dir: Path) -> dict[str, list[float]]:
    """Read what a `RankingWatch` wrote, by name over the epochs; epochs where it is undefined are left out."""
    found: dict[str, dict[int, float]] = {name: {} for name in _WATCHED}
    files = map(str, (log_dir / _FOLDER).glob("events.out.tfevents.*"))
    events = chain.from_iterable(map(tf.compat.v1.train.summary_iterator, files))
    # A continued run writes another file, which may begin before the end of the first.
    for event in sorted(events, key=lambda event: event.wall_time):
        for value in event.summary.value:
            if value.tag in found:
                found[value.tag][event.step] = float(tf.make_ndarray(value.tensor))
    return {name: [values[step] for step in sorted(values)] for name, values in found.items() if values}
