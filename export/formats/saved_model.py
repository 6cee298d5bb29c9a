"""SavedModel: a folder that takes any number of raw pictures at once and gives finished results."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...trainers.machine import held_back_stderr
from ..signatures import IMAGE, SIGNATURE, KerasModel
from .base import Contents, Format, Variants
from .variant import Variant

if TYPE_CHECKING:
    from .base import ExportTask, ModelCard, Pictures, Runner


class SavedModel(Format):
    """A SavedModel with the task's signatures, from `image` uint8 [B, S, S, 3], any B; its weights are constants."""

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

        from .functions import write_stages

        size = task.keras_size(model)
        for variant in variants:
            specs = {IMAGE: tf.TensorSpec((None, size, size, 3), tf.uint8)}
            write_stages(task.stages(model), folder / variant.file, specs)
        return {}

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

    def contents(self, path: Path) -> Contents:
        """Read the signatures, and the graph of the first one: the others are the same network."""
        import tensorflow as tf

        signatures = tf.saved_model.load(str(path)).signatures
        first = signatures[SIGNATURE]
        definition = first.graph.as_graph_def()
        nodes = [*definition.node, *(node for function in definition.library.function for node in function.node_def)]
        image = first.structured_input_signature[1][IMAGE]
        outputs = {name: _tensor(spec) for one in signatures.values() for name, spec in one.structured_outputs.items()}
        return _tensor(image), outputs, dict(sorted(Counter(node.op for node in nodes).items()))


def _tensor(spec: Any) -> dict[str, Any]:
    return {"shape": list(spec.shape), "dtype": spec.dtype.name, "scale": None, "zero_point": None}
