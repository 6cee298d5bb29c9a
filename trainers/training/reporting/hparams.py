"""The configuration of a run and what it reached, in TensorBoard's HParams tab."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorboard.plugins.hparams import api

from ...metrics.catalogue import metrics_of

COLUMNS = ("backbone", "data", "epochs", "learning_rate", "loss", "loss_options", "seed", "size")
"""Settings that the table shows; TensorBoard sorts them, and hides all but the first five until they are asked for."""


class HParams(keras.callbacks.Callback):
    """Writes the configuration when training starts.

    Args:
        config: the configuration, of any depth.
        log_dir: TensorBoard folder of the run.
        trial_id: name of the run in the table; None lets TensorBoard derive one from the values.
        metrics: keys of final metrics for the table, beside the settings in `COLUMNS`; empty shows everything.
        usual: the configuration by default: what differs from it is in the table, too.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        log_dir: str | Path,
        trial_id: str | None = None,
        metrics: Iterable[str] = (),
        usual: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.log_dir, self.trial_id = flatten(config), str(log_dir), trial_id
        self.metrics, defaults = tuple(metrics), flatten(config if usual is None else usual)
        changed = [name for name, value in self.config.items() if value != defaults.get(name)]
        self.columns = [name for name in dict.fromkeys((*COLUMNS, *changed)) if name in self.config]

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Write the configuration."""
        writer = tf.summary.create_file_writer(self.log_dir)
        with writer.as_default(step=0):
            if self.metrics:
                final = [
                    api.Metric(f"final/{one.key}", display_name=one.heading, description=one.explained)
                    for one in metrics_of(*self.metrics)
                ]
                api.hparams_config(list(map(api.HParam, self.columns)), final)
            api.hparams(self.config, trial_id=self.trial_id)
        writer.close()


def write_final_metrics(log_dir: str | Path, metrics: Mapping[str, Any]) -> None:
    """Add the final evaluation to a run's table, as `final/...`; what is not a number is left out."""
    writer = tf.summary.create_file_writer(str(log_dir))
    with writer.as_default(step=0):
        for name, value in metrics.items():
            if isinstance(value, (int, float)):
                tf.summary.scalar(f"final/{name}", float(value))
    writer.close()


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, bool | int | float | str]:
    """Give one level of `outer.inner` names with the values that HParams takes: bool, int, float, text."""
    flat: dict[str, bool | int | float | str] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= flatten(value, f"{name}.")
        elif isinstance(value, (list, tuple)):
            flat[name] = ", ".join(map(str, value))
        elif isinstance(value, (bool, int, float, str)):
            flat[name] = value
        else:
            flat[name] = "none" if value is None else str(value)
    return flat
