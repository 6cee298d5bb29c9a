"""From a Keras model to .tflite files, in a process of its own, which the converter can end beyond any `try`."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache, partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ...trainers.errors import first_line
from ...trainers.geometry import height_width
from ..runners.tflite import default_threads
from ..signatures import IMAGE, SIGNATURE, Stages
from ..tasks.base import ExportTask
from .float16 import halve_as_allowed
from .functions import write_stages
from .tflite_graphs import chain, join, read_operators
from .variant import Variant

# Exit status of the converting process when the converter refused, as opposed to died.
_REFUSED = 3
# What the converting process finds in its scratch folder: the body with two kinds of input, what follows it, pictures.
_BYTES_IN, _FLOATS_IN, _STEPS, _TAILS, _PICTURES = "bytes_in", "floats_in", "steps", "tails", "pictures.npy"
# What the folder of each step is called, behind its number.
_NETWORK, _ARITHMETIC = "network", "arithmetic"


def convert(
    model: keras.Model, folder: Path, variants: list[Variant], pictures: np.ndarray | None = None, *, task: ExportTask
) -> dict[str, str]:
    """Convert a Keras model into .tflite files; arguments and what is given back as in `Format.write`."""
    refused: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        _write_stages(model, Path(scratch), [variant.name for variant in variants], task)
        if pictures is not None:
            np.save(Path(scratch) / _PICTURES, pictures)
        left = variants
        while left:  # whatever ended the process, those behind it are tried
            reason = _run_converter(Path(scratch), folder, left)
            left = [variant for variant in left if not _converted(folder, variant).is_file()]
            if left and reason:
                failed, *left = left
                refused[failed.file] = (
                    f"the conversion to TFLite ({failed.name}) {reason}; leave it out of --quantize or change the model"
                )
    for variant in variants:
        if variant.file in refused:
            continue
        file = _converted(folder, variant)
        if foreign := [name for name in read_operators(file) if name.startswith("CUSTOM:")]:
            refused[variant.file] = (
                f"the TFLite file ({variant.name}) must hold built-in operators only, got {', '.join(foreign)}: "
                "change the model"
            )
            file.unlink()
        else:
            file.rename(folder / variant.file)
    return refused


def _converted(folder: Path, variant: Variant) -> Path:
    return Path(folder) / f"{variant.name}.tflite"


def _run_converter(scratch: Path, folder: Path, variants: Sequence[Variant]) -> str:
    """Convert variants one after another in a process of its own; gives why it ended before the last one."""
    names = ",".join(variant.name for variant in variants)
    command = [sys.executable, "-m", __name__, str(scratch), str(folder), names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    lines = [line for line in (done.stdout if done.returncode == _REFUSED else done.stderr).splitlines() if line]
    reason = lines[-1][:300] if lines else "it said nothing"
    how = "was refused" if done.returncode == _REFUSED else f"ended its process with status {done.returncode}"
    return f"{how}: {reason}"


def _write_stages(model: keras.Model, scratch: Path, variants: Sequence[str], task: ExportTask) -> None:
    """Write the SavedModels to convert: one picture at a time, all shapes fixed."""
    size, stages = task.keras_size(model), task.stages(model)
    assert size is not None
    # int8 conversion makes float32 pictures uint8 itself; further networks are told by a float32 file what they get.
    kinds = {_BYTES_IN: tf.uint8} if set(variants) != {"int8"} or stages.steps else {}
    kinds |= {_FLOATS_IN: tf.float32} if "int8" in variants else {}
    for name, kind in kinds.items():
        spec = tf.TensorSpec((1, *height_width(size), 3), kind)
        links = write_stages(Stages(stages.body), scratch / name, {IMAGE: spec})
    for number, step in enumerate(stages.steps):
        name = f"{number}_{_NETWORK if step.network else _ARITHMETIC}"
        links = {**links, **write_stages(Stages(step.function), scratch / _STEPS / name, step.taken(links))}
    for signature, tail in stages.tails.items():
        write_stages(Stages(tail), scratch / _TAILS / signature, links)


def _converter(source: Path) -> tf.lite.TFLiteConverter:
    converter = tf.lite.TFLiteConverter.from_saved_model(str(source))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    return converter


def _convert_body(scratch: Path, variant: str) -> bytes:
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


def _convert_networks(scratch: Path, variant: str, exact: bytes = b"") -> bytes:
    """Convert the body and the steps behind it, of which the networks alone are quantised, into one graph.

    For int8 `exact` is the same graph in float32, which tells the ranges of what each network is given.
    """
    whole = _convert_body(scratch, variant)
    for step in _steps(scratch):
        if variant == "none" or not step.name.endswith(_NETWORK):
            whole = chain(whole, _as_it_is(step))
            continue
        converter = _converter(step)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if variant == "int8":
            converter.representative_dataset = partial(_given, exact, step, scratch)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        whole = chain(whole, converter.convert())
    return whole


def _steps(scratch: Path) -> list[Path]:
    return sorted((scratch / _STEPS).glob("*"))


@cache
def _as_it_is(step: Path) -> bytes:
    return _converter(step).convert()


def _given(exact: bytes, step: Path, scratch: Path) -> Iterator[dict[str, np.ndarray]]:
    """Yield what a step is given for each picture."""
    from ai_edge_litert.interpreter import Interpreter

    takes = tf.saved_model.load(str(step)).signatures[SIGNATURE].structured_input_signature[1]
    run = Interpreter(model_content=exact, num_threads=default_threads()).get_signature_runner()
    for picture in np.load(scratch / _PICTURES):
        found = run(**{IMAGE: picture[None]})
        yield {name: found[name] for name in takes}


def _main(scratch: Path, folder: Path, variants: str) -> int:
    """Convert each variant in turn and write its file; the last line on stdout says why one was refused."""
    whole: bytes | None = None
    tails: dict[str, bytes] | None = None
    for variant in variants.split(","):
        try:
            if tails is None:
                # The first signature is what runners run, and so is the first graph.
                sources = sorted((scratch / _TAILS).glob("*"), key=lambda source: source.name != SIGNATURE)
                tails = {source.name: _converter(source).convert() for source in sources}
            if variant in ("none", "float16") or (variant == "int8" and _steps(scratch)):
                body = whole = whole or _convert_networks(scratch, "none")
            if variant not in ("none", "float16"):
                body = _convert_networks(scratch, variant, whole or b"")
            if variant == "float16":
                body = halve_as_allowed(body, np.load(scratch / _PICTURES))
            content = join(body, tails) if tails else body
        except Exception as error:  # the parent turns whatever it is into one sentence
            print(first_line(error), flush=True)
            return _REFUSED
        (folder / f"{variant}.tflite").write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
