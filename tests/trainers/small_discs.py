"""Pictures whose objects are too small for a network that sees the whole, and a detector that needs no training."""

import cv2
import numpy as np

from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.models.detector.suppression import Suppression
from metricfit.trainers.tasks.predictor import CompiledModel


def blobs(size, resizing="pad"):
    """A detector that finds bright blobs of 5 pixels and more in its input: brightness is the score."""

    def found(images):
        answers = []
        for image in images:
            grey = image[..., 1]
            bright = ((grey > 150) * 255).astype(np.uint8)
            _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
            rows = [row for row in stats[1:] if min(row[2:4]) >= 5][:100]
            boxes, scores = np.zeros((100, 4), np.float32), np.zeros(100, np.float32)
            for place, (x, y, width, height, _) in enumerate(rows):
                boxes[place] = x, y, x + width, y + height
                scores[place] = grey[y : y + height, x : x + width].max() / 256
            order = np.argsort(-scores, kind="stable")
            answers.append((boxes[order], scores[order], np.zeros(100, np.int32), np.int32(len(rows))))
        return tuple(np.stack(part) for part in zip(*answers))

    return CompiledModel(found, size, resizing, ("disc",), Suppression())


class SmallDiscs(Source):
    """Large pictures with small discs, and one large disc."""

    name, class_names = "small", ("disc",)

    def __init__(self, count=4):
        self.names = [f"large{index}" for index in range(count)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        rng = np.random.default_rng(index)
        image, boxes = np.zeros((600, 800, 3), np.uint8), []
        places = rng.permutation(12 * 9)[:30]
        circles = [
            (40 + 62 * int(place % 12), 40 + 62 * int(place // 12), int(rng.integers(7, 12))) for place in places
        ]
        for x, y, radius in [*circles, (60 + 60 * index, 300, 100)]:
            cv2.circle(image, (x, y), radius, (220, 220, 220), -1)
        _, _, stats, _ = cv2.connectedComponentsWithStats(image[..., 1])
        boxes = [[x, y, x + width, y + height] for x, y, width, height, _ in stats[1:]]
        return Example(
            image, boxes=np.array(boxes, np.float32), classes=np.zeros(len(boxes), int), name=self.names[index]
        )
