"""What is particular to saliency in an export: one map out, compared value by value. Imports no TensorFlow itself."""

import shlex
from dataclasses import replace

import numpy as np

from .base import ExportTask, Facts, Page, Stages, square_side

OUTPUT = "saliency"
_FACTS = Facts(class_names=("background", "salient"), palette=((0, 0, 0), (255, 255, 255)))

_PYTHON = """\
    from metricfit.app.predictor import load_predictor
    from metricfit.trainers.data.images import read_image

    predict = load_predictor({folder!r})
    saliency = predict(read_image("photo.jpg"))          # float32 [H, W] in [0, 1]
    salient = saliency >= predict.runner.threshold       # the best one of this very file
"""
_TFLITE = """\
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter({file!r}, num_threads=2)
    interpreter.allocate_tensors()
    image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(image["index"], pixels)       # uint8 [1, {size}, {size}, 3], RGB
    interpreter.invoke()
    saliency = interpreter.get_tensor(output["index"])   # {dtype} [1, {size}, {size}]{scale}
"""
_SAVED_MODEL = """\
    import tensorflow as tf

    model = tf.saved_model.load("saved_model")
    saliency = model.signatures["serving_default"](image=pixels)["saliency"]
    # pixels uint8 [B, {size}, {size}, 3], RGB -> saliency float32 [B, {size}, {size}] in [0, 1], any B
"""


def _find_size(image: list, outputs) -> int | None:
    size = square_side(image)
    return size if size and [list(shape)[1:] for shape in outputs.values()] == [[size, size]] else None


def _finish(outputs: dict[str, np.ndarray]) -> np.ndarray:
    (saliency,) = outputs.values()
    return saliency


def _keras_size(model) -> int | None:
    shape, output = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    fits = (
        isinstance(shape, tuple) and len(shape) == 4 and shape[3] == 3 and shape[1] is not None and shape[1] == shape[2]
        and isinstance(output, tuple) and output[1:] in (shape[1:3], (*shape[1:3], 1))
    )  # fmt: skip
    return shape[1] if fits else None


def _prepare(model):
    """Drop a last axis of one channel."""
    import keras

    size = _keras_size(model)
    if len(model.output_shape) == 4 or isinstance(model, keras.Sequential):
        image = keras.Input((size, size, 3))
        model = keras.Model(image, keras.layers.Reshape((size, size))(model(image)), name=model.name)
    return model


def _run_facts(facts: Facts, metrics: dict) -> Facts:
    curves = metrics.get("curves", {})
    return replace(facts, threshold=float(curves["optimal_threshold"])) if "optimal_threshold" in curves else facts


def _serve(model):
    import tensorflow as tf

    def saliency(image):
        return {OUTPUT: tf.sigmoid(tf.cast(model(image, training=False), tf.float32))}

    return saliency


def _compare(reference, candidates, source, config: dict, quiet: bool):
    from ..parity import maps as parity_maps

    beta2 = float(config.get("beta2", 0.3))
    return parity_maps.compare(
        reference, candidates, source, lambda: parity_maps.SaliencyJudge(beta2), quiet=quiet
    )  # fmt: skip


def _check(name: str, variant: str, reference, measured) -> dict[str, float]:
    from ..parity import maps as parity_maps

    return parity_maps.check(name, variant, reference, measured)


def _introduction(card) -> str:
    size = card.input_size
    return (
        f"A saliency model: an RGB picture of {size}x{size} pixels, values 0 to 255, to a map of how salient each "
        f"pixel is, 0 to 1. Pictures are resized to {size}x{size} before, the maps back to the picture's size after; "
        "`metricfit` does both."
    )


def _thresholds(card) -> str:
    low, high = card.thresholds["band"]
    return (
        f"**Threshold.** Of the Keras model {card.thresholds['optimal']:.3f} is best on the validation data; any from "
        f"{low:.3f} to {high:.3f} gives at least 99 % of the best F-measure. Each file has its own below, which "
        "`metricfit` uses."
    )


def _comparison(card) -> str:
    metrics = card.metrics
    return (
        f"MaxF, MeanF and MAE on the validation data ({card.data.get('validation_images', 0)} pictures), at the "
        "labels' own size. Difference: largest and mean difference of a map's values from the Keras model's (8-bit "
        "files are judged by the mean one and the metrics: single pixels on an edge may flip), which has MaxF "
        f"{metrics['max_f']:.4f}, MeanF {metrics['mean_f']:.4f}, MAE {metrics['mae']:.4f}."
    )


def _usage(card) -> str:
    folder = shlex.quote(card.name)
    return f"    metricfit predict {folder} photo.jpg --out masks\n    metricfit demo {folder} --source 0"


def _python(card) -> str:
    return _PYTHON.format(folder=card.name)


def _tflite(card, file: str) -> str:
    (output,) = card.files[file]["outputs"]
    scale = "" if output["scale"] is None else f", times {output['scale']:g}"
    return _TFLITE.format(file=file, size=card.input_size, dtype=output["dtype"], scale=scale)


def _saved_model(card) -> str:
    return _SAVED_MODEL.format(size=card.input_size)


_PAGE = Page(
    introduction=_introduction,
    thresholds=_thresholds,
    measures=(
        ("MaxF", lambda entry: f"{entry['metrics']['max_f']:.4f}"),
        ("MeanF", lambda entry: f"{entry['metrics']['mean_f']:.4f}"),
        ("MAE", lambda entry: f"{entry['metrics']['mae']:.4f}"),
        ("MeanF/MaxF", lambda entry: f"{entry['metrics']['mean_to_max']:.3f}"),
        ("threshold", lambda entry: f"{entry['thresholds']['optimal']:.3f}"),
        ("band", lambda entry: "{:.3f}-{:.3f}".format(*entry["thresholds"]["band"])),
    ),
    columns=(
        ("largest difference", lambda entry: f"{entry['parity']['largest_difference']:.1e}"),
        ("mean difference", lambda entry: f"{entry['parity']['mean_difference']:.1e}"),
        ("output", lambda entry: entry["outputs"][0]["dtype"]),
    ),
    comparison=_comparison,
    usage=_usage,
    python=_python,
    tflite=_tflite,
    saved_model=_saved_model,
)

TASK = ExportTask(
    name="saliency",
    needs="mask",
    outputs={OUTPUT: "[B, S, S], how salient each pixel is, 0 to 1"},
    form=f"{OUTPUT} [B, S, S]",
    facts=_FACTS,
    find_size=_find_size,
    finish=_finish,
    keras_size=_keras_size,
    prepare=_prepare,
    keras_facts=lambda model: _FACTS,
    run_facts=_run_facts,
    stages=lambda model: Stages(_serve(model)),
    compare=_compare,
    check=_check,
    columns=(
        ("max_f", "MaxF", ".3f"),
        ("mean_f", "MeanF", ".3f"),
        ("mae", "MAE", ".3f"),
        ("largest_difference", "largest diff.", ".1e"),
        ("mean_difference", "mean diff.", ".1e"),
    ),
    page=_PAGE,
)
