"""What is particular to detection in an export: boxes out, decoding and suppression inside.

Imports no TensorFlow itself.
"""

import shlex
from dataclasses import replace

import numpy as np

from .base import SIGNATURE, ExportTask, Facts, Page, Stages, square_side
from .page_parts import named_classes, resizing_program, resizing_sentence

OUTPUTS = {
    "boxes": "[B, K, 4], (x0, y0, x1, y1) in pixels of the S x S input, x1 and y1 exclusive",
    "scores": "[B, K], 0 to 1, in falling order",
    "classes": "[B, K], index into the card's class_names",
    "count": "[B], how many of the K are boxes; behind them boxes and scores are 0 and classes -1",
}
# What a file without card or run is taken for: it is how detectors are trained by default.
_FACTS = Facts(resizing="pad")
_KINDS = {"boxes": np.float32, "scores": np.float32, "classes": np.int32, "count": np.int32}

_PYTHON = """\
    from metricfit.app.predictor import load_predictor
    from metricfit.trainers.data.images import read_image

    predict = load_predictor({folder!r})
    found = predict(read_image("photo.jpg"))             # boxes in the picture's pixels, scores, classes
    for box, score, index in zip(found.boxes, found.scores, found.classes):
        if score >= predict.runner.thresholds[index]:
            print(predict.runner.class_names[index], score, box)
"""
_SCALES = {
    "pad": "    scale_x, scale_y = small.width / photo.width, small.height / photo.height",
    "stretch": "    scale_x, scale_y = {size} / photo.width, {size} / photo.height",
}
_TFLITE = """\
    import json

    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
    from PIL import Image

    card = json.load(open("card.json"))
    thresholds = card["files"][{file!r}]["thresholds"]["per_class"]
    run = Interpreter({file!r}, num_threads=2).get_signature_runner()

    photo = Image.open("photo.jpg").convert("RGB")
{resize}
    found = run(image=pixels)                            # uint8 [1, {size}, {size}, 3], RGB
    for box, score, index in zip(found["boxes"][0], found["scores"][0], found["classes"][0][: found["count"][0]]):
        if score >= thresholds[index]:
            print(card["class_names"][index], score, box / [scale_x, scale_y, scale_x, scale_y])
"""
_SAVED_MODEL = """\
    import tensorflow as tf

    model = tf.saved_model.load("saved_model")
    found = model.signatures["serving_default"](image=pixels)
    # pixels uint8 [B, {size}, {size}, 3], RGB, any B -> boxes [B, K, 4], scores [B, K], classes [B, K], count [B]
"""


def _find_size(image: list, outputs) -> int | None:
    fits = set(outputs) == set(OUTPUTS) and len(outputs["boxes"]) == 3 and outputs["boxes"][2] == 4
    return square_side(image) if fits else None


def _finish(outputs: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    return tuple(outputs[name].astype(kind, copy=False) for name, kind in _KINDS.items())


def _keras_size(model) -> int | None:
    needed = ("size", "class_names", "resizing", "anchors")
    return int(model.size) if all(hasattr(model, name) for name in needed) else None


def _keras_facts(model) -> Facts:
    from ...trainers.colours import class_colours

    palette = tuple(tuple(colour) for colour in class_colours(len(model.class_names)).tolist())
    return Facts(tuple(model.class_names), palette, model.resizing)


def _run_facts(facts: Facts, metrics: dict) -> Facts:
    optimal = metrics.get("scalars", {}).get("f1_threshold")
    if optimal is None:
        return facts
    classes = metrics.get("classes", {})
    per_class = tuple(float(classes.get(name, {}).get("threshold", optimal)) for name in facts.class_names)
    return replace(facts, threshold=float(optimal), per_class=per_class)


def _heads(model):
    import tensorflow as tf

    def heads(image):
        found = model(image, training=False)
        return {"logits": tf.cast(found["classification"], tf.float32), "deltas": tf.cast(found["box"], tf.float32)}

    return heads


def _finisher(model):
    from ...trainers.models.detector.detect import detections

    def finish(logits, deltas):
        return dict(zip(OUTPUTS, detections(logits, deltas, model.anchors, model.size)))

    return finish


def candidates(model):
    """Make the function from uint8 pictures [B, S, S, 3] to all boxes before any choice among them.

    Args:
        model: a `RetinaNet`.

    Returns:
        A function that gives boxes float32 [B, A, 4], in pixels of the input and cut at its edges, and scores float32
        [B, A, C] in [0, 1].
    """
    import tensorflow as tf

    from ...trainers.models.detector.detect import decode_boxes

    heads = _heads(model)

    @tf.function(input_signature=[tf.TensorSpec((None, model.size, model.size, 3), tf.uint8)])
    def all_boxes(images):
        found = heads(tf.cast(images, tf.float32))
        return decode_boxes(found["deltas"], model.anchors, model.size), tf.sigmoid(found["logits"])

    return lambda images: tuple(part.numpy() for part in all_boxes(images))


def _compare(reference, files, source, config: dict, quiet: bool):
    from ..parity import boxes as parity_boxes

    return parity_boxes.compare(reference, candidates(reference.model), files, source, quiet=quiet)


def _check(name: str, variant: str, reference, measured) -> dict[str, float]:
    from ..parity import boxes as parity_boxes

    return parity_boxes.check(name, variant, reference, measured)


def _introduction(card) -> str:
    size = card.input_size
    return (
        f"An object detector for {len(card.class_names)} classes ({named_classes(card)}): an RGB picture of "
        f"{size}x{size} pixels, values 0 to 255, to boxes with class and score. Decoding and suppression of doubles "
        f"are inside. {resizing_sentence(card)}; `metricfit` does that, and brings the boxes back to the picture's own "
        "pixels."
    )


def _thresholds(card) -> str:
    low, high = card.thresholds["band"]
    each = ", ".join(
        f"{name} {value:.3f}" for name, value in list(zip(card.class_names, card.thresholds["per_class"]))[:20]
    )
    return (
        f"**Thresholds.** One for each class, where its optimal LRP lies on the validation data: {each}. With a single "
        f"one for all, {card.thresholds['optimal']:.3f} has the best F1; any from {low:.3f} to {high:.3f} gives at "
        "least 99 % of that. Each file's own stand in card.json. Scores are in order, not probabilities: only "
        "thresholds tell which are high."
    )


def _comparison(card) -> str:
    metrics = card.metrics
    return (
        f"COCO AP and oLRP (the lower the better) on the validation data ({card.data.get('validation_images', 0)} "
        "pictures), at the pictures' own size. Differences are those from the Keras model, of scores and of the sides "
        "of boxes in pixels of the input: for float files the largest, from the nearest of its boxes before "
        "suppression, for 8-bit files the mean over the surer boxes that both find. It has AP "
        f"{metrics['ap']:.4f}, AP50 {metrics['ap50']:.4f}, oLRP {metrics['olrp']:.4f}. In .tflite files of any kind "
        "decoding and suppression compute in float32."
    )


def _difference(entry: dict, of: str) -> str:
    kind = "largest" if f"largest_{of}_difference" in entry["parity"] else "mean"
    return f"{kind} {entry['parity'][f'{kind}_{of}_difference']:.1e}"


def _usage(card) -> str:
    folder = shlex.quote(card.name)
    return f"    metricfit predict {folder} photo.jpg --out found\n    metricfit demo {folder} --source 0"


def _python(card) -> str:
    return _PYTHON.format(folder=card.name)


def _tflite(card, file: str) -> str:
    resize = f"{resizing_program(card)}\n{_SCALES[card.resizing].format(size=card.input_size)}"
    return _TFLITE.format(file=file, size=card.input_size, resize=resize)


def _saved_model(card) -> str:
    return _SAVED_MODEL.format(size=card.input_size)


_PAGE = Page(
    introduction=_introduction,
    thresholds=_thresholds,
    measures=(
        ("AP", lambda entry: f"{entry['metrics']['ap']:.4f}"),
        ("AP50", lambda entry: f"{entry['metrics']['ap50']:.4f}"),
        ("oLRP", lambda entry: f"{entry['metrics']['olrp']:.4f}"),
    ),
    columns=(
        ("AP difference", lambda entry: f"{entry['parity']['ap_difference']:+.4f}"),
        ("score difference", lambda entry: _difference(entry, "score")),
        ("box difference", lambda entry: f"{_difference(entry, 'box')} px"),
    ),
    comparison=_comparison,
    usage=_usage,
    python=_python,
    tflite=_tflite,
    saved_model=_saved_model,
)

TASK = ExportTask(
    name="detection",
    needs="boxes",
    outputs=OUTPUTS,
    form="boxes [B, K, 4], scores [B, K], classes [B, K] and count [B]",
    facts=_FACTS,
    find_size=_find_size,
    finish=_finish,
    keras_size=_keras_size,
    prepare=lambda model: model,
    keras_facts=_keras_facts,
    run_facts=_run_facts,
    stages=lambda model: Stages(_heads(model), {SIGNATURE: _finisher(model)}),
    compare=_compare,
    check=_check,
    columns=(
        ("ap", "AP", ".3f"),
        ("ap50", "AP50", ".3f"),
        ("olrp", "oLRP", ".3f"),
        ("ap_difference", "AP diff.", "+.4f"),
        ("largest_score_difference", "largest score diff.", ".1e"),
        ("largest_box_difference", "largest box diff. (px)", ".1e"),
        ("mean_score_difference", "mean score diff.", ".1e"),
        ("mean_box_difference", "mean box diff. (px)", ".1e"),
    ),
    page=_PAGE,
)
