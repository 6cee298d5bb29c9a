"""How steady a model is on videos, which have no truth."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...trainers.data.example import ClipFrame, Example
from ...trainers.data.images import over_white
from ...trainers.data.listing import surroundings
from ...trainers.data.targets import TARGETS
from ...trainers.errors import DataError, UsageError
from ...trainers.judge.clips.report import ClipReport
from ...trainers.judge.clips.smoothing import Smoother
from ...trainers.judge.clips.steadiness import SteadinessJudge
from ...trainers.judge.feeding import in_pictures
from ...trainers.progress import progress
from ..live.frames import FrameSource
from ..live.sources import Pictures
from ..live.video import Video
from ..options import EvaluateOptions
from ..predictor import Predictor
from ..show.inputs import find_pictures

PLAIN = EvaluateOptions(model="")
OF_TRUTH = (
    "protocol", "beta2", "logit_scale", "classes", "ignore", "mask_threshold", "resize_masks", "colours", "guarantee",
    "scales", "flips", "tiles", "tile_overlap", "decision", "runner", "runner_options", "strict",
)  # fmt: skip
"""Options that say how a truth is read or held against what is found, or how single pictures are shown."""


def check_no_truth_asked(options: EvaluateOptions) -> None:
    """Refuse options that a video has no use for."""
    for name in OF_TRUTH:
        if getattr(options, name) != getattr(PLAIN, name):
            raise UsageError(
                f"a video has no truth, and each of its frames is seen once: leave --{name.replace('_', '-')} out"
            )


def evaluate_videos(options: EvaluateOptions, predictor: Predictor, paths: list[str]) -> tuple[ClipReport, int]:
    """Measure flicker and blink over all videos; gives the report, and how many frames there were.

    Raises:
        UsageError: a path leads nowhere, or the model finds boxes.
        DataError: frames cannot be read, unless they are to be left out.
        MetricfitError: there are no two frames in a row.
    """
    task, runner = predictor.task, predictor.runner
    if task.target == "boxes":
        raise UsageError(
            f"flicker is of masks and class maps, {options.model} is a {task.name} model: give it data with boxes"
        )
    smoother = Smoother(options.smooth) if options.smooth else None
    judge, frames = SteadinessJudge(task.target, runner.class_names, threshold=runner.threshold), 0
    for path in paths:
        source = open_clip(path, options.max_megapixels)
        try:
            for example in progress(
                _examples(source, path), total=source.length, desc=path, unit="frame", quiet=options.quiet
            ):
                images = predictor.fit(example.image)[None]
                found = runner(images)
                if smoother:
                    found = smoother.over(np.asarray(found), images, [example])
                target = TARGETS[task.target]
                for one in in_pictures(found, [example], target, size=runner.size, resizing=runner.resizing):
                    judge.update(example, one)
                frames += 1
        finally:
            source.close()
        if source.faults and not options.skip_bad:
            raise DataError(f"{source.faults[0]}; --skip-bad measures the others")
    return ClipReport(steadiness=judge.result(), label=Path(options.model).name), frames


def open_clip(path: str, max_megapixels: float | None = None) -> FrameSource:
    """Open a video file, or a folder of frames in the order of the numbers in their names."""
    place = Path(path).expanduser()
    if place.is_dir():
        pictures = find_pictures([str(place)], max_megapixels=max_megapixels)
        return Pictures(path, sorted(pictures, key=lambda picture: _with_numbers(picture.name)))
    if not place.is_file():
        raise UsageError(
            f"expected a video file or a folder of frames behind video:, found nothing at {path!r} "
            f"({surroundings(place)}): check the path"
        )
    return Video(place)


def _examples(source: FrameSource, path: str) -> Iterator[Example]:
    while (frame := source.read()) is not None:
        image = over_white(frame.image) if frame.image.shape[-1] == 4 else frame.image
        yield Example(image, name=f"{path}-{frame.index:06d}", frame=ClipFrame(path, frame.index))


def _with_numbers(name: str) -> list[tuple[int, Any]]:
    """Give what sorts frame-10 behind frame-9."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part)) if part.isdecimal() else (0, part) for part in parts]
