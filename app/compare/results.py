"""The figures of a comparison as CSV, one line a model and test set, and as JSON, with everything that led to them."""

from ...trainers.comparison import Comparison, Outcome, Row
from ...trainers.machine import cores
from ...trainers.training.config import to_dict
from ...trainers.training.run_folder import versions


def csv_rows(comparison: Comparison) -> list[dict]:
    """Give a line for each row, seed and test set, all with the same keys; what a row lacks is empty."""
    lines = []
    for row, swept in _all_rows(comparison):
        for number, outcome in enumerate(row.outcomes):
            for name in comparison.tests:
                lines.append(
                    {
                        "row": row.label,
                        "loss": row.entry.loss,
                        "options": " ".join(row.entry.options),
                        "sweep": swept,
                        "seed": outcome.seed,
                        "learning_rate": row.learning_rate,
                        "logit_scale": row.scales[number] if row.scales else "",
                        "test": name,
                        **outcome.figures(name),
                        "step_seconds": "" if outcome.step_seconds is None else outcome.step_seconds,
                    }
                )
    columns = dict.fromkeys(key for line in lines for key in line)
    return [{key: line.get(key, "") for key in columns} for line in lines]


def results(comparison: Comparison) -> dict:
    """Give everything as JSON-able data: settings, versions, trials, every model's figures and curves, and means."""
    plan = comparison.plan
    return {
        "task": comparison.task,
        "data": {"training": plan.config.data, "selection": plan.config.val or "every tenth training example",
                 "tests": dict(zip(comparison.tests, plan.tests))},
        "examples": comparison.examples,
        "learning_rates": list(plan.learning_rates),
        "trial_epochs": plan.trial_epochs if len(plan.learning_rates) > 1 else None,
        "training": shared_settings(comparison),
        "versions": versions(),
        "machine": machine(),
        "trials": comparison.trials,
        "rows": [_row(comparison, row) for row in comparison.rows],
        "sweeps": [
            {"hyperparameter": name, "loss": loss,
             "values": {value: _row(comparison, row) for value, row in rows.items()}}
            for (name, loss), rows in comparison.sweeps.items()
        ],
    }  # fmt: skip


def shared_settings(comparison: Comparison) -> dict:
    """Give what every training was told alike; what differs stands with the losses."""
    own = ("loss", "loss_options", "learning_rate", "seed", "out")
    return {name: value for name, value in to_dict(comparison.plan.config).items() if name not in own}


def machine() -> dict:
    """Say on what was computed."""
    import tensorflow as tf

    devices = [tf.config.experimental.get_device_details(device) for device in tf.config.list_physical_devices("GPU")]
    return {"cores": cores(), "gpus": [details.get("device_name", "GPU") for details in devices]}


def _all_rows(comparison: Comparison):
    yield from ((row, "") for row in comparison.rows)
    for (name, _), rows in comparison.sweeps.items():
        yield from ((row, f"{name}={value}") for value, row in rows.items())


def _row(comparison: Comparison, row: Row) -> dict:
    return {
        "label": row.label,
        "loss": row.entry.loss,
        "options": list(row.entry.options),
        "learning_rate": row.learning_rate,
        "logit_scales": row.scales,
        "mean_and_spread": {
            **{name: _plain(row.on(name)) for name in comparison.tests},
            "all test sets": _plain(row.overall),
        },
        "models": [_model(outcome) for outcome in row.outcomes],
    }


def _plain(figures: dict) -> dict:
    return {key: spread.to_dict() for key, spread in figures.items()}


def _model(outcome: Outcome) -> dict:
    sets = {
        name: {"figures": outcome.figures(name), **{key: kept[key] for key in ("classes", "curves") if key in kept}}
        for name, kept in outcome.sets.items()
    }
    return {
        "seed": outcome.seed,
        "run": f"runs/{outcome.record['name']}",
        "selection": outcome.record.get("selection", {}),
        "watched": outcome.record.get("watched", {}),
        "step_seconds": outcome.step_seconds,
        "over_all_sets": outcome.overall,
        "transfer": outcome.transfer.to_dict() if outcome.transfer else None,
        "middle_transfer": outcome.middle_transfer.to_dict() if outcome.middle_transfer else None,
        "sets": sets,
    }
