"""A model without a network, and pictures whose answer is known: a white disc on a dark ground."""

from pathlib import Path

import cv2
import numpy as np

from metricfit.app.predictor import Predictor
from metricfit.trainers.models.detector.suppression import Suppression


class BrightnessRunner:
    """A runner whose saliency is the mean of the channels."""

    kind = "fake"
    task = "saliency"
    resizing = "stretch"
    card = None
    class_names = ("background", "salient")
    palette = ()
    threshold = 0.5
    thresholds = ()
    threshold_origin, fitted, promise = "card", None, ""
    suppression = None

    def __init__(self, path="bright.tflite", *, size=64, threads=None):
        self.path, self.size = Path(path), size

    def __call__(self, images):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (self.size, self.size, 3)
        return images.astype(np.float32).mean(axis=-1) / 255


class BoxRunner:
    """A detector that finds the white disc, a doubtful twin of it to the right, and rubbish in the corner."""

    kind = "fake"
    task = "detection"
    resizing = "pad"
    card = None
    class_names = ("disc", "twin")
    palette = ((255, 0, 0), (0, 0, 255))
    threshold = 0.4
    thresholds = (0.5, 0.25)
    threshold_origin, fitted, promise = "card", None, ""
    suppression = Suppression()

    def __init__(self, path="boxes.tflite", *, size=64):
        self.path, self.size = Path(path), size

    def __call__(self, images):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (self.size, self.size, 3)
        count, boxes = len(images), np.zeros((len(images), 5, 4), np.float32)
        for index, image in enumerate(images):
            x, y, width, height = cv2.boundingRect((image.min(axis=-1) > 180).astype(np.uint8))
            boxes[index, 0] = x, y, x + width, y + height
            boxes[index, 1] = x + width, y, min(x + 2 * width, self.size), y + height
            boxes[index, 2] = 0, 0, 4, 4
            boxes[index, 3] = 10, 10, 20, 20  # behind the count, so no detection
        scores = np.tile(np.float32([0.9, 0.25, 0.1, 0, 0]), (count, 1))
        classes = np.tile(np.int32([0, 1, 0, -1, -1]), (count, 1))
        return boxes, scores, classes, np.full(count, 3, np.int32)


def load_fake_predictor(path="", *, threads=None, trust=False, suppression=None, tiling=None):
    return Predictor(BrightnessRunner(), tiling=tiling)


def load_fake_detector(path="", *, threads=None, trust=False, suppression=None, tiling=None):
    return Predictor(BoxRunner(), tiling=tiling)


def disc(height=120, width=160, column=80, radius=30) -> np.ndarray:
    """A white disc on dark blue, uint8 RGB."""
    image = np.full((height, width, 3), (10, 20, 60), np.uint8)
    return cv2.circle(image, (column, height // 2), radius, (255, 255, 255), -1)


def save(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


def make_video(path: Path, frames=30, fps=25.0, height=120, width=160) -> Path:
    """A video in which the disc moves to the right."""
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"mp4v"), fps, (width, height))
    assert writer.isOpened()
    for index in range(frames):
        writer.write(np.ascontiguousarray(disc(height, width, 30 + 3 * index % (width - 60))[..., ::-1]))
    writer.release()
    return path


def read_video(path: Path) -> tuple[list[np.ndarray], float]:
    """All frames (RGB) of a video, and its rate."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    assert capture.isOpened(), f"{path} does not open"
    frames = []
    while True:
        good, frame = capture.read()
        if not good:
            break
        frames.append(frame[..., ::-1])
    fps = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return frames, fps
