"""A model without a network, and pictures whose answer is known: a white disc on a dark ground."""

from pathlib import Path

import cv2
import numpy as np

from metricfit.app.predictor import Predictor


class BrightnessRunner:
    """A runner whose saliency is the mean of the channels."""

    kind = "fake"
    card = None
    threshold = 0.5
    threshold_origin = "card"

    def __init__(self, path="bright.tflite", *, size=64, threads=None):
        self.path, self.size = Path(path), size

    def __call__(self, images):
        assert images.dtype == np.uint8
        assert images.shape[1:] == (self.size, self.size, 3)
        return images.astype(np.float32).mean(axis=-1) / 255


def load_fake_predictor(path="", *, threads=None):
    return Predictor(BrightnessRunner())


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
