"""The state of a training, written at the end of each epoch: a resumed training equals an uninterrupted one."""

import math
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ...errors import MetricfitError


def has_checkpoint(folder: str | Path) -> bool:
    """Tell whether there is a checkpoint to restore in a folder."""
    return tf.train.latest_checkpoint(str(folder)) is not None


class TrainingCheckpoint(keras.callbacks.Callback):
    """Keeps weights, moving statistics, random states and the whole optimizer of the last two epochs, in a folder.

    An interrupted write leaves the checkpoint before it. Put it last among the callbacks: what stands before it in the
    list is then done whenever an epoch is recorded.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        self.folder = Path(folder)
        self._manager: tf.train.CheckpointManager | None = None
        self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)

    def restore(self, model: keras.Model) -> int:
        """Bring a compiled, built model back to the latest checkpoint; gives the `initial_epoch` for `fit`."""
        manager = self._manager_of(model)
        if manager.latest_checkpoint is None:
            return 0
        try:
            manager.checkpoint.restore(manager.latest_checkpoint).assert_consumed()
        except (ValueError, AssertionError, IndexError, RuntimeError, tf.errors.OpError) as error:
            raise MetricfitError(
                f"checkpoint {manager.latest_checkpoint} does not fit this model and optimizer or is damaged: "
                f"train with the configuration it came from, or start anew with --overwrite"
            ) from error
        return int(self._epoch)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Prepare for writing."""
        self._manager_of(self.model)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state, unless the loss is no finite number: nothing could be resumed from there."""
        if math.isfinite(float((logs or {}).get("loss", 0.0))):
            self._epoch.assign(epoch + 1)
            self._manager_of(self.model).save(checkpoint_number=epoch + 1)

    def _manager_of(self, model: keras.Model) -> tf.train.CheckpointManager:
        """Collect what a training changes, in an order that follows from the architecture alone."""
        if self._manager is None:
            optimizer = model.optimizer
            if not optimizer.built:
                optimizer.build(model.trainable_variables)
            metrics = {id(variable) for metric in model.metrics for variable in metric.variables}
            state = [variable for variable in model.variables if id(variable) not in metrics]
            checkpoint = tf.train.Checkpoint(
                epoch=self._epoch,
                model=[variable.value for variable in state],
                optimizer=[variable.value for variable in optimizer.variables],
            )
            self._manager = tf.train.CheckpointManager(
                checkpoint, str(self.folder), max_to_keep=2, checkpoint_name="epoch"
            )
        return self._manager
