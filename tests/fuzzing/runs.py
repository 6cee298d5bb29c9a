"""What trainings and exports leave: settings, cards, histories, records and states."""

import csv
import io
import json
import tempfile
from pathlib import Path

from .base import ROOT, Format
from .models import keras_file


def _config(path: Path) -> None:
    from metricfit.trainers.tasks import CONFIGS, get_task
    from metricfit.trainers.training import run
    from metricfit.trainers.training.config_files import read_config
    from metricfit.trainers.training.run_folder import check_run

    text = path.read_bytes()
    task = next((name for name in CONFIGS if name.encode() in text), "saliency")
    config = read_config(path, CONFIGS[task])
    run.check(config)
    get_task(task).check(config)
    check_run(task, config)


def configs() -> Format:
    """Settings that `--config` names, of a user's own and of a run."""
    from metricfit.trainers.tasks import CONFIGS
    from metricfit.trainers.training.config_files import to_dict

    def whole(name: str) -> bytes:
        return json.dumps({"task": name, "config": to_dict(CONFIGS[name]())}).encode()

    own = b'{"data": "scenes:train", "epochs": 3, "loss": "floss", "loss_options": ["beta2=0.5"]}'
    return Format(
        "config", "settings.json", (own, *map(whole, CONFIGS)), lambda folder: _config(folder / "settings.json")
    )


def cards() -> Format:
    """card.json of an exported model."""
    from metricfit.export.card import read_card

    seeds = tuple(path.read_bytes() for path in sorted(ROOT.glob("saved_models/*/card.json")))
    return Format("card", "card.json", seeds, read_card)


def runs() -> Format:
    """config.json of a run folder, as what goes on from a run reads it."""
    from metricfit.trainers.tasks.first_model import settings_of
    from metricfit.trainers.training.config import SaliencyConfig
    from metricfit.trainers.training.run_folder import check_run, read_run

    def read(folder: Path) -> None:
        read_run(folder)
        settings_of(str(folder))
        check_run("saliency", SaliencyConfig(out=str(folder)))

    config = configs().seeds[1]
    return Format("run", "config.json", (config,), read, {"history.csv": b"epoch,loss\r\n1,0.5\r\n"})


def histories() -> Format:
    """history.csv of a run folder, which a training mends as it goes on."""
    from metricfit.trainers.training.reporting.history import mended_history, read_history

    def read(folder: Path) -> None:
        mended_history(folder / "history.csv")
        for row in read_history(folder / "history.csv"):
            assert all(isinstance(value, int | float) for value in row.values())

    text = io.StringIO()
    writer = csv.DictWriter(text, ["epoch", "seconds", "learning_rate", "loss", "val_max_f"])
    writer.writeheader()
    for epoch in range(1, 6):
        writer.writerow({"epoch": epoch, "seconds": 3.5, "learning_rate": 1e-3, "loss": 0.5 / epoch, "val_max_f": 0.8})
    return Format("history", "history.csv", (text.getvalue().encode(),), read)


def bests() -> Format:
    """The record of the best epoch of a run."""
    from metricfit.trainers.training.callbacks.best import BestModel
    from metricfit.trainers.training.faults.mending import mend

    def read(folder: Path) -> None:
        mend(folder, BestModel(folder / "model.keras", "val_max_f"))

    record = {"monitor": "val_max_f", "value": 0.8, "epoch": 3, "then": -0.1, "highest": 0.81, "error": 0.02}
    beside = {"model.keras": keras_file(), "history.csv": histories().seeds[0]}
    return Format("best", "model.best.json", (json.dumps(record).encode(),), read, beside)


def metrics() -> Format:
    """metrics.json of a run, whose thresholds are taken with its model."""
    from metricfit.export.runners.load import read_facts
    from metricfit.export.tasks import TASKS

    def read(folder: Path) -> None:
        for task in TASKS.values():
            read_facts(task, task.facts, folder)

    report = {
        "scalars": {"best_threshold": 0.4, "f1_threshold": 0.3, "max_f": 0.9},
        "classes": {"a": {"threshold": 0.4}},
    }
    return Format("metrics", "metrics.json", (json.dumps(report).encode(),), read)


def checkpoints() -> Format:
    """The file of a training's state."""
    import keras

    from metricfit.trainers.training.callbacks.checkpoint import TrainingCheckpoint, restore
    from metricfit.trainers.training.states import state_files

    def model() -> keras.Model:
        keras.utils.set_random_seed(0)
        built = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        built.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
        return built

    with tempfile.TemporaryDirectory() as name:
        callback = TrainingCheckpoint(Path(name))
        callback.set_model(model())
        callback.on_train_begin()
        callback.on_epoch_end(0, {"loss": 0.5})
        (file,) = state_files(name)
        data, called = file.read_bytes(), file.name
    going_on = model()  # its numbers do not matter
    return Format("checkpoint", called, (data,), lambda folder: restore(going_on, folder))
