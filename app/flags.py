"""Flags that several verbs have, each with its help. Imports no TensorFlow, so that --help is quick."""

from typing import Annotated, Any

import tyro

from ..trainers.models.detector.suppression import Method, Suppression, suppression_of_flags


def told(metavar: str | None, text: str, default: str) -> Any:
    """Make the help of a flag that may be left out, with what is taken then."""
    return tyro.conf.arg(metavar=metavar, help=text, help_behavior_hint=f"(default: {default})")


_FORMS = (
    "a folder, whose layout is recognised, or scenes[:SPLIT], folder:PATH[:SPLIT], voc:PATH[:SPLIT], "
    "yolo:PATH[:SPLIT], coco:IMAGES,JSON, labelme:PATH[:SPLIT], cvat:PATH[:SPLIT], tfds:NAME[:SPLIT], "
    "clips:SOURCE, views:SOURCE, packed:DIR or auto:PATH[:SPLIT]"
)
_MODEL = (
    "Run folder, exported folder, .keras, SavedModel or .tflite, or the name of a model that ships with the program"
)
_THRESHOLD = (
    "Saliency from which a pixel is foreground, score from which an object of any class counts, or probability from "
    "which a pixel shows its class, 0 to 1; by default the model card's best one (for objects one a class, for classes "
    "of pixels 0), else 0.5."
)
Model = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL", help=f"{_MODEL}, such as saliency_lite0.")]
OptionalModel = Annotated[
    tyro.conf.Positional[str],
    tyro.conf.arg(
        metavar="[MODEL]", help=f"{_MODEL}; without one, saliency_lite0, which does.", help_behavior_hint="(optional)"
    ),
]
Data = Annotated[
    str, tyro.conf.arg(metavar="SOURCE", help=f"Data with masks, labels or boxes, as the task needs: {_FORMS}.")
]
Measured = Annotated[
    str,
    tyro.conf.arg(
        metavar="SOURCE",
        help=f"Data with masks, labels or boxes, as the task needs: {_FORMS}; or video:PATH, a video file or a folder "
        "of frames, which has no truth: how steady masks or class maps are on it.",
    ),
]
Source = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SOURCE", help=f"{_FORMS}.")]
Sources = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="SOURCE")]
Threshold = Annotated[float | None, tyro.conf.arg(help=_THRESHOLD)]
Threads = Annotated[int | None, tyro.conf.arg(help="CPU threads of the model; by default what its runtime chooses.")]
SkipBad = Annotated[bool, tyro.conf.arg(help="Leave out examples that cannot be used instead of stopping.")]
Strict = Annotated[bool, tyro.conf.arg(help="Stop at faults that could be repaired, too.")]
Trust = Annotated[
    bool,
    tyro.conf.arg(help="Load the model even where it holds code: a SavedModel or .keras file of somebody you trust."),
]
BeamRunner = Annotated[
    str | None,
    tyro.conf.arg(
        metavar="NAME",
        help="Spread the pictures over the workers of Apache Beam's direct, flink, dataflow, spark or another runner, "
        "which must reach model, data and --out by the same paths; direct is this machine. Needs metricfit[beam].",
    ),
]
RunnerOptions = Annotated[
    tuple[str, ...],
    told(
        "[NAME=VALUE ...]",
        "What that runner is told, such as direct_num_workers=2 for two processes; or, at the end and as Beam "
        "writes it, behind two dashes: --runner direct -- --direct_num_workers=2.",
        "nothing",
    ),
]
Nms = Annotated[
    Method | None,
    told(
        None,
        "Detection: how boxes around one object are thinned out: hard drops what overlaps a surer one, "
        "soft-linear and soft-gaussian lower its score (Soft-NMS); by default hard. Exported files do what they "
        "were exported with.",
        "hard",
    ),
]
NmsIou = Annotated[
    float | None,
    told("FLOAT", "Detection: overlap (IoU) up to which boxes leave each other alone.", "0.5; of soft-linear 0.3"),
]
NmsSigma = Annotated[
    float | None,
    told("FLOAT", "Detection: of soft-gaussian, whose factor is exp(-IoU^2 / sigma).", "0.5"),
]
NmsPerClass = Annotated[
    bool, tyro.conf.arg(help="Detection: whether boxes of different classes leave each other alone.")
]
MaxDetections = Annotated[
    int | None,
    told(
        "INT",
        "Detection: boxes that a picture keeps at most, the surest; AP counts 100 of a class at most.",
        "100; with tiles 1000",
    ),
]
Tiles = Annotated[
    str | None,
    told(
        "auto|INT",
        "Detection: look at parts of each picture as well, so that small objects are found: so many tiles along "
        "its longer side, or as many as show it at its own size. Each takes the time of a picture.",
        "none",
    ),
]
TileOverlap = Annotated[
    float | None,
    told(
        "FLOAT",
        "Detection: share of a tile that the next one shows, too: objects up to this size are in one as a whole.",
        "0.2",
    ),
]
Guarantee = Annotated[
    str | None,
    told(
        "PROMISE",
        'Choose the threshold that keeps a promise on pictures to come, such as "recall >= 0.9 @ 0.95": recall, '
        "averaged over pictures drawn as these, with a probability of 95 % over the draw of these. Also precision, f, "
        'fnr and fdr (<=), of boxes recall@iou=0.75; "recall >= 0.9" holds in expectation. The pictures must be new to '
        "the model.",
        "none",
    ),
]
Smooth = Annotated[
    float,
    tyro.conf.arg(
        metavar="SHARE",
        help="Videos, saliency and class maps: how much of what was found in the frame before is kept where the "
        "picture stays the same, so that masks do not flicker: 0 (nothing) to below 1; 0.8 takes about half of the "
        "flicker away. What moves is found anew in each frame.",
    ),
]
Quiet = Annotated[bool, tyro.conf.arg(help="No progress: results, warnings and errors alone.")]


def suppression_of(options: object) -> Suppression | None:
    """Give how boxes are to be thinned out, by the flags of a verb that has them; None where none is given."""
    flags = ("nms", "nms_iou", "nms_sigma", "nms_per_class", "max_detections")
    return suppression_of_flags(**{flag: getattr(options, flag) for flag in flags})
