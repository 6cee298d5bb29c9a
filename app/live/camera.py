"""Cameras and network streams."""

import queue
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from ...trainers.errors import MetricfitError
from ..opencv_log import quiet_opencv
from .frames import Capture, Frame

STALL_SECONDS = 10.0
"""A camera that gives nothing for so long is taken as lost."""


class Camera(Capture):
    """A camera by its number, or a stream by its address: the newest frame always, older ones are dropped."""

    live = True

    def __init__(self, device: int | str):
        self._device = device
        super().__init__(f"camera {device}" if isinstance(device, int) else device, fps=30.0)
        self._last = time.monotonic()

    def _open(self) -> cv2.VideoCapture:
        linux = isinstance(self._device, int) and sys.platform.startswith("linux")
        if linux and not Path(f"/dev/video{self._device}").exists():
            found = ", ".join(sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video[0-9]*")))
            raise MetricfitError(
                f"no {self.name}: /dev/video{self._device} does not exist (cameras found: {found or 'none'}); connect "
                "one, or give --source a video file, a folder or scenes"
            )
        with quiet_opencv():
            capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
        if not capture.isOpened():
            raise MetricfitError(
                f"{self.name} cannot be opened: close other programs that use it and check that you may read it, or "
                "give --source a video file, a folder or scenes"
            )
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture

    def read(self) -> Frame | None:
        """Give the newest frame, waiting at most 50 ms for it; None when there is none yet."""
        try:
            item = self._frames.get(timeout=0.05)
        except queue.Empty:
            if time.monotonic() - self._last <= STALL_SECONDS:
                return None
        else:
            if isinstance(item, np.ndarray):
                self._last = time.monotonic()
                return self._frame(item)
            self._frames.put(item)
        if self._given == 0:
            raise MetricfitError(f"{self.name} opened but gives no picture: close other programs that use it")
        raise MetricfitError(f"{self.name} was lost after {self._given} frames: check its cable and start again")
