"""Keras' TensorBoard series, each once, also where an epoch is trained again."""

import time
from typing import Any

import keras
import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event, SessionLog


class Series(keras.callbacks.TensorBoard):
    """TensorBoard of scalars by epoch, without the second copy of the validation's that Keras writes by step."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Open the writers."""
        super().on_train_begin(logs)
        self._begins = True

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Let the first epoch take the place of what was written from there on."""
        super().on_epoch_begin(epoch, logs)
        if self._begins:
            begin_at(epoch, self._train_writer, self._val_writer)
            self._begins = False

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the validation and write nothing: what it found is in the logs of the epoch."""
        super().on_test_end({})


def begin_at(step: int, *writers: tf.summary.SummaryWriter) -> None:
    """Say in files of TensorBoard that a session starts: what others in their folders hold from that step on is void.

    A training that goes on repeats the epoch that it was interrupted or taken back in; without this a curve has both.
    """
    started = SessionLog(status=SessionLog.START)
    event = Event(wall_time=time.time(), step=step, session_log=started).SerializeToString()
    for writer in writers:
        with writer.as_default(step=step):
            # There is no other way to write an event that is no summary.
            tf.raw_ops.ImportEvent(writer=writer._resource, event=event)
        writer.flush()
