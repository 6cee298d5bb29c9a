"""Cameras and network streams."""

import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from ...trainers.errors import MetricfitError
from .frames import Frame, FrameSource, quiet_opencv, usable_fps

STALL_SECONDS = 10.0
"""A camera that gives nothing for so long is taken as lost."""


class Camera(FrameSource):
    """A camera by its number, or a stream by its address: the newest frame always, older ones are dropped.

    Raises:
        MetricfitError: it is not there or cannot be opened.
    """

    live = True

    def __init__(self, device: int | str):
        super().__init__(f"camera {device}" if isinstance(device, int) else device, fps=30.0)
        self._device = device
        capture = self._open()
        self.fps = usable_fps(capture.get(cv2.CAP_PROP_FPS), self.fps)
        self._condition = threading.Condition()
        self._newest: np.ndarray | None = None
        self._ended = False
        self._closed = False
        self._count = 0
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(capture,), name="camera", daemon=True)
        self._thread.start()

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

    def _run(self, capture: cv2.VideoCapture) -> None:
        """Keep the newest frame, until the camera ends or is closed."""
        try:
            while not self._closed:
                good, image = capture.read()
                if not good:
                    break
                with self._condition:
                    self._newest = image
                    self._condition.notify()
        finally:
            capture.release()
            with self._condition:
                self._ended = True
                self._condition.notify()

    def read(self) -> Frame | None:
        """Give the newest frame, waiting at most 50 ms for it; None when there is none yet."""
        with self._condition:
            self._condition.wait_for(lambda: self._newest is not None or self._ended, timeout=0.05)
            image, self._newest = self._newest, None
            ended = self._ended
        if image is not None:
            self._last = time.monotonic()
            self._count += 1
            return Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self.name, self._count - 1)
        if ended or time.monotonic() - self._last > STALL_SECONDS:
            if self._count == 0:
                raise MetricfitError(f"{self.name} opened but gives no picture: close other programs that use it")
            raise MetricfitError(f"{self.name} was lost after {self._count} frames: check its cable and start again")
        return None

    def restart(self) -> None:
        """Nothing to do: a camera has no beginning."""

    def close(self) -> None:
        """Let the thread end; a device that hangs is not waited for."""
        self._closed = True
        self._thread.join(1.0)
