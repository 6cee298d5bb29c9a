"""Made-up truths and detections that several tests share."""

import numpy as np

from metricfit.trainers.calibration.finds import Finds
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.fit import fit_boxes, fit_scale
from metricfit.trainers.metrics import Found, Truth
from metricfit.trainers.metrics.calibration.boxes import calibration_of_rows

NAMES = ("cat", "dog", "owl")


def random_boxes(rng, count, side=300):
    corner = rng.uniform(0, side, (count, 2))
    return np.concatenate([corner, corner + rng.uniform(10, 120, (count, 2))], axis=1).astype(np.float32)


def random_pictures(seed=0, count=30, classes=3, uncounted=0.15, scale=1.0):
    """(Truth, Found) of pictures with hits, misses, duplicates, noise, and boxes that do not count."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(count):
        n = int(rng.integers(0, 7))
        boxes, kinds = random_boxes(rng, n), rng.integers(0, classes, n)
        difficult, crowd = rng.random(n) < uncounted, rng.random(n) < uncounted
        hits = np.repeat(np.flatnonzero(rng.random(n) < 0.8), 2)
        hits = hits[rng.random(len(hits)) < 0.7]
        noise = int(rng.integers(0, 5))
        found = np.concatenate([boxes[hits] + rng.normal(0, 6, (len(hits), 4)), random_boxes(rng, noise)])
        found = np.concatenate([found[:, :2], np.maximum(found[:, 2:], found[:, :2] + 1)], axis=1)
        scores = np.concatenate([rng.beta(4, 2, len(hits)), rng.beta(2, 4, noise)]) * scale
        # Few distinct scores: ties must be cut together.
        scores = np.round(scores / scale, 2).astype(np.float32) * np.float32(scale)
        labels = np.concatenate([kinds[hits], rng.integers(0, classes, noise)])
        pictures.append((Truth(boxes, kinds, difficult, crowd), Found(found, scores, labels)))
    return pictures


def box_calibration(pictures, class_names, thresholds):
    """Measure the boxes of pictures that reach their class's threshold, as reports do."""
    finds = Finds.of(pictures, len(class_names), thresholds)
    return calibration_of_rows(finds.rows, finds.truths, class_names, thresholds)


def row(*widths, y=0.0, height=10.0):
    """Boxes 100 pixels apart that begin as true ones of width 100 do: a width of 80 has an IoU of 0.8 with them."""
    return np.array([[200 * i, y, 200 * i + width, y + height] for i, width in enumerate(widths)], np.float32)


class Squares(Source):
    """Pictures of different sizes with bright squares in the class's own channel."""

    name = "squares"

    def __init__(self, count=8, class_names=NAMES):
        self.class_names = class_names
        self.names = [f"picture {index}" for index in range(count)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        rng = np.random.default_rng(index)
        image = np.zeros((40 + 7 * index, 90 - 5 * index, 3), np.uint8)
        boxes, classes = [], rng.integers(0, 3, 2)
        for place, kind in enumerate(classes):
            x0, y0 = 3 + 21 * place + int(rng.integers(0, 3)), int(rng.integers(2, 12))
            boxes.append([x0, y0, x0 + 17, y0 + 15 + place])
            image[y0 : y0 + 15 + place, x0 : x0 + 17, kind] = 255
        difficult = np.array([index == 3, False])
        return Example(
            image, boxes=np.float32(boxes), classes=np.int32(classes), name=self.names[index], difficult=difficult
        )


def knowing(source, size, resizing, class_names=NAMES, shift=0.0, sure=(0.9, 0.8)):
    """A predict function that finds in each input picture what the source has there."""
    known = {}
    places = {name: index for index, name in enumerate(class_names)}
    for index in range(len(source)):
        example = source.load(index)
        boxes = fit_boxes(example.boxes + shift, fit_scale(example.image.shape[:2], size, resizing))
        known[index] = boxes, [places[source.class_names[kind]] for kind in example.classes]
    order = iter(range(len(source)))

    def predict(images):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (size, size, 3)
        boxes, scores, classes = np.zeros((len(images), 5, 4), np.float32), np.zeros((len(images), 5)), []
        for place in range(len(images)):
            found, kinds = known[next(order)]
            boxes[place, :2], scores[place, :2] = found, sure
            classes.append([*kinds, 0, 0, 0])
        return boxes, scores.astype(np.float32), np.array(classes, np.int32), np.full(len(images), 2, np.int32)

    return predict
