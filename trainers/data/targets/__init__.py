"""What is known about pictures and learnt from them: a mask, a class map, or boxes with classes."""

from typing import Any

from .base import Target
from .boxes import BoxTarget
from .labels import LabelTarget
from .mask import MaskTarget

TARGETS: dict[str, Target[Any]] = {target.name: target for target in (MaskTarget(), LabelTarget(), BoxTarget())}
"""The kinds by the field of `Example` that holds them."""
