"""The tasks by name."""

from .base import AppTask
from .detection import DetectionApp
from .saliency import SaliencyApp
from .segmentation import SegmentationApp

TASKS: dict[str, AppTask] = {task.name: task for task in (SaliencyApp(), SegmentationApp(), DetectionApp())}
