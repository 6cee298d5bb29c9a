"""What is written of a video: the video of what is drawn, and a line of JSON for each frame."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from ...trainers.errors import MetricfitError
from ...trainers.files import to_disk
from ...trainers.text import json_text
from ..live.recording import Recording, part_of


class ClipFiles:
    """Two files that grow frame by frame beside their places, and are renamed when whole.

    Of an interrupted video both keep the names of parts, until it is done anew.
    """

    def __init__(self, video: Path, lines: Path, fps: float):
        self.video, self.lines, self.frames = video, lines, 0
        self._part = part_of(lines)
        # What was interrupted before is done anew, and need not be kept.
        part_of(video).unlink(missing_ok=True)
        self._recording = Recording(video, fps)
        try:
            self._file = self._part.open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            self._recording.close()
            raise self._refused(error) from error

    @property
    def note(self) -> str:
        """What whoever wants to show the video must know; empty where there is nothing."""
        return self._recording.note

    def add(self, picture: np.ndarray, facts: dict[str, Any]) -> None:
        """Add a frame as drawn, uint8 [H, W, 3] RGB, and what is known of it."""
        self._recording.write(picture)
        try:
            self._file.write(json_text(facts) + "\n")
        except OSError as error:
            raise self._refused(error) from error
        self.frames += 1

    def finish(self) -> None:
        """Give both files their names."""
        self._recording.close()
        to_disk(self.video)
        try:
            self._file.close()
            to_disk(self._part)
            os.replace(self._part, self.lines)
        except OSError as error:
            raise self._refused(error) from error

    def leave(self) -> None:
        """End the files as parts: so much of the video was done."""
        try:
            self._file.close()
        except OSError as error:
            raise self._refused(error) from error
        finally:
            self._recording.close(whole=False)

    def _refused(self, error: OSError) -> MetricfitError:
        return MetricfitError(f"cannot write {self.lines} ({error.strerror or error}): check the space left")
