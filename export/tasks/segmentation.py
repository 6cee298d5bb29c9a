"""What is particular to segmentation in an export: probabilities and the class map, as two signatures.

Imports no TensorFlow itself.
"""

import shlex

import numpy as np

from ...trainers.errors import MetricfitError
from .base import SIGNATURE, ExportTask, Facts, Page, Stages, square_side
from .page_parts import named_classes, resizing_program, resizing_sentence

PROBABILITIES, LABELS = "probabilities", "labels"
LABELS_SIGNATURE = "labels"
# What a file without card or run is taken for: it is how segmentation is trained by default.
_FACTS = Facts(resizing="pad", threshold=0.0)
_PICTURES = 8  # on which the two signatures are compared with each other
_TIE = 1e-6

_PYTHON = """\
    from metricfit.app.predictor import load_predictor
    from metricfit.trainers.data.images import read_image

    predict = load_predictor({folder!r})
    found = predict(read_image("photo.jpg"))             # labels uint8 [H, W], confidence float32 [H, W]
    for index, name in enumerate(predict.runner.class_names):
        print(name, (found.labels == index).mean())
"""
_TFLITE = """\
    import json

    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
    from PIL import Image

    names = json.load(open("card.json"))["class_names"]
    interpreter = Interpreter({file!r}, num_threads=2)
    run = interpreter.get_signature_runner("labels")     # or "serving_default", which gives probabilities

    photo = Image.open("photo.jpg").convert("RGB")
{resize}
    labels = run(image=pixels)["labels"][0]              # uint8 [{size}, {size}], index into names
    for index in np.unique(labels):
        print(names[index], (labels == index).mean())
"""
_SAVED_MODEL = """\
    import tensorflow as tf

    model = tf.saved_model.load("saved_model")
    labels = model.signatures["labels"](image=pixels)["labels"]
    probabilities = model.signatures["serving_default"](image=pixels)["probabilities"]
    # pixels uint8 [B, {size}, {size}, 3], RGB, any B
    # -> labels uint8 [B, {size}, {size}], probabilities float32 [B, {size}, {size}, {classes}]
"""


def _find_size(image: list, outputs) -> int | None:
    size = square_side(image)
    if not size or len(outputs) != 1:
        return None
    (shape,) = map(list, outputs.values())
    return size if shape[1:3] == [size, size] and len(shape) == 4 and (shape[3] or 0) > 1 else None


def _finish(outputs: dict[str, np.ndarray]) -> np.ndarray:
    (probabilities,) = outputs.values()
    return probabilities


def _layer(model):
    from ...trainers.models.layers.class_logits import logits_layer

    return logits_layer(model)


def _keras_facts(model) -> Facts:
    from ...trainers.colours import class_palette

    layer = _layer(model)
    palette = tuple(tuple(colour) for colour in class_palette(layer.class_names).tolist())
    return Facts(tuple(layer.class_names), palette, layer.resizing, 0.0)


def _source_options(config: dict) -> dict:
    from ...trainers.data.labels import LabelCoding

    return {"coding": LabelCoding(config.get("classes"), tuple(config.get("ignore") or ()))}


def _stages(model) -> Stages:
    import tensorflow as tf

    def body(image):
        return {"class_logits": tf.cast(model(image, training=False), tf.float32)}

    def probabilities(class_logits):
        return {PROBABILITIES: tf.nn.softmax(class_logits)}

    def labels(class_logits):
        return {LABELS: tf.cast(tf.argmax(class_logits, axis=-1, output_type=tf.int32), tf.uint8)}

    return Stages(body, {SIGNATURE: probabilities, LABELS_SIGNATURE: labels})


def _compare(reference, candidates, source, config: dict, quiet: bool):
    from ...trainers.data.classes import with_class_names
    from ..parity import maps as parity_maps

    source = with_class_names(source, reference.class_names)
    for runner in candidates.values():
        _check_labels(runner, source)
    return parity_maps.compare(
        reference, candidates, source,
        lambda: parity_maps.SegmentationJudge(reference.class_names, reference.resizing), quiet=quiet,
    )  # fmt: skip


def _check_labels(runner, source) -> None:
    """Refuse a file whose class map is not that of its own probabilities."""
    for index in range(min(_PICTURES, len(source))):
        images = runner.fit(source.load(index).image)[None]
        labels = runner.outputs(images, LABELS_SIGNATURE)[LABELS][0]
        probabilities = runner(images)[0]
        chosen = np.take_along_axis(probabilities, labels[..., None].astype(np.intp), axis=-1)[..., 0]
        if not (chosen >= probabilities.max(axis=-1) - _TIE).all():
            raise MetricfitError(
                f"the labels of {runner.path} are not the classes of its largest probabilities on "
                f"{source.names[index]}; nothing was exported. Please report this as a bug"
            )


def _check(name: str, variant: str, reference, measured) -> dict[str, float]:
    from ..parity import maps as parity_maps

    return parity_maps.check(name, variant, reference, measured)


def _introduction(card) -> str:
    size = card.input_size
    return (
        f"A segmentation model for {len(card.class_names)} classes ({named_classes(card)}): an RGB picture of "
        f"{size}x{size} pixels, values 0 to 255, to the class of each pixel. There are two signatures: `labels` gives "
        "the index of the likeliest class, `serving_default` the probabilities of all classes. "
        f"{resizing_sentence(card)}; `metricfit` does that, and brings the probabilities back to the picture's own "
        "size before it takes the likeliest class."
    )


def _thresholds(card) -> str:
    return "**No threshold.** Each pixel has its likeliest class, however likely that is."


def _comparison(card) -> str:
    metrics = card.metrics
    return (
        f"Mean IoU of the classes that the validation data have ({card.data.get('validation_images', 0)} pictures, all "
        "pixels together) and share of the right pixels, at the labels' own size. Difference: largest and mean "
        "difference of a probability from the Keras model's (8-bit files are judged by the mean one and the metrics), "
        f"which has mIoU {metrics['dataset_miou_present']:.4f} and accuracy {metrics['pixel_accuracy']:.4f}. In every "
        "file both signatures were seen to agree."
    )


def _usage(card) -> str:
    folder = shlex.quote(card.name)
    return f"    metricfit predict {folder} photo.jpg --out found\n    metricfit demo {folder} --source 0"


def _tflite(card, file: str) -> str:
    return _TFLITE.format(file=file, size=card.input_size, resize=resizing_program(card))


_PAGE = Page(
    introduction=_introduction,
    thresholds=_thresholds,
    measures=(
        ("mIoU", lambda entry: f"{entry['metrics']['dataset_miou_present']:.4f}"),
        ("by image", lambda entry: f"{entry['metrics']['image_miou_present']:.4f}"),
        ("accuracy", lambda entry: f"{entry['metrics']['pixel_accuracy']:.4f}"),
    ),
    columns=(
        ("largest difference", lambda entry: f"{entry['parity']['largest_difference']:.1e}"),
        ("mean difference", lambda entry: f"{entry['parity']['mean_difference']:.1e}"),
    ),
    comparison=_comparison,
    usage=_usage,
    python=lambda card: _PYTHON.format(folder=card.name),
    tflite=_tflite,
    saved_model=lambda card: _SAVED_MODEL.format(size=card.input_size, classes=len(card.class_names)),
)

TASK = ExportTask(
    name="segmentation",
    needs="labels",
    outputs={
        PROBABILITIES: "[B, S, S, C], of each class of each pixel, 0 to 1, adding up to 1; signature serving_default",
        LABELS: "[B, S, S], index of the likeliest class in the card's class_names; signature labels",
    },
    form="probabilities [B, S, S, C]",
    facts=_FACTS,
    find_size=_find_size,
    finish=_finish,
    keras_size=lambda model: model.input_shape[1] if _layer(model) else None,
    prepare=lambda model: model,
    keras_facts=_keras_facts,
    run_facts=lambda facts, metrics: facts,
    stages=_stages,
    compare=_compare,
    check=_check,
    columns=(
        ("dataset_miou_present", "mIoU", ".3f"),
        ("image_miou_present", "by image", ".3f"),
        ("pixel_accuracy", "accuracy", ".3f"),
        ("largest_difference", "largest diff.", ".1e"),
        ("mean_difference", "mean diff.", ".1e"),
    ),
    page=_PAGE,
    source_options=_source_options,
)
