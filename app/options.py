"""What each verb can be told, as frozen data: fields become flags. Imports no TensorFlow, so that --help is quick."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ..export.formats.registry import FORMATS, FormatName, Quantization
from ..trainers.calibration.names import MethodName, TargetName
from ..trainers.tasks import CONFIGS
from ..trainers.training.setting_types import Colours, MaskThreshold, MaxMegapixels, ResizeMasks, ScanCache
from .flags import (
    BeamRunner,
    Guarantee,
    MaxDetections,
    Measured,
    Model,
    Nms,
    NmsIou,
    NmsPerClass,
    NmsSigma,
    Quiet,
    RunnerOptions,
    SkipBad,
    Smooth,
    Source,
    Sources,
    Strict,
    TileOverlap,
    Tiles,
    Trust,
    told,
)

if TYPE_CHECKING:
    TaskName = str
else:
    TaskName = Literal[tuple(CONFIGS)]


@dataclass(frozen=True)
class EvaluateOptions:
    """Measure a trained or exported model on data it has not seen.

    Example: metricfit evaluate runs/photos --data folder:photos:test

    Example: metricfit evaluate exports/photos --data video:holiday.mp4

    Example: metricfit evaluate exports/photos --data folder:photos:new --guarantee "recall >= 0.9 @ 0.95" --into-card
    """

    model: Model
    data: Measured = "scenes:test"
    out: str | None = None
    """Folder for JSON and figures; by default reports/MODEL/DATA."""
    protocol: Literal["raw", "published"] = "raw"
    """Saliency: raw, or published (maps stretched to [0, 1] and cut to 8 bits, as published toolboxes do)."""
    beta2: float = 0.3
    """Saliency: weight of precision against recall in the F-measure."""
    logit_scale: str = "1"
    """Saliency: multiply the logits first: a number, or best (of the run's own selection data, by MeanF)."""
    classes: str | None = None
    """Segmentation: a file with the names of the classes, one a line in the order of the values of the label files; by
    default what the data or the model's run say."""
    ignore: tuple[int, ...] | None = None
    """Segmentation: values of the label files that do not count, besides 255; by default those of the model's run."""
    mask_threshold: MaskThreshold = None
    resize_masks: ResizeMasks = False
    colours: Colours = None
    max_megapixels: MaxMegapixels = None
    scales: tuple[float, ...] = (1.0,)
    """Segmentation and detection: factors on the model's input size at which each picture is seen; probabilities are
    averaged, boxes brought together."""
    flips: bool = False
    """Segmentation and detection: see each picture mirrored, too."""
    decision: Literal["argmax", "iou"] = "argmax"
    """Segmentation: iou also measures, beside the likeliest classes, the class maps that are best for the mean IoU to
    be expected by the probabilities (Nowozin, CVPR 2014), decided for 21 pictures in a row at a time."""
    tiles: Tiles = None
    tile_overlap: TileOverlap = None
    nms: Nms = None
    nms_iou: NmsIou = None
    nms_sigma: NmsSigma = None
    nms_per_class: NmsPerClass = True
    max_detections: MaxDetections = None
    correlation_bounds: bool = False
    """Detection: measure AP also with the true positives ranked by their IoU, and against it."""
    intervals: int = 1000
    """Detection: how often as many pictures are drawn anew for the 95 % intervals of AP and of each class' AP; 0 leaves
    the intervals out."""
    calibration: Literal["model", "none"] = "model"
    """Detection: model takes the scores as the model gives them, calibrated where it is, and shows its network's own
    beside them; none takes the network's own alone."""
    guarantee: Guarantee = None
    into_card: bool = False
    """With --guarantee, of an exported model: write threshold and statement into its card and README; predict, demo and
    serve then cut scores there, unless --threshold says otherwise."""
    batch_size: int = 16
    """Pictures at a time."""
    scan_cache: ScanCache = True
    smooth: Smooth = 0.0
    runner: BeamRunner = None
    runner_options: RunnerOptions = ()
    skip_bad: SkipBad = False
    strict: Strict = False
    trust: Trust = False
    quiet: Quiet = False


@dataclass(frozen=True)
class ExportOptions:
    """Write a trained model as SavedModel and TFLite, and compare every file with the model it came from.

    Example: metricfit export runs/photos --to exports/photos --quantize none int8
    """

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """A run folder."""
    to: str
    """The folder to make."""
    formats: tuple[FormatName, ...] = tuple(FORMATS)
    """Which formats."""
    quantize: tuple[Quantization, ...] = ("none", "int8")
    """Which number types the .tflite files have; int8 is calibrated on training pictures. What turns a detector's
    outputs into boxes computes in float32 in all of them."""
    data: str | None = None
    """Training data for the calibration; by default the run's own."""
    val: str | None = None
    """Data with masks or boxes on which every file is compared and measured; by default the run's selection data."""
    test: Sources = ()
    """Further data, by which nothing was chosen: every file is measured on them for the card. Give it once for each."""
    mask_threshold: MaskThreshold = None
    resize_masks: ResizeMasks = False
    colours: Colours = None
    max_megapixels: MaxMegapixels = None
    calibration: MethodName | None = None
    """Detection: how the scores of every file are made to mean something, by curves that keep the order of each class,
    fitted to what the file finds in the validation data: isotonic, platt, temperature or none; by default as in the
    training, else isotonic."""
    calibration_target: TargetName | None = None
    """Detection: what a score then tells: precision, how many of a hundred boxes of that score are right, or iou, the
    IoU with an object to be expected; by default as in the training, else precision."""
    name: str | None = None
    """The model's name in its card; by default the folder's."""
    data_terms: str = ""
    """The terms of the training data, for the card."""
    limits: str = ""
    """What the model is not made for, for the card."""
    nms: Nms = None
    nms_iou: NmsIou = None
    nms_sigma: NmsSigma = None
    nms_per_class: NmsPerClass = True
    max_detections: MaxDetections = None
    guarantee: Annotated[
        str | None,
        told(
            "PROMISE",
            "Choose each file's threshold, by its own scores, so that it keeps a promise on pictures to come, see "
            "metricfit evaluate --help; predict, demo and serve then cut scores there.",
            "none",
        ),
    ] = None
    guarantee_data: str | None = None
    """The pictures by which: new to the model, neither of its training nor of its validation data."""
    overwrite: bool = False
    """Replace an existing folder."""
    strict: bool = False
    """Write nothing where a file does not pass, instead of the others alone."""
    trust: Trust = False
    quiet: Quiet = False
    seed: int = 0
    """Seed of the choice of calibration pictures, and of the draws that tell what the validation pictures can tell."""


@dataclass(frozen=True)
class DataOptions:
    """What both verbs about data are told."""

    source: Source
    needs: Literal["auto", "mask", "labels", "boxes", "none"] = "auto"
    """What each example must have: auto takes labels where --classes, --ignore or --colours is given, masks with
    --mask-threshold, boxes for sources of boxes, what is recognised in a folder, and masks elsewhere; none takes
    pictures alone."""
    classes: str | None = None
    """Labels: a file with the names of the classes, one a line in the order of the values of the label files."""
    ignore: tuple[int, ...] = ()
    """Labels: values of the label files that neither train nor count, besides 255 (named, it is surely no class)."""
    mask_threshold: MaskThreshold = None
    resize_masks: ResizeMasks = False
    colours: Colours = None
    max_megapixels: MaxMegapixels = None
    quiet: Quiet = False


@dataclass(frozen=True)
class DataCheckOptions(DataOptions):
    """Scan data for faults: unreadable pictures, missing partners, masks of another size, boxes that are none.

    Example: metricfit data check photos --mask-threshold 0.5
    """

    all: bool = False
    """Name every file of faults that several have, not three."""
    scan_cache: ScanCache = True


@dataclass(frozen=True)
class DataShowOptions(DataOptions):
    """Draw a contact sheet: pictures with their masks, labels or boxes.

    Example: metricfit data show folder:photos --out sheet.png
    """

    out: str = "contact_sheet.png"
    """The picture to write."""
    count: int = 24
    """How many examples, spread over the source."""


@dataclass(frozen=True)
class LossesOptions:
    """List the losses: name, task, what each optimises, hyperparameters, reference. With --for, when to take which.

    Example: metricfit losses --for saliency
    """

    task: Annotated[Literal["saliency", "segmentation", "detection"] | None, tyro.conf.arg(name="for")] = None
    """Say in a line each when to take the losses of that task, instead of the table."""
    json: bool = False
    """As JSON instead of a table."""


@dataclass(frozen=True)
class QuickstartOptions:
    """Train, measure, export and draw a small saliency model on embedded scenes: the whole way in four minutes.

    Example: metricfit quickstart
    """

    out: str = "quickstart"
    """Folder for everything made."""
    loss: str = "floss"
    """What is minimised; `metricfit losses` lists them."""
    size: int = 128
    """Side of the network input in pixels."""
    epochs: int = 4
    """Passes over the 2000 training scenes."""
    seed: int = 0
    """Seed of the training."""
    overwrite: bool = False
    """Train anew where a finished quickstart exists."""
    quiet: Quiet = False


@dataclass(frozen=True)
class ExperimentOptions:
    """Show what the papers show of their losses, computed anew: figures, and tables as CSV.

    Example: metricfit experiment lovasz-synthetic
    """

    what: tyro.conf.Positional[Literal["lovasz-synthetic", "surfaces", "lovasz-prox"]]
    """lovasz-synthetic: which loss has its minimum where the Jaccard loss has it; surfaces: losses of two pixels;
    lovasz-prox: the proximal algorithm beside gradient descent and momentum."""
    out: str = "reports/experiments"
    """Folder of the figures and tables."""
    seed: int = 0
    """Seed of the made-up data."""
    quiet: Quiet = False


@dataclass(frozen=True)
class BenchOptions:
    """Measure speed as ratios inside one run, as a table and a CSV.

    Example: metricfit bench train
    """

    what: tyro.conf.Positional[Literal["losses", "data", "train", "models", "metrics", "guard", "packed"]]
    """losses: alone, in graph mode and under XLA; data: pipeline against training step; train: the whole step for each
    loss; models: networks and backbones; metrics: F-measure against pysodmetrics; guard: the step with and without the
    look whether its loss, gradients and statistics are numbers; packed: the pipeline of --data, plain and packed."""
    task: TaskName | None = None
    """Whose losses, data, step or models: by default detection for losses and train, saliency for the others;
    segmentation for losses and train alone."""
    size: int | None = None
    """Side of the pictures in pixels; by default 192 for saliency, 256 for segmentation, 512 for detection."""
    batch_size: int | None = None
    """Pictures a step; by default 16 for saliency, 4 for the others."""
    backbone: str = "efficientnet_lite0"
    """For data and train: the network."""
    data: str = "scenes:train"
    """For data and packed: the source to read."""
    repeats: int = 7
    """Timed repetitions; the median is shown."""
    out: str = "reports/bench"
    """Folder of the CSV."""
    dump_hlo: str | None = None
    """For losses: a folder for the program of each, as StableHLO (NAME.mlir), instead of timing them."""
    quiet: Quiet = False
    seed: int = 0
    """Seed of the made-up inputs."""
