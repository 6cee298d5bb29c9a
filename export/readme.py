"""The page for people beside an exported model's card."""

import json
import shlex

from .card import ModelCard

_PYTHON = """\
    from metricfit.app.predictor import Predictor
    from metricfit.export import load_runner
    from metricfit.trainers.data.images import read_image

    predict = Predictor(load_runner({folder!r}))
    saliency = predict(read_image("photo.jpg"))          # float32 [H, W] in [0, 1]
    salient = saliency >= {threshold:.3f}
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


def readme(card: ModelCard) -> str:
    """Write a card out as Markdown.

    Args:
        card: a complete card.

    Returns:
        The page.
    """
    low, high = card.thresholds["band"]
    best = card.thresholds["optimal"]
    size, folder = card.input_size, shlex.quote(card.name)
    parts = [
        f"# {card.name}",
        f"A saliency model: an RGB picture of {size}x{size} pixels, values 0 to 255, to a map of how salient each "
        f"pixel is, 0 to 1. Pictures are resized to {size}x{size} before, the maps back to the picture's size after; "
        "`metricfit` does both.",
        f"**Threshold.** {best:.3f} is best on the validation data; any from {low:.3f} to {high:.3f} gives at least "
        "99 % of the best F-measure.",
        "## Files",
        _files_table(card),
        f"MaxF, MeanF and MAE on the validation data ({card.data.get('validation_images', 0)} pictures), at the "
        f"labels' own size. Difference: largest and mean difference of a map's values from the Keras model's (8-bit "
        f"files are judged by the mean one and the metrics: single pixels on an edge may flip), "
        f"which has MaxF {card.metrics['max_f']:.4f}, MeanF {card.metrics['mean_f']:.4f}, MAE "
        f"{card.metrics['mae']:.4f}. "
        f"Latency: one picture, {card.machine}. Operators, checksums and the exact tensors are in card.json.",
        "## Use",
        "On the command line:",
        f"    metricfit predict {folder} photo.jpg --out masks\n    metricfit demo {folder} --source 0",
        "In Python:",
        _PYTHON.format(folder=card.name, threshold=best).rstrip(),
    ]
    tflite = [name for name, entry in card.files.items() if entry["kind"] == "tflite"]
    if tflite:
        file = next((name for name in tflite if card.files[name]["variant"] == "int8"), tflite[0])
        output = card.files[file]["output"]
        scale = "" if output["scale"] is None else f", times {output['scale']:g}"
        parts += [
            "With the TFLite runtime alone (every .tflite file holds built-in operators only):",
            _TFLITE.format(file=file, size=size, dtype=output["dtype"], scale=scale).rstrip(),
        ]
    if "saved_model" in card.files:
        parts += ["With TensorFlow alone:", _SAVED_MODEL.format(size=size).rstrip()]
    parts += [
        "## Data",
        f"- Training: {card.data.get('training', '')}, {card.data.get('training_images', 0)} pictures\n"
        f"- Validation: {card.data.get('validation', '')}, {card.data.get('validation_images', 0)} pictures\n"
        f"- Terms: {card.data_terms}",
        "## How it was made",
        "\n".join("    " + line for line in card.command),
        "Settings:",
        "\n".join("    " + line for line in json.dumps(card.config, indent=2).splitlines()),
        "Versions: " + ", ".join(f"{name} {version}" for name, version in card.versions.items()) + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _files_table(card: ModelCard) -> str:
    rows = [
        "| file | MB | ms | MaxF | MeanF | MAE | threshold | band | largest difference | mean difference | output |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, entry in card.files.items():
        metrics, parity, (low, high) = entry["metrics"], entry["parity"], entry["thresholds"]["band"]
        rows.append(
            f"| `{name}` | {entry['bytes'] / 1e6:.2f} | {entry['latency_ms']:.1f} | {metrics['max_f']:.4f} "
            f"| {metrics['mean_f']:.4f} | {metrics['mae']:.4f} | {entry['thresholds']['optimal']:.3f} "
            f"| {low:.3f}-{high:.3f} | {parity['largest_difference']:.1e} | {parity['mean_difference']:.1e} "
            f"| {entry['output']['dtype']} |"
        )
    return "\n".join(rows)
