"""What `metricfit demo` and `metricfit predict` can be told. Imports neither TensorFlow nor OpenCV."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

View = Literal["overlay", "cutout", "blur", "map"]
"""The pictures that the demo can draw."""


@dataclass(frozen=True)
class DemoOptions:
    """Draw a model's result live over a camera, a video, a folder of pictures or the embedded scenes.

    Example: metricfit demo exports/NAME --source holiday.mp4 --record out.mp4

    Keys: + and - (or the arrow keys) threshold, v or 1-4 view, space pause, n and p next and previous picture,
    s snapshot, r record, h hide the text, q or Esc quit.
    """

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="[MODEL]", help_behavior_hint="(optional)")] = ""
    """Run folder, export folder, .keras, SavedModel or .tflite; without one, the model that ships with the program."""

    source: str = "0"
    """Camera number or stream address, a video file, a folder or picture, or `scenes[:SPLIT]`."""

    threshold: float | None = None
    """Saliency from which a pixel is foreground, 0 to 1; by default the model card's best one, else 0.5."""

    view: View = "overlay"
    """What to draw first: overlay, cutout, blur (blurred background) or map (the raw saliency)."""

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

    threads: int | None = None
    """CPU threads of the model; by default what its runtime chooses."""

    quiet: bool = False
    """No progress bar and no summary."""


@dataclass(frozen=True)
class PredictOptions:
    """Find the salient object in picture files, and write it as mask, map, cut-out, overlay and JSON.

    Example: metricfit predict exports/NAME photos/ 'more/*.jpg' --out results

    For every picture: masks/NAME.png (0 and 255), saliency/NAME.png (8 bits), cutouts/NAME.png (transparent
    background), overlays/NAME.jpg; for all of them results.json.
    """

    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL")]
    """Run folder, export folder, .keras, SavedModel or .tflite."""

    inputs: Annotated[
        tyro.conf.Positional[tuple[str, ...]],
        tyro.conf.arg(metavar="INPUT...", help_behavior_hint="(required, one or more)"),
    ]
    """Picture files, folders, patterns such as 'photos/*.jpg', or a source such as scenes:test."""

    out: Path
    """Folder to write into; made when missing."""

    threshold: float | None = None
    """Saliency from which a pixel is foreground, 0 to 1; by default the model card's best one, else 0.5."""

    threads: int | None = None
    """CPU threads of the model; by default what its runtime chooses."""

    quiet: bool = False
    """No progress bar and no summary."""
