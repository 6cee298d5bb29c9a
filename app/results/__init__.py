"""What a predictor gives of one picture: a saliency map, the classes of its pixels, or the objects in it."""

from .base import Result
from .classes import ClassMap
from .detections import Detections
from .saliency import SaliencyMap

__all__ = ["ClassMap", "Detections", "Result", "SaliencyMap"]
