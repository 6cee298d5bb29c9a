"""How boxes and what a network says of them become each other: codes, by the references that they start from."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import tensorflow as tf

from ...geometry import InputSize, height_width

# Bound of the logarithm of a ratio: no box is more than 62.5 times larger or smaller than what it starts from.
LARGEST_LOG_RATIO = math.log(1000 / 16)


class BoxCoder(ABC):
    """Describes boxes by references, both xyxy in pixels and of shapes [..., 4] that broadcast."""

    @abstractmethod
    def encode(self, boxes: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """Give the codes [..., 4] that a network is to predict."""

    @abstractmethod
    def boxes(self, codes: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """Give the boxes [..., 4] of codes; finite for all finite codes."""

    def decode(self, codes: tf.Tensor, references: tf.Tensor, size: InputSize | None = None) -> tf.Tensor:
        """Undo `encode`, and clip to an input of a size if told."""
        boxes = self.boxes(codes, references)
        if size is None:
            return boxes
        height, width = height_width(size)
        most = float(size) if isinstance(size, int) else tf.constant([width, height] * 2, tf.float32)
        return tf.minimum(tf.maximum(boxes, 0.0), most)


@dataclass(frozen=True)
class Deltas(BoxCoder):
    """Offsets of the centre in sides, and logarithms of ratios of sides (Girshick et al., CVPR 2014, appendix C).

    Codes are (dx, dy, dw, dh) divided by the variances; |dw| and |dh| are bounded by `LARGEST_LOG_RATIO`.
    """

    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)

    def encode(self, boxes: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """As `BoxCoder.encode`."""
        x, y, width, height = _centres(boxes)
        own_x, own_y, own_width, own_height = _centres(references)
        deltas = (
            (x - own_x) / own_width,
            (y - own_y) / own_height,
            tf.math.log(width / own_width),
            tf.math.log(height / own_height),
        )
        return tf.stack([delta / variance for delta, variance in zip(deltas, self.variances)], axis=-1)

    def boxes(self, codes: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """As `BoxCoder.boxes`."""
        dx, dy, *log_ratios = (code * variance for code, variance in zip(tf.unstack(codes, axis=-1), self.variances))
        dw, dh = (tf.clip_by_value(ratio, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO) for ratio in log_ratios)
        own_x, own_y, own_width, own_height = _centres(references)
        x, y = own_x + dx * own_width, own_y + dy * own_height
        half_width = 0.5 * own_width * tf.exp(dw)
        half_height = 0.5 * own_height * tf.exp(dh)
        return tf.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=-1)


@dataclass(frozen=True)
class Distances(BoxCoder):
    """Logarithms of how far the sides are from a place, the middle of its reference (Kong et al., TIP 2020, eq. 4).

    Distances to the left, the top, the right and the bottom are in half sides of the reference, as the authors' code
    has them, so that codes of 0 are the reference itself; their logarithms are divided by the variance. A place beside
    a box has no logarithm: distances are taken as `least` at least, `most` at most, and only such boxes come back as
    others.
    """

    variance: float = 0.2  # of the sides in `Deltas`, too, so that a box loss weighs as much
    least: float = 1 / 16
    most: float = 16.0

    def encode(self, boxes: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """As `BoxCoder.encode`."""
        x, y, half_width, half_height = _middles(references)
        x0, y0, x1, y1 = tf.unstack(boxes, axis=-1)
        distances = (x - x0) / half_width, (y - y0) / half_height, (x1 - x) / half_width, (y1 - y) / half_height
        bounded = tf.clip_by_value(tf.stack(distances, axis=-1), self.least, self.most)
        return tf.math.log(bounded) / self.variance

    def boxes(self, codes: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """As `BoxCoder.boxes`."""
        x, y, half_width, half_height = _middles(references)
        logarithms = tf.clip_by_value(codes * self.variance, -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
        left, top, right, bottom = tf.unstack(tf.exp(logarithms), axis=-1)
        sides = x - left * half_width, y - top * half_height, x + right * half_width, y + bottom * half_height
        return tf.stack(sides, axis=-1)


DELTAS = Deltas()
FOVEA = Distances()


def _centres(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Centre x, centre y, width and height of xyxy boxes."""
    x0, y0, x1, y1 = tf.unstack(boxes, axis=-1)
    return 0.5 * (x0 + x1), 0.5 * (y0 + y1), x1 - x0, y1 - y0


def _middles(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Centre x, centre y, half of width and half of height of xyxy boxes."""
    x, y, width, height = _centres(boxes)
    return x, y, 0.5 * width, 0.5 * height
