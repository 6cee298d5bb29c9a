"""What a comparison found, as data: rows of a table, and everything that led to them."""

from dataclasses import dataclass
from itertools import chain
from typing import Any

import tensorflow as tf

from ..machine import cores
from ..training.config_files import to_dict
from ..training.run_folder import versions
from .outcome import Row
from .plan import Plan, Record


@dataclass(frozen=True, repr=False)
class Comparison:
    """All that was found."""

    task: str
    plan: Plan
    rows: list[Row]  # the losses, and the controls behind theirs
    sweeps: dict[tuple[str, str], dict[str, Row]]  # by (hyperparameter, loss) a row for each value as it was written
    trials: dict[str, list[Record]]  # by loss and its settings those of the tried learning rates
    tests: tuple[str, ...]
    examples: dict[str, int]  # how many pictures the sets have, and `training`

    def __repr__(self) -> str:
        return f"Comparison({self.task}: {', '.join(row.label for row in self.rows)}; on {', '.join(self.tests)})"

    @property
    def scalars(self) -> dict[str, dict[str, dict[str, float]]]:
        """The figures' means over the seeds: by row, then test set."""
        return {
            row.label: {name: {key: spread.mean for key, spread in row.on(name).items()} for name in self.tests}
            for row in self.rows
        }

    @property
    def shared_settings(self) -> dict[str, Any]:
        """What every training was told but for what its own row says; what always differs stands with the losses."""
        own = ("loss", "loss_options", "learning_rate", "seed", "out")
        return {name: value for name, value in to_dict(self.plan.config).items() if name not in own}

    def csv_rows(self) -> list[dict[str, Any]]:
        """Give a line for each row, seed and test set, all with the same keys; what a row lacks is empty."""
        swept = ((row, f"{name}={value}") for (name, _), rows in self.sweeps.items() for value, row in rows.items())
        lines = [
            {
                "row": row.label,
                "loss": row.entry.loss,
                "options": " ".join(row.entry.options),
                "settings": row.entry.told,
                "sweep": value,
                "seed": outcome.seed,
                "learning_rate": row.learning_rate,
                "logit_scale": row.scales[number] if row.scales else "",
                "test": name,
                **outcome.figures(name),
                "step_seconds": "" if outcome.step_seconds is None else outcome.step_seconds,
            }
            for row, value in chain(((row, "") for row in self.rows), swept)
            for number, outcome in enumerate(row.outcomes)
            for name in self.tests
        ]
        columns = dict.fromkeys(key for line in lines for key in line)
        return [{key: line.get(key, "") for key in columns} for line in lines]

    def to_dict(self) -> dict[str, Any]:
        """Give everything: settings, versions, trials, every model's figures and curves, and means."""
        plan, selection = self.plan, self.plan.config.val or "every tenth training example"
        tests = dict(zip(self.tests, plan.tests))
        return {
            "task": self.task,
            "data": {"training": plan.config.data, "selection": selection, "tests": tests},
            "examples": self.examples,
            "learning_rates": list(plan.learning_rates),
            "trial_epochs": plan.trial_epochs if len(plan.learning_rates) > 1 else None,
            "training": self.shared_settings,
            "versions": versions(),
            "machine": machine(),
            "trials": self.trials,
            "rows": [row.to_dict(self.tests) for row in self.rows],
            "sweeps": [
                {
                    "hyperparameter": name,
                    "loss": loss,
                    "values": {key: row.to_dict(self.tests) for key, row in rows.items()},
                }
                for (name, loss), rows in self.sweeps.items()
            ],
        }


def machine() -> dict[str, Any]:
    """Say on what was computed."""
    devices = [tf.config.experimental.get_device_details(device) for device in tf.config.list_physical_devices("GPU")]
    return {"cores": cores(), "gpus": [details.get("device_name", "GPU") for details in devices]}
