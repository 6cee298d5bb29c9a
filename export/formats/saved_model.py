"""SavedModel: a folder that takes any number of raw pictures at once and gives finished results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...trainers.geometry import height_width
from ...trainers.machine import held_back_stderr
from ..signatures import ENCODED, IMAGE, PICTURES, PROPOSALS, SIGNATURE, KerasModel
from .base import Contents, Format, Tensors, Variants
from .variant import Variant

if TYPE_CHECKING:
    from .base import ExportTask, Facts, ModelCard, Pictures, Runner, Source, Thresholds


class SavedModel(Format):
    """A SavedModel with the task's signatures, from `image` uint8 [B, S, S, 3], any B; its weights are constants.

    Two more, `PICTURES` and `ENCODED`, take pictures of any size, as TensorFlow Serving's clients have them; a detector
    of two stages has `PROPOSALS` besides.
    """

    name = "savedmodel"
    kind = "saved_model"
    form = "a SavedModel folder"
    variants: ClassVar = {"saved_model": Variant("saved_model", "saved_model", rank=4, largest_difference=1e-3)}
    heading = "With TensorFlow alone:"

    def write(
        self, model: KerasModel, folder: Path, variants: Variants, task: ExportTask, pictures: Pictures
    ) -> dict[str, str]:
        """Write the folder."""
        import tensorflow as tf

        from ..serving.build import picture_signatures
        from .functions import write_stages

        size = task.keras_size(model)
        assert size is not None
        specs = {IMAGE: tf.TensorSpec((None, *height_width(size), 3), tf.uint8)}
        for variant in variants:
            further = partial(picture_signatures, task, size, task.keras_facts(model))
            write_stages(task.stages(model), folder / variant.file, specs, further)
        return {}

    def complete(self, runner: Runner, task: ExportTask, source: Source, facts: Facts, thresholds: Thresholds) -> str:
        """Try the further signatures; put the best thresholds into the folder, and requests to warm a server up."""
        from ..runners.saved_model import SavedModelRunner
        from ..serving.check import departure
        from ..serving.thresholds import AS_WRITTEN, set_thresholds
        from ..serving.warmup import write_warmup

        levels = thresholds["per_class"] or [thresholds["optimal"]] * max(1, len(facts.class_names))
        assert isinstance(runner, SavedModelRunner)
        # With the thresholds as written: other numbers in their place change nothing else, and loading takes long.
        if said := departure(task, runner, source, facts.resizing, [AS_WRITTEN] * len(levels)):
            return f"{runner.path.name}: its {said}. Please report this as a bug"
        set_thresholds(runner.path, levels)
        write_warmup(runner.path, runner.size, runner.signatures)
        return ""

    def cut(self, path: Path, thresholds: Sequence[float]) -> bool:
        """The further signatures do, where it has these."""
        from ..serving.thresholds import has_thresholds, set_thresholds

        if cuts := has_thresholds(path):
            set_thresholds(path, thresholds)
        return cuts

    def calibrate(self, path: Path, written: np.ndarray, numbers: np.ndarray) -> None:
        """Constants are in the folder's graph."""
        from ..serving.thresholds import set_constants

        set_constants(path, lambda value: value.shape == written.shape and np.array_equal(value, written), numbers)

    def recognises(self, path: Path) -> bool:
        """Look for the file that every SavedModel has."""
        return (path / "saved_model.pb").is_file()

    def open(
        self, path: Path, *, card: ModelCard | None = None, threads: int | None = None, trust: bool = False
    ) -> Runner:
        """Load the folder with TensorFlow, which has its own idea of threads."""
        with held_back_stderr():
            from ..runners.saved_model import SavedModelRunner

        return SavedModelRunner(path, card=card, trust=trust)

    def contents(self, runner: Runner) -> Contents:
        """Read the signatures, and the graph of the first one: the others are the same network."""
        from ..runners.saved_model import SavedModelRunner

        assert isinstance(runner, SavedModelRunner)
        signatures = runner.signatures
        first = signatures[SIGNATURE]
        definition = first.graph.as_graph_def()
        nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
        image = first.structured_input_signature[1][IMAGE]
        tensors = {
            name: (_tensors(one.structured_input_signature[1]), _tensors(one.structured_outputs))
            for name, one in signatures.items()
        }
        further = {name: tensors.pop(name) for name in (PICTURES, ENCODED, PROPOSALS) if name in tensors}
        outputs = {name: found for _, some in tensors.values() for name, found in some.items()}
        return Contents(_tensor(image), outputs, dict(sorted(Counter(node.op for node in nodes).items())), further)


def _tensors(specs: Mapping[str, Any]) -> Tensors:
    return {name: _tensor(spec) for name, spec in specs.items()}


def _tensor(spec: Any) -> dict[str, Any]:
    return {"shape": list(spec.shape), "dtype": spec.dtype.name, "scale": None, "zero_point": None}
