"""What an evaluation finds after each epoch: its figures among the epoch's logs, its pictures in TensorBoard."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ...figures.rendering import to_png_array
from ...judge.base import Report
from ..callbacks.averaged import averaged_weights
from .series import begin_at


class EpochReport(keras.callbacks.Callback):
    """Reports on the model with the weights that validation sees, and logs `val_` and the names of its figures.

    It must stand before the callbacks that read these logs: `BestModel`, `HistoryCSV`, TensorBoard.

    Args:
        evaluate: from the model to a `Report`, such as `Task.epoch_report` or a `MetricReport` gives.
        log_dir: TensorBoard folder of the run.
        tags: the figures to draw: name in the report -> subfolder of `log_dir`, slash, and tag.
        every: epochs between two pictures.
        add_logs: False where Keras' own validation logs the figures already, as with a `MetricReport`.
        draws: False draws nothing, and nothing is written.
    """

    def __init__(
        self,
        evaluate: Callable[[keras.Model], Report],
        log_dir: str | Path,
        tags: Mapping[str, str],
        *,
        every: int = 1,
        add_logs: bool = True,
        draws: bool = True,
    ):
        super().__init__()
        self.evaluate, self.tags = evaluate, dict(tags)
        self.every, self.add_logs, self.draws, self.log_dir = every, add_logs, draws, Path(log_dir)
        self.report: Report | None = None  # the latest
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open a writer for each subfolder."""
        self._begins = self.draws
        if not self.draws:
            return
        folders = dict.fromkeys(tag.rpartition("/")[0] for tag in self.tags.values())
        self._writers = {folder: tf.summary.create_file_writer(str(self.log_dir / folder)) for folder in folders}

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Let the first epoch's pictures take the place of those that were drawn from there on."""
        if self._begins:
            begin_at(epoch, *self._writers.values())
            self._begins = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report, add to the logs, draw."""
        with averaged_weights(self.model):
            self.report = self.evaluate(self.model)
        if logs is not None:
            figures = self.report.scalars if self.add_logs else {}
            errors = {f"{name}_error": value for name, value in self.report.errors.items()}
            logs.update({f"val_{name}": value for name, value in {**figures, **errors}.items()})
        if not self.draws or (epoch + 1) % self.every:
            return
        for name, figure in self.report.figures(f"Epoch {epoch + 1}").items():
            if name in self.tags:
                folder, _, tag = self.tags[name].rpartition("/")
                with self._writers[folder].as_default(step=epoch):
                    tf.summary.image(tag, to_png_array(figure)[None])
        for writer in self._writers.values():
            writer.flush()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Close the writers."""
        for writer in self._writers.values():
            writer.close()
