"""A tiny RetinaNet with hand-set weights, and pictures of coloured squares that it finds."""

import json
from pathlib import Path

import keras
import keras_cv
import numpy as np

from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.models.detector.retinanet import RetinaNet

SIZE = 64
SIDE = 24
CLASS_NAMES = ("red", "blue")


@keras.saving.register_keras_serializable(package="tests")
class Cells(keras_cv.models.Backbone):
    """P3, P4 and P5 by one convolution each, without overlap."""

    def __init__(self, size, **kwargs):
        image = keras.Input((size, size, 3))
        levels = {"P3": keras.layers.Conv2D(4, 8, strides=8, name="P3")(image)}
        levels["P4"] = keras.layers.Conv2D(4, 2, strides=2, name="P4")(levels["P3"])
        levels["P5"] = keras.layers.Conv2D(4, 2, strides=2, name="P5")(levels["P4"])
        super().__init__(inputs=image, outputs=levels["P5"], **kwargs)
        self.size, self.pyramid_level_inputs = size, {level: level for level in levels}

    def get_config(self):
        return {"size": self.size, "name": self.name}


def square_detector(size: int = SIZE) -> RetinaNet:
    """Finds squares of 24 pixels that stand on the grid of 8, red ones (class 0) and blue ones (class 1).

    Far from a square all logits are equal, and box sides come out up to half a pixel wrong.
    """
    keras.utils.set_random_seed(0)
    model = RetinaNet(
        Cells(size),
        class_names=CLASS_NAMES,
        preprocessing=(1 / 255, 0.0),
        scales_per_octave=1,
        anchor_scale=3.0,
        channels=4,
        head_layers=0,
    )
    weights = {variable.path: variable for variable in model.variables}
    for variable in model.variables:
        variable.assign(np.zeros(variable.shape, np.float32))
    # Mean of red minus the others, of blue minus the others, and of all, in every cell of 8 x 8 pixels.
    colours = np.array([[1, -0.5, 0.3, 0], [-0.5, -0.5, 0.3, 0], [-0.5, 1, 0.3, 0]], np.float32) / 64
    weights["P3/kernel"].assign(np.broadcast_to(colours, (8, 8, 3, 4)))
    weights["feature_pyramid/lateral_P3/kernel"].assign(np.eye(4, dtype=np.float32)[None, None])
    centre = np.zeros((3, 3, 4, 4), np.float32)
    centre[1, 1] = np.eye(4)
    weights["feature_pyramid/smooth_P3/kernel"].assign(centre)
    # Anchor 1 of each place is the square one; a square of 24 pixels fills the 3 x 3 cells around it.
    kernel, bias = np.zeros((3, 3, 4, 3, 2), np.float32), np.full((3, 2), -6.0, np.float32)
    kernel[:, :, 0, 1, 0] = kernel[:, :, 1, 1, 1] = 10 / 9
    weights["classification_head/last/kernel"].assign(kernel.reshape(3, 3, 4, 6))
    weights["classification_head/last/bias"].assign(bias.ravel())
    boxes = np.random.default_rng(0).normal(0, 0.02, (3, 3, 4, 12)).astype(np.float32)
    weights["box_head/last/kernel"].assign(boxes)
    return model


class Squares(Source):
    """Pictures of several shapes with one or two squares, which lie on the detector's grid once they are resized."""

    class_names = CLASS_NAMES

    def __init__(self, rest="", needs="boxes"):
        self.name, self.names = f"squares:{rest}", [f"squares_{index:02d}.png" for index in range(30)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        rng = np.random.default_rng([7, index])
        # Height and width in cells of the input, and pixels of the picture for one of the input.
        rows, columns, scale = [(8, 8, 1), (8, 6, 2), (6, 8, 1), (8, 8, 2)][index % 4]
        image = np.repeat(rng.integers(60, 200, (rows * 8 * scale, columns * 8 * scale, 1)), 3, axis=2)
        boxes, classes = [], []
        corner = np.array([columns * 8 - SIDE, rows * 8 - SIDE])
        for place in (8 * rng.integers(0, 2, 2), corner)[: 1 + index % 2]:
            box = np.concatenate([place, place + SIDE]) * scale
            # Two that touch would look like a third one between them.
            if boxes and np.abs(box - boxes[0]).max() < (SIDE + 16) * scale:
                continue
            kind = int(rng.integers(2))
            image[box[1] : box[3], box[0] : box[2]] = np.roll([rng.integers(205, 256), 40, 40], 2 * kind)
            boxes.append(box)
            classes.append(kind)
        return Example(
            image=image.astype(np.uint8),
            boxes=np.array(boxes, np.float32),
            classes=np.array(classes, np.int32),
            name=self.names[index],
        )


def make_detector_run(folder: Path, model: RetinaNet | None = None) -> Path:
    """Write a run folder as a training leaves it."""
    folder.mkdir(parents=True)
    (model or square_detector()).save(folder / "model.keras")
    settings = {"task": "detection", "config": {"data": "squares:train", "val": None}, "versions": {}}
    (folder / "config.json").write_text(json.dumps(settings))
    scores = {"scalars": {"f1_threshold": 0.3}, "classes": {"red": {"threshold": 0.4}, "blue": {"ap": 0.1}}}
    (folder / "metrics.json").write_text(json.dumps(scores))
    return folder
