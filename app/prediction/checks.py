"""What is refused before anything is predicted."""

import shlex
from pathlib import Path

import numpy as np

from ...trainers.errors import UsageError
from ..predictor import is_model
from ..show.inputs import Input, is_picture, is_video
from ..tasks import TASKS
from .journal import is_foreign

RESULTS, VIDEOS, JOURNAL, PARTS = "results.json", "videos", "results.jsonl", "parts"


def check_order(model: str | Path, inputs: list[Input]) -> None:
    """Refuse a picture in place of the model, and say what may have been meant."""
    if is_model(model):
        return
    given = [str(one) for one in inputs if not isinstance(one, np.ndarray)]
    if models := [one for one in given if is_model(one)]:
        others = [one for one in given if one != models[0]]
        meant = shlex.join([models[0], str(model), *others])
        raise UsageError(
            f"expected a model before the pictures, {model} is none and {models[0]} is one: did you mean "
            f"metricfit predict {meant}?"
        )
    if is_picture(Path(model)) or is_video(Path(model)):
        raise UsageError(
            f"expected a model before the pictures, {model} is none: did you mean "
            f"metricfit predict saliency_lite0 {shlex.join([str(model), *given])}?"
        )


def check_parts(out: Path, resume: bool) -> None:
    """Refuse to predict by a runner among files of others, or among those of a prediction in one process."""
    if (out / JOURNAL).exists():
        raise UsageError(f"{out} holds a prediction by one process: leave --runner out, or choose another --out")
    ours = (out / RESULTS).is_file() and (out / PARTS).is_dir()
    if resume and not ours:
        raise UsageError(f"{out} holds no prediction by a runner, with which --resume could go on: leave it out")
    if not ours:
        check_folder(1, [], out, False)


def check_not_smooth(smooth: float) -> None:
    """Refuse to smooth what workers find, each in pictures of its own."""
    if smooth:
        raise UsageError("--smooth is of the frames of a video, one after the other: leave --runner out")


def check_folder(pictures: int, videos: list[Path], out: Path | None, resume: bool) -> None:
    """Refuse to predict nothing, or to write among files of others: the masks of a data folder would be overwritten."""
    if not pictures and not videos:
        raise UsageError("expected at least one picture, video, folder, pattern or source to predict, got none")
    if out is None:
        if resume:
            raise UsageError("resume goes on with what was written before: give out as well, its folder")
        if videos:
            raise UsageError(f"{videos[0]} is a video, of which results are written and not kept: give out as well")
        return
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder as --out, {out} is a file: choose another")
    if (out / PARTS).is_dir() and any((out / PARTS).iterdir()):
        raise UsageError(f"{out} holds a prediction by a runner, in {PARTS}: give --runner, or choose another --out")
    # Files that lie beside results.json are from here.
    if (out / RESULTS).is_file():
        if resume and not (out / JOURNAL).is_file():
            raise UsageError(
                f"{out} holds a prediction without {JOURNAL}, from which --resume goes on: leave --resume out to begin "
                "anew, or choose another --out"
            )
        return
    if is_foreign(out / JOURNAL):
        raise UsageError(f"{out / JOURNAL} is not from an earlier prediction: choose another --out")
    kinds = {out / Path(file).parent for task in TASKS.values() for file, _ in task.files.values()}
    for folder in sorted({*kinds, out / VIDEOS}):
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds files that are not from an earlier prediction: choose another --out")
