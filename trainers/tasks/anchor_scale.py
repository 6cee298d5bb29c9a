"""Which anchors suit the boxes of the training data, for `--anchor-scale auto`, and which boxes none suits."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from ..data.example import Source
from ..data.fit import fit_boxes, fit_scale
from ..data.targets import TARGETS
from ..geometry import InputSize, size_text
from ..judge.base import evenly_spread
from ..machine import workers
from ..models.detector.anchors import AnchorGrid
from ..models.detector.base import Detector
from ..models.registry import MODELS
from ..text import counted
from ..training.config import DetectionConfig

LOOKED_AT = 512
"""Of larger training sets so many pictures tell what boxes there are."""

MOST_BOXES = 20_000
"""Of more boxes so many choose the anchors, spread evenly over all."""

REACHED = 0.5
"""An anchor reaches an object whose box it has this IoU with."""

SCALES = tuple(float(f"{2 ** (quarter / 4):.3g}") for quarter in range(-4, 17))
"""What is tried: from half a stride to 16, a quarter of an octave apart."""

WORTH = 0.01
"""More scales an octave are taken where they reach so large a share of the objects more."""


@dataclass(frozen=True)
class AnchorChoice:
    """What was chosen, and of all boxes the number that no anchor reaches: with it, and by scales an octave."""

    anchor_scale: float
    scales_per_octave: int
    boxes: int
    unreached: int
    others: dict[int, int]


_boxes: WeakKeyDictionary[Source, dict[tuple[InputSize, str], list[np.ndarray]]] = WeakKeyDictionary()


def looked_at(training: Source) -> list[int]:
    """Give the pictures that tell what boxes there are."""
    return evenly_spread(len(training), LOOKED_AT)


def boxes_at_size(training: Source, size: InputSize, resizing: str) -> list[np.ndarray]:
    """Give the boxes of each picture looked at that count, in pixels of the input, float32 [n, 4].

    The pictures are decoded once, however often it is asked for one source and size.
    """
    kept = _boxes.setdefault(training, {})
    if (size, resizing) not in kept:

        def of_picture(index: int) -> np.ndarray:
            example = training.load(index)
            boxes, classes = TARGETS["boxes"].of(example, training)
            return fit_boxes(
                boxes[classes >= 0], fit_scale((example.image.shape[0], example.image.shape[1]), size, resizing)
            )

        with ThreadPoolExecutor(workers()) as pool:
            kept[size, resizing] = list(pool.map(of_picture, looked_at(training)))
    return kept[size, resizing]


def chosen_anchors(
    boxes: np.ndarray, size: InputSize, scales: Sequence[int] = (1, 2, 3), grid: type[AnchorGrid] = AnchorGrid
) -> AnchorChoice:
    """Choose the anchor scale that leaves the fewest of boxes [n, 4], n above 0, unreached.

    Where several leave as few, that of the largest mean IoU. All `scales` an octave are tried, and the fewest taken
    which reach all but `WORTH` of what the most of them reach.
    """
    some = boxes[np.unique(np.linspace(0, len(boxes) - 1, MOST_BOXES).astype(np.int64))]
    best = {}
    for number in scales:
        fits = {scale: grid(size, number, scale).best_overlaps(some) for scale in SCALES}
        best[number] = max(SCALES, key=lambda scale: ((fits[scale] >= REACHED).sum(), fits[scale].mean()))
    left = {number: unreached(boxes, size, number, scale, grid) for number, scale in best.items()}
    taken = next(number for number in scales if left[number] - min(left.values()) <= WORTH * len(boxes))
    return AnchorChoice(best[taken], taken, len(boxes), left[taken], left)


def unreached(
    boxes: np.ndarray, size: InputSize, scales_per_octave: int, anchor_scale: float, grid: type[AnchorGrid] = AnchorGrid
) -> int:
    """Count the boxes [n, 4] that no anchor reaches."""
    return int((grid(size, scales_per_octave, anchor_scale).best_overlaps(boxes) < REACHED).sum())


def settled_anchors(config: DetectionConfig, training: Source) -> tuple[DetectionConfig, str]:
    """Put numbers in place of what is `auto` about anchors, and say in a sentence which and why; "" without any."""
    usual = DetectionConfig()
    wanted = {name: getattr(config, name) for name in ("anchor_scale", "scales_per_octave")}
    auto = [name for name, value in wanted.items() if value == "auto"]
    if not auto:
        return config, ""
    flags = " and ".join(f"--{name.replace('_', '-')} auto" for name in auto)
    places = looked_at(training)
    found = boxes_at_size(training, config.size, config.resizing)
    boxes = np.concatenate([np.zeros((0, 4), np.float32), *found])
    if not len(boxes):
        settled = replace(config, **{name: getattr(usual, name) for name in auto})
        return (
            settled,
            f"{flags}: none of {counted(len(places), 'training picture')} looked at has a box: as usual",
        )
    load = MODELS[config.model].anchor_grid
    grid = load() if load else AnchorGrid
    choice = _choice(boxes, config, grid)
    settled = replace(config, anchor_scale=choice.anchor_scale, scales_per_octave=choice.scales_per_octave)
    where = f" of {len(places)} training pictures" if len(places) < len(training) else ""
    scales = counted(choice.scales_per_octave, "scale")
    usually = unreached(boxes, config.size, choice.scales_per_octave, float(usual.anchor_scale), grid)
    more = min(choice.others.values())
    better = next(number for number, left in choice.others.items() if left == more)
    hint = f", and {more} with --scales-per-octave {better}" if choice.unreached - more > WORTH * len(boxes) else ""
    return settled, (
        f"{flags}: --anchor-scale {choice.anchor_scale:g} with {scales} an octave leaves {choice.unreached} of "
        f"{counted(len(boxes), 'object')}{where} without an anchor that overlaps by half (IoU {REACHED}) at --size "
        f"{size_text(config.size)}; --anchor-scale {usual.anchor_scale:g} would leave {usually}{hint}"
    )


def thin_note(model: Detector, config: DetectionConfig, training: Source) -> str:
    """Say how many boxes the network's rule leaves out at this size, which train one place alone; empty where none."""
    if (rule := model.left_out) is None:
        return ""

    def left_out(boxes: np.ndarray) -> np.ndarray:
        if not len(boxes):
            return np.zeros(0, bool)
        return np.asarray(rule(boxes[None], np.zeros((1, len(boxes)), np.int32)))[0]

    places = looked_at(training)
    with ThreadPoolExecutor(workers()) as pool:
        found = np.concatenate(list(pool.map(left_out, boxes_at_size(training, config.size, config.resizing))))
    if not found.any():
        return ""
    where = f" of {len(places)} training pictures" if len(places) < len(training) else ""
    grid = "anchor_scale" in MODELS[config.model].settings
    starts, smaller = ("anchors", " or a smaller --anchor-scale") if grid else ("grid of places", "")
    return (
        f"{found.sum()} of {len(found)} boxes{where} are too thin or small for the {starts} at --size "
        f"{size_text(config.size)}: each trains only the one that fits best; a larger --size{smaller} gives them more"
    )


def _choice(boxes: np.ndarray, config: DetectionConfig, grid: type[AnchorGrid]) -> AnchorChoice:
    """Choose what is `auto`, and count what is given."""
    given = config.scales_per_octave
    if config.anchor_scale == "auto":
        choice = chosen_anchors(boxes, config.size, (1, 2, 3) if given == "auto" else (given,), grid)
        if given == "auto":
            return choice
        others = chosen_anchors(boxes, config.size, grid=grid).others
        return replace(choice, others=others | choice.others)
    left = {number: unreached(boxes, config.size, number, config.anchor_scale, grid) for number in (1, 2, 3)}
    taken = next(number for number in left if left[number] - min(left.values()) <= WORTH * len(boxes))
    return AnchorChoice(config.anchor_scale, taken, len(boxes), left[taken], left)
