"""The formats by name: a new one is its file and its line here. Imports no TensorFlow."""

from typing import TYPE_CHECKING, Literal

from .base import Format
from .saved_model import SavedModel
from .tflite import TFLite
from .variant import Variant

FORMATS: dict[str, Format] = {one.name: one for one in (SavedModel(), TFLite())}
"""By name as typed after `--formats`."""

QUANTIZATIONS = tuple(name for known in FORMATS.values() if known.quantized for name in known.variants)
"""What `--quantize` takes."""

if TYPE_CHECKING:
    FormatName = str
    Quantization = str
else:
    FormatName = Literal[tuple(FORMATS)]
    Quantization = Literal[QUANTIZATIONS]


def by_rank() -> list[tuple[Format, Variant]]:
    """Give every file that can be written, with its format: of several the first is opened."""
    pairs = [(known, variant) for known in FORMATS.values() for variant in known.variants.values()]
    return sorted(pairs, key=lambda pair: pair[1].rank)
