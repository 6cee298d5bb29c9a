"""From a Keras model to .tflite files of built-in operators, each conversion in a process of its own."""

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from ...trainers.errors import MetricfitError, UsageError, first_line
from ..card import digest
from ..tasks.base import IMAGE, IMAGE_DESCRIPTION, SIGNATURE, ExportTask
from .float16 import halve_as_allowed
from .tflite_join import join

VARIANTS = ("none", "float16", "dynamic", "int8")
FILE_NAMES = {
    "none": "model_float32.tflite",
    "float16": "model_float16.tflite",
    "dynamic": "model_dynamic.tflite",
    "int8": "model_int8.tflite",
}
# Exit status of the converting process when the converter refused, as opposed to died.
_REFUSED = 3
# What the converting process finds in its scratch folder: the body with two kinds of input, what follows it, pictures.
_BYTES_IN, _FLOATS_IN, _TAILS, _PICTURES = "bytes_in", "floats_in", "tails", "pictures.npy"


def convert(model, folder, variants, pictures=None, *, task: ExportTask) -> dict[str, Path]:
    """Convert a Keras model into .tflite files.

    The converter can end its process with an error that no `try` catches, so it runs in one of its own. All files
    take uint8 [1, S, S, 3] and give the task's outputs for one picture. What the task calls the tail of the model
    stays float32 in all of them; without one, int8's output is uint8 with a scale.

    Args:
        model: as `saved_model.load_keras` gives it.
        folder: an existing folder to write the files into.
        variants: some of `VARIANTS`.
        pictures: uint8 [n, S, S, 3], the representative pictures that int8's ranges, and what float16 may round, are
            measured on.
        task: the model's task.

    Returns:
        The path of each variant's file.

    Raises:
        UsageError: an unknown variant, or int8 without pictures.
        MetricfitError: a conversion failed; says which.
    """
    variants = tuple(variants)
    unknown = [variant for variant in variants if variant not in VARIANTS]
    if unknown:
        raise UsageError(f"unknown quantisation {unknown[0]}: choose among {', '.join(VARIANTS)}")
    if "int8" in variants and (pictures is None or not len(pictures)):
        raise UsageError("int8 needs training pictures to measure its ranges on: name them with --data")
    folder = Path(folder)
    with tempfile.TemporaryDirectory() as scratch:
        _write_stages(model, Path(scratch), variants, task)
        if pictures is not None:
            np.save(Path(scratch) / _PICTURES, pictures)
        command = [sys.executable, "-m", "metricfit.export.formats.tflite", scratch, str(folder), ",".join(variants)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    files = {variant: folder / FILE_NAMES[variant] for variant in variants}
    if done.returncode:
        failed = next((variant for variant, file in files.items() if not file.is_file()), variants[-1])
        lines = [line for line in (done.stdout if done.returncode == _REFUSED else done.stderr).splitlines() if line]
        reason = lines[-1][:300] if lines else "it said nothing"
        how = "was refused" if done.returncode == _REFUSED else f"ended its process with status {done.returncode}"
        raise MetricfitError(
            f"the conversion to TFLite ({failed}) {how}: {reason}; leave it out of --quantize or change the model"
        )
    for variant, file in files.items():
        _refuse_other_operators(variant, read_operators(file))
    return files


def _write_stages(model, scratch: Path, variants: tuple[str, ...], task: ExportTask) -> None:
    """Write the SavedModels to convert: one picture at a time, all shapes fixed."""
    import tensorflow as tf

    from .saved_model import write_function

    size, stages = task.keras_size(model), task.stages(model)
    # int8 conversion makes float32 pictures uint8 itself.
    kinds = {_BYTES_IN: tf.uint8} if set(variants) != {"int8"} else {}
    kinds |= {_FLOATS_IN: tf.float32} if "int8" in variants else {}
    for name, kind in kinds.items():
        links = write_function(stages.body, scratch / name, tf.TensorSpec((1, size, size, 3), kind))
    for signature, tail in stages.tails.items():
        write_function(tail, scratch / _TAILS / signature, others=links)


def read_operators(path) -> dict[str, int]:
    """Count the operators of a .tflite file by name; custom and TensorFlow ones as `CUSTOM:name`."""
    from ai_edge_litert import schema_py_generated as schema

    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    model = schema.Model.GetRootAs(Path(path).read_bytes(), 0)
    found: Counter[str] = Counter()
    for subgraph in (model.Subgraphs(index) for index in range(model.SubgraphsLength())):
        for index in range(subgraph.OperatorsLength()):
            code = model.OperatorCodes(subgraph.Operators(index).OpcodeIndex())
            name = names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            if name == "CUSTOM":
                name = f"CUSTOM:{(code.CustomCode() or b'').decode()}"
            found[name] += 1
    return dict(sorted(found.items()))


def describe_tflite(path, task: ExportTask) -> dict:
    """The card's facts about a .tflite file: bytes, sha256, input, outputs, operators (counted by name).

    Args:
        path: the file.
        task: the model's task.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    image, outputs = None, {}
    for name in interpreter.get_signature_list():
        signature = interpreter.get_signature_runner(name)
        image = image or signature.get_input_details()[IMAGE]
        outputs |= signature.get_output_details()
    size, sha256 = digest(path)
    return {
        "bytes": size,
        "sha256": sha256,
        "input": _tensor(IMAGE, image, IMAGE_DESCRIPTION),
        "outputs": [_tensor(name, outputs[name], text) for name, text in task.outputs.items()],
        "operators": read_operators(path),
    }


def _tensor(name: str, details: dict, description: str) -> dict:
    scale, zero_point = details["quantization"]
    return {
        "name": name,
        "description": description,
        "shape": [int(side) for side in details["shape"]],
        "dtype": np.dtype(details["dtype"]).name,
        "scale": float(scale) if scale else None,
        "zero_point": int(zero_point) if scale else None,
    }


def _refuse_other_operators(variant: str, operators: dict[str, int]) -> None:
    foreign = [name for name in operators if name.startswith("CUSTOM:")]
    if foreign:
        raise MetricfitError(
            f"the TFLite file ({variant}) must hold built-in operators only, got {', '.join(foreign)}: change the model"
        )


def _converter(source: Path):
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(source))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _convert_body(scratch: Path, variant: str) -> bytes:
    import tensorflow as tf

    converter = _converter(scratch / (_FLOATS_IN if variant == "int8" else _BYTES_IN))
    if variant != "none":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "int8":
        pictures = np.load(scratch / _PICTURES)
        # Two pixels pin the measured range to 0..255, so that the input's scale is 1 and bytes enter as they are.
        pictures[0, 0, 0], pictures[0, -1, -1] = 0, 255
        converter.representative_dataset = lambda: ([picture[None].astype(np.float32)] for picture in pictures)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.float32 if (scratch / _TAILS).exists() else tf.uint8
    return converter.convert()


def _main(scratch: str, folder: str, variants: str) -> int:
    """Convert each variant in turn and write its file; the last line on stdout says why one was refused."""
    bodies, tails = {}, None
    for variant in variants.split(","):
        try:
            if tails is None:
                # The first signature is what runners run, and so is the first graph.
                folders = sorted((Path(scratch) / _TAILS).glob("*"), key=lambda folder: folder.name != SIGNATURE)
                tails = {folder.name: _converter(folder).convert() for folder in folders}
            if variant in ("none", "float16"):
                bodies["none"] = bodies.get("none") or _convert_body(Path(scratch), "none")
            if variant == "float16":
                found = Path(scratch) / _PICTURES
                bodies[variant] = halve_as_allowed(bodies["none"], np.load(found) if found.is_file() else None)
            elif variant != "none":
                bodies[variant] = _convert_body(Path(scratch), variant)
            content = join(bodies[variant], tails) if tails else bodies[variant]
        except Exception as error:  # the parent turns whatever it is into one sentence
            print(first_line(error), flush=True)
            return _REFUSED
        (Path(folder) / FILE_NAMES[variant]).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
