"""What `metricfit demo` and `metricfit predict` can be told. Imports neither TensorFlow nor OpenCV."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ...trainers.training.setting_types import MaxMegapixels
from ..flags import (
    BeamRunner,
    MaxDetections,
    Model,
    Nms,
    NmsIou,
    NmsPerClass,
    NmsSigma,
    OptionalModel,
    Quiet,
    RunnerOptions,
    Smooth,
    Threads,
    Threshold,
    TileOverlap,
    Tiles,
    Trust,
)

View = Literal["overlay", "cutout", "blur", "map", "classes", "labels", "confidence", "boxes", "spotlight", "raw"]
"""The pictures that the demo can draw: first those of saliency, then of segmentation, then of detection."""

Objects = Annotated[
    bool, tyro.conf.arg(help="Frame the objects in what is drawn, with their scores: of a map its connected parts.")
]


@dataclass(frozen=True)
class DemoOptions:
    """Draw a model's result live over a camera, a video, a folder of pictures or the embedded scenes.

    Example: metricfit demo exports/NAME --source holiday.mp4 --record out.mp4

    Keys: + and - (or the arrow keys) threshold (those of all classes together), v or 1-4 view, o frame objects, space
    pause, n and p next and previous picture, s snapshot, r record, h hide the text, q or Esc quit.
    """

    model: OptionalModel = ""
    source: str = "0"
    """Camera number or stream address, a video file, a folder or picture, or `scenes[:SPLIT]`."""
    threshold: Threshold = None
    view: View | None = None
    """What to draw first. Saliency: overlay, cutout, blur (blurred background) or map (the raw saliency). Segmentation:
    classes (the picture tinted), labels (the class map alone) or confidence. Detection: boxes, spotlight (the rest
    darkened) or raw (everything found). By default the first."""
    objects: Objects = False
    record: Path | None = None
    """Write what is drawn into this video (.mp4, .mov, .mkv or .avi), without the text."""
    headless: bool = False
    """Open no window: once through, as fast as possible. Pictures are drawn into `--out`; a video is only measured,
    unless `--record` names a file for it."""
    out: Path = Path("demo")
    """Folder for snapshots, recordings begun with a key, and the drawn pictures of a headless run."""
    frames: int | None = None
    """Stop after this many frames or pictures."""
    loop: bool = True
    """Begin again at the end of a video or folder; a headless or recorded run goes through once."""
    smooth: Smooth = 0.0
    nms: Nms = None
    nms_iou: NmsIou = None
    nms_sigma: NmsSigma = None
    nms_per_class: NmsPerClass = True
    max_detections: MaxDetections = None
    threads: Threads = None
    trust: Trust = False
    max_megapixels: MaxMegapixels = None
    quiet: Quiet = False


@dataclass(frozen=True)
class PredictOptions:
    """Find what is in pictures and videos: salient objects as mask, map, cut-out and overlay, classes of pixels, boxes.

    Example: metricfit predict exports/NAME photos/ 'more/*.jpg' clip.mp4 -o results

    For every picture of a saliency model: masks/NAME.png (0 and 255), saliency/NAME.png (8 bits), cutouts/NAME.png
    (transparent background), overlays/NAME.jpg. Of a segmentation model: labels/NAME.png (class indices, with a
    palette; 255 below --threshold), overlays/NAME.jpg. Of a detection model: overlays/NAME.jpg with the boxes drawn;
    for all pictures detections.json, every box found in COCO's format, below the thresholds too. Of all: results.json,
    with the boxes of the objects: of a map the connected parts, from 0.1 % of the picture on. Of a video:
    videos/NAME.mp4 with the overlay drawn, without sound, and videos/NAME.jsonl, a line for each frame.
    """

    model: Model
    inputs: Annotated[
        tyro.conf.Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="INPUT...", help_behavior_hint="(required, one or more)"),
    ]
    """Picture and video files, folders of pictures, patterns such as 'photos/*.jpg', lists of files (.txt, a file a
    line), or a source such as scenes:test or folder:photos:val."""
    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None
    """Folder to write into, made when missing; by default predictions, or predictions-2 and so on where that exists."""
    threshold: Threshold = None
    objects: Objects = False
    resume: bool = False
    """Go on with what was interrupted in `--out` (by default the last of predictions, predictions-2 and so on): what is
    done and has not changed since is not done again. Model and settings must be the same."""
    smooth: Smooth = 0.0
    tiles: Tiles = None
    tile_overlap: TileOverlap = None
    nms: Nms = None
    nms_iou: NmsIou = None
    nms_sigma: NmsSigma = None
    nms_per_class: NmsPerClass = True
    max_detections: MaxDetections = None
    runner: BeamRunner = None
    runner_options: RunnerOptions = ()
    threads: Threads = None
    trust: Trust = False
    max_megapixels: MaxMegapixels = None
    quiet: Quiet = False
